/* sensors -- temperatures, power, energy and utilisation, out of sysfs and NVML.
 *
 *     hwmon     temp*_input m degrees C, power*_input or _average uW, freq*_input Hz
 *     thermal   thermal_zone*: temp m degrees C
 *     powercap  energy_uj, wraps at max_energy_range_uj (RAPL of Intel and AMD; root only)
 *     drm       amdgpu gpu_busy_percent; i915 rc6_residency_ms and xe
 *               idle_residency_ms: time in which the device slept; i915
 *               rps_act_freq_mhz and xe act_freq
 *     proc      /proc/stat: time in which the processors slept
 *     nvml      what nvml.c asks */
#include "device/internal.h"

#include <glob.h>
#include <math.h>
#include <string.h>

const char *const nyx_sensor_sources[] = { "hwmon", "thermal", "powercap", "drm", "proc", "nvml", NULL };
enum { SOURCES = 6 };

struct nyx_sensors {
    nyx_device__sensor *list;
    int                 count, room;
    char                root[256];
    char                reasons[SOURCES][160];
    nyx_device__nvml   *nvml;
};

static const struct {
    const char *unit;
    double      least, most; /* of a machine that runs */
} natures[NYX_QUANTITY_COUNT] = {
    [NYX_TEMPERATURE] = { "degrees C", 0.0, 150.0 },
    [NYX_POWER] = { "W", 0.0, 5000.0 },
    [NYX_ENERGY] = { "J", 0.0, 1e15 },
    [NYX_UTILISATION] = { "%", 0.0, 100.0 },
    [NYX_CLOCK] = { "MHz", 0.0, 20000.0 },
};

nyx_device__sensor *nyx_device__sensor_add(nyx_sensors *s, const char *source, const char *device, const char *label,
                                           enum nyx_quantity quantity)
{
    nyx_device__sensor *added;

    if (s->count == s->room) {
        const int           room = s->room ? 2 * s->room : 32;
        nyx_device__sensor *larger = realloc(s->list, (size_t)room * sizeof *larger);

        if (!larger)
            return NULL;
        s->list = larger;
        s->room = room;
    }
    added = &s->list[s->count++];
    memset(added, 0, sizeof *added);
    snprintf(added->said.source, sizeof added->said.source, "%s", source);
    snprintf(added->said.device, sizeof added->said.device, "%s", device);
    snprintf(added->said.label, sizeof added->said.label, "%s", label);
    added->said.quantity = quantity;
    added->scale = 1.0;
    return added;
}

/* ---- one reading ------------------------------------------------------------------- */

/* Clock ticks of all processors in `path`, those asleep apart. */
static bool read_ticks(const char *path, double *idle, double *all)
{
    char   text[512], *at;
    double sum = 0.0;

    if (nyx_device__text(text, sizeof text, "%s", path) < 0 || strncmp(text, "cpu ", 4))
        return false;
    at = text + 4;
    for (int i = 0; i < 8; i++) {
        const double ticks = strtod(at, &at);

        *idle = i == 3 ? ticks : i == 4 ? *idle + ticks : *idle;
        sum += ticks;
    }
    *all = sum;
    return true;
}

/* What the source says now; NaN: nothing. */
static double raw_of(const nyx_sensors *s, nyx_device__sensor *sensor)
{
    char   text[512], *end;
    double value, all;

    sensor->clock = 1e-6 * (double)nyx_clock_ns(); /* ms */
    if (sensor->kind == SENSOR_NVML)
        return s->nvml ? nyx_device__nvml_read(s->nvml, sensor) : NAN;
    if (sensor->kind == SENSOR_TICKS) {
        if (!read_ticks(sensor->path, &value, &all))
            return NAN;
        sensor->clock = all;
        return value;
    }
    if (nyx_device__text(text, sizeof text, "%s", sensor->path) < 0)
        return NAN;
    value = strtod(text, &end);
    return end == text ? NAN : value;
}

/* A counter gives what was added since the first reading, time asleep the share
 * awake since the last one; the rest is what it is. */
static bool value_of(nyx_device__sensor *sensor, double raw, double *value)
{
    const double before = sensor->raw, clock = sensor->raw_clock;
    const bool   had = sensor->has_raw;

    sensor->raw = raw;
    sensor->raw_clock = sensor->clock;
    sensor->has_raw = true;
    *value = raw * sensor->scale;
    if (sensor->kind == SENSOR_COUNTER || (sensor->kind == SENSOR_NVML && sensor->said.quantity == NYX_ENERGY)) {
        const double added = had ? raw - before : 0.0, seconds = 1e-3 * (sensor->clock - clock);
        const double joules = (added < 0.0 && sensor->wrap > 0.0 ? added + sensor->wrap : added) * sensor->scale;

        if (had && joules / (seconds + 0.1) > sensor->watts) /* counted in steps of about a millisecond */
            sensor->watts = joules / (seconds + 0.1);
        sensor->total += joules;
        *value = raw < 0.0 ? *value : sensor->total;
    } else if (sensor->kind == SENSOR_ASLEEP || sensor->kind == SENSOR_TICKS) {
        if (!had || !(sensor->clock > clock))
            return false;
        *value = 100.0 * (1.0 - (raw - before) / (sensor->clock - clock));
        if (*value < 0.0 && *value > -200.0 / (sensor->clock - clock))
            *value = 0.0; /* counted in whole units, and read a little after the clock */
    }
    return true;
}

void nyx_sensors_read(nyx_sensors *s)
{
    for (int i = 0; i < s->count; i++) {
        nyx_device__sensor *sensor = &s->list[i];
        nyx_sensor         *said = &sensor->said;
        const double        raw = raw_of(s, sensor);
        double              value;

        if (isnan(raw) || !value_of(sensor, raw, &value))
            continue;
        if (said->readings++ == 0)
            said->first = said->lowest = said->highest = value;
        said->last = value;
        said->lowest = value < said->lowest ? value : said->lowest;
        said->highest = value > said->highest ? value : said->highest;
    }
}

/* A reading, or what a counter was moved by, that no machine has; NULL: all can be. */
static const char *impossible(const nyx_device__sensor *sensor, double *value)
{
    const nyx_sensor *said = &sensor->said;
    const double      least = natures[said->quantity].least;

    if (sensor->watts > natures[NYX_POWER].most) {
        *value = sensor->watts;
        return natures[NYX_POWER].unit;
    }
    *value = said->lowest < least ? said->lowest : said->highest;
    return *value < least || *value > natures[said->quantity].most ? natures[said->quantity].unit : NULL;
}

void nyx_sensors_judge(nyx_sensors *s, bool busy)
{
    for (int i = 0; i < s->count; i++) {
        nyx_sensor *said = &s->list[i].said;
        double      wrong;
        const char *unit = impossible(&s->list[i], &wrong);

        said->reason[0] = '\0';
        if (said->readings == 0)
            snprintf(said->reason, sizeof said->reason, "it cannot be read%s",
                     said->quantity == NYX_ENERGY ? "; energy counters are for root only" : "");
        else if (unit)
            snprintf(said->reason, sizeof said->reason, "it lies: %g %s is not possible", wrong, unit);
        else if (busy && said->processor && said->readings >= 3 && !(said->highest > said->lowest))
            snprintf(said->reason, sizeof said->reason, "it is frozen: %d readings around full load are all %g %s",
                     said->readings, said->last, natures[said->quantity].unit);
    }
}

/* ---- finding ------------------------------------------------------------------------ */

/* Paths below root that match, in order; true when there are some. */
static bool find(const nyx_sensors *s, const char *pattern, glob_t *found)
{
    char full[512];

    snprintf(full, sizeof full, "%s%s", s->root, pattern);
    return glob(full, 0, NULL, found) == 0 && found->gl_pathc > 0;
}

static const char *last_part(const char *path)
{
    return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

/* The file `name` beside `path`, one line of it, or what stands instead. */
static void beside(char *out, int64_t room, const char *path, const char *name, const char *otherwise)
{
    nyx_device__text(out, room, "%.*s/%s", (int)(last_part(path) - path - 1), path, name);
    if (!out[0])
        snprintf(out, (size_t)room, "%s", otherwise);
}

static nyx_device__sensor *file_add(nyx_sensors *s, const char *source, const char *device, const char *label,
                                    enum nyx_quantity quantity, const char *path, double scale)
{
    nyx_device__sensor *sensor = nyx_device__sensor_add(s, source, device, label, quantity);

    if (sensor) {
        snprintf(sensor->path, sizeof sensor->path, "%s", path);
        sensor->scale = scale;
    }
    return sensor;
}

static void find_hwmon(nyx_sensors *s)
{
    static const struct { const char *pattern; enum nyx_quantity quantity; double scale; } kinds[] = {
        { "/sys/class/hwmon/hwmon*/temp*_input", NYX_TEMPERATURE, 1e-3 },
        { "/sys/class/hwmon/hwmon*/power*_input", NYX_POWER, 1e-6 },
        { "/sys/class/hwmon/hwmon*/power*_average", NYX_POWER, 1e-6 },
        { "/sys/class/hwmon/hwmon*/freq*_input", NYX_CLOCK, 1e-6 },
    };

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        glob_t found = { 0 };

        if (!find(s, kinds[k].pattern, &found))
            found.gl_pathc = 0;
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char         *path = found.gl_pathv[i];
            char                device[64], label[64], name[64];
            nyx_device__sensor *sensor;

            beside(device, sizeof device, path, "name", "unnamed");
            snprintf(name, sizeof name, "%.*s_label", (int)strcspn(last_part(path), "_"), last_part(path));
            beside(label, sizeof label, path, name, last_part(path));
            sensor = file_add(s, "hwmon", device, label, kinds[k].quantity, path, kinds[k].scale);
            if (sensor)
                sensor->said.processor = !strcmp(device, "coretemp") || !strcmp(device, "k10temp") ||
                                         !strcmp(device, "zenpower") || !strcmp(device, "cpu_thermal");
        }
        globfree(&found);
    }
}

static void find_thermal(nyx_sensors *s)
{
    glob_t found = { 0 };

    if (find(s, "/sys/class/thermal/thermal_zone*/temp", &found))
        for (size_t i = 0; i < found.gl_pathc; i++) {
            char                type[64];
            nyx_device__sensor *sensor;

            beside(type, sizeof type, found.gl_pathv[i], "type", "zone");
            sensor = file_add(s, "thermal", type, "temp", NYX_TEMPERATURE, found.gl_pathv[i], 1e-3);
            if (sensor)
                sensor->said.processor = !strcmp(type, "x86_pkg_temp") || !strncmp(type, "cpu", 3);
        }
    globfree(&found);
}

static void find_powercap(nyx_sensors *s)
{
    glob_t found = { 0 };

    if (find(s, "/sys/class/powercap/*/energy_uj", &found))
        for (size_t i = 0; i < found.gl_pathc; i++) {
            char                name[64], range[64];
            nyx_device__sensor *sensor;

            beside(name, sizeof name, found.gl_pathv[i], "name", "zone");
            beside(range, sizeof range, found.gl_pathv[i], "max_energy_range_uj", "0");
            sensor = file_add(s, "powercap", name, "energy", NYX_ENERGY, found.gl_pathv[i], 1e-6);
            if (!sensor)
                continue;
            sensor->kind = SENSOR_COUNTER;
            sensor->wrap = strtod(range, NULL);
            sensor->said.processor = !strncmp(name, "package", 7) || !strncmp(name, "core", 4);
        }
    globfree(&found);
}

static void find_drm(nyx_sensors *s)
{
    static const struct {
        const char                  *pattern, *label;
        enum nyx_device__sensor_kind kind;
        enum nyx_quantity            quantity;
    } kinds[] = {
        { "/sys/class/drm/card*/device/gpu_busy_percent", "amdgpu busy", SENSOR_VALUE, NYX_UTILISATION },
        { "/sys/class/drm/card*/gt/gt*/rc6_residency_ms", "i915 awake", SENSOR_ASLEEP, NYX_UTILISATION },
        { "/sys/class/drm/card*/device/tile*/gt*/gtidle/idle_residency_ms", "xe awake", SENSOR_ASLEEP,
          NYX_UTILISATION },
        { "/sys/class/drm/card*/gt/gt*/rps_act_freq_mhz", "i915 clock", SENSOR_VALUE, NYX_CLOCK },
        { "/sys/class/drm/card*/device/tile*/gt*/freq0/act_freq", "xe clock", SENSOR_VALUE, NYX_CLOCK },
    };

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        glob_t found = { 0 };

        if (find(s, kinds[k].pattern, &found))
            for (size_t i = 0; i < found.gl_pathc; i++) {
                const char         *card = strstr(found.gl_pathv[i] + strlen(s->root), "/card") + 1;
                char                device[64];
                nyx_device__sensor *sensor;

                snprintf(device, sizeof device, "%.*s", (int)strcspn(card, "/"), card);
                sensor = file_add(s, "drm", device, kinds[k].label, kinds[k].quantity, found.gl_pathv[i], 1.0);
                if (sensor)
                    sensor->kind = kinds[k].kind;
            }
        globfree(&found);
    }
}

static void find_processor(nyx_sensors *s)
{
    char                path[512];
    double              idle, all;
    nyx_device__sensor *sensor;

    snprintf(path, sizeof path, "%s/proc/stat", s->root);
    if (!read_ticks(path, &idle, &all))
        return;
    sensor = file_add(s, "proc", "processors", "busy", NYX_UTILISATION, path, 1.0);
    if (sensor)
        sensor->kind = SENSOR_TICKS;
}

int nyx_sensors_open(nyx_sensors **out, const char *root)
{
    static void (*const finders[])(nyx_sensors *) = { find_hwmon, find_thermal, find_powercap, find_drm,
                                                      find_processor };
    static const char *const places[] = { "no /sys/class/hwmon/*/temp*_input or power*",
                                          "no /sys/class/thermal/thermal_zone*", "no /sys/class/powercap/*/energy_uj",
                                          "no card in /sys/class/drm says how busy it is", "no /proc/stat" };
    nyx_sensors *s;
    int          status;

    *out = NULL;
    if ((status = nyx_alloc(&s, sizeof *s)) < 0)
        return status;
    snprintf(s->root, sizeof s->root, "%s", root);
    for (int i = 0; i < SOURCES - 1; i++) {
        const int before = s->count;

        finders[i](s);
        if (s->count == before)
            snprintf(s->reasons[i], sizeof s->reasons[i], "%s", places[i]);
    }
    s->nvml = nyx_device__nvml_open(s, root, s->reasons[SOURCES - 1], sizeof s->reasons[SOURCES - 1]);
    nyx_sensors_read(s);
    *out = s;
    return 0;
}

void nyx_sensors_close(nyx_sensors *s)
{
    if (!s)
        return;
    nyx_device__nvml_close(s->nvml);
    free(s->list);
    nyx_free(s);
}

int nyx_sensors_count(const nyx_sensors *s)
{
    return s->count;
}

const nyx_sensor *nyx_sensors_at(const nyx_sensors *s, int index)
{
    return &s->list[index].said;
}

const char *nyx_sensors_reason(const nyx_sensors *s, const char *source)
{
    for (int i = 0; i < SOURCES; i++)
        if (!strcmp(nyx_sensor_sources[i], source))
            return s->reasons[i][0] ? s->reasons[i] : NULL;
    return NULL;
}

static bool is_package(const nyx_sensor *said)
{
    return said->quantity == NYX_ENERGY && !strcmp(said->source, "powercap") && !strncmp(said->device, "package", 7);
}

static bool counts_package(const nyx_device__sensor *sensor)
{
    double wrong;

    return is_package(&sensor->said) && sensor->said.readings > 1 && !impossible(sensor, &wrong) &&
           sensor->said.last > sensor->said.first;
}

/* A package may be there twice, by registers (intel-rapl) and by memory (intel-rapl-mmio). */
double nyx_sensors_joules(const nyx_sensors *s)
{
    double joules = -1.0;

    for (int i = 0; i < s->count; i++) {
        const nyx_sensor *said = &s->list[i].said;
        bool              counted = false;

        for (int before = 0; before < i; before++)
            counted = counted || (counts_package(&s->list[before]) &&
                                  !strcmp(s->list[before].said.device, said->device));
        if (counts_package(&s->list[i]) && !counted)
            joules = (joules < 0.0 ? 0.0 : joules) + said->last - said->first;
    }
    return joules;
}

const char *nyx_sensors_no_joules(const nyx_sensors *s)
{
    for (int i = 0; i < s->count; i++)
        if (is_package(&s->list[i].said) && s->list[i].said.reason[0])
            return s->list[i].said.reason;
    return NULL;
}

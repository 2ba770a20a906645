/* describe -- a machine as objects of a report, and as lines. */
#include "describe.h"

#include "cli/cli.h"

#include <string.h>
#include <sys/statvfs.h>

static void set_known(nyx_json *object, const char *key, int64_t value)
{
    if (value >= 0)
        nyx_json_set_int(object, key, value);
    else
        nyx_json_set_null(object, key, "the system does not say");
}

/* ---- processor and memory ---------------------------------------------------------- */

static void describe_caches(nyx_json *array, const nyx_machine *machine)
{
    for (int i = 0; i < machine->cache_count; i++) {
        const nyx_cache *cache = &machine->caches[i];
        nyx_json        *object = nyx_json_push_object(array);

        nyx_json_set_int(object, "level", cache->level);
        nyx_json_set_text(object, "kind", cache->kind == 'd' ? "data" : cache->kind == 'i' ? "instruction" : "unified");
        nyx_json_set_int(object, "bytes", cache->bytes);
        nyx_json_set_int(object, "shared_by", cache->shared_by);
    }
}

static void describe_isa(nyx_json *array, const char *isa)
{
    while (*isa) {
        char word[32];

        snprintf(word, sizeof word, "%.*s", (int)strcspn(isa, " "), isa);
        nyx_json_push_text(array, word);
        isa += strcspn(isa, " ");
        isa += *isa == ' ';
    }
}

void profile_describe_machine(nyx_json *result, nyx_json *run, const nyx_machine *machine)
{
    nyx_json *processor = nyx_json_add_object(result, "processor"), *memory = nyx_json_add_object(result, "memory");
    nyx_json *now = nyx_json_add_object(run, "memory");

    nyx_json_set_text(result, "machine", machine->identity);
    if (machine->processor[0])
        nyx_json_set_text(processor, "name", machine->processor);
    else
        nyx_json_set_null(processor, "name", "the system does not say");
    nyx_json_set_int(processor, "threads", machine->processors);
    nyx_json_set_int(processor, "usable", machine->usable);
    set_known(processor, "cores", machine->cores);
    if (machine->quota >= 0.0)
        nyx_json_set_real(processor, "quota", machine->quota);
    else
        nyx_json_set_null(processor, "quota", "no control group limits it");
    describe_caches(nyx_json_add_array(processor, "caches"), machine);
    describe_isa(nyx_json_add_array(processor, "isa"), machine->isa);
    set_known(memory, "bytes", machine->memory);
    if (machine->limit >= 0)
        nyx_json_set_int(memory, "limit_bytes", machine->limit);
    else
        nyx_json_set_null(memory, "limit_bytes", "no control group limits it");
    set_known(now, "free_bytes", machine->memory_free);
    set_known(now, "available_bytes", nyx_machine_available(machine));
}

/* ---- sensors -------------------------------------------------------------------------- */

void profile_describe_sensors(nyx_json *run, const nyx_sensors *sensors)
{
    static const char *const quantities[NYX_QUANTITY_COUNT] = { "temperature_c", "power_w", "energy_j",
                                                                "utilisation_percent", "clock_mhz" };
    nyx_json *object = nyx_json_add_object(run, "sensors");

    for (int i = 0; nyx_sensor_sources[i]; i++) {
        const char *reason = nyx_sensors_reason(sensors, nyx_sensor_sources[i]);
        nyx_json   *list;

        if (reason) {
            nyx_json_set_null(object, nyx_sensor_sources[i], reason);
            continue;
        }
        list = nyx_json_add_array(object, nyx_sensor_sources[i]);
        for (int k = 0; k < nyx_sensors_count(sensors); k++) {
            const nyx_sensor *sensor = nyx_sensors_at(sensors, k);
            nyx_json         *said;

            if (strcmp(sensor->source, nyx_sensor_sources[i]))
                continue;
            said = nyx_json_push_object(list);
            nyx_json_set_text(said, "device", sensor->device);
            nyx_json_set_text(said, "label", sensor->label);
            nyx_json_set_text(said, "quantity", quantities[sensor->quantity]);
            nyx_json_set_int(said, "readings", sensor->readings);
            if (sensor->reason[0])
                nyx_json_set_null(said, "value", sensor->reason);
            else
                nyx_json_set_real(said, "value", sensor->last);
        }
    }
}

/* ---- speed ------------------------------------------------------------------------------ */

void profile_describe_speed(nyx_json *run, nyx_bench *bench, const nyx_machine *machine)
{
    static const char *const types[] = { "f32", "f64", "f16", "bf16", "int8" };
    nyx_json *object = nyx_json_add_object(run, "measured");
    nyx_json *rates = nyx_json_add_object(object, "operations_per_s"), *reads = nyx_json_add_array(object, "read");

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const double rate = nyx_bench_type_peak(bench, types[i], machine->isa);

        if (rate > 0.0)
            nyx_json_set_real(rates, types[i], rate);
        else
            nyx_json_set_null(rates, types[i], "the processor has no instruction for it that is measured");
    }
    for (int64_t bytes = 32 << 10; bytes <= 64 << 20; bytes *= 8) {
        nyx_json *read = nyx_json_push_object(reads);

        nyx_json_set_int(read, "bytes", bytes);
        nyx_json_set_real(read, "bytes_per_s", nyx_bench_read_bandwidth(bench, bytes));
    }
}

void profile_describe_disk(nyx_json *run, const char *folder, const nyx_bench *bench)
{
    nyx_json      *disk = nyx_json_add_object(run, "disk"), *speed;
    struct statvfs info;

    nyx_json_set_text(disk, "folder", folder);
    if (statvfs(folder, &info) == 0) {
        nyx_json_set_int(disk, "bytes", (int64_t)(info.f_blocks * info.f_frsize));
        nyx_json_set_int(disk, "free_bytes", (int64_t)(info.f_bavail * info.f_frsize));
    } else {
        nyx_json_set_null(disk, "bytes", "the system does not say");
        nyx_json_set_null(disk, "free_bytes", "the system does not say");
    }
    speed = nyx_json_add_object(disk, "bytes_per_s");
    for (int64_t i = 0; i < (bench ? nyx_bench_figure_count(bench) : 0); i++) {
        const nyx_bench_figure *f = nyx_bench_figure_at(bench, i);
        const char             *key = !strncmp(f->what, "write", 5)           ? "write"
                                      : !strncmp(f->what, "read dropped", 12) ? "read"
                                                                              : "read_cached";

        if (strcmp(f->op, "file"))
            continue;
        if (f->reason[0])
            nyx_json_set_null(speed, key, f->reason);
        else
            nyx_json_set_real(speed, key, f->bytes / f->median_s);
    }
}

/* ---- for people -------------------------------------------------------------------- */

void profile_print_machine(const nyx_machine *machine)
{
    nyx_cli_print("processor  %s, %d threads; %s\n", machine->processor, machine->usable, machine->isa);
    nyx_cli_print("memory     %.1f of %.1f MiB available\n", (double)nyx_machine_available(machine) / 1048576.0,
                  (double)machine->memory / 1048576.0);
}

void profile_print_sensors(nyx_report *report, const nyx_sensors *sensors)
{
    for (int i = 0; nyx_sensor_sources[i]; i++)
        if (nyx_sensors_reason(sensors, nyx_sensor_sources[i]))
            nyx_cli_print("sensors    %s none: %s\n", nyx_sensor_sources[i],
                          nyx_sensors_reason(sensors, nyx_sensor_sources[i]));
    for (int i = 0; i < nyx_sensors_count(sensors); i++) {
        static const char *const units[NYX_QUANTITY_COUNT] = { "degrees C", "W", "J", "%", "MHz" };
        const nyx_sensor *s = nyx_sensors_at(sensors, i);

        if (s->reason[0])
            nyx_report_warn(report, "sensor %s %s %s: %s", s->source, s->device, s->label, s->reason);
        if (s->reason[0])
            nyx_cli_print("sensor     %s %s %s: %s\n", s->source, s->device, s->label, s->reason);
        else
            nyx_cli_print("sensor     %s %s %s: %g %s\n", s->source, s->device, s->label, s->last, units[s->quantity]);
    }
}

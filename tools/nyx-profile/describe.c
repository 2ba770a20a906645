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

/* ---- Vulkan ------------------------------------------------------------------------- */

static void describe_features(nyx_json *object, const nyx_vulkan_device *d)
{
    const struct { const char *name; bool has; } features[] = {
        { "storage_16bit", d->has.storage16 }, { "storage_8bit", d->has.storage8 }, { "float16", d->has.float16 },
        { "int8", d->has.int8 }, { "int64", d->has.int64 }, { "float64", d->has.float64 },
        { "buffer_address", d->has.address }, { "timeline", d->has.timeline }, { "subgroup_size", d->has.subgroup_size },
        { "integer_dot", d->has.dot }, { "integer_dot_accelerated", d->has.dot_fast },
        { "cooperative_matrix", d->has.matrix }, { "bfloat16", d->has.bfloat16 }, { "memory_budget", d->has.budget },
        { "host_import", d->has.host_import },
    };

    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        nyx_json_set_bool(object, features[i].name, features[i].has);
}

/* Shapes of what its matrix units multiply; 0: it has none for the type. */
static void describe_matrix(nyx_json *limits, const nyx_vulkan_device *d)
{
    nyx_json_set_int(limits, "matrix_f16_rows", d->matrix[0].m);
    nyx_json_set_int(limits, "matrix_f16_columns", d->matrix[0].n);
    nyx_json_set_int(limits, "matrix_f16_terms", d->matrix[0].k);
    nyx_json_set_int(limits, "matrix_bf16_rows", d->matrix[1].m);
    nyx_json_set_int(limits, "matrix_bf16_columns", d->matrix[1].n);
    nyx_json_set_int(limits, "matrix_bf16_terms", d->matrix[1].k);
}

static void describe_shaders(nyx_json *device, const nyx_vulkan_device *d)
{
    nyx_json *object;

    if (!d->shaders.known) {
        nyx_json_set_null(device, "shaders", "the device ran no shader");
        return;
    }
    object = nyx_json_add_object(device, "shaders");
    nyx_json_set_bool(object, "long_loops", d->shaders.long_loops);
    nyx_json_set_bool(object, "rounds_f16", d->shaders.rounds_f16);
    nyx_json_set_bool(object, "fuses_fma", d->shaders.fuses_fma);
    nyx_json_set_bool(object, "fuses_precise", d->shaders.fuses_precise);
    nyx_json_set_bool(object, "keeps_denormals", d->shaders.keeps_denormals);
    nyx_json_set_bool(object, "compares_nan", d->shaders.compares_nan);
}

static void describe_device(nyx_json *object, nyx_json *heaps_now, const nyx_vulkan_device *d)
{
    nyx_json *limits = nyx_json_add_object(object, "limits"), *heaps = nyx_json_add_array(object, "heaps");
    char      api[40];

    snprintf(api, sizeof api, "%u.%u.%u", d->api_major, d->api_minor, d->api_patch);
    nyx_json_set_text(object, "name", d->name);
    nyx_json_set_text(object, "type", d->type);
    nyx_json_set_text(object, "driver", d->driver);
    nyx_json_set_text(object, "api", api);
    nyx_json_set_int(object, "vendor", d->vendor);
    nyx_json_set_int(object, "device", d->device);
    nyx_json_set_int(limits, "storage_buffer_bytes", d->buffer_most);
    nyx_json_set_int(limits, "allocation_bytes", d->allocation_most);
    nyx_json_set_int(limits, "shared_memory_bytes", d->shared_bytes);
    nyx_json_set_int(limits, "push_constant_bytes", d->push_bytes);
    nyx_json_set_int(limits, "group_invocations", d->group_invocations);
    nyx_json_set_int(limits, "subgroup_invocations", d->subgroup);
    describe_matrix(limits, d);
    describe_features(nyx_json_add_object(object, "features"), d);
    describe_shaders(object, d);
    for (int i = 0; i < d->heap_count; i++) {
        nyx_json *heap = nyx_json_push_object(heaps), *now = nyx_json_push_object(heaps_now);

        nyx_json_set_int(heap, "bytes", d->heaps[i].bytes);
        nyx_json_set_bool(heap, "device_local", d->heaps[i].local);
        if (d->heaps[i].budget >= 0) {
            nyx_json_set_int(now, "budget_bytes", d->heaps[i].budget);
            nyx_json_set_int(now, "used_bytes", d->heaps[i].used);
        } else {
            nyx_json_set_null(now, "budget_bytes", "the driver has no VK_EXT_memory_budget");
            nyx_json_set_null(now, "used_bytes", "the driver has no VK_EXT_memory_budget");
        }
    }
    nyx_json_set_null(object, "measured", "nyx-bench --device=vulkan measures it");
}

void profile_describe_vulkan(nyx_json *result, nyx_json *run, const nyx_vulkan *vulkan)
{
    nyx_json *devices, *heaps;

    if (vulkan->reason[0]) {
        nyx_json_set_null(result, "vulkan", vulkan->reason);
        return;
    }
    devices = nyx_json_add_array(result, "vulkan");
    heaps = nyx_json_add_array(run, "vulkan_heaps");
    for (int i = 0; i < vulkan->count; i++) {
        nyx_json *now = nyx_json_array();

        describe_device(nyx_json_push_object(devices), now, &vulkan->devices[i]);
        nyx_json_push_take(heaps, now);
    }
}

/* ---- sensors -------------------------------------------------------------------------- */

void profile_describe_sensors(nyx_json *run, const nyx_sensors *sensors)
{
    static const char *const quantities[NYX_QUANTITY_COUNT] = { "temperature_c", "power_w", "energy_j", "utilisation_percent" };
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
        const char             *key = !strncmp(f->what, "write", 5) ? "write" : !strncmp(f->what, "read dropped", 12) ? "read" : "read_cached";

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

void profile_print_vulkan(const nyx_vulkan *vulkan)
{
    if (vulkan->reason[0])
        nyx_cli_print("vulkan     none: %s\n", vulkan->reason);
    for (int i = 0; i < vulkan->count; i++) {
        const nyx_vulkan_device *d = &vulkan->devices[i];

        nyx_cli_print("vulkan     %s, %s\n", d->name, d->type);
        if (d->shaders.known)
            nyx_cli_print("shaders    loops %s; f16 in registers %s; fma %s; denormals %s%s%s\n",
                          d->shaders.long_loops ? "have no end" : "end after 65,535 turns",
                          d->shaders.rounds_f16 ? "is rounded" : "is not rounded",
                          d->shaders.fuses_fma ? "rounds once" : "rounds twice", d->shaders.keeps_denormals ? "stay" : "are zero",
                          d->shaders.fuses_precise ? "; what is precise is fused" : "",
                          d->shaders.compares_nan ? "" : "; NaN compares as a number");
    }
}

void profile_print_sensors(nyx_report *report, const nyx_sensors *sensors)
{
    for (int i = 0; nyx_sensor_sources[i]; i++)
        if (nyx_sensors_reason(sensors, nyx_sensor_sources[i]))
            nyx_cli_print("sensors    %s none: %s\n", nyx_sensor_sources[i], nyx_sensors_reason(sensors, nyx_sensor_sources[i]));
    for (int i = 0; i < nyx_sensors_count(sensors); i++) {
        static const char *const units[NYX_QUANTITY_COUNT] = { "degrees C", "W", "J", "%" };
        const nyx_sensor *s = nyx_sensors_at(sensors, i);

        if (s->reason[0])
            nyx_report_warn(report, "sensor %s %s %s: %s", s->source, s->device, s->label, s->reason);
        if (s->reason[0])
            nyx_cli_print("sensor     %s %s %s: %s\n", s->source, s->device, s->label, s->reason);
        else
            nyx_cli_print("sensor     %s %s %s: %g %s\n", s->source, s->device, s->label, s->last, units[s->quantity]);
    }
}

/* vulkan -- Vulkan devices as objects of a profile, and as lines. */
#include "describe.h"

#include "cli/cli.h"

typedef struct { const char *name; bool has; } flag;

static void set_flags(nyx_json *object, const flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nyx_json_set_bool(object, flags[i].name, flags[i].has);
}

static void describe_features(nyx_json *object, const nyx_vulkan_device *d)
{
    const flag features[] = {
        { "storage_16bit", d->has.storage16 },
        { "storage_8bit", d->has.storage8 },
        { "float16", d->has.float16 },
        { "int8", d->has.int8 },
        { "int64", d->has.int64 },
        { "float64", d->has.float64 },
        { "buffer_address", d->has.address },
        { "timeline", d->has.timeline },
        { "subgroup_size", d->has.subgroup_size },
        { "integer_dot", d->has.dot },
        { "integer_dot_accelerated", d->has.dot_fast },
        { "cooperative_matrix", d->has.matrix },
        { "bfloat16", d->has.bfloat16 },
        { "memory_budget", d->has.budget },
        { "host_import", d->has.host_import },
    };

    set_flags(object, features, sizeof features / sizeof *features);
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
    nyx_json_set_int(limits, "matrix_int8_rows", d->matrix[2].m);
    nyx_json_set_int(limits, "matrix_int8_columns", d->matrix[2].n);
    nyx_json_set_int(limits, "matrix_int8_terms", d->matrix[2].k);
}

static void describe_shaders(nyx_json *device, const nyx_vulkan_device *d)
{
    const flag shaders[] = {
        { "long_loops", d->shaders.long_loops }, { "rounds_f16", d->shaders.rounds_f16 },
        { "fuses_fma", d->shaders.fuses_fma }, { "fuses_precise", d->shaders.fuses_precise },
        { "keeps_denormals", d->shaders.keeps_denormals }, { "compares_nan", d->shaders.compares_nan },
        { "dots_bytes", d->shaders.dots_bytes },
    };

    if (d->shaders.known)
        set_flags(nyx_json_add_object(device, "shaders"), shaders, sizeof shaders / sizeof *shaders);
    else
        nyx_json_set_null(device, "shaders", "the device ran no shader");
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
}

/* ---- what was measured ------------------------------------------------------------- */

static const struct { const char *object, *key; enum nyx_rate rate; } rates[] = {
    { "operations_per_s", "f32", NYX_RATE_F32 },     { "operations_per_s", "f16", NYX_RATE_F16 },
    { "operations_per_s", "bf16", NYX_RATE_BF16 },   { "operations_per_s", "int8", NYX_RATE_INT8 },
    { "bytes_per_s", "read", NYX_RATE_READ },        { "bytes_per_s", "copy", NYX_RATE_COPY },
    { "bytes_per_s", "upload", NYX_RATE_UPLOAD },    { "bytes_per_s", "download", NYX_RATE_DOWNLOAD },
};

static void set_measured(nyx_json *object, const char *key, double value, const char *reason)
{
    if (value > 0.0)
        nyx_json_set_real(object, key, value);
    else
        nyx_json_set_null(object, key, reason[0] ? reason : "it was not measured");
}

static void describe_measured(nyx_json *object, const nyx_vulkan_device *d)
{
    nyx_json    *parts[2] = { nyx_json_add_object(object, "operations_per_s"),
                              nyx_json_add_object(object, "bytes_per_s") };
    const double submits = d->measured.rate[NYX_RATE_SUBMIT];

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        set_measured(parts[i / 4], rates[i].key, d->measured.rate[rates[i].rate], d->measured.reason[rates[i].rate]);
    set_measured(object, "submit_s", submits > 0.0 ? 1.0 / submits : 0.0, d->measured.reason[NYX_RATE_SUBMIT]);
    set_measured(object, "clock_mhz", d->measured.clock_mhz, "no sensor of its name tells a clock");
    nyx_json_set_bool(object, "steady", d->measured.steady);
}

void profile_describe_vulkan(nyx_json *result, nyx_json *run, const nyx_vulkan *vulkan)
{
    nyx_json *devices, *heaps, *measured;

    if (vulkan->reason[0]) {
        nyx_json_set_null(result, "vulkan", vulkan->reason);
        return;
    }
    devices = nyx_json_add_array(result, "vulkan");
    heaps = nyx_json_add_array(run, "vulkan_heaps");
    measured = nyx_json_add_array(run, "vulkan_measured");
    for (int i = 0; i < vulkan->count; i++) {
        nyx_json *now = nyx_json_array();

        describe_device(nyx_json_push_object(devices), now, &vulkan->devices[i]);
        nyx_json_push_take(heaps, now);
        describe_measured(nyx_json_push_object(measured), &vulkan->devices[i]);
    }
}

static void print_measured(const nyx_vulkan_device *d)
{
    const double *rate = d->measured.rate;

    nyx_cli_print("arithmetic");
    for (int i = NYX_RATE_F32; i <= NYX_RATE_INT8; i++)
        nyx_cli_print(rate[i] > 0.0 ? "%s %s %.1f" : "%s no %s", i ? "," : "", nyx_rate_names[i], rate[i] * 1e-9);
    nyx_cli_print(" GFLOP/s");
    if (d->measured.clock_mhz > 0.0)
        nyx_cli_print(" at %.0f MHz", d->measured.clock_mhz);
    nyx_cli_print(
        "\nmoving     read %.1f, copy %.1f, from the host %.2f, to it %.2f GB/s; an empty submit takes %.3f ms%s\n",
        rate[NYX_RATE_READ] * 1e-9, rate[NYX_RATE_COPY] * 1e-9, rate[NYX_RATE_UPLOAD] * 1e-9,
        rate[NYX_RATE_DOWNLOAD] * 1e-9, rate[NYX_RATE_SUBMIT] > 0.0 ? 1e3 / rate[NYX_RATE_SUBMIT] : 0.0,
        d->measured.steady ? "" : "; not all were steady");
}

void profile_print_vulkan(const nyx_vulkan *vulkan)
{
    if (vulkan->reason[0])
        nyx_cli_print("vulkan     none: %s\n", vulkan->reason);
    for (int i = 0; i < vulkan->count; i++) {
        const nyx_vulkan_device *d = &vulkan->devices[i];

        nyx_cli_print("vulkan     %s, %s\n", d->name, d->type);
        if (d->shaders.known)
            nyx_cli_print("shaders    loops %s; f16 in registers %s; fma %s; denormals %s%s%s%s\n",
                          d->shaders.long_loops ? "have no end" : "end after 65,535 turns",
                          d->shaders.rounds_f16 ? "is rounded" : "is not rounded",
                          d->shaders.fuses_fma ? "rounds once" : "rounds twice",
                          d->shaders.keeps_denormals ? "stay" : "are zero",
                          d->shaders.fuses_precise ? "; what is precise is fused" : "",
                          d->shaders.compares_nan ? "" : "; NaN compares as a number",
                          d->has.dot_fast && !d->shaders.dots_bytes ? "; dot products of bytes are wrong" : "");
        if (d->measured.known)
            print_measured(d);
    }
}

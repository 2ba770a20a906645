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
        { "storage_16bit", d->has.storage16 }, { "storage_8bit", d->has.storage8 }, { "float16", d->has.float16 },
        { "int8", d->has.int8 }, { "int64", d->has.int64 }, { "float64", d->has.float64 },
        { "buffer_address", d->has.address }, { "timeline", d->has.timeline }, { "subgroup_size", d->has.subgroup_size },
        { "integer_dot", d->has.dot }, { "integer_dot_accelerated", d->has.dot_fast },
        { "cooperative_matrix", d->has.matrix }, { "bfloat16", d->has.bfloat16 }, { "memory_budget", d->has.budget },
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
}

static void describe_shaders(nyx_json *device, const nyx_vulkan_device *d)
{
    const flag shaders[] = {
        { "long_loops", d->shaders.long_loops }, { "rounds_f16", d->shaders.rounds_f16 },
        { "fuses_fma", d->shaders.fuses_fma }, { "fuses_precise", d->shaders.fuses_precise },
        { "keeps_denormals", d->shaders.keeps_denormals }, { "compares_nan", d->shaders.compares_nan },
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

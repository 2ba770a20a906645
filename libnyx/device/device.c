/* device -- opening a device and choosing kernels for its nodes. */
#include "device/internal.h"

#include <stdarg.h>
#include <string.h>

/* Instruction sets, best first. */
static const struct {
    const char       *name;
    const nyx_kernel *kernels;
} instruction_sets[] = {
#if defined(__x86_64__)
    { "avx512", nyx_cpu_avx512 },
    { "avx2", nyx_cpu_avx2 },
#elif defined(__aarch64__)
    { "neon", nyx_cpu_neon },
#endif
    { "base", nyx_cpu_base },
};
enum { SET_COUNT = sizeof instruction_sets / sizeof *instruction_sets };

static bool set_runs_here(const char *name)
{
#if defined(__x86_64__)
    if (!strcmp(name, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!strcmp(name, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#elif defined(__aarch64__)
    if (!strcmp(name, "neon"))
        return true; /* part of the architecture */
#endif
    return !strcmp(name, "base");
}

/* The best instruction set that runs here. */
static int best_set(void)
{
    int i = 0;

    while (i < SET_COUNT - 1 && !set_runs_here(instruction_sets[i].name))
        i++;
    return i;
}

static void take_set(nyx_device *device, int i)
{
    device->set = instruction_sets[i].name;
    device->fast = instruction_sets[i].kernels;
}

/* Fill the device's name and table from what was asked for. */
static int choose_kernels(nyx_device *device, const char *name)
{
    const char *wanted = !strcmp(name, "auto") || !strcmp(name, "cpu") ? NULL : name + 4;

    device->backend = &nyx_device__cpu;
    if (wanted && strncmp(name, "cpu:", 4))
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "no device '%s'; try cpu or vulkan", name);
    if (wanted && !strcmp(wanted, "reference")) {
        strcpy(device->name, "cpu:reference");
        device->set = "reference";
        return 0;
    }
    for (int i = wanted ? 0 : best_set(); i < SET_COUNT; i++) {
        if (wanted && strcmp(wanted, instruction_sets[i].name))
            continue;
        if (!set_runs_here(instruction_sets[i].name))
            return nyx_error_set(NYX_ERR_UNSUPPORTED, "this processor does not run '%s'", name);
        snprintf(device->name, sizeof device->name, "cpu:%s", instruction_sets[i].name);
        take_set(device, i);
        return 0;
    }
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "no device '%s'; try cpu, cpu:base or cpu:reference", name);
}

/* "vulkan" or "vulkan:N", then switches behind a comma. What it has no kernel
 * for is the processor's, whose best ones are taken. */
static int open_vulkan(nyx_device *device, const char *name)
{
    const char *rest = name + strlen("vulkan");
    char       *end;
    long        index = -1;

    device->backend = &nyx_device__vulkan;
    take_set(device, best_set());
    if (*rest == ':') {
        index = strtol(rest + 1, &end, 10);
        if (end == rest + 1 || index < 0 || index >= NYX_VULKAN_MOST)
            end = NULL;
        rest = end;
    }
    if (!rest || (*rest && *rest != ','))
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "no device '%s'; nyx-profile lists the Vulkan devices", name);
    return nyx_device__vulkan_open(device, (int)index, *rest ? rest + 1 : "");
}

int nyx_device_open(nyx_device **out, const char *name, int threads)
{
    nyx_device *device;
    int         status;

    *out = NULL;
    if (nyx_device_is_pair(name))
        return nyx_error_set(
            NYX_ERR_UNSUPPORTED,
            "'%s' share out the micro-batches of a training run, which nyx-train has; name one of them", name);
    if ((status = nyx_alloc(&device, sizeof *device)) < 0)
        return status;
    if ((status = strncmp(name, "vulkan", 6) ? choose_kernels(device, name) : open_vulkan(device, name)) < 0 ||
        (status = nyx_pool_create(&device->pool, threads)) < 0) {
        nyx_device_close(device);
        return status;
    }
    *out = device;
    return 0;
}

void nyx_device_close(nyx_device *device)
{
    if (!device)
        return;
    if (device->backend && device->backend->close)
        device->backend->close(device);
    nyx_pool_free(device->pool);
    nyx_free(device);
}

void nyx_device__fail(nyx_device *device, int status, const char *fmt, ...)
{
    va_list arguments;

    if (device->status < 0)
        return;
    device->status = status;
    va_start(arguments, fmt);
    vsnprintf(device->why, sizeof device->why, fmt, arguments);
    va_end(arguments);
}

int64_t nyx_device_memory(const nyx_device *device)
{
    return device->backend->free_bytes ? device->backend->free_bytes(device) : -1;
}

bool nyx_device_substitutes(const nyx_device *device, enum nyx_op op)
{
    return device->substituted[op];
}

bool nyx_device_queue(const nyx_device *device, nyx_queue_use *out)
{
    *out = device->queue;
    return device->backend->queued;
}

const char *nyx_device_shortage(const nyx_device *device)
{
    return device->shortage;
}

int nyx_device_check(const nyx_device *device)
{
    return device->status < 0 ? nyx_error_set(device->status, "%s", device->why) : 0;
}

int nyx_device_reopen(nyx_device *device)
{
    int status;

    if (!device->backend->reopen)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' is never opened again", device->name);
    device->status = 0;
    device->why[0] = '\0';
    status = device->backend->reopen(device);
    if (status < 0) {
        status = nyx_error_wrap(status == NYX_ERR_MEMORY ? status : NYX_ERR_DEVICE, "cannot open '%s' again", device->name);
        nyx_device__fail(device, status, "%s", nyx_error_text());
    }
    return status;
}

int nyx_recovery_begin(nyx_recovery *recovery, int status)
{
    if (status != NYX_ERR_DEVICE || recovery->attempts == NYX_RECOVERIES_MOST)
        return status;
    snprintf(recovery->why, sizeof recovery->why, "%s", nyx_error_text());
    recovery->attempts++;
    recovery->count++;
    return 0;
}

const char *nyx_device_name(const nyx_device *device)
{
    return device->name;
}

nyx_pool *nyx_device_pool(nyx_device *device)
{
    return device->pool;
}

static const nyx_kernel *find_kernel(const nyx_kernel *table, const nyx_graph *g, const nyx_node *node)
{
    for (; table && table->op != NYX_OP_NONE; table++)
        if (table->op == node->op && (!table->takes || table->takes(g, node)))
            return table;
    return NULL;
}

const nyx_kernel *nyx_device__kernel(const nyx_device *device, const nyx_graph *g, const nyx_node *node)
{
    const bool        real64 = nyx_graph_real(g) == NYX_F64;
    const nyx_kernel *kernel = real64 ? NULL : find_kernel(device->fast, g, node);

    if (!kernel)
        kernel = find_kernel(real64 ? nyx_cpu_reference_f64 : nyx_cpu_reference_f32, g, node);
    NYX_BUG_IF(!kernel);
    return kernel;
}

static nyx_operand operand_of(const nyx_graph *g, nyx_value v)
{
    return (nyx_operand){ NULL, nyx_value_dtype(g, v), nyx_value_shape(g, v), nyx_value_elems(g, v) };
}

const nyx_kernel *nyx_device__call(nyx_call *call, int64_t *workspace, const nyx_device *device, const nyx_graph *g,
                                   const nyx_node *node)
{
    const nyx_kernel *kernel = nyx_device__kernel(device, g, node);

    call->node = node;
    call->pool = device->pool;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i])
            call->in[i] = operand_of(g, node->inputs[i]);
    for (int i = 0; i < node->output_count; i++)
        call->out[i] = operand_of(g, node->outputs[i]);
    if (node->op == NYX_OP_ASSIGN)
        call->out[0] = call->in[0];
    *workspace = kernel->workspace ? kernel->workspace(g, node, nyx_pool_parts(device->pool)) : 0;
    return kernel;
}

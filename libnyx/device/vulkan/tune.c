/* tune -- which constants a kernel takes: forced, measured, or its own choice. */
#include "device/vulkan/tune.h"

#include "base/caches.h"

#include <string.h>
#include <time.h>

const nyx_vulkan__tunable *const nyx_vulkan__tunables[] = { &nyx_vulkan__tune_matmul, &nyx_vulkan__tune_matvec,
                                                             &nyx_vulkan__tune_dots, &nyx_vulkan__tune_units,
                                                             &nyx_vulkan__tune_integer_dots,
                                                             &nyx_vulkan__tune_integer_tiles,
                                                             &nyx_vulkan__tune_attention,
                                                             &nyx_vulkan__tune_attention_grad, NULL };

enum { NEAR = 2 }; /* steps of log2, of all extents together, from which a choice is still taken */

struct nyx_vulkan__tuning {
    nyx_vulkan__tune_table table;
    const char            *forced_kernel; /* of a tunable; NULL: none */
    nyx_genome             forced;
    char                   warning[256];
};

/* ---- the device's table ------------------------------------------------------------- */

static nyx_vulkan__tune_owner owner_of(const nyx_vulkan__gpu *gpu)
{
    const nyx_vulkan__version version = nyx_vulkan__version_of(gpu);
    nyx_vulkan__tune_owner    owner = { version.vendor, version.device, version.driver, "" };

    snprintf(owner.name, sizeof owner.name, "%s", gpu->facts.name);
    return owner;
}

/* Read at the first question; without memory there is no table. */
static nyx_vulkan__tuning *tuning_of(nyx_vulkan__gpu *gpu)
{
    const nyx_vulkan__tune_owner owner = owner_of(gpu);
    char                        *path = NULL;

    if (gpu->tuning || nyx_alloc(&gpu->tuning, sizeof *gpu->tuning) < 0)
        return gpu->tuning;
    if (*nyx_cache_folder() && nyx_vulkan__cache_path(gpu, &path, "tune.jsonl") == 0 &&
        nyx_vulkan__tune_read(&gpu->tuning->table, path, &owner) < 0)
        snprintf(gpu->tuning->warning, sizeof gpu->tuning->warning, "%s", nyx_error_text());
    nyx_free(path);
    return gpu->tuning;
}

void nyx_vulkan__tune_release(nyx_vulkan__gpu *gpu)
{
    if (gpu->tuning)
        nyx_free(gpu->tuning->table.entries);
    nyx_free(gpu->tuning);
}

/* log2, rounded: 2^b sqrt(1/2) up to 2^b sqrt(2). */
static int bucket_of(int64_t extent)
{
    int b = 0;

    while (b < 62 && (double)extent * (double)extent >= 2.0 * (double)(INT64_C(1) << b) * (double)(INT64_C(1) << b))
        b++;
    return b;
}

/* An entry's key. */
static nyx_vulkan__tune_entry key_of(const nyx_vulkan__tunable *kernel, const nyx_tune_problem *problem)
{
    nyx_vulkan__tune_entry key = { .variant = problem->variant };
    char                   hex[NYX_SHA256_HEX];
    nyx_sha256             hash;

    nyx_sha256_init(&hash);
    for (int i = 0; kernel->shaders[i]; i++) {
        const nyx_shader_source *source = nyx_vulkan__shader_source(kernel->shaders[i]);

        nyx_sha256_update(&hash, source->words, source->bytes);
    }
    nyx_sha256_final(&hash, hex);
    snprintf(key.kernel, sizeof key.kernel, "%s", kernel->name);
    snprintf(key.source, sizeof key.source, "%.16s", hex);
    snprintf(key.type, sizeof key.type, "%s", nyx_dtype_name(problem->type));
    for (int i = 0; i < 3; i++)
        key.bucket[i] = bucket_of(problem->extents[i]);
    return key;
}

bool nyx_vulkan__tuned(nyx_genome *out, nyx_vulkan__gpu *gpu, const nyx_vulkan__tunable *kernel,
                       const nyx_tune_problem *problem)
{
    const nyx_vulkan__tuning *tuning = tuning_of(gpu);

    if (!tuning)
        return false;
    if (tuning->forced_kernel && !strcmp(tuning->forced_kernel, kernel->name) &&
        kernel->fits(gpu, problem, &tuning->forced)) {
        *out = tuning->forced;
        return true;
    }
    if (tuning->table.count == 0)
        return false;
    const nyx_vulkan__tune_entry key = key_of(kernel, problem);
    for (int steps = 0; steps <= NEAR; steps++)
        for (int64_t i = 0; i < tuning->table.count; i++) {
            const nyx_vulkan__tune_entry *e = &tuning->table.entries[i];

            if (nyx_vulkan__tune_distance(e, &key) == steps && kernel->fits(gpu, problem, &e->genome)) {
                *out = e->genome;
                return true;
            }
        }
    return false;
}

/* ---- for who searches ---------------------------------------------------------------------- */

static const nyx_vulkan__tunable *tunable_named(const char *name)
{
    for (int i = 0; nyx_vulkan__tunables[i]; i++)
        if (!strcmp(nyx_vulkan__tunables[i]->name, name))
            return nyx_vulkan__tunables[i];
    nyx_bug(__FILE__, __LINE__, name);
}

static bool is_gpu(const nyx_device *device)
{
    return device->backend == &nyx_device__vulkan;
}

int nyx_tune_problem_of(nyx_tune_problem *out, nyx_device *device, const nyx_graph *g, const nyx_node *node)
{
    for (int i = 0; is_gpu(device) && nyx_vulkan__tunables[i]; i++) {
        *out = (nyx_tune_problem){ .kernel = nyx_vulkan__tunables[i]->name };
        if (nyx_vulkan__tunables[i]->asks(out, nyx_vulkan__gpu_of(device), g, node))
            return 0;
    }
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "%s has no constants to choose on '%s'; products have on --device=vulkan",
                         nyx_op_table(node->op)->name, device->name);
}

static bool is_among(const nyx_genome *list, int64_t count, const nyx_genome *genome)
{
    for (int64_t i = 0; i < count; i++)
        if (!memcmp(&list[i], genome, sizeof *genome))
            return true;
    return false;
}

int64_t nyx_tune_propose(nyx_genome *out, int64_t room, nyx_device *device, const nyx_tune_problem *problem)
{
    nyx_vulkan__gpu           *gpu = nyx_vulkan__gpu_of(device);
    const nyx_vulkan__tunable *kernel = tunable_named(problem->kernel);
    nyx_genome                 next;
    int64_t                    count = 1;

    kernel->usual(&out[0], gpu, problem);
    if (count < room && nyx_vulkan__tuned(&next, gpu, kernel, problem) && !is_among(out, count, &next))
        out[count++] = next;
    for (int64_t i = 0; count < room && kernel->seed(&next, gpu, problem, i); i++)
        if (kernel->fits(gpu, problem, &next) && !is_among(out, count, &next))
            out[count++] = next;
    return count;
}

bool nyx_tune_fits(nyx_device *device, const nyx_tune_problem *problem, const nyx_genome *genome)
{
    return tunable_named(problem->kernel)->fits(nyx_vulkan__gpu_of(device), problem, genome);
}

void nyx_tune_force(nyx_device *device, const char *kernel, const nyx_genome *genome)
{
    nyx_vulkan__tuning *tuning = is_gpu(device) ? tuning_of(nyx_vulkan__gpu_of(device)) : NULL;

    if (!tuning)
        return;
    tuning->forced_kernel = genome ? tunable_named(kernel)->name : NULL;
    if (genome)
        tuning->forced = *genome;
}

/* A table that was not used is begun anew. */
int nyx_tune_keep(nyx_device *device, const nyx_tune_problem *problem, const nyx_genome *genome,
                  const nyx_tune_found *found)
{
    nyx_vulkan__gpu             *gpu = nyx_vulkan__gpu_of(device);
    nyx_vulkan__tuning          *tuning = tuning_of(gpu);
    const nyx_vulkan__tune_owner owner = owner_of(gpu);
    nyx_vulkan__tune_entry       entry = key_of(tunable_named(problem->kernel), problem);
    const time_t                 now = time(NULL);
    struct tm                    parts;
    char                        *path;
    int                          status;

    if (!tuning)
        return nyx_error_set(NYX_ERR_MEMORY, "no memory for the table of constants");
    if (!*nyx_cache_folder())
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "there is no folder for caches to keep constants in; XDG_CACHE_HOME names one");
    entry.genome = *genome;
    entry.found = *found;
    if (!gmtime_r(&now, &parts) || !strftime(entry.date, sizeof entry.date, "%Y-%m-%d", &parts))
        snprintf(entry.date, sizeof entry.date, "1970-01-01");
    if ((status = nyx_vulkan__tune_put(&tuning->table, &entry)) < 0 ||
        (status = nyx_vulkan__cache_path(gpu, &path, "tune.jsonl")) < 0)
        return status;
    nyx_vulkan__make_folders(path);
    status = nyx_vulkan__tune_add(path, &owner, &entry);
    nyx_free(path);
    return status;
}

const char *nyx_tune_warning(const nyx_device *device)
{
    const nyx_device      *leader = nyx_device__leader(device);
    const nyx_vulkan__gpu *gpu = is_gpu(leader) ? nyx_vulkan__gpu_of(leader) : NULL;

    return gpu && gpu->tuning ? gpu->tuning->warning : "";
}

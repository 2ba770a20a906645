/* digest -- what of a program decides the bits of its results: the device and its
 * driver, which compiles; for each node its shaders, their constants and what its
 * kernel says beside (nyx_vulkan__decides). How work is cut to fit into bindings
 * and time is no part of it. */
#include "device/vulkan/program.h"

#include <string.h>

static void add_text(nyx_sha256 *hash, const char *text)
{
    nyx_sha256_update(hash, text, (int64_t)strlen(text) + 1);
}

static void add_number(nyx_sha256 *hash, int64_t number)
{
    nyx_sha256_update(hash, &number, sizeof number);
}

static bool counts(const nyx_vulkan__work *work)
{
    return work->kind == NYX_VULKAN_DISPATCH && !work->exact;
}

/* The same shader, with the same constants but for those that are left aside. */
static bool is_alike(const nyx_vulkan__work *a, const nyx_vulkan__work *b)
{
    bool alike = counts(a) && !strcmp(a->shader, b->shader) && a->spec_count == b->spec_count && a->aside == b->aside;

    for (int i = 0; i < a->spec_count && alike; i++)
        alike = a->aside >> i & 1 || a->spec[i] == b->spec[i];
    return alike;
}

static void add_dispatch(nyx_sha256 *hash, const nyx_vulkan__work *work)
{
    add_text(hash, work->shader);
    for (int i = 0; i < work->spec_count; i++)
        add_number(hash, work->aside >> i & 1 ? -1 : (int64_t)work->spec[i]);
}

/* Work [first, end) is one node's; of what is alike, the first piece counts. */
static void add_node(nyx_sha256 *hash, const nyx_program *p, int64_t first, int64_t end)
{
    const nyx_vulkan__program *own = p->own;

    add_text(hash, nyx_op_table(own->work[first].node->op)->name);
    for (int64_t i = first; i < end; i++) {
        const nyx_vulkan__work *work = &own->work[i];
        int64_t                 before = first;

        if (work->kind == NYX_VULKAN_HOST)
            nyx_vulkan__host_digest(p, work->host, hash);
        if (!counts(work))
            continue;
        while (before < i && !is_alike(&own->work[before], work))
            before++;
        if (before == i)
            add_dispatch(hash, work);
    }
}

/* What the names of shaders stand for. */
static void add_shaders(nyx_sha256 *hash, const nyx_vulkan__program *own)
{
    for (const nyx_shader_source *source = nyx_shader_sources; source->name; source++) {
        bool used = false;

        for (int64_t i = 0; i < own->work_count && !used; i++)
            used = counts(&own->work[i]) && !strcmp(own->work[i].shader, source->name);
        if (!used)
            continue;
        add_text(hash, source->name);
        nyx_sha256_update(hash, source->words, source->bytes);
    }
}

void nyx_vulkan__digest(const nyx_program *p, nyx_sha256 *hash)
{
    const nyx_vulkan__gpu     *gpu = nyx_vulkan__gpu_of(p->store->device);
    const nyx_vulkan__program *own = p->own;
    int64_t                    decided = 0;

    add_text(hash, gpu->facts.name);
    add_text(hash, gpu->facts.driver);
    for (int64_t first = 0, end; first < own->work_count; first = end) {
        for (end = first + 1; end < own->work_count && own->work[end].node == own->work[first].node;)
            end++;
        add_node(hash, p, first, end);
        for (; decided < own->decision_count && own->decisions[decided].first < end; decided++)
            add_number(hash, own->decisions[decided].value);
    }
    add_shaders(hash, own);
}

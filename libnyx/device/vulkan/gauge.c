/* gauge -- what a GPU does at most, by shaders that do nothing else
 * (shaders/rate_*.comp), and by the stream's own copies.
 *
 * A round is one dispatch, as long as displays and processors that play a GPU
 * can bear; its turns are found when the gauge is opened. */
#include "device/vulkan/kernels/kernels.h"

#include <string.h>

enum {
    CHAIN = 16 * 16,  /* of rate_fma.comp, rate_dot.comp: in all chains of an invocation, a turn */
    MATRIX_CHAIN = 8, /* of rate_matrix.comp */
    SUBGROUPS = 4,    /* of its workgroup */
    SUBMITS = 16,
    TURNS_MOST = 60000,
    SHORT_TURNS = 128, /* where loops are cut short and may not be unrolled */
};

typedef struct {
    nyx_vulkan__gpu  *gpu;
    int               pipeline;
    uint32_t          push[4]; /* the turns, what the shader asks for, what no sum is */
    uint32_t          groups;
    double            turn_work;
    VkDescriptorPool  pool;
    VkDescriptorSet   set;
    VkCommandBuffer   commands;
    VkQueryPool       queries;
    nyx_vulkan__block from, to;
    char             *host;
} gauge;

static bool is_software(const nyx_vulkan__gpu *gpu)
{
    return !strcmp(gpu->facts.type, "cpu");
}

/* ---- a round ------------------------------------------------------------------------- */

static VkResult record(const gauge *own)
{
    const nyx_vulkan__api         *vk = &own->gpu->vk;
    const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                             .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };
    const VkPipelineStageFlagBits  end = VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    const VkCommandBuffer          commands = own->commands;
    const VkResult                 result = vk->BeginCommandBuffer(commands, &begin);

    if (result != VK_SUCCESS)
        return result;
    nyx_vulkan__barrier(own->gpu, commands);
    if (own->queries)
        vk->CmdResetQueryPool(commands, own->queries, 0, 2);
    vk->CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, own->gpu->layout, 0, 1, &own->set, 0, NULL);
    vk->CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, own->gpu->pipelines[own->pipeline].pipeline);
    vk->CmdPushConstants(commands, own->gpu->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof own->push, own->push);
    if (own->queries)
        vk->CmdWriteTimestamp(commands, end, own->queries, 0);
    vk->CmdDispatch(commands, own->groups, 1, 1);
    if (own->queries)
        vk->CmdWriteTimestamp(commands, end, own->queries, 1);
    return vk->EndCommandBuffer(commands);
}

static int64_t dispatch(gauge *own)
{
    nyx_vulkan__gpu *gpu = own->gpu;
    const VkResult   result = record(own);
    const int64_t    start = nyx_clock_ns();
    uint64_t         ticks[2] = { 0 };
    int64_t          ns;

    if (result != VK_SUCCESS) {
        nyx_device__fail(gpu->device, nyx_vulkan__error(result, "measuring"), "%s", nyx_error_text());
        return 0;
    }
    nyx_vulkan__submit(gpu, &own->commands, 1);
    nyx_vulkan__finish(gpu);
    ns = nyx_clock_ns() - start;
    if (own->queries && gpu->device->status == 0 &&
        gpu->vk.GetQueryPoolResults(gpu->handle, own->queries, 0, 2, sizeof ticks, ticks, sizeof *ticks,
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT) == VK_SUCCESS && ticks[1] > ticks[0])
        ns = (int64_t)((double)(ticks[1] - ticks[0]) * (double)gpu->tick_ns);
    return ns > 0 ? ns : 1;
}

int64_t nyx_vulkan__gauge_round(nyx_gauge *g)
{
    gauge        *own = g->own;
    const int64_t start = nyx_clock_ns();

    if (g->rate == NYX_RATE_UPLOAD)
        nyx_vulkan__write(own->gpu, &own->from, 0, own->host, g->bytes);
    else if (g->rate == NYX_RATE_DOWNLOAD)
        nyx_vulkan__read(own->gpu, &(nyx_vulkan__wanted){ &own->from, 0, g->bytes, own->host }, 1);
    else if (g->rate != NYX_RATE_SUBMIT)
        return dispatch(own);
    for (int i = 0; i < SUBMITS && g->rate == NYX_RATE_SUBMIT; i++) {
        nyx_vulkan__submit(own->gpu, NULL, 0);
        nyx_vulkan__finish(own->gpu);
    }
    nyx_vulkan__finish(own->gpu);
    return nyx_clock_ns() - start;
}

/* As many turns as make a round of some milliseconds. */
static void find_turns(nyx_gauge *g)
{
    gauge         *own = g->own;
    const int64_t  wanted = is_software(own->gpu) ? 4000000 : 20000000;
    const uint32_t most = own->gpu->facts.shaders.long_loops ? TURNS_MOST : SHORT_TURNS;

    for (own->push[0] = 1; own->push[0] < most && own->gpu->device->status == 0;) {
        const int64_t ns = dispatch(own), more = ns > 0 ? wanted / ns : 0;

        if (more < 2)
            break;
        own->push[0] *= (uint32_t)(more < 8 ? more : 8);
    }
    own->push[0] = own->push[0] < most ? own->push[0] : most;
    g->work = own->turn_work * own->push[0];
}

/* ---- making ---------------------------------------------------------------------------- */

static VkResult bind(gauge *own)
{
    nyx_vulkan__gpu                  *gpu = own->gpu;
    const VkDescriptorPoolSize        size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, NYX_VULKAN_BINDINGS };
    const VkDescriptorPoolCreateInfo  pool = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1,
                                               .poolSizeCount = 1, .pPoolSizes = &size };
    const VkDescriptorBufferInfo      infos[2] = { { own->from.buffer, 0, VK_WHOLE_SIZE }, { own->to.buffer, 0, VK_WHOLE_SIZE } };
    const VkQueryPoolCreateInfo       queries = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                                  .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = 2 };
    const VkCommandBufferAllocateInfo one = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = gpu->commands, .commandBufferCount = 1 };
    VkDescriptorSetAllocateInfo       set = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorSetCount = 1, .pSetLayouts = &gpu->set_layout };
    VkResult                          result = gpu->vk.CreateDescriptorPool(gpu->handle, &pool, NULL, &own->pool);

    set.descriptorPool = own->pool;
    if (result == VK_SUCCESS)
        result = gpu->vk.AllocateDescriptorSets(gpu->handle, &set, &own->set);
    if (result == VK_SUCCESS)
        result = gpu->vk.AllocateCommandBuffers(gpu->handle, &one, &own->commands);
    if (result == VK_SUCCESS && gpu->tick_ns > 0)
        result = gpu->vk.CreateQueryPool(gpu->handle, &queries, NULL, &own->queries);
    for (uint32_t i = 0; i < 2 && result == VK_SUCCESS; i++) {
        const VkWriteDescriptorSet write = { .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = own->set,
                                             .dstBinding = i, .descriptorCount = 1,
                                             .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .pBufferInfo = &infos[i] };

        if (infos[i].buffer)
            gpu->vk.UpdateDescriptorSets(gpu->handle, 1, &write, 0, NULL);
    }
    return result;
}

/* Blocks of so many bytes (0: none), and a shader on them. */
static int prepare(gauge *own, const char *shader, const uint32_t *spec, int spec_count, int64_t from, int64_t to)
{
    nyx_vulkan__gpu *gpu = own->gpu;
    VkResult         result;
    int              status;

    if ((status = nyx_vulkan__pipeline_find(gpu, &own->pipeline, shader, spec, spec_count, false)) < 0 ||
        (status = nyx_vulkan__block_create(gpu, &own->from, from, NYX_VULKAN_LOCAL)) < 0 ||
        (status = nyx_vulkan__block_create(gpu, &own->to, to, NYX_VULKAN_LOCAL)) < 0)
        return status;
    nyx_vulkan__clear(gpu, &own->from);
    nyx_vulkan__clear(gpu, &own->to);
    result = bind(own);
    return result == VK_SUCCESS ? 0 : nyx_vulkan__error(result, "preparing to measure");
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

enum { NOISE = 4 << 20 };

/* Some GPUs compress what they store, and zeros best. */
static int write_noise(nyx_vulkan__gpu *gpu, nyx_vulkan__block *to, uint32_t mask)
{
    const int64_t piece = to->bytes < NOISE ? to->bytes : NOISE;
    nyx_random    random;
    uint32_t     *words;
    int           status = nyx_alloc(&words, piece);

    if (status < 0)
        return status;
    nyx_random_init(&random, 0, 0);
    for (int64_t i = 0; i < piece / 4; i++)
        words[i] = nyx_random_u32(&random) & mask;
    for (int64_t at = 0; at < to->bytes; at += piece)
        nyx_vulkan__write(gpu, to, at, words, to->bytes - at < piece ? to->bytes - at : piece);
    nyx_free(words);
    return 0;
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

static int open_chains(nyx_gauge *g)
{
    gauge           *own = g->own;
    nyx_vulkan__gpu *gpu = own->gpu;
    const uint32_t   group = (uint32_t)gpu->group;
    const bool       dots = g->rate == NYX_RATE_INT8;
    int              status;

    if (dots && (!gpu->facts.has.dot || gpu->facts.api_minor < 3))
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has no dot products of bytes", gpu->facts.name);
    own->groups = is_software(gpu) ? 64 : gpu->unified ? 8192 : 32768;
    own->turn_work = (double)own->groups * group * CHAIN * (dots ? 8.0 : 2.0);
    memcpy(own->push, (uint32_t[]){ 1, dots ? 0x01020304u : bits_of(0.999f), bits_of(0.001f), 0xFFFFFFFFu }, sizeof own->push);
    if ((status = prepare(own, dots ? "rate_dot" : "rate_fma", &group, 1, own->groups * 4, 0)) == 0)
        find_turns(g);
    return status;
}

/* More fragments need fewer loads, fewer leave room for more subgroups. */
static const uint32_t shapes[][2] = { { 4, 4 }, { 4, 2 }, { 2, 4 }, { 2, 2 } };
enum { SHAPES = sizeof shapes / sizeof *shapes, WARM_NS = 300000000 };

static enum nyx_dtype type_of(enum nyx_rate rate)
{
    return rate == NYX_RATE_INT8 ? NYX_I8 : rate == NYX_RATE_BF16 ? NYX_BF16 : NYX_F16;
}

static int take_shape(nyx_gauge *g, int shape)
{
    gauge                  *own = g->own;
    nyx_vulkan__gpu        *gpu = own->gpu;
    const enum nyx_dtype    type = type_of(g->rate);
    const nyx_vulkan_device *facts = &gpu->facts;
    const int               at = nyx_vulkan__matrix_of(type);
    const uint32_t          m = (uint32_t)facts->matrix[at].m, n = (uint32_t)facts->matrix[at].n;
    const uint32_t          k = (uint32_t)facts->matrix[at].k;
    const char             *shader = type == NYX_I8 ? "rate_matrix_s8" : type == NYX_BF16 ? "rate_matrix_bf16" : "rate_matrix_f16";
    const uint32_t          spec[] = { SUBGROUPS * (uint32_t)facts->subgroup, shapes[shape][0], shapes[shape][1], m, n, k };

    own->turn_work = (double)own->groups * SUBGROUPS * MATRIX_CHAIN * spec[1] * spec[2] * 2.0 * m * n * k;
    if (!own->set) {
        const int64_t bytes = (int64_t)(shapes[0][0] * m + shapes[0][1] * n) * k * nyx_dtype_bytes(type);
        const int     status = prepare(own, shader, spec, 6, bytes, (int64_t)m * n * 4);

        return status < 0 ? status : write_noise(gpu, &own->from, type == NYX_I8 ? UINT32_MAX : 0x3bff3bff); /* numbers below 1 */
    }
    return nyx_vulkan__pipeline_find(gpu, &own->pipeline, shader, spec, 6, false);
}

static int open_matrix(nyx_gauge *g)
{
    gauge           *own = g->own;
    nyx_vulkan__gpu *gpu = own->gpu;
    const enum nyx_dtype type = type_of(g->rate);
    const int64_t    until = nyx_clock_ns() + (is_software(gpu) ? 0 : WARM_NS);
    double           most = 0;
    int              best = 0, status;

    if (gpu->facts.matrix[nyx_vulkan__matrix_of(type)].m == 0 || !nyx_vulkan__matrix_works(gpu, type))
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' has no matrix units for %s that %s", gpu->facts.name,
                             nyx_rate_names[g->rate], gpu->starved ? "there is memory to try" : "multiply right");
    own->groups = is_software(gpu) ? 16 : gpu->unified ? 1024 : 4096;
    memcpy(own->push, (uint32_t[]){ 1, 0, 0, 0 }, sizeof own->push);
    if ((status = take_shape(g, 0)) < 0)
        return status;
    for (find_turns(g); nyx_clock_ns() < until && gpu->device->status == 0;)
        dispatch(own); /* clocks rise */
    for (int shape = 0; shape < SHAPES && gpu->device->status == 0; shape++) {
        double rate;

        if ((status = take_shape(g, shape)) < 0)
            return status;
        find_turns(g);
        rate = g->work / (double)dispatch(own);
        best = rate > most ? shape : best;
        most = rate > most ? rate : most;
    }
    if ((status = take_shape(g, best)) == 0)
        find_turns(g);
    return status;
}

/* ---- memory ----------------------------------------------------------------------------------- */

static int64_t power_below(int64_t bytes)
{
    int64_t power = 1;

    while (power * 2 <= bytes)
        power *= 2;
    return power;
}

/* Up to SHARED bytes a workgroup goes one chunk further with every step, or it would
 * read a small set out of its own cache; beyond, workgroups that run ahead would read
 * for others (seen: 8 TB/s out of an H100's memory of 3.35). */
enum { SHARED = 64 << 20 };

/* A set that no cache holds, and that leaves most of the memory alone. */
static int64_t set_bytes(const nyx_gauge *g, int64_t usual, int64_t least)
{
    const nyx_vulkan__gpu *gpu = ((const gauge *)g->own)->gpu;
    const int64_t          free = nyx_vulkan__free_bytes(g->device);
    int64_t                bytes = g->bytes > 0 ? g->bytes : is_software(gpu) ? usual >> 6 : gpu->unified ? usual >> 2 : usual;

    bytes = bytes > gpu->facts.buffer_most ? gpu->facts.buffer_most : bytes;
    bytes = free >= 0 && bytes > free / 8 ? free / 8 : bytes;
    return power_below(bytes > least ? bytes : least);
}

static int open_memory(nyx_gauge *g)
{
    gauge           *own = g->own;
    nyx_vulkan__gpu *gpu = own->gpu;
    const uint32_t   group = (uint32_t)gpu->group, chunk = group * 16;
    const bool       copies = g->rate == NYX_RATE_COPY;
    int              status;

    g->bytes = set_bytes(g, copies ? 256 << 20 : 512 << 20, chunk);
    own->groups = is_software(gpu) ? 64 : 1024;
    own->turn_work = (double)own->groups * chunk * 4.0 * (copies ? 2.0 : 1.0);
    memcpy(own->push, (uint32_t[]){ 1, (uint32_t)(g->bytes / chunk), own->groups + (g->bytes <= SHARED), 0x9E3779B9u }, sizeof own->push);
    if ((status = prepare(own, copies ? "rate_copy" : "rate_read", &group, 1, g->bytes, copies ? g->bytes : chunk)) < 0 ||
        (status = write_noise(gpu, &own->from, UINT32_MAX)) < 0)
        return status;
    find_turns(g);
    return 0;
}

static int open_transfer(nyx_gauge *g)
{
    gauge *own = g->own;
    int    status;

    g->bytes = set_bytes(g, 64 << 20, 4096);
    g->work = (double)g->bytes;
    if ((status = nyx_alloc(&own->host, g->bytes)) < 0)
        return status;
    memset(own->host, 1, (size_t)g->bytes);
    return nyx_vulkan__block_create(own->gpu, &own->from, g->bytes, NYX_VULKAN_LOCAL);
}

/* ---- opening and closing -------------------------------------------------------------------------- */

static int open_rate(nyx_gauge *g)
{
    nyx_vulkan__gpu *gpu = ((gauge *)g->own)->gpu;

    switch (g->rate) {
    case NYX_RATE_INT8: /* of bytes, matrix units make the most */
        return gpu->facts.matrix[2].m > 0 && nyx_vulkan__matrix_works(gpu, NYX_I8) ? open_matrix(g) : open_chains(g);
    case NYX_RATE_F32: return open_chains(g);
    case NYX_RATE_F16:
    case NYX_RATE_BF16: return open_matrix(g);
    case NYX_RATE_READ:
    case NYX_RATE_COPY: return open_memory(g);
    case NYX_RATE_UPLOAD:
    case NYX_RATE_DOWNLOAD: return open_transfer(g);
    default: g->work = SUBMITS; return 0;
    }
}

int nyx_vulkan__gauge_open(nyx_gauge *g)
{
    gauge *own;
    int    status = nyx_alloc(&own, sizeof *own);

    if (status < 0)
        return status;
    g->own = own;
    own->gpu = nyx_vulkan__gpu_of(g->device);
    g->least_ns = is_software(own->gpu) ? 0 : 400000000;
    g->most_ns = is_software(own->gpu) ? 50000000 : 3000000000;
    status = open_rate(g);
    return status < 0 ? status : nyx_device_check(g->device);
}

void nyx_vulkan__gauge_close(nyx_gauge *g)
{
    gauge           *own = g->own;
    nyx_vulkan__gpu *gpu;

    if (!own)
        return;
    gpu = own->gpu;
    nyx_vulkan__finish(gpu);
    if (own->commands)
        gpu->vk.FreeCommandBuffers(gpu->handle, gpu->commands, 1, &own->commands);
    if (own->queries)
        gpu->vk.DestroyQueryPool(gpu->handle, own->queries, NULL);
    if (own->pool)
        gpu->vk.DestroyDescriptorPool(gpu->handle, own->pool, NULL);
    nyx_vulkan__block_release(gpu, &own->from);
    nyx_vulkan__block_release(gpu, &own->to);
    nyx_free(own->host);
    nyx_free(own);
}

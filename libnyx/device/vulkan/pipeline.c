/* pipeline -- shaders with their constants, compiled by the driver once. */
#include "device/vulkan/vulkan.h"

#include <string.h>

static VkResult create_layouts(nyx_vulkan__gpu *gpu)
{
    const VkPushConstantRange       push = { VK_SHADER_STAGE_COMPUTE_BIT, 0, NYX_VULKAN_PUSH * 4 };
    VkDescriptorSetLayoutBinding    bindings[NYX_VULKAN_BINDINGS];
    VkDescriptorSetLayoutCreateInfo set = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                            .bindingCount = NYX_VULKAN_BINDINGS, .pBindings = bindings };
    VkPipelineLayoutCreateInfo      layout = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1,
                                               .pSetLayouts = &gpu->set_layout, .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &push };
    VkResult                        result;

    for (uint32_t i = 0; i < NYX_VULKAN_BINDINGS; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){ i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                      VK_SHADER_STAGE_COMPUTE_BIT, NULL };
    result = gpu->vk.CreateDescriptorSetLayout(gpu->handle, &set, NULL, &gpu->set_layout);
    if (result == VK_SUCCESS)
        result = gpu->vk.CreatePipelineLayout(gpu->handle, &layout, NULL, &gpu->layout);
    if (result == VK_SUCCESS)
        result = nyx_vulkan__cache_open(gpu);
    return result;
}

int nyx_vulkan__pipelines_create(nyx_vulkan__gpu *gpu)
{
    const VkResult result = create_layouts(gpu);

    return result == VK_SUCCESS ? 0 : nyx_vulkan__error(result, "laying out its shaders");
}

void nyx_vulkan__pipelines_release(nyx_vulkan__gpu *gpu)
{
    nyx_vulkan__cache_close(gpu);
    for (int64_t i = 0; i < gpu->pipeline_count; i++)
        gpu->vk.DestroyPipeline(gpu->handle, gpu->pipelines[i].pipeline, NULL);
    nyx_free(gpu->pipelines);
    if (gpu->layout)
        gpu->vk.DestroyPipelineLayout(gpu->handle, gpu->layout, NULL);
    if (gpu->set_layout)
        gpu->vk.DestroyDescriptorSetLayout(gpu->handle, gpu->set_layout, NULL);
}

/* ---- float controls ----------------------------------------------------------------- */

/* What a device can promise of f32, as words of SPIR-V (its specification,
 * sections 2.3, 3.6 and 3.31; SPV_KHR_float_controls). */
enum {
    SPIRV_HEADER = 5, OP_EXTENSION = 10, OP_ENTRY_POINT = 15, OP_EXECUTION_MODE = 16, OP_CAPABILITY = 17,
    DENORM_PRESERVE = 4464, NAN_PRESERVE = 4466,           /* capabilities */
    MODE_DENORM_PRESERVE = 4459, MODE_NAN_PRESERVE = 4461, /* execution modes, of a width */
};

typedef struct {
    uint32_t *words;
    int64_t   count;
} code;

static void append(code *to, const uint32_t *words, int64_t count)
{
    memcpy(to->words + to->count, words, (size_t)count * sizeof *words);
    to->count += count;
}

static void append_op(code *to, uint32_t op, const uint32_t *operands, uint32_t count)
{
    const uint32_t head = (count + 1) << 16 | op;

    append(to, &head, 1);
    append(to, operands, count);
}

/* A copy of a module that keeps denormals, infinities and NaN, where the
 * device can: else a driver may flush them, and CPU and GPU would disagree. */
static int add_float_controls(code *out, const nyx_shader_source *source, const nyx_vulkan_device *facts)
{
    static const uint32_t capabilities[] = { DENORM_PRESERVE, NAN_PRESERVE }, modes[] = { MODE_DENORM_PRESERVE, MODE_NAN_PRESERVE };
    const bool            wanted[] = { facts->has.denormals, facts->has.nan };
    const int64_t         words = source->bytes / 4;
    uint32_t              name[8] = { 0 }, entry = 0;
    bool                  named = false, moded = false;
    int                   status = nyx_alloc(&out->words, source->bytes + 256);

    if (status < 0)
        return status;
    memcpy(name, "SPV_KHR_float_controls", 23);
    append(out, source->words, SPIRV_HEADER);
    for (int i = 0; i < 2; i++)
        if (wanted[i])
            append_op(out, OP_CAPABILITY, &capabilities[i], 1);
    for (int64_t at = SPIRV_HEADER; at < words; at += source->words[at] >> 16) {
        const uint32_t op = source->words[at] & 0xffff;

        if (op != OP_CAPABILITY && !named && (wanted[0] || wanted[1]))
            append_op(out, OP_EXTENSION, name, 6);
        named = named || op != OP_CAPABILITY;
        if (op == OP_ENTRY_POINT)
            entry = source->words[at + 2];
        for (uint32_t i = 0; i < 2 && op != OP_ENTRY_POINT && entry && !moded; i++)
            if (wanted[i])
                append_op(out, OP_EXECUTION_MODE, (uint32_t[]){ entry, modes[i], 32 }, 3);
        moded = moded || (entry && op != OP_ENTRY_POINT);
        append(out, source->words + at, source->words[at] >> 16);
    }
    return 0;
}

static VkResult create_module(const nyx_vulkan__gpu *gpu, VkShaderModule *out, const nyx_shader_source *source)
{
    VkShaderModuleCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO };
    code                     changed = { 0 };
    VkResult                 result = VK_ERROR_OUT_OF_HOST_MEMORY;

    if (add_float_controls(&changed, source, &gpu->facts) == 0) {
        info.codeSize = (size_t)changed.count * 4;
        info.pCode = changed.words;
        result = gpu->vk.CreateShaderModule(gpu->handle, &info, NULL, out);
    }
    nyx_free(changed.words);
    return result;
}

/* ---- compiling ------------------------------------------------------------------------ */

static int compile(nyx_vulkan__gpu *gpu, nyx_vulkan__pipeline *p)
{
    const nyx_shader_source    *source = &nyx_shader_sources[p->shader];
    VkSpecializationMapEntry       entries[NYX_VULKAN_SPECS];
    const VkSpecializationInfo     constants = { (uint32_t)p->spec_count, entries, sizeof p->spec, p->spec };
    VkComputePipelineCreateInfo    info = { .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO, .layout = gpu->layout,
                                            .flags = p->in_parts ? VK_PIPELINE_CREATE_DISPATCH_BASE : 0 };
    VkShaderModule                 made;
    VkResult                       result;

    for (int i = 0; i < p->spec_count; i++)
        entries[i] = (VkSpecializationMapEntry){ (uint32_t)i, (uint32_t)i * 4, 4 };
    result = create_module(gpu, &made, source);
    if (result == VK_SUCCESS) {
        info.stage = (VkPipelineShaderStageCreateInfo){ .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                        .stage = VK_SHADER_STAGE_COMPUTE_BIT, .module = made,
                                                        .pName = "main", .pSpecializationInfo = &constants };
        result = gpu->vk.CreateComputePipelines(gpu->handle, gpu->cache, 1, &info, NULL, &p->pipeline);
        gpu->vk.DestroyShaderModule(gpu->handle, made, NULL);
    }
    if (result == VK_SUCCESS)
        return 0;
    if (result == VK_ERROR_DEVICE_LOST || result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
        return nyx_error_wrap(nyx_vulkan__error(result, "compiling"), "shader '%s'", source->name);
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "the Vulkan driver does not compile shader '%s': it says %d", source->name,
                         (int)result);
}

static int shader_named(const char *name)
{
    for (int i = 0; nyx_shader_sources[i].name; i++)
        if (!strcmp(nyx_shader_sources[i].name, name))
            return i;
    nyx_bug(__FILE__, __LINE__, name);
}

const nyx_shader_source *nyx_vulkan__shader_source(const char *name)
{
    return &nyx_shader_sources[shader_named(name)];
}

int nyx_vulkan__pipeline_find(nyx_vulkan__gpu *gpu, int *index, const char *shader, const uint32_t *spec, int spec_count,
                              bool in_parts)
{
    nyx_vulkan__pipeline wanted = { .shader = shader_named(shader), .spec_count = spec_count, .in_parts = in_parts };
    int                  status;

    memcpy(wanted.spec, spec, (size_t)spec_count * sizeof *spec);
    for (int64_t i = 0; i < gpu->pipeline_count; i++) {
        const nyx_vulkan__pipeline *p = &gpu->pipelines[i];

        *index = (int)i;
        if (p->shader == wanted.shader && p->in_parts == in_parts && p->spec_count == spec_count &&
            !memcmp(p->spec, wanted.spec, sizeof p->spec))
            return 0;
    }
    if ((status = nyx_array_grow(&gpu->pipelines, &gpu->pipeline_room, gpu->pipeline_count, sizeof *gpu->pipelines, 64)) < 0 ||
        (status = compile(gpu, &wanted)) < 0)
        return status;
    *index = (int)gpu->pipeline_count;
    gpu->pipelines[gpu->pipeline_count++] = wanted;
    return 0;
}

/* move -- values from nothing and copies. */
#include "device/vulkan/kernels/kernels.h"

#include <string.h>

static void emit_assign(nyx_vulkan__emit *e)
{
    nyx_vulkan__copy(e, e->in[0], e->out[0]);
}

static void emit_fill(nyx_vulkan__emit *e)
{
    const float   real = (float)e->node->reals[0];
    const int32_t integer = (int32_t)e->node->reals[0];
    uint32_t      word;

    memcpy(&word, nyx_value_dtype(e->g, e->node->outputs[0]) == NYX_I32 ? (const void *)&integer : &real, sizeof word);
    nyx_vulkan__fill(e, e->out[0], word);
}

const nyx_vulkan__kernel nyx_vulkan__move[] = {
    { NYX_OP_ASSIGN, "copy", emit_assign, NULL },
    { NYX_OP_FILL, "fill", emit_fill, NULL },
    { NYX_OP_NONE, NULL, NULL, NULL },
};

/* activation -- rows of activations coded in 8 bits and back. */
#include "quant/internal.h"
#include "tensor/math.h"

static void block_round(float *to, const float *from, int64_t count)
{
    NYX_NO_CONTRACT
    const nyx_quant__plan plan = {.layout = {.lattice = NYX_LATTICE_INT, .bits = 8},
                                  .scale = NYX_SCALE_F32,
                                  .zero = NYX_ZERO_NONE,
                                  .qmin = -128.0f,
                                  .qmax = 127.0f};
    nyx_quant__extent     extent;
    nyx_quant__step       step;

    nyx_quant__extent_of(&extent, from, count);
    nyx_quant__choose(&step, &plan, NYX_METHOD_ABSMAX, &extent);
    for (int64_t i = 0; i < count; i++) {
        float    x = from[i] * step.inverse;
        uint32_t code;

        x = x < step.bottom ? step.bottom : x;
        x = x > step.top ? step.top : x;
        to[i] = step.scale * nyx_rintf(x, &code);
    }
}

static bool finite(const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if ((nyx_f32_bits(x[i]) & 0x7f800000u) == 0x7f800000u)
            return false;
    return true;
}

void nyx_activation_round(float *to, const float *from, int64_t count, int64_t block)
{
    for (int64_t at = 0; at < count; at += block) {
        const int64_t length = count - at < block ? count - at : block;
        const bool    fine = finite(from + at, length);

        if (fine)
            block_round(to + at, from + at, length);
        for (int64_t i = 0; i < length && !fine; i++)
            to[at + i] = nyx_f32_of_bits(0x7fc00000u);
    }
}

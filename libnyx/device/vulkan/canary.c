/* canary -- what a driver does to shaders (shaders/canary.comp), asked once when
 * the device is opened: one submit of one invocation.
 *
 * Known to sing: Mesa 22.3's llvmpipe ends all loops of an invocation after 65,535
 * turns, without a word; Mesa 25.0's and 26.1's drop a rounding to f16 that stays
 * in registers from a module without float controls. */
#include "device/vulkan/vulkan.h"

enum { WORDS = 6, TURNS = 70000 };

static const uint32_t questions[WORDS] = { 0x3f800800u, 0x00800000u, 0x00080000u, 0x7fc00000u, 0x3f8009d5u, TURNS };

static uint32_t hash_of_turns(void)
{
    uint32_t hash = 1;

    for (uint32_t i = 0; i < TURNS; i++)
        hash = hash * 1664525u + i;
    return hash;
}

/* ---- dot products of bytes -------------------------------------------------------------- */

enum { PAIRS = 64 };

static int32_t dot_of(uint32_t a, uint32_t b)
{
    int32_t sum = 0;

    for (int i = 0; i < 32; i += 8)
        sum += (int8_t)(a >> i) * (int8_t)(b >> i);
    return sum;
}

/* Of all signs and extremes; false also where it does not run. */
static bool dots_bytes(nyx_vulkan__gpu *gpu)
{
    static const uint32_t  extremes[] = { 0x80808080u, 0x7f7f7f7fu, 0x81ff0180u, 0x00ff7f01u };
    uint32_t               pairs[2][PAIRS];
    int32_t                sums[PAIRS];
    const nyx_vulkan__once song = { .shader = "canary_dot", .spec = { PAIRS }, .spec_count = 1, .groups = 1,
                                    .operands = { { pairs, NULL, sizeof pairs }, { NULL, sums, sizeof sums } },
                                    .operand_count = 2 };
    bool                   right = true;

    for (uint32_t i = 0; i < PAIRS; i++) {
        pairs[0][i] = i < 16 ? extremes[i / 4] : i * 2654435761u;
        pairs[1][i] = i < 16 ? extremes[i % 4] : ~i * 2246822519u;
    }
    if (!gpu->facts.has.dot || gpu->facts.api_minor < 3 || gpu->switches.nodot)
        return false;
    if (nyx_vulkan__run_once(gpu, &song) < 0)
        return false;
    for (uint32_t i = 0; i < PAIRS; i++)
        right = right && sums[i] == dot_of(pairs[0][i], pairs[1][i]);
    return right;
}

bool nyx_vulkan__multiplies_bytes(const nyx_vulkan__gpu *gpu)
{
    return gpu->facts.shaders.dots_bytes && (gpu->facts.has.dot_fast || gpu->switches.dot);
}

/* ---- all of it ------------------------------------------------------------------------------ */

int nyx_vulkan__canary(nyx_vulkan__gpu *gpu)
{
    const nyx_vulkan__switches switches = gpu->switches;
    uint32_t                   answers[WORDS];
    const nyx_vulkan__once     song = { .shader = "canary", .spec = { 1 }, .spec_count = 1, .groups = 1,
                                        .operands = { { questions, NULL, sizeof questions },
                                                      { NULL, answers, sizeof answers } },
                                        .operand_count = 2 };
    int                        status;

    /* Faults count from the first work on. */
    gpu->switches = (nyx_vulkan__switches){ .staging = switches.staging, .nodot = switches.nodot };
    status = nyx_vulkan__run_once(gpu, &song);
    if (status == 0) {
        gpu->facts.shaders.known = true;
        gpu->facts.shaders.rounds_f16 = answers[0] == 1;
        gpu->facts.shaders.fuses_fma = answers[1] == 1;
        gpu->facts.shaders.fuses_precise = answers[2] == 1;
        gpu->facts.shaders.keeps_denormals = answers[3] == 1;
        gpu->facts.shaders.compares_nan = answers[4] == 1;
        gpu->facts.shaders.long_loops = answers[5] == hash_of_turns() && !switches.short_loops;
        gpu->facts.shaders.dots_bytes = dots_bytes(gpu);
        status = nyx_device_check(gpu->device);
    }
    gpu->switches = switches;
    return status;
}

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

int nyx_vulkan__canary(nyx_vulkan__gpu *gpu)
{
    const nyx_vulkan__switches switches = gpu->switches;
    uint32_t                   answers[WORDS];
    const nyx_vulkan__once     song = { .shader = "canary", .spec = { 1 }, .spec_count = 1, .groups = 1,
                                        .operands = { { questions, NULL, sizeof questions },
                                                      { NULL, answers, sizeof answers } },
                                        .operand_count = 2 };
    int                        status;

    gpu->switches = (nyx_vulkan__switches){ .staging = switches.staging }; /* faults count from the first work on */
    status = nyx_vulkan__run_once(gpu, &song);
    if (status == 0) {
        gpu->facts.shaders.known = true;
        gpu->facts.shaders.rounds_f16 = answers[0] == 1;
        gpu->facts.shaders.fuses_fma = answers[1] == 1;
        gpu->facts.shaders.fuses_precise = answers[2] == 1;
        gpu->facts.shaders.keeps_denormals = answers[3] == 1;
        gpu->facts.shaders.compares_nan = answers[4] == 1;
        gpu->facts.shaders.long_loops = answers[5] == hash_of_turns() && !switches.short_loops;
    }
    gpu->switches = switches;
    return status;
}

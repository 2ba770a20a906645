/* rows -- how rows are shared out among invocations (shaders/rows.glsl,
 * shaders/lanes.glsl). */
#include "device/vulkan/kernels/kernels.h"

enum { TURNS = 4, /* loads of an invocation before more of them share a row */
       LINE = 32, /* words side by side that one load of a GPU fetches      */
       LOOPS = 8  /* over a row, in one shader, with those over lanes       */ };

int64_t nyx_vulkan__power_of_two(int64_t least)
{
    int64_t power = 1;

    while (power < least)
        power *= 2;
    return power;
}

/* Of the width alone, so that a row's bits do not depend on how many there are. */
static int64_t span_of(int64_t words, int64_t lanes, int64_t group)
{
    const int64_t shared = nyx_vulkan__power_of_two((words + TURNS - 1) / TURNS), line = LINE / lanes;
    const int64_t span = shared > line ? shared : line, most = nyx_vulkan__power_of_two(words);

    return span > group ? group : span < most ? span : most < group ? most : group;
}

nyx_vulkan__work nyx_vulkan__row_work(nyx_vulkan__emit *e, const char *narrow, const char *wide, int64_t lanes,
                                      int64_t rows, int64_t width)
{
    const int64_t    words = width / lanes;
    const int64_t    span = span_of(words, lanes, e->gpu->group);
    nyx_vulkan__work work = nyx_vulkan__shader(e, lanes == 4 ? wide : narrow);

    nyx_vulkan__turns(e, LOOPS * ((words + span - 1) / span));
    nyx_vulkan__spec(&work, (uint32_t)span);
    nyx_vulkan__push(&work, (uint32_t)rows);
    nyx_vulkan__push(&work, (uint32_t)words);
    nyx_vulkan__elements(&work, e, rows * span);
    return work;
}

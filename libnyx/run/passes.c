/* passes -- chosen passes as an object, {"recompute": "all"}. */
#include "run/run.h"

nyx_json *nyx_passes_json(const nyx_passes *passes)
{
    nyx_json *object = nyx_json_object();

    for (int i = 0; i < NYX_PASS_COUNT; i++)
        nyx_json_set_text(object, nyx_pass_table(i)->name, nyx_pass_table(i)->choices[passes->choice[i]]);
    return object;
}

/* passes -- chosen passes as an object, {"recompute": "all"}. */
#include "run/run.h"

#include <string.h>

nyx_json *nyx_passes_json(const nyx_passes *passes)
{
    nyx_json *object = nyx_json_object();

    for (int i = 0; i < NYX_PASS_COUNT; i++)
        nyx_json_set_text(object, nyx_pass_table(i)->name, nyx_pass_table(i)->choices[passes->choice[i]]);
    return object;
}

int nyx_passes_read(nyx_passes *out, const nyx_json *object, const char *subject)
{
    memset(out, 0, sizeof *out);
    for (int64_t i = 0; i < nyx_json_count(object); i++) {
        char word[128];

        snprintf(word, sizeof word, "%s=%s", nyx_json_key(object, i), nyx_json_text(nyx_json_item(object, i), ""));
        if (nyx_passes_parse(out, word) < 0)
            return nyx_error_wrap(NYX_ERR_INPUT, "'%s': passes", subject);
    }
    return 0;
}

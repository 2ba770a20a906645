/* switches -- faults and narrow devices on demand, out of a device's name. */
#include "device/vulkan/vulkan.h"

#include <string.h>

/* "OP" or "all". Is there such an operation? */
static bool read_without(nyx_vulkan__switches *out, const char *word, size_t length)
{
    bool found = false;

    for (int op = NYX_OP_NONE + 1; op < NYX_OP_COUNT; op++) {
        const char *name = nyx_op_table((enum nyx_op)op)->name;

        if ((length == 3 && !strncmp(word, "all", length)) || (length == strlen(name) && !strncmp(word, name, length)))
            found = out->without[op] = true;
    }
    return found;
}

static int read_switch(nyx_vulkan__switches *out, const char *word, size_t length)
{
    const struct { const char *name; int64_t *value; } counts[] = {
        { "most=", &out->most }, { "lost=", &out->lost }, { "late=", &out->late }, { "full=", &out->full },
        { "tile=", &out->tile }, { "slow=", &out->slow },
    };
    const struct { const char *name; bool *value; } flags[] = {
        { "staging", &out->staging }, { "short", &out->short_loops }, { "unfused", &out->unfused },
        { "plain", &out->plain }, { "again", &out->again }, { "other", &out->other }, { "orderly", &out->orderly },
        { "dot", &out->dot }, { "nodot", &out->nodot },
    };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (length == strlen(flags[i].name) && !strncmp(word, flags[i].name, length)) {
            *flags[i].value = true;
            return 0;
        }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char *end;

        if (length <= 5 || strncmp(word, counts[i].name, 5))
            continue;
        *counts[i].value = strtoll(word + 5, &end, 10);
        if (end == word + length && *counts[i].value > 0)
            return 0;
    }
    if (length > 8 && !strncmp(word, "without=", 8) && read_without(out, word + 8, length - 8))
        return 0;
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "no switch '%.*s' of a Vulkan device; staging, short, unfused, plain, again, "
                         "other, orderly, dot, nodot, most=BYTES, lost=N, late=N, full=N, tile=N, slow=K and "
                         "without=OPERATION are", (int)length, word);
}

int nyx_vulkan__switches_parse(nyx_vulkan__switches *out, const char *text)
{
    int status = 0;

    *out = (nyx_vulkan__switches){ 0 };
    while (text && *text && status == 0) {
        const size_t length = strcspn(text, ",");

        status = read_switch(out, text, length);
        text += length + (text[length] == ',');
    }
    return status;
}

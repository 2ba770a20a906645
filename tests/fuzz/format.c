/* format -- the grammar of formats. What parses has one canonical text, which
 * parses to the same, and a layout for every small matrix. */
#include "fuzz.h"

#include "quant/quant.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    nyx_format format, again;
    nyx_shape  shape = nyx_shape_of(2, (int64_t)3, (int64_t)40);
    nyx_coded  coded;
    char       text[256], first[NYX_FORMAT_TEXT], second[NYX_FORMAT_TEXT];

    if (bytes >= sizeof text)
        return 0;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    if (nyx_format_parse(&format, text) < 0)
        return 0;
    nyx_format_text(first, &format);
    if (nyx_format_parse(&again, first) < 0)
        abort();
    nyx_format_text(second, &again);
    if (strcmp(first, second) != 0)
        abort();
    if (!(nyx_format_bits(&format, &shape) > 0.0))
        abort();
    if (nyx_coded_create(&coded, &format, &shape) == 0)
        nyx_coded_release(&coded);
    return 0;
}

/* json -- parsing, printing and the schema validator. What parses must print,
 * parse again and print the same; every schema must have an opinion. */
#include "fuzz.h"

#include "report/report.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const schemas[] = { "config", "recipe", "report", "eval", "train", "data", "quantize" };
    nyx_json                *json, *again;
    char                    *text, *twice;

    if (nyx_json_parse(&json, (const char *)data, (int64_t)bytes, "fuzz") < 0)
        return 0;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        if (nyx_schema_check(schemas[i], json, "fuzz") < 0 && !strstr(nyx_error_text(), "fuzz"))
            abort();
    if (nyx_json_print(&text, json, 2) < 0 || nyx_json_parse(&again, text, (int64_t)strlen(text), "again") < 0 ||
        nyx_json_print(&twice, again, 2) < 0 || strcmp(text, twice) != 0)
        abort();
    nyx_free(text);
    nyx_free(twice);
    nyx_json_free(json);
    nyx_json_free(again);
    return 0;
}

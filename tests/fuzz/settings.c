/* settings -- configurations and recipes. A configuration that is taken is
 * written as JSON that is taken again and says the same. */
#include "fuzz.h"

#include "file/file.h"
#include "model/model.h"

#include <string.h>

static void fuzz_config(const nyx_json *json)
{
    nyx_config config, again;
    nyx_json  *written, *twice;
    char      *first, *second;

    if (nyx_config_parse(&config, json, "fuzz") < 0 || nyx_config_bind(&config, 12, 16, 0, 3, "data") < 0)
        return;
    for (int i = 0; i < nyx_model_parameter_count(&config); i++)
        (void)nyx_model_parameter(&config, i);
    written = nyx_config_json(&config);
    if (nyx_config_parse(&again, written, "again") < 0)
        abort();
    twice = nyx_config_json(&again);
    if (nyx_json_print(&first, written, 0) < 0 || nyx_json_print(&second, twice, 0) < 0 || strcmp(first, second) != 0)
        abort();
    nyx_free(first);
    nyx_free(second);
    nyx_json_free(written);
    nyx_json_free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    nyx_json  *json;
    nyx_recipe recipe;
    char       path[64];
    int        fd = fuzz_file(path, data, bytes);

    if (nyx_json_read(&json, path) == 0) {
        fuzz_config(json);
        nyx_json_free(json);
    }
    if (nyx_recipe_read(&recipe, path) == 0)
        nyx_recipe_release(&recipe);
    close(fd);
    return 0;
}

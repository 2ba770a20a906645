/* recipe -- the JSON form of a recipe (schemas/recipe.schema.json). */
#include "file/file.h"

/* The schema has seen to types and to unknown keys; which keys go together is
 * said here, where the sentence can name the rule. */
static int read_rule(nyx_recipe_rule *rule, const nyx_json *json, const char *path, int64_t index)
{
    const char *format = nyx_json_text(nyx_json_get(json, "format"), NULL);
    const char *method = nyx_json_text(nyx_json_get(json, "method"), NULL);
    int         status;

    rule->keep = nyx_json_bool(nyx_json_get(json, "keep"), false);
    if ((status = nyx_text_copy(&rule->pattern, nyx_json_text(nyx_json_get(json, "tensor"), ""))) < 0)
        return status;
    if (rule->keep == (format != NULL))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': 'rules.%lld' needs a format, or keep: true, and not both", path,
                             (long long)index);
    if (rule->keep)
        return 0;
    if (nyx_format_parse(&rule->format, format) < 0)
        return nyx_error_wrap(NYX_ERR_INPUT, "'%s': 'rules.%lld.format'", path, (long long)index);
    rule->method = nyx_method_default(&rule->format);
    if (method && !nyx_method_find(&rule->method, method))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': 'rules.%lld.method' is '%s', which is no method", path,
                             (long long)index, method);
    return 0;
}

int nyx_recipe_read(nyx_recipe *out, const char *path)
{
    const nyx_json *rules;
    nyx_json       *json;
    int             status;

    *out = (nyx_recipe) { 0 };
    if ((status = nyx_json_read(&json, path)) < 0)
        return status;
    if ((status = nyx_schema_check("recipe", json, path)) < 0)
        goto done;
    rules = nyx_json_get(json, "rules");
    if ((status = nyx_alloc(&out->rules, nyx_json_count(rules) * (int64_t)sizeof *out->rules)) < 0)
        goto done;
    for (int64_t i = 0; i < nyx_json_count(rules) && status == 0; i++) {
        out->count++; /* released even when it is only half read */
        status = read_rule(&out->rules[i], nyx_json_item(rules, i), path, i);
    }
    if (status < 0)
        nyx_recipe_release(out);
done:
    nyx_json_free(json);
    return status;
}

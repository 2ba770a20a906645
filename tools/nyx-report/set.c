/* set -- reading reports and logs, and what can be asked of them. */
#include "set.h"

#include <math.h>
#include <string.h>

/* Programs whose reports can be shown: those of them that this build has. */
static const char *const kinds[] = { "data",    "train",   "quantize", "eval",   "bench",
                                     "convert", "profile", "evolve",   "bundle", NULL };

/* ---- questions ------------------------------------------------------------------ */

const nyx_json *item_get(const report_item *item, const char *path)
{
    return nyx_json_get(item->json, path);
}

const char *item_text(const report_item *item, const char *path)
{
    return nyx_json_text(nyx_json_get(item->json, path), "");
}

bool json_is_number(const nyx_json *json)
{
    return nyx_json_kind_of(json) == NYX_JSON_REAL || nyx_json_kind_of(json) == NYX_JSON_INT;
}

double json_number(const nyx_json *json)
{
    return json_is_number(json) ? nyx_json_real(json, 0.0) : (double)NAN;
}

double number_at(const nyx_json *json, const char *path)
{
    return json_number(nyx_json_get(json, path));
}

bool item_is(const report_item *item, const char *kind)
{
    char schema[48];

    snprintf(schema, sizeof schema, "nyx.%s/1", kind);
    return item->json && !strcmp(item_text(item, "schema"), schema);
}

const char *why_no_result(const report_item *item)
{
    const char *status = item_text(item, "status");

    if (!strcmp(status, "error") || !strcmp(status, "stopped"))
        return status;
    if (nyx_json_kind_of(item_get(item, "error")) == NYX_JSON_TEXT)
        return "failed";
    if (item_is(item, "train") && !item_get(item, "result.test"))
        return "only planned";
    return nyx_json_count(item_get(item, "result")) ? NULL : "no result";
}

bool item_shows(const report_item *item, const char *kind)
{
    return item_is(item, kind) && !why_no_result(item);
}

const char *item_argument(const report_item *item, const char *name)
{
    const nyx_json *argv = item_get(item, "run.argv");
    const size_t    length = strlen(name);

    for (int64_t i = 1; i < nyx_json_count(argv); i++) {
        const char *argument = nyx_json_text(nyx_json_item(argv, i), "");

        if (strncmp(argument, "--", 2) || strncmp(argument + 2, name, length))
            continue;
        if (argument[2 + length] == '=')
            return argument + 3 + length;
        if (!argument[2 + length])
            return nyx_json_text(nyx_json_item(argv, i + 1), NULL);
    }
    return NULL;
}

const char *item_input(const report_item *item, const char *path)
{
    const nyx_json *inputs = item_get(item, "inputs");

    for (int64_t i = 0; i < nyx_json_count(inputs); i++) {
        const nyx_json *input = nyx_json_item(inputs, i);

        if (!path || !strcmp(path, nyx_json_text(nyx_json_get(input, "path"), "")))
            return nyx_json_text(nyx_json_get(input, "sha256"), "");
    }
    return "";
}

/* ---- reading ----------------------------------------------------------------------- */

static int no_kind(const char *path, const char *schema)
{
    char names[160] = "";

    for (int i = 0; kinds[i]; i++)
        if (nyx_schema_exists(kinds[i]))
            snprintf(names + strlen(names), sizeof names - strlen(names), "%snyx-%s", *names ? ", " : "", kinds[i]);
    return nyx_error_set(NYX_ERR_INPUT,
                         "'%s' has the schema '%.64s', which cannot be shown; reports of %s can, and logs", path,
                         schema, names);
}

/* The kind of a report in kinds[]; or why it cannot be shown. */
static int find_kind(const char **out, const nyx_json *json, const char *path)
{
    const char *schema = nyx_json_text(nyx_json_get(json, "schema"), ""), *slash = strrchr(schema, '/');

    for (int i = 0; kinds[i]; i++) {
        const size_t length = strlen(kinds[i]);

        if (strncmp(schema, "nyx.", 4) || strncmp(schema + 4, kinds[i], length) || schema + 4 + length != slash ||
            !nyx_schema_exists(kinds[i]))
            continue;
        *out = kinds[i];
        if (strcmp(slash, "/1") == 0)
            return 0;
        return nyx_error_set(NYX_ERR_INPUT,
                             "'%s' has the schema '%.64s', of another version of Nyx (%.32s); this one reads "
                             "'nyx.%s/1': show it with that version's nyx-report, or run %.32s again",
                             path, schema, nyx_json_text(nyx_json_get(json, "run.version"), "?"), kinds[i],
                             nyx_json_text(nyx_json_get(json, "run.tool"), "the tool"));
    }
    return no_kind(path, schema);
}

/* What is no report but known: an error that says what it is for; else 0. */
static int check_document(const nyx_json *json, const char *path)
{
    static const struct {
        const char *key, *what;
    } others[] = {
        { "rules", "a recipe, which tells nyx-quantize --recipe=FILE what each tensor becomes; nyx-report shows the "
                   "reports of nyx-evolve and nyx-quantize" },
        { "model", "a configuration, which nyx-train builds and trains; nyx-report shows the report of nyx-train" },
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (nyx_json_get(json, others[i].key))
            return nyx_error_set(NYX_ERR_INPUT, "'%s' is no report but %s", path, others[i].what);
    return 0;
}

static int read_item(report_item *item, nyx_report *report, const char *path)
{
    const char *slash = strrchr(path, '/'), *kind = "";
    bool        log;
    int         status;

    *item = (report_item){ .path = path, .name = slash ? slash + 1 : path };
    if ((status = log_is(&log, path)) < 0)
        return status;
    if (log) {
        status = log_read(&item->log, path);
        return status < 0 ? status : nyx_report_input(report, path);
    }
    if ((status = nyx_json_read(&item->json, path)) < 0)
        return status;
    status = nyx_json_text(nyx_json_get(item->json, "schema"), NULL) ? find_kind(&kind, item->json, path)
                                                                     : check_document(item->json, path);
    if (status < 0 || (status = nyx_schema_check("report", item->json, path)) < 0 ||
        (status = nyx_schema_check(kind, item->json, path)) < 0)
        return status;
    return nyx_report_input(report, path);
}

int set_read(report_set *set, nyx_report *report, const char *const paths[])
{
    int status = 0;

    *set = (report_set){ 0 };
    for (; set->count < REPORTS_MOST && paths[set->count] && status == 0;
         set->count++) /* counted when half read, too */
        status = read_item(&set->items[set->count], report, paths[set->count]);
    return status;
}

void set_release(report_set *set)
{
    for (int i = 0; i < set->count; i++) {
        nyx_json_free(set->items[i].json);
        log_free(set->items[i].log);
    }
}

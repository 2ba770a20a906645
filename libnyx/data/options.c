/* options -- the texts of options, and the options as they go into the file. */
#include "data/internal.h"

#include <errno.h>
#include <string.h>

static bool all_of(const char *text, const char *chars)
{
    return strspn(text, chars) == strlen(text);
}

int nyx_sudoku_clues_parse(nyx_sudoku_options *options, const char *text)
{
    int  least = 0, most = 0, fields;
    char extra;

    fields = sscanf(text, "%3d-%3d%c", &least, &most, &extra);
    if (fields == 1 && all_of(text, "0123456789") && strlen(text) <= 3)
        most = least;
    else if (fields != 2 || !all_of(text, "0123456789-") || least < 0 || most < least)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is no number of clues; try 24 or 20-30", text);
    options->clues_least = least;
    options->clues_most = most;
    return NYX_OK;
}

int nyx_sudoku_split_parse(nyx_sudoku_split *split, const char *text)
{
    char *end = NULL;

    split->test_count = -1;
    split->test_share = 0;
    errno = 0;
    if (all_of(text, "0123456789"))
        split->test_count = strtoll(text, &end, 10);
    else if (all_of(text, "0123456789."))
        split->test_share = strtod(text, &end);
    if (!*text || !end || *end || errno || split->test_share >= 1)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is neither a count nor a share below 1; try 40 or 0.1", text);
    return NYX_OK;
}

/* What changes the bytes: no paths, no thread counts. */
static nyx_json *describe(const nyx_sudoku_options *options, const nyx_sudoku_split *split, const char *source)
{
    nyx_json *json = nyx_json_object();

    nyx_json_set_int(json, "size", options->size);
    nyx_json_set_int(json, "count", options->count);
    nyx_json_set_int(json, "seed", (int64_t)options->seed);
    if (source) {
        nyx_json_set_text(json, "source", source);
        nyx_json_set_bool(json, "skip_bad", options->skip_bad);
    } else {
        nyx_json_set_int(json, "clues_least", options->clues_least);
        nyx_json_set_int(json, "clues_most", options->clues_most);
    }
    nyx_json_set_int(json, "rating_min", options->guesses_least);
    if (options->guesses_most >= 0)
        nyx_json_set_int(json, "rating_max", options->guesses_most);
    if (split->test_count >= 0)
        nyx_json_set_int(json, "test_count", split->test_count);
    else
        nyx_json_set_real(json, "test_share", split->test_share);
    nyx_json_set_int(json, "augment", split->augment);
    nyx_json_set_bool(json, "shuffle_labels", split->shuffle_labels);
    return json;
}

int nyx_data__write(const nyx_dataset *dataset, const char *path, const char *program, nyx_json *options)
{
    nyx_json *provenance = nyx_json_object();
    char     *text = NULL, *line = NULL;
    int       status;

    nyx_json_set_text(provenance, "program", program);
    nyx_json_set_take(provenance, "options", options);
    if ((status = nyx_json_print(&text, options, 0)) < 0 ||
        (status = nyx_text_format(&line, "%s %s", program, text)) < 0)
        goto done;
    status = nyx_dataset_write(dataset, path, line, provenance);
done:
    nyx_free(line);
    nyx_free(text);
    nyx_json_free(provenance);
    return status;
}

int nyx_sudoku_write(const nyx_dataset *dataset, const char *path, const nyx_sudoku_options *options,
                     const nyx_sudoku_split *split, const char *source)
{
    return nyx_data__write(dataset, path, "nyx-data sudoku " NYX_VERSION, describe(options, split, source));
}

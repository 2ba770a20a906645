/* report -- what was converted, for people and for schemas/convert.schema.json.
 */
#include "convert/internal.h"

#include <stdarg.h>
#include <string.h>

int nyx_convert__note(char ***list, int64_t *count, const char *fmt, ...)
{
    const int64_t each = (int64_t)sizeof **list;
    char          text[4096];
    va_list       args;
    int           status = nyx_realloc(list, *count * each, (*count + 1) * each);

    if (status < 0)
        return status;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if ((status = nyx_text_copy(&(*list)[*count], text)) == 0)
        ++*count;
    return status;
}

int nyx_convert__reserve(nyx_convert_report *report, int64_t tensors)
{
    return nyx_alloc(&report->tensors, tensors * (int64_t)sizeof *report->tensors);
}

static void release_list(char **list, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        nyx_free(list[i]);
    nyx_free(list);
}

void nyx_convert_release(nyx_convert_report *report)
{
    release_list(report->sources, report->source_count);
    release_list(report->outputs, report->output_count);
    release_list(report->warnings, report->warning_count);
    nyx_free(report->tensors);
    *report = (nyx_convert_report) { 0 };
}

static void describe_tensor(nyx_json *out, const nyx_convert_tensor *t)
{
    nyx_json *shape = nyx_json_add_array(out, "shape");

    for (int d = 0; d < t->shape.rank; d++)
        nyx_json_push_int(shape, t->shape.dims[d]);
    nyx_json_set_text(out, "name", t->name);
    nyx_json_set_text(out, "from", t->from);
    nyx_json_set_text(out, "type_before", t->type_before);
    nyx_json_set_text(out, "type", t->type);
    nyx_json_set_bool(out, "moved", t->moved);
    nyx_json_set_int(out, "bytes", t->bytes);
    nyx_json_set_real(out, "max_error", t->error.max_error);
}

void nyx_convert_describe(const nyx_convert_report *report, nyx_json *object)
{
    nyx_json *tensors;
    int64_t   bytes = 0, moved = 0, rounded = 0;

    nyx_json_set_text(object, "format", report->format);
    nyx_json_set_text(object, "family", report->family);
    if (report->tokenizer)
        nyx_json_set_text(object, "tokenizer", report->tokenizer);
    else
        nyx_json_set_null(object, "tokenizer", "there is none");
    tensors = nyx_json_add_array(object, "tensors");
    for (int64_t i = 0; i < report->count; i++) {
        const nyx_convert_tensor *t = &report->tensors[i];

        describe_tensor(nyx_json_push_object(tensors), t);
        bytes += t->bytes;
        moved += t->moved;
        rounded += t->error.max_error > 0;
    }
    nyx_json_set_int(object, "bytes", bytes);
    nyx_json_set_int(object, "moved_tensors", moved);
    nyx_json_set_int(object, "rounded_tensors", rounded);
}

/* parameters -- a model file's tensors into a store. */
#include "graph/inference.h"
#include "run/run.h"

#include <string.h>

/* The tensor of a parameter, with the shape that the configuration asks for. */
static int parameter_find(const nyx_entry **out, const nyx_parameter *p, nyx_reader *file)
{
    char path[64], have[96], want[96];

    snprintf(path, sizeof path, "/tensors/%s", p->name);
    *out = nyx_reader_find(file, path);
    if (!*out)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no tensor '%s', which the configuration asks for",
                             nyx_reader_path(file), path);
    nyx_shape_text(have, &(*out)->shape);
    nyx_shape_text(want, &p->shape);
    if (!nyx_shape_equal(&(*out)->shape, &p->shape))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' is %s, the configuration asks for %s",
                             nyx_reader_path(file), path, have, want);
    return 0;
}

static int plain_load(nyx_store *store, const nyx_parameter *p, nyx_reader *file, const nyx_entry *entry)
{
    float *values;
    int    status = nyx_alloc(&values, nyx_shape_count(&p->shape) * (int64_t)sizeof *values);

    if (status == 0)
        status = nyx_reader_read_f32(file, entry, values);
    if (status == 0)
        nyx_store_write(store, p->name, values);
    nyx_free(values);
    return status;
}

/* ---- coded ------------------------------------------------------------------- */

/* A file may also hold halves as a plain dataset: the same bytes. */
static nyx_format coding_of(const nyx_entry *entry)
{
    nyx_format format = { 0 };

    if (entry->coded)
        return entry->format;
    if (nyx_dtype_is_half(entry->dtype))
        NYX_BUG_IF(nyx_format_parse(&format, nyx_dtype_name(entry->dtype)) < 0);
    return format;
}

int nyx_parameters_codings(nyx_format **out, const nyx_config *config, nyx_reader *file)
{
    const int count = nyx_model_parameter_count(config);
    int       status = nyx_alloc(out, count * (int64_t)sizeof **out);

    for (int i = 0; i < count && status == 0; i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        const nyx_entry    *entry;

        if ((status = parameter_find(&entry, &p, file)) == 0)
            (*out)[i] = coding_of(entry);
    }
    if (status < 0) {
        nyx_free(*out);
        *out = NULL;
    }
    return status;
}

static int halves_read(nyx_reader *file, const nyx_entry *entry, nyx_coded *out)
{
    const nyx_format format = coding_of(entry);
    int              status = nyx_coded_create(out, &format, &entry->shape);

    if (status == 0 && (status = nyx_reader_read(file, entry, out->codes)) == 0)
        status = nyx_coded_check(out);
    if (status < 0)
        nyx_coded_release(out);
    return status < 0 ? nyx_error_wrap(status, "'%s': tensor '%s'", nyx_reader_path(file), entry->path) : 0;
}

static int coded_load(nyx_store *store, const nyx_parameter *p, nyx_reader *file, const nyx_entry *entry)
{
    nyx_coded coded = { 0 };
    int       status = entry->coded ? nyx_reader_read_coded(file, entry, &coded) : halves_read(file, entry, &coded);

    if (status < 0)
        return status;
    nyx_store_write_coded(store, p->name, &coded);
    nyx_coded_release(&coded);
    return 0;
}

int nyx_parameters_load(nyx_store *store, const nyx_config *config, nyx_reader *file)
{
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        const nyx_entry    *entry = NULL;
        char                planes[NYX_PLANE_NAME];
        bool                plain, coded;
        int                 status;

        nyx_plane_name(planes, p.name, NYX_PLANE_CODES);
        plain = nyx_store_find(store, p.name) >= 0;
        coded = nyx_store_find(store, planes) >= 0;
        if ((plain || coded) && (status = parameter_find(&entry, &p, file)) < 0)
            return status;
        if ((plain && (status = plain_load(store, &p, file, entry)) < 0) ||
            (coded && (status = coded_load(store, &p, file, entry)) < 0))
            return status;
    }
    return 0;
}

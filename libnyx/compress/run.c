/* run -- write the planned file. */
#include "compress/internal.h"

#include <string.h>

struct work {
    nyx_compress                 *plan;
    nyx_writer                   *writer;
    struct nyx_compress__stream  *stream;
    struct nyx_compress__progress progress;
};

/* One look at all of the tensor, when its format needs that. */
static bool needs_survey(const nyx_compress_tensor *tensor)
{
    return !tensor->keep && !tensor->plain && nyx_format_needs_survey(&tensor->format);
}

static int survey(struct work *work, nyx_compress_tensor *tensor, nyx_coded *coded)
{
    nyx_survey *seen;
    int         status = nyx_alloc(&seen, sizeof *seen);

    if (status < 0)
        return status;
    nyx_survey_init(seen);
    status = nyx_compress__stream_check(work->stream, work->plan->file, tensor, seen, &work->progress);
    if (status == 0)
        nyx_encode_prepare(coded, tensor->method, seen);
    nyx_free(seen);
    return status;
}

/* A tensor that is kept is still looked at: a NaN must not slip through. What
 * is coded was checked when it was read, integers are always finite. */
static int keep(struct work *work, nyx_compress_tensor *tensor)
{
    const nyx_entry *entry = tensor->entry;
    int              status;

    if (!entry->coded && nyx_dtype_is_real(entry->dtype))
        status = nyx_compress__stream_check(work->stream, work->plan->file, tensor, NULL, &work->progress);
    else
        status = nyx_compress__advance(&work->progress, entry->bytes);
    return status < 0 ? status : nyx_writer_copy(work->writer, work->plan->file, entry);
}

static int code(struct work *work, nyx_compress_tensor *tensor)
{
    nyx_coded coded = { 0 };
    char     *path = NULL;
    int       status;

    if ((status = nyx_text_format(&path, "/tensors/%s", tensor->entry->name)) < 0)
        return status;
    if (tensor->plain) {
        if ((status = nyx_writer_begin(work->writer, path, tensor->dtype, &tensor->entry->shape)) == 0)
            status = nyx_compress__stream_code(work->stream, work->plan->file, tensor, NULL, work->writer,
                                               &work->progress);
        goto done;
    }
    if ((status = nyx_coded_create(&coded, &tensor->format, &tensor->entry->shape)) < 0)
        goto done;
    if (needs_survey(tensor) && (status = survey(work, tensor, &coded)) < 0)
        goto done;
    if ((status = nyx_compress__stream_code(work->stream, work->plan->file, tensor, &coded, NULL,
                                            &work->progress)) < 0)
        goto done;
    status = nyx_writer_coded(work->writer, path, &coded);
done:
    nyx_coded_release(&coded);
    nyx_free(path);
    return status;
}

static int by_offset(const void *a, const void *b)
{
    const nyx_compress_tensor *left = *(nyx_compress_tensor *const *)a, *right = *(nyx_compress_tensor *const *)b;

    if (left->entry->offset != right->entry->offset)
        return left->entry->offset < right->entry->offset ? -1 : 1;
    return strcmp(left->entry->path, right->entry->path);
}

/* Tensors in the order in which they lie in the file: reading goes forward
 * only, and the file's digest comes out of the same pass. */
static int code_all(struct work *work)
{
    nyx_compress         *plan = work->plan;
    nyx_compress_tensor **order;
    int                   status = nyx_alloc(&order, plan->count * (int64_t)sizeof *order);

    if (status < 0)
        return status;
    for (int64_t i = 0; i < plan->count; i++)
        order[i] = &plan->tensors[i];
    qsort(order, (size_t)plan->count, sizeof *order, by_offset);
    for (int64_t i = 0; i < plan->count && status == 0; i++)
        status = order[i]->keep ? keep(work, order[i]) : code(work, order[i]);
    nyx_free(order);
    return status;
}

/* What a model file says beside its tensors, where it says it. */
static int copy_documents(nyx_writer *writer, nyx_reader *file)
{
    static const char *const paths[] = { "/config", "/provenance", "/tokenizer" };
    int                      status = 0;

    for (size_t i = 0; i < sizeof paths / sizeof *paths && status == 0; i++) {
        nyx_json *json;

        if ((status = nyx_reader_json(file, paths[i], &json)) == 0 && json)
            status = nyx_writer_json(writer, paths[i], json);
        nyx_json_free(json);
    }
    return status;
}

int nyx_compress_run(nyx_compress *plan, nyx_writer *writer, const nyx_compress_options *options)
{
    struct work work = { .plan = plan, .writer = writer, .progress.options = options };
    int         status;

    for (int64_t i = 0; i < plan->count; i++) {
        work.progress.total += plan->tensors[i].bytes_before * (needs_survey(&plan->tensors[i]) ? 2 : 1);
        plan->tensors[i].error = (nyx_quant_error){ 0 };
    }
    if ((status = copy_documents(writer, plan->file)) < 0 ||
        (status = nyx_compress__stream_create(&work.stream, options->pool)) < 0)
        return status;
    status = code_all(&work);
    nyx_compress__stream_free(work.stream);
    plan->done = status == 0;
    return status;
}

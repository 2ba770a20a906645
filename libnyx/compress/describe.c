/* describe -- a plan, and what its run measured, as the object that reports
 * carry. */
#include "compress/internal.h"

#include <string.h>

static const char not_run[] = "not written, not measured";

static void describe_error(nyx_json *object, const nyx_quant_error *error, bool known, const char *reason)
{
    if (!known) {
        nyx_json_set_null(object, "relative_mse", reason);
        nyx_json_set_null(object, "mean_signed_error", reason);
        nyx_json_set_null(object, "max_error", reason);
        return;
    }
    if (error->sum_square > 0.0)
        nyx_json_set_real(object, "relative_mse", error->sum_square_error / error->sum_square);
    else
        nyx_json_set_null(object, "relative_mse", "every weight is 0");
    nyx_json_set_real(object, "mean_signed_error", error->sum_error / (double)error->elems);
    nyx_json_set_real(object, "max_error", error->max_error);
}

static void describe_tensor(nyx_json *object, const nyx_compress *plan, const nyx_compress_tensor *tensor)
{
    const nyx_entry *entry = tensor->entry;
    char             text[NYX_FORMAT_TEXT];
    nyx_json        *shape = nyx_json_add_array(object, "shape");

    for (int i = 0; i < entry->shape.rank; i++)
        nyx_json_push_int(shape, entry->shape.dims[i]);
    nyx_json_set_text(object, "name", entry->name);
    if (entry->coded)
        nyx_format_text(text, &entry->format);
    nyx_json_set_text(object, "format_before", entry->coded ? text : nyx_dtype_name(entry->dtype));
    if (!tensor->keep)
        nyx_format_text(text, &tensor->format);
    nyx_json_set_bool(object, "coded", !tensor->keep);
    nyx_json_set_text(object, "format", tensor->keep && !entry->coded ? nyx_dtype_name(entry->dtype) : text);
    if (tensor->keep) {
        nyx_json_set_null(object, "method", tensor->keep);
        describe_error(object, &tensor->error, false, tensor->keep);
    } else {
        nyx_json_set_text(object, "method", nyx_method_name(tensor->method));
        describe_error(object, &tensor->error, plan->done, not_run);
    }
    nyx_json_set_int(object, "bytes_before", tensor->bytes_before);
    nyx_json_set_int(object, "bytes_after", tensor->bytes_after);
    if (tensor->elems > 0)
        nyx_json_set_real(object, "bits_per_weight", nyx_compress_bits(tensor));
    else
        nyx_json_set_null(object, "bits_per_weight", "the tensor is empty");
}

/* Bits a weight over some tensors; there may be none. */
static void set_bits(nyx_json *object, const char *key, int64_t bytes, int64_t elems)
{
    if (elems > 0)
        nyx_json_set_real(object, key, 8.0 * (double)bytes / (double)elems);
    else
        nyx_json_set_null(object, key, "there are no such tensors");
}

static void describe_totals(nyx_json *object, const nyx_compress *plan)
{
    nyx_quant_error all = { 0 };
    int64_t         coded = 0, elems = 0, coded_elems = 0, before = 0, after = 0, coded_after = 0;

    for (int64_t i = 0; i < plan->count; i++) {
        const nyx_compress_tensor *tensor = &plan->tensors[i];

        elems += tensor->elems;
        before += tensor->bytes_before;
        after += tensor->bytes_after;
        if (tensor->keep)
            continue;
        coded++;
        coded_elems += tensor->elems;
        coded_after += tensor->bytes_after;
        all.elems += tensor->error.elems;
        all.sum_square_error += tensor->error.sum_square_error;
        all.sum_square += tensor->error.sum_square;
        all.sum_error += tensor->error.sum_error;
        if (tensor->error.max_error > all.max_error)
            all.max_error = tensor->error.max_error;
    }
    nyx_json_set_int(object, "tensors", plan->count);
    nyx_json_set_int(object, "coded_tensors", coded);
    nyx_json_set_int(object, "weights", elems);
    nyx_json_set_int(object, "coded_weights", coded_elems);
    nyx_json_set_int(object, "bytes_before", before);
    nyx_json_set_int(object, "bytes_after", after);
    set_bits(object, "bits_per_weight", after, elems);
    set_bits(object, "bits_per_coded_weight", coded_after, coded_elems);
    describe_error(object, &all, plan->done && coded > 0, coded > 0 ? not_run : "no tensor was coded");
}

void nyx_compress_describe(const nyx_compress *plan, nyx_json *object)
{
    nyx_json *tensors = nyx_json_add_array(object, "tensors");

    for (int64_t i = 0; i < plan->count; i++)
        describe_tensor(nyx_json_push_object(tensors), plan, &plan->tensors[i]);
    describe_totals(nyx_json_add_object(object, "totals"), plan);
}

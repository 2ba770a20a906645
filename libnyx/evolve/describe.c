/* describe -- what a search found, as JSON; and what a model takes on a device. */
#include "evolve/internal.h"

void nyx_search_result_release(nyx_search_result *r)
{
    for (int i = 0; i < NYX_PLANS; i++)
        nyx_free(r->plans[i].levels);
    for (int i = 0; i < r->point_count; i++)
        nyx_free(r->points[i].levels);
    nyx_free(r->points);
    nyx_free(r->sensitivity);
    nyx_knapsack_front_release(&r->front);
    *r = (nyx_search_result){0};
}

static void describe_interval(nyx_json *object, const char *key, double value, double low,
                              double high)
{
    nyx_json *json = nyx_json_add_object(object, key);

    nyx_json_set_real(json, "value", value);
    nyx_json_set_real(json, "low", low);
    nyx_json_set_real(json, "high", high);
}

static void describe_plan(nyx_json *plans, const nyx_search_result *r, const nyx_codings *c,
                          int which)
{
    const nyx_search_plan *p = &r->plans[which];
    nyx_json              *json;

    if (!p->levels)
        return;
    json = nyx_json_push_object(plans);
    nyx_json_set_text(json, "name", nyx_plan_name(which));
    nyx_json_set_int(json, "bytes", p->bytes);
    nyx_json_set_real(json, "bits_per_weight", nyx_codings_bits(c, p->bytes));
    nyx_json_set_real(json, "predicted", p->predicted);
    if (p->held_out.reason) {
        nyx_json_set_null(json, "kl", p->held_out.reason);
        nyx_json_set_null(json, "kl_more_than_evolved", p->held_out.reason);
        return;
    }
    describe_interval(json, "kl", p->held_out.value, p->held_out.low, p->held_out.high);
    describe_interval(json, "kl_more_than_evolved", p->against_evolved.difference,
                      p->against_evolved.low, p->against_evolved.high);
}

static void describe_tensors(const nyx_search_result *r, const nyx_codings *c, nyx_json *array)
{
    for (int i = 0; i < c->count; i++) {
        const int level = r->plans[NYX_EVOLVED].levels[i];
        nyx_json *json = nyx_json_push_object(array);
        char      text[NYX_FORMAT_TEXT];

        nyx_format_text(text, &c->formats[level]);
        nyx_json_set_text(json, "name", c->tensors[i].name);
        nyx_json_set_text(json, "format", text);
        nyx_json_set_int(json, "bytes", c->tensors[i].bytes[level]);
        nyx_json_set_real(json, "relative_mse", c->tensors[i].error[level]);
        nyx_json_set_real(json, "sensitivity", r->sensitivity[i]);
    }
}

static void describe_points(const nyx_search_result *r, const nyx_codings *c, nyx_json *object)
{
    nyx_json *array;

    if (!r->points)
        return;
    nyx_json_set_real(object, "hypervolume", r->hypervolume);
    array = nyx_json_add_array(object, "pareto");
    for (int i = 0; i < r->point_count; i++) {
        nyx_json *json = nyx_json_push_object(array), *formats;

        nyx_json_set_int(json, "bytes", r->points[i].bytes);
        nyx_json_set_real(json, "bits_per_weight", nyx_codings_bits(c, r->points[i].bytes));
        nyx_json_set_real(json, "squared_distance", r->points[i].distance);
        nyx_json_set_real(json, "us_per_token", r->points[i].us);
        formats = nyx_json_add_array(json, "formats");
        for (int t = 0; t < c->count; t++) {
            char text[NYX_FORMAT_TEXT];

            nyx_format_text(text, &c->formats[r->points[i].levels[t]]);
            nyx_json_push_text(formats, text);
        }
    }
}

static void describe_search(const nyx_search_result *r, nyx_json *json)
{
    nyx_json_set_int(json, "generations", r->generations);
    nyx_json_set_int(json, "accepted", r->accepted);
    nyx_json_set_int(json, "epochs", r->epochs);
    nyx_json_set_int(json, "candidates", r->candidates);
    nyx_json_set_int(json, "token_forwards", r->tokens);
    nyx_json_set_int(json, "judging_token_forwards", r->held_tokens);
    nyx_json_set_real(json, "share_of_pieces_run", r->pieces_share);
    nyx_json_set_int(json, "sample_rows", r->sample_rows);
    nyx_json_set_int(json, "held_out_rows", r->held_rows);
    nyx_json_set_int(json, "tokens_per_row", r->row_tokens);
    nyx_json_set_int(json, "rows_left_out", r->left_out);
    nyx_json_set_real(json, "squared_distance", r->plans[NYX_EVOLVED].searched);
    nyx_json_set_real(json, "error_exponent", r->exponent);
}

void nyx_search_describe(const nyx_search_result *r, const nyx_codings *c, nyx_json *object)
{
    nyx_json *array;

    nyx_json_set_int(object, "weights", c->elems);
    nyx_json_set_int(object, "file_bytes_most",
                     r->plans[NYX_EVOLVED].bytes + c->kept_bytes + c->header_bytes);
    array = nyx_json_add_array(object, "formats");
    for (int i = 0; i < c->levels; i++) {
        char text[NYX_FORMAT_TEXT];

        nyx_format_text(text, &c->formats[i]);
        nyx_json_push_text(array, text);
    }
    array = nyx_json_add_array(object, "plans");
    for (int i = 0; i < NYX_PLANS; i++)
        describe_plan(array, r, c, i);
    describe_tensors(r, c, nyx_json_add_array(object, "tensors"));
    describe_search(r, nyx_json_add_object(object, "search"));
    array = nyx_json_add_array(object, "front");
    for (int i = 0; i < r->front.count; i++) {
        nyx_json *json = nyx_json_push_object(array);

        nyx_json_set_int(json, "bytes", r->front.bytes[i]);
        nyx_json_set_real(json, "bits_per_weight", nyx_codings_bits(c, r->front.bytes[i]));
        nyx_json_set_real(json, "predicted", r->front.costs[i]);
    }
    describe_points(r, c, object);
}

/* ---- memory ------------------------------------------------------------------------------- */

static int planned(int64_t *out, nyx_device *device, nyx_config *config, const nyx_codings *c,
                   int level, nyx_format *formats)
{
    nyx_store     *store;
    nyx_evaluator *evaluator = NULL;
    nyx_memory     memory;
    int            status = nyx_store_create(&store, device, 1);

    if (status < 0)
        return status;
    for (int t = 0; t < c->count; t++)
        formats[nyx_model_parameter_find(config, c->tensors[t].name)] = c->formats[level];
    config->codings = formats;
    if ((status = nyx_evaluator_create(&evaluator, store, config, 1, false)) == 0) {
        memory = nyx_store_memory(store);
        *out = memory.variables + memory.arena + memory.workspace + memory.host;
        for (int t = 0; t < c->count; t++)
            *out -= c->tensors[t].bytes[level];
    }
    nyx_evaluator_free(evaluator);
    nyx_store_free(store);
    return status;
}

int nyx_codings_memory(int64_t *out, nyx_device *device, const nyx_codings *c, const char *model)
{
    nyx_config  config;
    nyx_format *formats = NULL;
    nyx_reader *file;
    int         status = nyx_reader_open(&file, model);

    *out = 0;
    if (status < 0)
        return status;
    if ((status = nyx_config_load(&config, file, model)) == 0 &&
        (status = nyx_parameters_codings(&formats, &config, file)) == 0)
        for (int t = 0; t < c->count && status == 0; t++)
            if (nyx_model_parameter_find(&config, c->tensors[t].name) < 0)
                status = nyx_error_set(NYX_ERR_INPUT,
                                       "'%s': tensor '%s' is none of the model's parameters", model,
                                       c->tensors[t].name);
    for (int level = 0; level < c->levels && status == 0; level++) {
        int64_t bytes = 0;

        if ((status = planned(&bytes, device, &config, c, level, formats)) == 0 && bytes > *out)
            *out = bytes;
    }
    nyx_free(formats);
    nyx_reader_close(file);
    return status;
}

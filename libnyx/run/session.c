/* session -- a model file made ready to run. */
#include "run/run.h"

#include <string.h>

struct nyx_session {
    nyx_config     config;
    nyx_format    *codings;
    nyx_store     *store;
    nyx_evaluator *evaluator;
    int64_t        slots;
    float         *logits; /* of a whole batch */
    float         *q_halt;
};

int nyx_config_load(nyx_config *out, nyx_reader *file, const char *path)
{
    nyx_json *json;
    int       status;

    if (!strcmp(nyx_reader_kind(file), "dataset"))
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is a dataset, a model is expected; nyx-train makes one", path);
    if ((status = nyx_reader_json(file, "/config", &json)) < 0)
        return status;
    if (!json)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has no /config; it is not a model that nyx-train wrote", path);
    status = nyx_config_parse(out, json, path);
    nyx_json_free(json);
    if (status == 0 && !out->data.length)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s': its /config lacks 'data'; it is not a trained model", path);
    return status;
}

/* Labels of a row are not tokens: the vocabulary says nothing of them. */
static int check_labels(const nyx_config *config, const struct nyx_split *split, int64_t ignore, const char *subject)
{
    const int64_t classes = nyx_config_classes(config);

    for (int64_t i = 0; i < split->rows; i++)
        if (split->targets[i] >= classes && split->targets[i] != ignore)
            return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has the label %d in row %lld, the model has %lld classes",
                                 subject, split->targets[i], (long long)i, (long long)classes);
    return 0;
}

int nyx_config_bind_dataset(nyx_config *config, const nyx_dataset *dataset, int64_t length, const char *subject)
{
    const int64_t row = dataset->length > 0 ? dataset->length : length;
    int           status;

    if ((status = nyx_config_bind(config, dataset->vocabulary, row, dataset->ignore, dataset->puzzles, subject)) < 0)
        return status;
    if (dataset->length > 0 && nyx_dataset_targets(dataset) != nyx_config_targets(config))
        return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has %lld targets a row, the model gives %lld", subject,
                             (long long)nyx_dataset_targets(dataset), (long long)nyx_config_targets(config));
    if (config->model.kind != NYX_MODEL_MLP)
        return 0;
    if ((status = check_labels(config, &dataset->train, dataset->ignore, subject)) < 0)
        return status;
    return check_labels(config, &dataset->test, dataset->ignore, subject);
}

/* What a session is to run on; `dataset` NULL: on what the model was trained. */
typedef struct {
    const nyx_dataset *dataset;
    int64_t            length;
    const char        *subject;
    enum nyx_activations activations;
} target;

static int session_load(nyx_session *s, nyx_device *device, nyx_reader *file, const char *path, const target *on)
{
    int status;

    if ((status = nyx_config_load(&s->config, file, path)) < 0 ||
        (on->dataset && (status = nyx_config_bind_dataset(&s->config, on->dataset, on->length, on->subject)) < 0) ||
        (status = nyx_parameters_codings(&s->codings, &s->config, file)) < 0 ||
        (status = nyx_store_create(&s->store, device, 1)) < 0)
        return status;
    s->config.codings = s->codings;
    s->config.activations = on->activations;
    if ((status = nyx_evaluator_create(&s->evaluator, s->store, &s->config, s->slots, false)) < 0 ||
        (status = nyx_store_allocate(s->store)) < 0 ||
        (status = nyx_parameters_load(s->store, &s->config, file)) < 0 ||
        (status = nyx_alloc(&s->q_halt, s->slots * (int64_t)sizeof(float))) < 0)
        return status;
    return nyx_alloc(&s->logits, s->slots * nyx_config_targets(&s->config) * nyx_config_classes(&s->config) *
                                   (int64_t)sizeof(float));
}

static int session_open(nyx_session **out, nyx_device *device, const char *path, int64_t slots, const target *on)
{
    nyx_session *s = NULL;
    nyx_reader  *file = NULL;
    int          status;

    *out = NULL;
    if ((status = nyx_alloc(&s, sizeof *s)) < 0)
        return status;
    s->slots = slots;
    if ((status = nyx_reader_open(&file, path)) == 0 && (status = session_load(s, device, file, path, on)) < 0 &&
        status != NYX_ERR_INPUT)
        nyx_error_wrap(status, "cannot load '%s'", path);
    nyx_reader_close(file);
    if (status < 0)
        nyx_session_close(s);
    else
        *out = s;
    return status;
}

int nyx_session_open(nyx_session **out, nyx_device *device, const char *path, int64_t slots)
{
    return session_open(out, device, path, slots, &(target){ 0 });
}

int nyx_session_open_on(nyx_session **out, nyx_device *device, const char *path, int64_t slots,
                        const nyx_dataset *dataset, int64_t length, const char *subject,
                        enum nyx_activations activations)
{
    return session_open(out, device, path, slots, &(target){ dataset, length, subject, activations });
}

void nyx_session_close(nyx_session *s)
{
    if (!s)
        return;
    nyx_evaluator_free(s->evaluator);
    nyx_store_free(s->store);
    nyx_free(s->logits);
    nyx_free(s->codings);
    nyx_free(s->q_halt);
    nyx_free(s);
}

const nyx_config *nyx_session_config(const nyx_session *s)
{
    return &s->config;
}

int64_t nyx_session_slots(const nyx_session *s)
{
    return s->slots;
}

void nyx_session_set_segments(nyx_session *s, int64_t segments)
{
    s->config.model.halt_max_steps = segments;
    nyx_evaluator_set_segments(s->evaluator, segments);
}

void nyx_session_digest(const nyx_session *s, char hex[NYX_SHA256_HEX])
{
    nyx_evaluator_digest(s->evaluator, hex);
}

int nyx_session_logits(nyx_session *s, const int32_t *inputs, const int32_t *ids, int64_t rows, float *logits)
{
    const int64_t row = nyx_config_targets(&s->config) * nyx_config_classes(&s->config);

    nyx_evaluator_run(s->evaluator, inputs, NULL, ids, rows);
    nyx_store_read(s->store, "eval.logits", s->logits);
    for (int64_t i = 0; i < rows * row; i++)
        logits[i] = s->logits[i];
    return nyx_store_check(s->store);
}

int nyx_session_q_halt(nyx_session *s, int64_t rows, float *q)
{
    nyx_store_read(s->store, "eval.q_halt", s->q_halt);
    for (int64_t i = 0; i < rows; i++)
        q[i] = s->q_halt[i];
    return nyx_store_check(s->store);
}

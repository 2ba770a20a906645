/* hrm-fixture -- what hrm-parity.c stands on: verdicts, the fixtures of the
 * original code in our words, and the programs of a model. */
#ifndef HRM_FIXTURE_H
#define HRM_FIXTURE_H

#include "device/device.h"
#include "file/file.h"
#include "train/train.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static int    passed, failed;
static double worst_ratio; /* of an error to its limit */

static inline _Noreturn void quit(void)
{
    fprintf(stderr, "hrm-parity: %s\n", nyx_error_text());
    exit(65);
}

static inline void must(int status)
{
    if (status < 0)
        quit();
}

static inline void *memory(int64_t bytes)
{
    void *data;

    must(nyx_alloc(&data, bytes));
    return data;
}

/* ---- verdicts ----------------------------------------------------------------------- */

static inline void verdict(bool good, const char *what, const char *text)
{
    printf("  %s %-40s %s\n", good ? "ok  " : "FAIL", what, text);
    passed += good;
    failed += !good;
}

static inline double relative(const double *got, const double *want, int64_t elems)
{
    double off = 0, size = 0;

    for (int64_t i = 0; i < elems; i++) {
        off += (got[i] - want[i]) * (got[i] - want[i]);
        size += want[i] * want[i];
    }
    return size > 0 ? sqrt(off / size) : sqrt(off);
}

static inline void near(const char *what, double error, double limit)
{
    char text[96];

    snprintf(text, sizeof text, "worst relative error %.2e (limit %.0e)", error, limit);
    worst_ratio = fmax(worst_ratio, error / limit);
    verdict(error <= limit, what, text);
}

static inline void same(const char *what, int64_t different, int64_t of)
{
    char text[96];

    snprintf(text, sizeof text, "%lld of %lld differ", (long long)different, (long long)of);
    verdict(different == 0, what, text);
}

static inline int64_t differing(const double *a, const double *b, int64_t elems)
{
    int64_t count = 0;

    for (int64_t i = 0; i < elems; i++)
        count += a[i] != b[i];
    return count;
}

/* ---- fixtures ------------------------------------------------------------------------- */

static inline double element(enum nyx_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case NYX_F32: return ((const float *)data)[i];
    case NYX_F64: return ((const double *)data)[i];
    case NYX_I8: return ((const int8_t *)data)[i];
    case NYX_U8: return ((const uint8_t *)data)[i];
    case NYX_I32: return ((const int32_t *)data)[i];
    case NYX_I64: return (double)((const int64_t *)data)[i];
    default:
        nyx_error_set(NYX_ERR_INPUT, "a fixture of type %s", nyx_dtype_name(dtype));
        quit();
    }
}

/* A dataset as double, or NULL when there is none. End with nyx_free. */
NYX_PRINTF(3, 4)
static inline double *dataset(nyx_reader *file, int64_t *elems, const char *fmt, ...)
{
    const nyx_entry *entry;
    char             path[256];
    double          *wide;
    void            *data;
    va_list          args;

    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    if (!(entry = nyx_reader_find(file, path)))
        return NULL;
    *elems = nyx_shape_count(&entry->shape);
    data = memory(entry->bytes);
    wide = memory(*elems * 8);
    must(nyx_reader_read(file, entry, data));
    for (int64_t i = 0; i < *elems; i++)
        wide[i] = element(entry->dtype, data, i);
    nyx_free(data);
    return wide;
}

static inline double number(nyx_reader *file, const char *path, const char *name)
{
    double value;

    must(nyx_reader_attribute_real(file, path, name, &value));
    return value;
}

static inline nyx_json *json_attribute(nyx_reader *file, const char *name)
{
    const char *text;
    nyx_json   *json;

    must(nyx_reader_attribute_text(file, "/", name, &text));
    must(nyx_json_parse(&json, text, (int64_t)strlen(text), name));
    return json;
}

/* Our name of a tensor in the original's words. */
static inline void original_name(char out[96], const char *name)
{
    static const char *const rows[][2] = {
        { "embed", "embed_tokens.embedding_weight" }, { "position", "embed_pos.embedding_weight" },
        { "puzzle", "puzzle_emb.weights" },           { "head", "lm_head.weight" },
        { "q_head", "q_head.weight" },                { "q_head.bias", "q_head.bias" },
        { "H.init", "H_init" },                       { "L.init", "L_init" },
        { "attn.qkv", "self_attn.qkv_proj" },         { "attn.out", "self_attn.o_proj" },
        { "mlp.gate_up", "mlp.gate_up_proj" },        { "mlp.down", "mlp.down_proj" },
    };
    const char *tail = name;
    int         layer = 0, used = 0;
    char        stack;

    if (sscanf(name, "%c.%d.%n", &stack, &layer, &used) == 2 && used > 0)
        tail = name + used;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(tail, rows[i][0]) != 0)
            continue;
        if (tail == name)
            snprintf(out, 96, "model.inner.%s", rows[i][1]);
        else
            snprintf(out, 96, "model.inner.%c_level.layers.%d.%s.weight", stack, layer, rows[i][1]);
    }
}

static inline int64_t integer_of(const nyx_json *json, const char *key)
{
    return nyx_json_int(nyx_json_get(json, key), 0);
}

static inline double real_of(const nyx_json *json, const char *key)
{
    return nyx_json_real(nyx_json_get(json, key), 0);
}

/* The fixture's configuration in our words. */
static inline void config_read(nyx_config *config, nyx_reader *file)
{
    nyx_json   *theirs = json_attribute(file, "config"), *rates = json_attribute(file, "optimizer");
    nyx_json   *root = nyx_json_object(), *model = nyx_json_add_object(root, "model");
    nyx_json   *training = nyx_json_add_object(root, "training");
    nyx_json   *optimizer = nyx_json_add_object(training, "optimizer");
    nyx_json   *puzzle = nyx_json_add_object(training, "puzzle");
    const char *loss;
    static const char *const integers[][2] = {
        { "width", "hidden_size" }, { "heads", "num_heads" },   { "h_layers", "H_layers" },
        { "l_layers", "L_layers" }, { "h_cycles", "H_cycles" }, { "l_cycles", "L_cycles" },
        { "halt_max_steps", "halt_max_steps" },                 { "puzzle_width", "puzzle_emb_ndim" },
    };
    static const char *const reals[][2] = {
        { "expansion", "expansion" },   { "halt_exploration", "halt_exploration_prob" },
        { "rope_theta", "rope_theta" }, { "rms_epsilon", "rms_norm_eps" },
    };

    must(nyx_reader_attribute_text(file, "/", "loss_type", &loss));
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        nyx_json_set_int(model, integers[i][0], integer_of(theirs, integers[i][1]));
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        nyx_json_set_real(model, reals[i][0], real_of(theirs, reals[i][1]));
    nyx_json_set_text(model, "position", nyx_json_text(nyx_json_get(theirs, "pos_encodings"), ""));
    nyx_json_set_text(model, "loss", strncmp(loss, "stablemax", 9) == 0 ? "stablemax" : "softmax");
    nyx_json_set_int(training, "batch", integer_of(theirs, "batch_size"));
    nyx_json_set_int(training, "steps", 1000);
    nyx_json_set_real(optimizer, "learning_rate", real_of(rates, "lr"));
    nyx_json_set_real(optimizer, "weight_decay", real_of(rates, "weight_decay"));
    nyx_json_set_real(optimizer, "beta1", real_of(rates, "beta1"));
    nyx_json_set_real(optimizer, "beta2", real_of(rates, "beta2"));
    nyx_json_set_real(puzzle, "learning_rate", real_of(rates, "puzzle_emb_lr"));
    nyx_json_set_real(puzzle, "weight_decay", real_of(rates, "puzzle_emb_weight_decay"));
    must(nyx_config_parse(config, root, "the fixture's configuration"));
    must(nyx_config_bind(config, integer_of(theirs, "vocab_size"), integer_of(theirs, "seq_len"), -100,
                         integer_of(theirs, "num_puzzle_identifiers"), "fixture"));
    nyx_json_free(root);
    nyx_json_free(theirs);
    nyx_json_free(rates);
}

/* ---- the machine ------------------------------------------------------------------------ */

enum { STEP, APPLY, EVAL, PROGRAMS };
typedef struct {
    const nyx_config *config;
    const char       *scenario; /* group of reference.h5 */
    nyx_reader       *reference, *initial;
    nyx_store        *store;
    nyx_graph        *graphs[PROGRAMS];
    nyx_program      *programs[PROGRAMS];
} run;

static nyx_passes passes; /* of the step */

/* Only the evaluation when `slots` is not the training batch. */
static inline void run_open(run *r, nyx_device *device, const nyx_config *config, int64_t train_slots,
                            int64_t eval_slots)
{
    nyx_step_options options = { .slots = train_slots, .batch = train_slots, .inspect = true };

    r->config = config;
    must(nyx_store_create(&r->store, device, 1));
    for (int i = train_slots > 0 ? STEP : EVAL; i < PROGRAMS; i++)
        must(nyx_graph_create(&r->graphs[i], NYX_F32));
    if (train_slots > 0) {
        nyx_model_build_step(r->graphs[STEP], config, &options);
        must(nyx_pass_apply(r->graphs[STEP], &passes));
        nyx_optimizer_build(r->graphs[APPLY], config, train_slots, 1, false);
    }
    nyx_model_build_eval(r->graphs[EVAL], config, eval_slots, false);
    for (int i = train_slots > 0 ? STEP : EVAL; i < PROGRAMS; i++)
        must(nyx_program_compile(&r->programs[i], r->store, r->graphs[i]));
    must(nyx_store_allocate(r->store));
}

static inline void run_close(run *r)
{
    for (int i = 0; i < PROGRAMS; i++)
        nyx_program_free(r->programs[i]);
    nyx_store_free(r->store);
    for (int i = 0; i < PROGRAMS; i++)
        nyx_graph_free(r->graphs[i]);
}

/* A variable as double; NULL when the store has none. */
static inline double *fetch(const run *r, int64_t *elems, const char *name)
{
    const int      index = nyx_store_find(r->store, name);
    enum nyx_dtype dtype;
    double        *wide;
    void          *data;

    if (index < 0)
        return NULL;
    dtype = nyx_store_variable(r->store, index)->dtype;
    *elems = nyx_store_bytes(r->store, index) / nyx_dtype_bytes(dtype);
    data = memory(nyx_store_bytes(r->store, index));
    wide = memory(*elems * 8);
    nyx_store_read(r->store, name, data);
    for (int64_t i = 0; i < *elems; i++)
        wide[i] = element(dtype, data, i);
    nyx_free(data);
    return wide;
}

/* Write doubles to a variable of either type. */
static inline void put(run *r, const char *name, const double *from)
{
    const int index = nyx_store_find(r->store, name);
    int64_t   elems;
    union { float f; int32_t i; } *data;

    if (index < 0)
        return; /* ids without a puzzle table */
    elems = nyx_store_bytes(r->store, index) / 4;
    data = memory(elems * 4);
    for (int64_t i = 0; i < elems; i++) {
        if (nyx_store_variable(r->store, index)->dtype == NYX_I32)
            data[i].i = (int32_t)from[i];
        else
            data[i].f = (float)from[i];
    }
    nyx_store_write(r->store, name, data);
    nyx_free(data);
}

/* Initial weights; those in the scenario's initial_overrides win. */
static inline void weights_load(run *r)
{
    for (int i = 0; i < nyx_model_parameter_count(r->config); i++) {
        const nyx_parameter p = nyx_model_parameter(r->config, i);
        char                name[96];
        int64_t             elems;
        double             *x;

        original_name(name, p.name);
        x = dataset(r->reference, &elems, "/%s/initial_overrides/%s", r->scenario, name);
        if (!x)
            x = dataset(r->initial, &elems, "/%s", name);
        if (!x || elems != nyx_shape_count(&p.shape)) {
            nyx_error_set(NYX_ERR_INPUT, "tensor '%s' of initial.h5 is missing or of another shape", name);
            quit();
        }
        put(r, p.name, x);
        nyx_free(x);
    }
}

#endif

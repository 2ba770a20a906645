#include "model/model.h"

#include <math.h>
#include <string.h>

enum kind { INTEGER, REAL, CHOICE };
enum presence { ANY, HRM_ONLY, TRANSFORMER_ONLY };

/* One field: where it is in the document and in the struct, and its value when
 * the document has none. Fields without a default are required by the schema
 * or filled in by the code below. */
typedef struct {
    const char        *group, *name;
    enum kind          kind;
    enum presence      presence;
    size_t             offset;
    double             otherwise;
    const char *const *choices;
} field;

static const char *const kinds[] = { "hrm", "transformer", NULL };
static const char *const positions[] = { "rope", "learned", NULL };
static const char *const losses[] = { "softmax", "stablemax", NULL };
static const char *const optimizers[] = { "adam_atan2", "adamw", NULL };

#define AT(member) offsetof(nyx_config, member)

static const field fields[] = {
    { "model", "kind", CHOICE, ANY, AT(model.kind), NYX_MODEL_HRM, kinds },
    { "model", "width", INTEGER, ANY, AT(model.width), 0, NULL },
    { "model", "heads", INTEGER, ANY, AT(model.heads), 0, NULL },
    { "model", "inner", INTEGER, ANY, AT(model.inner), 0, NULL },
    { "model", "layers", INTEGER, TRANSFORMER_ONLY, AT(model.h_layers), 0, NULL },
    { "model", "h_layers", INTEGER, HRM_ONLY, AT(model.h_layers), 0, NULL },
    { "model", "l_layers", INTEGER, HRM_ONLY, AT(model.l_layers), 0, NULL },
    { "model", "h_cycles", INTEGER, HRM_ONLY, AT(model.h_cycles), 2, NULL },
    { "model", "l_cycles", INTEGER, HRM_ONLY, AT(model.l_cycles), 2, NULL },
    { "model", "halt_max_steps", INTEGER, ANY, AT(model.halt_max_steps), 16, NULL },
    { "model", "halt_exploration", REAL, ANY, AT(model.halt_exploration), 0.1, NULL },
    { "model", "puzzle_width", INTEGER, ANY, AT(model.puzzle_width), 0, NULL },
    { "model", "position", CHOICE, ANY, AT(model.position), NYX_POSITION_ROPE, positions },
    { "model", "rope_theta", REAL, ANY, AT(model.rope_theta), 10000, NULL },
    { "model", "rms_epsilon", REAL, ANY, AT(model.rms_epsilon), 1e-5, NULL },
    { "model", "loss", CHOICE, ANY, AT(model.loss), NYX_STABLEMAX, losses },
    { "training", "batch", INTEGER, ANY, AT(training.batch), 0, NULL },
    { "training", "micro_batches", INTEGER, ANY, AT(training.micro_batches), 1, NULL },
    { "training", "steps", INTEGER, ANY, AT(training.steps), 0, NULL },
    { "training", "ema", REAL, ANY, AT(training.ema), 0, NULL },
    { "training", "evaluate_every", INTEGER, ANY, AT(training.evaluate_every), 0, NULL },
    { "training.optimizer", "kind", CHOICE, ANY, AT(training.optimizer.kind), NYX_ADAM_ATAN2, optimizers },
    { "training.optimizer", "learning_rate", REAL, ANY, AT(training.optimizer.learning_rate), 0, NULL },
    { "training.optimizer", "warmup_steps", INTEGER, ANY, AT(training.optimizer.warmup_steps), 0, NULL },
    { "training.optimizer", "floor", REAL, ANY, AT(training.optimizer.floor), 1, NULL },
    { "training.optimizer", "weight_decay", REAL, ANY, AT(training.optimizer.weight_decay), 0.1, NULL },
    { "training.optimizer", "beta1", REAL, ANY, AT(training.optimizer.beta1), 0.9, NULL },
    { "training.optimizer", "beta2", REAL, ANY, AT(training.optimizer.beta2), 0.95, NULL },
    { "training.optimizer", "epsilon", REAL, ANY, AT(training.optimizer.epsilon), 1e-8, NULL },
    { "training.optimizer", "clip", REAL, ANY, AT(training.optimizer.clip), 0, NULL },
    { "training.puzzle", "learning_rate", REAL, ANY, AT(training.puzzle.learning_rate), -1, NULL },
    { "training.puzzle", "weight_decay", REAL, ANY, AT(training.puzzle.weight_decay), -1, NULL },
    { "data", "vocabulary", INTEGER, ANY, AT(data.vocabulary), 0, NULL },
    { "data", "length", INTEGER, ANY, AT(data.length), 0, NULL },
    { "data", "ignore", INTEGER, ANY, AT(data.ignore), 0, NULL },
    { "data", "puzzles", INTEGER, ANY, AT(data.puzzles), 0, NULL },
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const nyx_json *field_get(const nyx_json *json, const field *f)
{
    return nyx_json_get(nyx_json_get(json, f->group), f->name);
}

static bool field_applies(const nyx_config *config, const field *f)
{
    return f->presence == ANY || (f->presence == TRANSFORMER_ONLY) == (config->model.kind == NYX_MODEL_TRANSFORMER);
}

/* Index of a text among the choices; the schema allows no other text. */
static int choice_of(const field *f, const char *text, int otherwise)
{
    for (int i = 0; text && f->choices[i]; i++) {
        if (strcmp(text, f->choices[i]) == 0)
            return i;
    }
    return otherwise;
}

static void field_parse(nyx_config *config, const field *f, const nyx_json *value)
{
    char *at = (char *)config + f->offset;

    if (f->kind == INTEGER)
        *(int64_t *)(void *)at = nyx_json_int(value, (int64_t)f->otherwise);
    else if (f->kind == REAL)
        *(double *)(void *)at = nyx_json_real(value, f->otherwise);
    else { /* enumerations all have the size of int here; see the assertions below */
        const int choice = choice_of(f, nyx_json_text(value, NULL), (int)f->otherwise);

        memcpy(at, &choice, sizeof choice);
    }
}

_Static_assert(sizeof(enum nyx_model_kind) == sizeof(int) && sizeof(enum nyx_position) == sizeof(int) &&
                   sizeof(enum nyx_probability) == sizeof(int) && sizeof(enum nyx_optimizer_kind) == sizeof(int),
               "choices are stored as int");

/* The rule of the original code: hrm-spec section 1. */
static int64_t inner_width(double expansion, int64_t width)
{
    const double exact = nearbyint(expansion * (double)width * 2.0 / 3.0);

    return ((int64_t)exact + 255) / 256 * 256;
}

static int complain(const char *subject, const char *why)
{
    return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': %s", subject, why);
}

/* What a schema cannot say: fields that belong to the other kind of model,
 * fields required by one kind, numbers that must divide each other. */
static int config_check(const nyx_config *config, const nyx_json *json, const char *subject)
{
    const bool hrm = config->model.kind == NYX_MODEL_HRM;

    for (int i = 0; i < FIELDS; i++) {
        if (!field_applies(config, &fields[i]) && field_get(json, &fields[i]))
            return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': '%s.%s' does not belong to kind %s; remove it",
                                 subject, fields[i].group, fields[i].name, kinds[config->model.kind]);
    }
    if (hrm && (config->model.h_layers == 0 || config->model.l_layers == 0))
        return complain(subject, "'model' lacks h_layers or l_layers, which kind hrm needs");
    if (!hrm && config->model.h_layers == 0)
        return complain(subject, "'model' lacks layers, which kind transformer needs");
    if (config->model.width % config->model.heads != 0)
        return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': model.heads %lld does not divide model.width %lld",
                             subject, (long long)config->model.heads, (long long)config->model.width);
    if (config->model.position == NYX_POSITION_ROPE && config->model.width / config->model.heads % 2 != 0)
        return complain(subject, "model.width / model.heads is odd; rotary positions need pairs");
    if (config->training.batch % config->training.micro_batches != 0)
        return nyx_error_set(NYX_ERR_INPUT,
                             "configuration '%s': training.micro_batches %lld does not divide training.batch %lld",
                             subject, (long long)config->training.micro_batches, (long long)config->training.batch);
    return 0;
}

int nyx_config_parse(nyx_config *out, const nyx_json *json, const char *subject)
{
    int status;

    memset(out, 0, sizeof *out);
    if ((status = nyx_schema_check("config", json, subject)) < 0)
        return status;
    for (int i = 0; i < FIELDS; i++) { /* `kind` comes first */
        if (field_applies(out, &fields[i]))
            field_parse(out, &fields[i], field_get(json, &fields[i]));
    }
    if (out->model.inner == 0)
        out->model.inner = inner_width(nyx_json_real(nyx_json_get(json, "model.expansion"), 4.0), out->model.width);
    if (out->model.kind == NYX_MODEL_TRANSFORMER)
        out->model.h_cycles = 1;
    if (out->training.puzzle.learning_rate < 0)
        out->training.puzzle.learning_rate = out->training.optimizer.learning_rate;
    if (out->training.puzzle.weight_decay < 0)
        out->training.puzzle.weight_decay = out->training.optimizer.weight_decay;
    return config_check(out, json, subject);
}

static void field_print(nyx_json *object, const field *f, const nyx_config *config)
{
    const char *at = (const char *)config + f->offset;
    int         choice;

    if (f->kind == INTEGER)
        nyx_json_set_int(object, f->name, *(const int64_t *)(const void *)at);
    else if (f->kind == REAL)
        nyx_json_set_real(object, f->name, *(const double *)(const void *)at);
    else {
        memcpy(&choice, at, sizeof choice);
        nyx_json_set_text(object, f->name, f->choices[choice]);
    }
}

nyx_json *nyx_config_json(const nyx_config *config)
{
    nyx_json *root = nyx_json_object();
    nyx_json *training = nyx_json_add_object(root, "training");
    struct { const char *group; nyx_json *object; } groups[] = {
        { "model", nyx_json_add_object(root, "model") },
        { "training", training },
        { "training.optimizer", nyx_json_add_object(training, "optimizer") },
        { "training.puzzle", nyx_json_add_object(training, "puzzle") },
        { "data", config->data.vocabulary > 0 ? nyx_json_add_object(root, "data") : NULL },
    };

    for (int i = 0; i < FIELDS; i++) {
        for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
            if (groups[k].object && strcmp(groups[k].group, fields[i].group) == 0 &&
                field_applies(config, &fields[i]))
                field_print(groups[k].object, &fields[i], config);
        }
    }
    return root;
}

int nyx_config_bind(nyx_config *config, int64_t vocabulary, int64_t length, int64_t ignore, int64_t puzzles,
                    const char *subject)
{
    const struct { const char *what; int64_t have, want; } facts[] = {
        { "vocabulary", vocabulary, config->data.vocabulary },
        { "length", length, config->data.length },
        { "ignore label", ignore, config->data.ignore },
    };

    NYX_BUG_IF(vocabulary < 1 || length < 1 || puzzles < 1);
    if (config->data.vocabulary == 0) {
        config->data.vocabulary = vocabulary;
        config->data.length = length;
        config->data.ignore = ignore;
        config->data.puzzles = puzzles;
        return 0;
    }
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (facts[i].have != facts[i].want)
            return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has %s %lld, the model %lld; it was trained on other data",
                                 subject, facts[i].what, (long long)facts[i].have, (long long)facts[i].want);
    }
    if (config->model.puzzle_width > 0 && puzzles > config->data.puzzles)
        return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has %lld puzzle ids, the model's table %lld rows", subject,
                             (long long)puzzles, (long long)config->data.puzzles);
    return 0;
}

int64_t nyx_config_prefix(const nyx_config *config)
{
    return (config->model.puzzle_width + config->model.width - 1) / config->model.width;
}

int64_t nyx_config_positions(const nyx_config *config)
{
    return nyx_config_prefix(config) + config->data.length;
}

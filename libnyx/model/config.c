#include "model/model.h"

#include <math.h>
#include <string.h>

enum kind { INTEGER, REAL, CHOICE, FLAG };
/* Which kinds of model have a field. */
enum presence {
    HRM = 1 << NYX_MODEL_HRM,
    TRANSFORMER = 1 << NYX_MODEL_TRANSFORMER,
    DECODER = 1 << NYX_MODEL_DECODER,
    MLP = 1 << NYX_MODEL_MLP,
    PUZZLES = HRM | TRANSFORMER, /* the outer loop of deep supervision */
    PLAIN = DECODER | MLP,
    BLOCKS = PUZZLES | DECODER,
    ANY = BLOCKS | MLP
};

/* One field: where it is in the document and in the struct, and its value when
 * the document has none. A name may stand twice, with other defaults for other
 * kinds. Fields without a default are required by the schema or by kind_check,
 * or filled in by the code below. */
typedef struct {
    const char        *group, *name;
    enum kind          kind;
    enum presence      presence;
    size_t             offset;
    double             otherwise;
    const char *const *choices;
} field;

static const char *const kinds[] = { "hrm", "transformer", "decoder", "mlp", NULL };
static const char *const norms[] = { "rmsnorm", "layernorm", NULL };
static const char *const activations[] = { "swiglu", "gelu", "relu", NULL };
static const char *const positions[] = { "rope", "learned", NULL };
static const char *const losses[] = { "softmax", "stablemax", NULL };
static const char *const optimizers[] = { "adam_atan2", "adamw", NULL };

#define AT(member) offsetof(nyx_config, member)

static const field fields[] = {
    { "model", "kind", CHOICE, ANY, AT(model.kind), NYX_MODEL_HRM, kinds },
    { "model", "width", INTEGER, BLOCKS, AT(model.width), 0, NULL },
    { "model", "heads", INTEGER, BLOCKS, AT(model.heads), 0, NULL },
    { "model", "kv_heads", INTEGER, DECODER, AT(model.kv_heads), 0, NULL },
    { "model", "head_width", INTEGER, DECODER, AT(model.head_width), 0, NULL },
    { "model", "inner", INTEGER, BLOCKS, AT(model.inner), 0, NULL },
    { "model", "layers", INTEGER, TRANSFORMER | DECODER, AT(model.h_layers), 0, NULL },
    { "model", "h_layers", INTEGER, HRM, AT(model.h_layers), 0, NULL },
    { "model", "l_layers", INTEGER, HRM, AT(model.l_layers), 0, NULL },
    { "model", "h_cycles", INTEGER, HRM, AT(model.h_cycles), 2, NULL },
    { "model", "l_cycles", INTEGER, HRM, AT(model.l_cycles), 2, NULL },
    { "model", "halt_max_steps", INTEGER, PUZZLES, AT(model.halt_max_steps), 16, NULL },
    { "model", "halt_exploration", REAL, PUZZLES, AT(model.halt_exploration), 0.1, NULL },
    { "model", "puzzle_width", INTEGER, PUZZLES, AT(model.puzzle_width), 0, NULL },
    { "model", "context", INTEGER, DECODER, AT(model.context), 0, NULL },
    { "model", "position", CHOICE, BLOCKS, AT(model.position), NYX_POSITION_ROPE, positions },
    { "model", "rope_theta", REAL, BLOCKS, AT(model.rope_theta), 10000, NULL },
    { "model", "rms_epsilon", REAL, PUZZLES, AT(model.rms_epsilon), 1e-5, NULL },
    { "model", "norm", CHOICE, DECODER, AT(model.norm), NYX_NORM_RMS, norms },
    { "model", "norm_epsilon", REAL, DECODER, AT(model.norm_epsilon), 1e-5, NULL },
    { "model", "activation", CHOICE, DECODER, AT(model.activation), NYX_SWIGLU, activations },
    { "model", "activation", CHOICE, MLP, AT(model.activation), NYX_RELU, activations },
    { "model", "bias", FLAG, DECODER, AT(model.bias), 0, NULL },
    { "model", "tied", FLAG, DECODER, AT(model.tied), 0, NULL },
    { "model", "loss", CHOICE, PUZZLES, AT(model.loss), NYX_STABLEMAX, losses },
    { "model", "loss", CHOICE, PLAIN, AT(model.loss), NYX_SOFTMAX, losses },
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
    { "training.puzzle", "learning_rate", REAL, PUZZLES, AT(training.puzzle.learning_rate), -1, NULL },
    { "training.puzzle", "weight_decay", REAL, PUZZLES, AT(training.puzzle.weight_decay), -1, NULL },
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
    return (f->presence >> config->model.kind & 1) != 0;
}

/* Whether the kind has a field of this name. */
static bool name_applies(const nyx_config *config, const field *f)
{
    for (int i = 0; i < FIELDS; i++) {
        if (field_applies(config, &fields[i]) && strcmp(fields[i].group, f->group) == 0 &&
            strcmp(fields[i].name, f->name) == 0)
            return true;
    }
    return false;
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
    else if (f->kind == FLAG)
        *(bool *)(void *)at = nyx_json_bool(value, f->otherwise != 0);
    else { /* enumerations all have the size of int here; see the assertions below */
        const int choice = choice_of(f, nyx_json_text(value, NULL), (int)f->otherwise);

        memcpy(at, &choice, sizeof choice);
    }
}

_Static_assert(sizeof(enum nyx_model_kind) == sizeof(int) && sizeof(enum nyx_position) == sizeof(int) &&
                   sizeof(enum nyx_probability) == sizeof(int) && sizeof(enum nyx_optimizer_kind) == sizeof(int) &&
                   sizeof(enum nyx_norm) == sizeof(int) && sizeof(enum nyx_activation) == sizeof(int),
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

static int lacks(const nyx_config *config, const char *subject, const char *what)
{
    return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': 'model' lacks %s, which kind %s needs", subject, what,
                         kinds[config->model.kind]);
}

static int check_mlp(const nyx_config *config, const char *subject)
{
    if (config->model.width_count < 2)
        return lacks(config, subject, "widths");
    return config->model.activation != NYX_SWIGLU
               ? 0 : complain(subject, "model.activation swiglu needs gates, which kind mlp has not");
}

static int check_decoder(const nyx_config *config, const char *subject)
{
    if (config->model.context == 0)
        return lacks(config, subject, "context");
    if (config->model.inner == 0)
        return lacks(config, subject, "inner");
    if (config->model.activation == NYX_RELU)
        return complain(subject, "model.activation relu does not belong to kind decoder; swiglu or gelu does");
    if (config->model.heads % config->model.kv_heads != 0)
        return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': model.kv_heads %lld does not divide model.heads %lld",
                             subject, (long long)config->model.kv_heads, (long long)config->model.heads);
    return 0;
}

/* What each kind needs, and numbers that must divide each other. */
static int check_model(const nyx_config *config, const nyx_json *json, const char *subject)
{
    const bool hrm = config->model.kind == NYX_MODEL_HRM, decoder = config->model.kind == NYX_MODEL_DECODER;
    int        status;

    if (config->model.kind == NYX_MODEL_MLP)
        return check_mlp(config, subject);
    if (config->model.width == 0 || config->model.heads == 0)
        return lacks(config, subject, "width or heads");
    if (hrm && (config->model.h_layers == 0 || config->model.l_layers == 0))
        return lacks(config, subject, "h_layers or l_layers");
    if (config->model.h_layers == 0)
        return lacks(config, subject, "layers");
    if (decoder && (status = check_decoder(config, subject)) < 0)
        return status;
    if (!nyx_json_get(nyx_json_get(json, "model"), "head_width") && config->model.width % config->model.heads != 0)
        return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': model.heads %lld does not divide model.width %lld",
                             subject, (long long)config->model.heads, (long long)config->model.width);
    if (config->model.position == NYX_POSITION_ROPE && config->model.head_width % 2 != 0)
        return complain(subject, decoder ? "model.head_width is odd; rotary positions need pairs"
                                         : "model.width / model.heads is odd; rotary positions need pairs");
    return 0;
}

/* What a schema cannot say: fields that belong to the other kind of model,
 * fields required by one kind, numbers that must divide each other. */
static int config_check(const nyx_config *config, const nyx_json *json, const char *subject)
{
    static const struct { const char *path; enum presence presence; } others[] = {
        { "model.widths", MLP }, { "model.expansion", PUZZLES }, { "training.puzzle", PUZZLES },
    };
    int status;

    for (int i = 0; i < FIELDS; i++) {
        if (!name_applies(config, &fields[i]) && field_get(json, &fields[i]))
            return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': '%s.%s' does not belong to kind %s; remove it",
                                 subject, fields[i].group, fields[i].name, kinds[config->model.kind]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!(others[i].presence >> config->model.kind & 1) && nyx_json_get(json, others[i].path))
            return nyx_error_set(NYX_ERR_INPUT, "configuration '%s': '%s' does not belong to kind %s; remove it",
                                 subject, others[i].path, kinds[config->model.kind]);
    }
    if ((status = check_model(config, json, subject)) < 0)
        return status;
    if (config->training.batch % config->training.micro_batches != 0)
        return nyx_error_set(NYX_ERR_INPUT,
                             "configuration '%s': training.micro_batches %lld does not divide training.batch %lld",
                             subject, (long long)config->training.micro_batches, (long long)config->training.batch);
    return 0;
}

/* Fields whose default depends on others. */
static void fill_in(nyx_config *config, const nyx_json *model)
{
    const nyx_json *widths = nyx_json_get(model, "widths");

    if (config->model.kind == NYX_MODEL_MLP)
        config->model.width_count = nyx_json_count(widths); /* the schema allows no more than fit */
    for (int64_t i = 0; i < config->model.width_count; i++)
        config->model.widths[i] = nyx_json_int(nyx_json_item(widths, i), 0);
    if (config->model.kind == NYX_MODEL_MLP || config->model.kind == NYX_MODEL_DECODER)
        config->model.halt_max_steps = 1;
    if (config->model.kind == NYX_MODEL_TRANSFORMER)
        config->model.h_cycles = 1;
    if (config->model.inner == 0 && (PUZZLES >> config->model.kind & 1))
        config->model.inner = inner_width(nyx_json_real(nyx_json_get(model, "expansion"), 4.0), config->model.width);
    if (config->model.heads > 0 && config->model.kv_heads == 0)
        config->model.kv_heads = config->model.heads;
    if (config->model.heads > 0 && config->model.head_width == 0)
        config->model.head_width = config->model.width / config->model.heads;
    if (config->training.puzzle.learning_rate < 0)
        config->training.puzzle.learning_rate = config->training.optimizer.learning_rate;
    if (config->training.puzzle.weight_decay < 0)
        config->training.puzzle.weight_decay = config->training.optimizer.weight_decay;
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
    fill_in(out, nyx_json_get(json, "model"));
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
    else if (f->kind == FLAG)
        nyx_json_set_bool(object, f->name, *(const bool *)(const void *)at);
    else {
        memcpy(&choice, at, sizeof choice);
        nyx_json_set_text(object, f->name, f->choices[choice]);
    }
}

nyx_json *nyx_config_json(const nyx_config *config)
{
    nyx_json *root = nyx_json_object();
    nyx_json *training = nyx_json_add_object(root, "training"), *widths;
    struct { const char *group; nyx_json *object; } groups[] = {
        { "model", nyx_json_add_object(root, "model") },
        { "training", training },
        { "training.optimizer", nyx_json_add_object(training, "optimizer") },
        { "training.puzzle", PUZZLES >> config->model.kind & 1 ? nyx_json_add_object(training, "puzzle") : NULL },
        { "data", config->data.vocabulary > 0 ? nyx_json_add_object(root, "data") : NULL },
    };

    if (config->model.kind == NYX_MODEL_MLP) {
        widths = nyx_json_add_array(groups[0].object, "widths");
        for (int64_t i = 0; i < config->model.width_count; i++)
            nyx_json_push_int(widths, config->model.widths[i]);
    }
    for (int i = 0; i < FIELDS; i++) {
        for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
            if (groups[k].object && strcmp(groups[k].group, fields[i].group) == 0 &&
                field_applies(config, &fields[i]))
                field_print(groups[k].object, &fields[i], config);
        }
    }
    return root;
}

/* A decoder takes rows of any length that it can see, and a stream (length 0)
 * in windows of its whole context; every dataset brings its ignore label. */
static int bind_decoder(nyx_config *config, int64_t length, int64_t ignore, const char *subject)
{
    if (length > config->model.context)
        return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has rows of %lld tokens, model.context is %lld", subject,
                             (long long)length, (long long)config->model.context);
    config->data.length = length > 0 ? length : config->model.context;
    config->data.ignore = ignore;
    return 0;
}

int nyx_config_bind(nyx_config *config, int64_t vocabulary, int64_t length, int64_t ignore, int64_t puzzles,
                    const char *subject)
{
    const bool decoder = config->model.kind == NYX_MODEL_DECODER;
    const struct { const char *what; int64_t have, want; } facts[] = {
        { "vocabulary", vocabulary, config->data.vocabulary },
        { "length", decoder ? config->data.length : length, config->data.length },
        { "ignore label", decoder ? config->data.ignore : ignore, config->data.ignore },
    };

    NYX_BUG_IF(vocabulary < 1 || length < 0 || puzzles < 1);
    if (length == 0 && !decoder)
        return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' is a stream of tokens, which a model of kind %s cannot read",
                             subject, kinds[config->model.kind]);
    if (config->model.kind == NYX_MODEL_MLP && length != config->model.widths[0])
        return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has rows of %lld numbers, the model reads %lld", subject,
                             (long long)length, (long long)config->model.widths[0]);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (config->data.vocabulary > 0 && facts[i].have != facts[i].want)
            return nyx_error_set(NYX_ERR_INPUT,
                                 "dataset '%s' has %s %lld, the model %lld; it was trained on other data", subject,
                                 facts[i].what, (long long)facts[i].have, (long long)facts[i].want);
    }
    if (config->model.puzzle_width > 0 && config->data.vocabulary > 0 && puzzles > config->data.puzzles)
        return nyx_error_set(NYX_ERR_INPUT, "dataset '%s' has %lld puzzle ids, the model's table %lld rows", subject,
                             (long long)puzzles, (long long)config->data.puzzles);
    if (config->data.vocabulary == 0) {
        config->data.vocabulary = vocabulary;
        config->data.length = length;
        config->data.ignore = ignore;
        config->data.puzzles = puzzles;
    }
    return decoder ? bind_decoder(config, length, ignore, subject) : 0;
}

int64_t nyx_config_targets(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_MLP ? 1 : config->data.length;
}

int64_t nyx_config_classes(const nyx_config *config)
{
    return config->model.kind == NYX_MODEL_MLP ? config->model.widths[config->model.width_count - 1]
                                               : config->data.vocabulary;
}

int64_t nyx_config_prefix(const nyx_config *config)
{
    if (config->model.puzzle_width == 0)
        return 0;
    return (config->model.puzzle_width + config->model.width - 1) / config->model.width;
}

int64_t nyx_config_positions(const nyx_config *config)
{
    return nyx_config_prefix(config) + config->data.length;
}

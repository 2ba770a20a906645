/* identify -- whose model a foreign file holds: family, names, configuration.
 */
#include "convert/internal.h"

#include <math.h>
#include <string.h>

double nyx_convert__decimal(double single)
{
    char text[32];

    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, single);
        if ((float)strtod(text, NULL) == (float)single)
            return strtod(text, NULL);
    }
    return single;
}

/* ---- typed fields ------------------------------------------------------------------ */

/* Where fields are looked up: in a configuration, or under "llama." in GGUF's keys. */
typedef struct {
    const char     *path;
    const nyx_json *json;
    const char     *prefix;
    int             status;
} fields;

static const nyx_json *field(const fields *f, const char *name)
{
    char key[96];

    snprintf(key, sizeof key, "%s%s", f->prefix, name);
    return nyx_json_get(f->json, key);
}

static void complain(fields *f, const char *name, const char *why)
{
    if (f->status == 0)
        f->status = nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': the configuration's '%s%s' %s", f->path, f->prefix,
                                  name, why);
}

/* A positive whole number; `otherwise` where it is absent or null, which -1 forbids. */
static int64_t whole(fields *f, const char *name, int64_t otherwise)
{
    const nyx_json *value = field(f, name);
    const int64_t   number = nyx_json_int(value, -1);

    if (nyx_json_kind_of(value) == NYX_JSON_NULL) {
        if (otherwise < 0)
            complain(f, name, "is missing");
        return otherwise;
    }
    if (number < 1 || number > INT32_MAX)
        complain(f, name, "is no whole number from 1 to 2147483647");
    return number;
}

static double real(fields *f, const char *name, double otherwise)
{
    const nyx_json *value = field(f, name);
    const double    number = nyx_json_real(value, NAN);

    if (nyx_json_kind_of(value) == NYX_JSON_NULL)
        return otherwise;
    if (!(number >= 0))
        complain(f, name, "is no number from 0");
    return nyx_convert__decimal(number);
}

static bool truth(fields *f, const char *name, bool otherwise)
{
    const nyx_json *value = field(f, name);

    if (nyx_json_kind_of(value) == NYX_JSON_NULL)
        return otherwise;
    if (nyx_json_kind_of(value) != NYX_JSON_BOOL)
        complain(f, name, "is neither true nor false");
    return nyx_json_bool(value, otherwise);
}

/* Something that changes what the model computes and that we do not compute. */
static void refuse(fields *f, const char *name, const char *what)
{
    if (f->status == 0)
        f->status = nyx_error_set(NYX_ERR_UNSUPPORTED, "cannot convert '%s': %s ('%s%s') is not computed by Nyx",
                                  f->path, what, f->prefix, name);
}

static void expect_text(fields *f, const char *name, const char *const *allowed, const char *what)
{
    const char *text = nyx_json_text(field(f, name), NULL);

    if (nyx_json_kind_of(field(f, name)) == NYX_JSON_NULL)
        return;
    if (!text)
        complain(f, name, "is no text");
    for (int i = 0; text && allowed[i]; i++) {
        if (strcmp(text, allowed[i]) == 0)
            return;
    }
    refuse(f, name, what);
}

/* ---- our configuration ---------------------------------------------------------------- */

typedef struct {
    int64_t width, heads, kv_heads, head_width, layers, inner, context, vocabulary;
    double  epsilon, theta;
    bool    gpt2, bias, tied;
} decoder;

/* Settings of a short fine-tuning: /config must say how to train, and a
 * foreign file does not. */
static void add_training(nyx_json *config, bool decodes)
{
    nyx_json *training = nyx_json_add_object(config, "training"), *optimizer;

    nyx_json_set_int(training, "batch", decodes ? 8 : 64);
    nyx_json_set_int(training, "steps", 1000);
    optimizer = nyx_json_add_object(training, "optimizer");
    nyx_json_set_text(optimizer, "kind", "adamw");
    nyx_json_set_real(optimizer, "learning_rate", decodes ? 1e-4 : 1e-3);
}

static int finish(nyx_config *out, nyx_json *json, int64_t vocabulary, int64_t length, int64_t ignore, int64_t puzzles,
                  const char *path)
{
    int status = json ? nyx_config_parse(out, json, path)
                      : nyx_error_set(NYX_ERR_MEMORY, "no memory for the configuration of '%s'", path);

    nyx_json_free(json);
    if (status == 0)
        status = nyx_config_bind(out, vocabulary, length, ignore, puzzles, path);
    return status;
}

static int decoder_config(nyx_config *out, const decoder *d, const char *path)
{
    nyx_json *json = nyx_json_object(), *model = nyx_json_add_object(json, "model");

    nyx_json_set_text(model, "kind", "decoder");
    nyx_json_set_int(model, "width", d->width);
    nyx_json_set_int(model, "heads", d->heads);
    nyx_json_set_int(model, "kv_heads", d->kv_heads);
    nyx_json_set_int(model, "head_width", d->head_width);
    nyx_json_set_int(model, "layers", d->layers);
    nyx_json_set_int(model, "inner", d->inner);
    nyx_json_set_int(model, "context", d->context);
    nyx_json_set_text(model, "norm", d->gpt2 ? "layernorm" : "rmsnorm");
    nyx_json_set_real(model, "norm_epsilon", d->epsilon);
    nyx_json_set_text(model, "activation", d->gpt2 ? "gelu" : "swiglu");
    nyx_json_set_text(model, "position", d->gpt2 ? "learned" : "rope");
    if (!d->gpt2)
        nyx_json_set_real(model, "rope_theta", d->theta);
    nyx_json_set_bool(model, "bias", d->bias);
    nyx_json_set_bool(model, "tied", d->tied);
    nyx_json_set_text(model, "loss", "softmax");
    add_training(json, true);
    return finish(out, json, d->vocabulary, d->context, -1, 1, path);
}

/* ---- Hugging Face ---------------------------------------------------------------------- */

static int hf_llama(nyx_config *out, fields *f)
{
    static const char *const silu[] = { "silu", "swish", NULL }, *const plain[] = { "default", NULL };
    fields                   rope = { f->path, nyx_json_get(f->json, "rope_parameters"), "", 0 };
    decoder                  d = { 0 };
    const int64_t            window = whole(f, "sliding_window", INT32_MAX);

    d.width = whole(f, "hidden_size", -1);
    d.heads = whole(f, "num_attention_heads", -1);
    d.kv_heads = whole(f, "num_key_value_heads", d.heads);
    d.head_width = whole(f, "head_dim", d.heads > 0 ? d.width / d.heads : 1);
    d.layers = whole(f, "num_hidden_layers", -1);
    d.inner = whole(f, "intermediate_size", -1);
    d.context = whole(f, "max_position_embeddings", 2048);
    d.vocabulary = whole(f, "vocab_size", -1);
    d.epsilon = real(f, "rms_norm_eps", 1e-6);
    d.theta = real(f, "rope_theta", real(&rope, "rope_theta", 10000));
    d.bias = truth(f, "attention_bias", false);
    d.tied = truth(f, "tie_word_embeddings", false);
    expect_text(f, "hidden_act", silu, "this activation");
    expect_text(&rope, "rope_type", plain, "scaled rotation of positions");
    if (nyx_json_kind_of(field(f, "rope_scaling")) != NYX_JSON_NULL)
        refuse(f, "rope_scaling", "scaled rotation of positions");
    if (truth(f, "mlp_bias", false) != d.bias)
        refuse(f, "mlp_bias", "a bias in some linear layers only");
    if (window < d.context)
        refuse(f, "sliding_window", "attention to a sliding window");
    if (f->status < 0 || rope.status < 0)
        return f->status < 0 ? f->status : rope.status;
    return decoder_config(out, &d, f->path);
}

/* HF's names or minGPT's. */
static int gpt2_config(nyx_config *out, fields *f, bool mingpt)
{
    static const char *const gelu[] = { "gelu_new", "gelu_pytorch_tanh", NULL };
    decoder                  d = { .gpt2 = true, .bias = true };

    d.width = whole(f, "n_embd", -1);
    d.heads = whole(f, "n_head", -1);
    d.kv_heads = d.heads;
    d.head_width = d.heads > 0 ? d.width / d.heads : 1;
    d.layers = whole(f, "n_layer", -1);
    d.inner = whole(f, "n_inner", 4 * d.width);
    d.context = mingpt ? whole(f, "block_size", -1) : whole(f, "n_positions", whole(f, "n_ctx", 1024));
    d.vocabulary = whole(f, "vocab_size", -1);
    d.epsilon = real(f, "layer_norm_epsilon", 1e-5);
    d.tied = mingpt ? false : truth(f, "tie_word_embeddings", true);
    expect_text(f, "activation_function", gelu, "this activation");
    if (truth(f, "scale_attn_by_inverse_layer_idx", false))
        refuse(f, "scale_attn_by_inverse_layer_idx", "attention scaled by layer");
    return f->status < 0 ? f->status : decoder_config(out, &d, f->path);
}

/* Rules of expansion differ, so the shape of a tensor says how wide the gated
 * unit is. */
static int64_t hrm_inner(const nyx_convert__identity *who, const nyx_foreign *file)
{
    char                      name[NYX_CONVERT__NAME];
    const nyx_foreign_tensor *down;

    snprintf(name, sizeof name, "%sH_level.layers.0.mlp.down_proj.weight", who->prefix);
    down = nyx_foreign_find(file, name);
    return down && down->shape.rank == 2 ? down->shape.dims[1] : -1;
}

static int hrm_config(nyx_config *out, fields *f, int64_t inner)
{
    static const char *const codes[] = { "rope", "learned", NULL };
    static const char *const losses[] = { "stablemax_cross_entropy", "softmax_cross_entropy", NULL };
    const char              *loss = nyx_json_text(field(f, "loss_type"), losses[0]);
    const char              *position = nyx_json_text(field(f, "pos_encodings"), "rope");
    const int64_t            vocabulary = whole(f, "vocab_size", -1), length = whole(f, "seq_len", -1);
    const int64_t            puzzles = whole(f, "num_puzzle_identifiers", 1);
    nyx_json                *json = nyx_json_object(), *model = nyx_json_add_object(json, "model");

    expect_text(f, "pos_encodings", codes, "this code of positions");
    expect_text(f, "loss_type", losses, "this loss");
    nyx_json_set_text(model, "kind", "hrm");
    nyx_json_set_int(model, "width", whole(f, "hidden_size", -1));
    nyx_json_set_int(model, "heads", whole(f, "num_heads", -1));
    if (inner > 0)
        nyx_json_set_int(model, "inner", inner);
    else
        nyx_json_set_real(model, "expansion", real(f, "expansion", 4));
    nyx_json_set_int(model, "h_layers", whole(f, "H_layers", -1));
    nyx_json_set_int(model, "l_layers", whole(f, "L_layers", -1));
    nyx_json_set_int(model, "h_cycles", whole(f, "H_cycles", -1));
    nyx_json_set_int(model, "l_cycles", whole(f, "L_cycles", -1));
    nyx_json_set_int(model, "halt_max_steps", whole(f, "halt_max_steps", 16));
    nyx_json_set_real(model, "halt_exploration", real(f, "halt_exploration_prob", 0.1));
    nyx_json_set_int(model, "puzzle_width", nyx_json_int(field(f, "puzzle_emb_ndim"), 0));
    nyx_json_set_text(model, "position", position);
    nyx_json_set_real(model, "rope_theta", real(f, "rope_theta", 10000));
    nyx_json_set_real(model, "rms_epsilon", real(f, "rms_norm_eps", 1e-5));
    nyx_json_set_text(model, "loss", strncmp(loss, "softmax", 7) == 0 ? "softmax" : "stablemax");
    add_training(json, false);
    if (f->status < 0) {
        nyx_json_free(json);
        return f->status;
    }
    return finish(out, json, vocabulary, length, nyx_json_int(field(f, "ignore_label_id"), 0), puzzles, f->path);
}

/* ---- GGUF ------------------------------------------------------------------------------- */

static int gguf_config(nyx_config *out, const nyx_foreign *file, fields *f, bool gpt2)
{
    const nyx_foreign_tensor *embed = nyx_foreign_find(file, "token_embd.weight");
    decoder                   d = { .gpt2 = gpt2, .bias = gpt2 };

    f->prefix = gpt2 ? "gpt2." : "llama.";
    d.width = whole(f, "embedding_length", -1);
    d.heads = whole(f, "attention.head_count", -1);
    d.kv_heads = gpt2 ? d.heads : whole(f, "attention.head_count_kv", d.heads);
    d.head_width = whole(f, "attention.key_length", d.heads > 0 ? d.width / d.heads : 1);
    d.layers = whole(f, "block_count", -1);
    d.inner = whole(f, "feed_forward_length", -1);
    d.context = whole(f, "context_length", -1);
    d.epsilon = real(f, gpt2 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-5);
    d.theta = real(f, "rope.freq_base", 10000);
    d.tied = !nyx_foreign_find(file, "output.weight");
    if (!gpt2)
        d.bias = nyx_foreign_find(file, "blk.0.attn_q.bias") != NULL;
    if (!embed || embed->shape.rank != 2)
        complain(f, "embedding_length", "is of no use: tensor 'token_embd.weight' is missing or no matrix");
    else
        d.vocabulary = embed->shape.dims[0];
    if (whole(f, "vocab_size", d.vocabulary) != d.vocabulary)
        complain(f, "vocab_size", "is not the number of rows of 'token_embd.weight'");
    if (whole(f, "attention.value_length", d.head_width) != d.head_width)
        refuse(f, "attention.value_length", "a width of values that is not the width of keys");
    if (whole(f, "rope.dimension_count", d.head_width) != d.head_width)
        refuse(f, "rope.dimension_count", "rotation of a part of the head");
    if (nyx_json_kind_of(field(f, "expert_count")) != NYX_JSON_NULL && nyx_json_int(field(f, "expert_count"), 0) != 0)
        refuse(f, "expert_count", "a mixture of experts");
    if (nyx_foreign_find(file, "rope_freqs.weight") ||
        strcmp(nyx_json_text(field(f, "rope.scaling.type"), "none"), "none") != 0)
        refuse(f, "rope.scaling.type", "scaled rotation of positions");
    return f->status < 0 ? f->status : decoder_config(out, &d, f->path);
}

/* ---- perceptrons --------------------------------------------------------------------------- */

/* Widths out of the shapes; inputs are bytes over 255. */
static int mlp_config(nyx_config *out, const nyx_foreign *file)
{
    nyx_json     *json = nyx_json_object(), *model = nyx_json_add_object(json, "model"), *widths;
    const int64_t layers = nyx_foreign_count(file) / 2;
    int64_t       first = 0;

    nyx_json_set_text(model, "kind", "mlp");
    widths = nyx_json_add_array(model, "widths");
    for (int64_t i = 0; i < layers; i++) {
        const nyx_foreign_tensor *weight = nyx_convert__mlp_weight(file, i);

        if (i == 0)
            nyx_json_push_int(widths, first = weight->shape.dims[1]);
        nyx_json_push_int(widths, weight->shape.dims[0]);
    }
    add_training(json, false);
    return finish(out, json, 256, first, -1, 1, nyx_foreign_path(file));
}

/* ---- deciding ------------------------------------------------------------------------------ */

static bool has(const nyx_foreign *file, const char *prefix, const char *name)
{
    char full[NYX_CONVERT__NAME];

    snprintf(full, sizeof full, "%s%s", prefix, name);
    return nyx_foreign_find(file, full) != NULL;
}

static void find_prefix(nyx_convert__identity *out, const nyx_foreign *file, const char *probe,
                        const char *const *prefixes)
{
    for (int i = 0; prefixes[i]; i++) {
        snprintf(out->prefix, sizeof out->prefix, "%s", prefixes[i]);
        if (has(file, prefixes[i], probe))
            return;
    }
}

static int identify_gguf(nyx_convert__identity *out, const nyx_foreign *file, fields *f)
{
    const char *architecture = nyx_json_text(nyx_json_get(f->json, "general.architecture"), NULL);
    const bool  gpt2 = architecture && strcmp(architecture, "gpt2") == 0;

    if (!architecture)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': key 'general.architecture' is missing or no text",
                             f->path);
    if (!gpt2 && strcmp(architecture, "llama") != 0)
        return nyx_error_set(NYX_ERR_UNSUPPORTED, "cannot convert '%s': its architecture '%.40s' is not known; llama "
                             "and gpt2 are", f->path, architecture);
    out->family = gpt2 ? NYX_CONVERT__GPT2 : NYX_CONVERT__LLAMA;
    out->dialect = NYX_CONVERT__GGUF;
    return gguf_config(&out->config, file, f, gpt2);
}

static int identify_config(nyx_convert__identity *out, const nyx_foreign *file, fields *f)
{
    static const char *const hrm[] = { "model.inner.", "_orig_mod.model.inner.", "", NULL };
    static const char *const gpt2[] = { "transformer.", "", NULL }, *const none[] = { "", NULL };
    const char              *type = nyx_json_text(nyx_json_get(f->json, "model_type"), NULL);
    const bool               mingpt = nyx_foreign_kind_of(file) == NYX_FOREIGN_MINGPT;

    out->dialect = mingpt ? NYX_CONVERT__MINGPT : NYX_CONVERT__HF;
    if (nyx_json_get(f->json, "H_cycles")) {
        out->family = NYX_CONVERT__HRM;
        find_prefix(out, file, "q_head.weight", hrm);
        return hrm_config(&out->config, f, hrm_inner(out, file));
    }
    if (mingpt || (type && strcmp(type, "gpt2") == 0)) {
        out->family = NYX_CONVERT__GPT2;
        find_prefix(out, file, "wte.weight", gpt2);
        return gpt2_config(&out->config, f, mingpt);
    }
    if (type && (strcmp(type, "llama") == 0 || strcmp(type, "mistral") == 0)) {
        out->family = NYX_CONVERT__LLAMA;
        find_prefix(out, file, "", none);
        return hf_llama(&out->config, f);
    }
    if (!type)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': the configuration's 'model_type' is missing or no text",
                             f->path);
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "cannot convert '%s': a model of type '%.40s' is not known; llama, "
                         "mistral and gpt2 are", f->path, type);
}

int nyx_convert__identify(nyx_convert__identity *out, const nyx_foreign *file)
{
    fields f = { nyx_foreign_path(file), nyx_foreign_config(file), "", 0 };

    *out = (nyx_convert__identity) { 0 };
    if (nyx_foreign_kind_of(file) == NYX_FOREIGN_GGUF || nyx_foreign_kind_of(file) == NYX_FOREIGN_LLAMA2C) {
        f.json = nyx_foreign_metadata(file);
        return identify_gguf(out, file, &f);
    }
    if (f.json && !(nyx_json_kind_of(f.json) == NYX_JSON_OBJECT))
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': its configuration is no JSON object", f.path);
    if (f.json && !nyx_convert__mlp_weight(file, 0))
        return identify_config(out, file, &f);
    if (!nyx_convert__mlp_weight(file, 0))
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': no configuration says what its tensors are; "
                             "put config.json beside it or name one with --config", f.path);
    out->family = NYX_CONVERT__MLP;
    return mlp_config(&out->config, file);
}

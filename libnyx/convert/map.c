/* map -- the names of tensors here and elsewhere.
 */
#include "convert/internal.h"

#include <string.h>

/* Behind "blocks.N." here, "model.layers.N.", "h.N.", "blk.N." there; names
 * outside the blocks have their own prefixes in. NULL: the family has none. */
static const struct name {
    const char *ours;
    bool        block;
    const char *hf_llama, *hf_gpt2, *gguf_llama, *gguf_gpt2;
} names[] = {
    { "embed", false, "model.embed_tokens", "wte", "token_embd", "token_embd" },
    { "position", false, NULL, "wpe", NULL, "position_embd" },
    { "attn_norm", true, "input_layernorm", "ln_1", "attn_norm", "attn_norm" },
    { "attn.q", true, "self_attn.q_proj", "attn.c_attn", "attn_q", "attn_qkv" },
    { "attn.k", true, "self_attn.k_proj", "attn.c_attn", "attn_k", "attn_qkv" },
    { "attn.v", true, "self_attn.v_proj", "attn.c_attn", "attn_v", "attn_qkv" },
    { "attn.out", true, "self_attn.o_proj", "attn.c_proj", "attn_output", "attn_output" },
    { "mlp_norm", true, "post_attention_layernorm", "ln_2", "ffn_norm", "ffn_norm" },
    { "mlp.gate", true, "mlp.gate_proj", NULL, "ffn_gate", NULL },
    { "mlp.up", true, "mlp.up_proj", "mlp.c_fc", "ffn_up", "ffn_up" },
    { "mlp.down", true, "mlp.down_proj", "mlp.c_proj", "ffn_down", "ffn_down" },
    { "norm", false, "model.norm", "ln_f", "output_norm", "output_norm" },
    { "head", false, "lm_head", "lm_head", "output", "output" },
};

/* The original HRM behind "model.inner." */
static const struct { const char *ours, *theirs; } hrm_names[] = {
    { "embed", "embed_tokens.embedding_weight" }, { "position", "embed_pos.embedding_weight" },
    { "puzzle", "puzzle_emb.weights" },           { "head", "lm_head.weight" },
    { "q_head", "q_head.weight" },                { "q_head.bias", "q_head.bias" },
    { "H.init", "H_init" },                       { "L.init", "L_init" },
}, hrm_block_names[] = {
    { "attn.qkv", "self_attn.qkv_proj" }, { "attn.out", "self_attn.o_proj" },
    { "mlp.gate_up", "mlp.gate_up_proj" }, { "mlp.down", "mlp.down_proj" },
};

const char *nyx_convert__family_name(enum nyx_convert__family family)
{
    static const char *const texts[] = { "llama", "gpt2", "hrm", "mlp" };

    return texts[family];
}

int nyx_convert__family_of(enum nyx_convert__family *out, const nyx_config *config, const char *subject)
{
    const bool rms = config->model.norm == NYX_NORM_RMS, rope = config->model.position == NYX_POSITION_ROPE;
    const bool gated = config->model.activation == NYX_SWIGLU;

    switch (config->model.kind) {
    case NYX_MODEL_HRM:
        *out = NYX_CONVERT__HRM;
        return 0;
    case NYX_MODEL_MLP:
        *out = NYX_CONVERT__MLP;
        return 0;
    case NYX_MODEL_DECODER:
        *out = rms ? NYX_CONVERT__LLAMA : NYX_CONVERT__GPT2;
        if (rms && rope && gated)
            return 0;
        if (!rms && !rope && !gated && config->model.bias && config->model.kv_heads == config->model.heads)
            return 0;
        return nyx_error_set(NYX_ERR_UNSUPPORTED,
                             "'%s': other programs know Llama (rmsnorm, rope, swiglu) and GPT-2 (layernorm, learned "
                             "positions, gelu, biases); this decoder is a mixture",
                             subject);
    case NYX_MODEL_TRANSFORMER:
        break;
    }
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s': other programs know no model of kind transformer", subject);
}

/* ---- decoders ------------------------------------------------------------------- */

static const char *theirs_of(const struct name *name, enum nyx_convert__family family,
                             enum nyx_convert__dialect dialect)
{
    if (dialect == NYX_CONVERT__GGUF)
        return family == NYX_CONVERT__LLAMA ? name->gguf_llama : name->gguf_gpt2;
    return family == NYX_CONVERT__LLAMA ? name->hf_llama : name->hf_gpt2;
}

/* "blocks.3.attn.q.bias" -> block 3, "attn.q", bias. */
static const struct name *parse_ours(const char *full, int *block, bool *bias)
{
    const char *rest = full;
    size_t      length;

    *block = -1;
    if (strncmp(full, "blocks.", 7) == 0) {
        char *end;

        *block = (int)strtol(full + 7, &end, 10);
        rest = end + 1;
    }
    length = strlen(rest);
    *bias = length > 5 && strcmp(rest + length - 5, ".bias") == 0;
    if (*bias)
        length -= 5;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].block == (*block >= 0) && strlen(names[i].ours) == length &&
            strncmp(names[i].ours, rest, length) == 0)
            return &names[i];
    }
    return NULL;
}

/* q, k and v of GPT-2 are thirds of one tensor. */
static void place_in_qkv(nyx_convert__part *part, const nyx_config *config, const char *ours)
{
    const int64_t rows = config->model.heads * config->model.head_width;

    part->first = strcmp(ours, "attn.q") == 0 ? 0 : strcmp(ours, "attn.k") == 0 ? rows : 2 * rows;
    part->total = 3 * rows;
}

static void decoder_part(nyx_convert__part *part, const nyx_config *config, enum nyx_convert__family family,
                         enum nyx_convert__dialect dialect, const char *prefix)
{
    const char *inside = dialect == NYX_CONVERT__GGUF ? "blk" : family == NYX_CONVERT__LLAMA ? "model.layers" : "h";
    const struct name *name;
    const char        *theirs, *end;
    int                block;
    bool               bias, linear;

    name = parse_ours(part->name, &block, &bias);
    NYX_BUG_IF(!name || !theirs_of(name, family, dialect));
    theirs = theirs_of(name, family, dialect);
    end = bias ? "bias" : "weight";
    if (block >= 0)
        snprintf(part->foreign, sizeof part->foreign, "%s%s.%d.%s.%s", prefix, inside, block, theirs, end);
    else
        snprintf(part->foreign, sizeof part->foreign, "%s%s.%s", strcmp(theirs, "lm_head") == 0 ? "" : prefix, theirs,
                 end);
    linear = name->block && !strstr(name->ours, "norm");
    part->transposed = linear && !bias && family == NYX_CONVERT__GPT2 && dialect == NYX_CONVERT__HF;
    if (family == NYX_CONVERT__GPT2 && strncmp(name->ours, "attn.", 5) == 0 && strcmp(name->ours, "attn.out") != 0)
        place_in_qkv(part, config, name->ours);
    if (family == NYX_CONVERT__LLAMA && dialect == NYX_CONVERT__GGUF &&
        (strcmp(name->ours, "attn.q") == 0 || strcmp(name->ours, "attn.k") == 0))
        part->pairs = config->model.head_width;
}

/* ---- HRM ------------------------------------------------------------------------ */

static void hrm_part(nyx_convert__part *part, const char *prefix)
{
    for (size_t i = 0; i < sizeof hrm_names / sizeof *hrm_names; i++) {
        if (strcmp(part->name, hrm_names[i].ours) == 0) {
            snprintf(part->foreign, sizeof part->foreign, "%s%s", prefix, hrm_names[i].theirs);
            return;
        }
    }
    for (size_t i = 0; i < sizeof hrm_block_names / sizeof *hrm_block_names; i++) {
        const char *rest = strchr(part->name + 2, '.');

        if (rest && strcmp(rest + 1, hrm_block_names[i].ours) == 0) {
            snprintf(part->foreign, sizeof part->foreign, "%s%c_level.layers.%d.%s.weight", prefix, part->name[0],
                     atoi(part->name + 2), hrm_block_names[i].theirs);
            return;
        }
    }
    NYX_BUG_IF(true);
}

/* ---- the map -------------------------------------------------------------------- */

static int by_foreign(const void *a, const void *b)
{
    const nyx_convert__part *left = a, *right = b;
    const int                order = strcmp(left->foreign, right->foreign);

    return order ? order : left->first < right->first ? -1 : left->first > right->first;
}

int nyx_convert__map_create(nyx_convert__map *out, const nyx_config *config, enum nyx_convert__family family,
                            enum nyx_convert__dialect dialect, const char *prefix)
{
    int status;

    *out = (nyx_convert__map) { .count = nyx_model_parameter_count(config) };
    if ((status = nyx_alloc(&out->parts, out->count * (int64_t)sizeof *out->parts)) < 0)
        return status;
    for (int64_t i = 0; i < out->count; i++) {
        const nyx_parameter p = nyx_model_parameter(config, (int)i);
        nyx_convert__part  *part = &out->parts[i];

        snprintf(part->name, sizeof part->name, "%s", p.name);
        part->shape = p.shape;
        part->total = p.shape.dims[0];
        if (family == NYX_CONVERT__HRM)
            hrm_part(part, prefix);
        else if (family == NYX_CONVERT__MLP)
            snprintf(part->foreign, sizeof part->foreign, "%s", part->name);
        else
            decoder_part(part, config, family, dialect, prefix);
    }
    qsort(out->parts, (size_t)out->count, sizeof *out->parts, by_foreign);
    return 0;
}

void nyx_convert__map_release(nyx_convert__map *map)
{
    nyx_free(map->parts);
    *map = (nyx_convert__map) { 0 };
}

/* Half row i of a head is row 2 i there, half row i + d/2 row 2 i + 1. */
int64_t nyx_convert__foreign_row(const nyx_convert__part *part, int64_t r)
{
    const int64_t d = part->pairs, in = d ? r % d : 0;

    if (!d)
        return r;
    return r - in + (in < d / 2 ? 2 * in : 2 * (in - d / 2) + 1);
}

nyx_shape nyx_convert__foreign_shape(const nyx_convert__part *part)
{
    nyx_shape shape = part->shape;

    shape.dims[0] = part->total;
    if (part->transposed) {
        shape.dims[0] = part->shape.dims[1];
        shape.dims[1] = part->total;
    }
    return shape;
}

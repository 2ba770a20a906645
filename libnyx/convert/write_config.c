/* write_config -- our configuration in the words of other programs.
 */
#include "convert/internal.h"

#include <stddef.h>
#include <string.h>

/* A number of ours under another name. */
typedef struct {
    const char *key;
    size_t      offset; /* in nyx_config */
    enum { WHOLE, REAL, TRUTH } kind;
} field;

#define MODEL(member) offsetof(nyx_config, model.member)
#define DATA(member)  offsetof(nyx_config, data.member)

static const field hf_llama[] = {
    { "hidden_size", MODEL(width), WHOLE },         { "intermediate_size", MODEL(inner), WHOLE },
    { "num_hidden_layers", MODEL(h_layers), WHOLE }, { "num_attention_heads", MODEL(heads), WHOLE },
    { "num_key_value_heads", MODEL(kv_heads), WHOLE }, { "head_dim", MODEL(head_width), WHOLE },
    { "max_position_embeddings", MODEL(context), WHOLE }, { "rms_norm_eps", MODEL(norm_epsilon), REAL },
    { "rope_theta", MODEL(rope_theta), REAL },      { "attention_bias", MODEL(bias), TRUTH },
    { "mlp_bias", MODEL(bias), TRUTH },             { 0 },
};
static const field hf_gpt2[] = {
    { "n_embd", MODEL(width), WHOLE },   { "n_inner", MODEL(inner), WHOLE },
    { "n_layer", MODEL(h_layers), WHOLE }, { "n_head", MODEL(heads), WHOLE },
    { "n_positions", MODEL(context), WHOLE }, { "layer_norm_epsilon", MODEL(norm_epsilon), REAL },
    { 0 },
};
static const field hrm[] = { /* as the original code names them */
    { "hidden_size", MODEL(width), WHOLE },       { "num_heads", MODEL(heads), WHOLE },
    { "H_layers", MODEL(h_layers), WHOLE },       { "L_layers", MODEL(l_layers), WHOLE },
    { "H_cycles", MODEL(h_cycles), WHOLE },       { "L_cycles", MODEL(l_cycles), WHOLE },
    { "halt_max_steps", MODEL(halt_max_steps), WHOLE }, { "halt_exploration_prob", MODEL(halt_exploration), REAL },
    { "puzzle_emb_ndim", MODEL(puzzle_width), WHOLE }, { "num_puzzle_identifiers", DATA(puzzles), WHOLE },
    { "rope_theta", MODEL(rope_theta), REAL },    { "rms_norm_eps", MODEL(rms_epsilon), REAL },
    { "seq_len", DATA(length), WHOLE },           { "ignore_label_id", DATA(ignore), WHOLE },
    { 0 },
};
static const field gguf[] = { /* behind "llama." or "gpt2." */
    { "embedding_length", MODEL(width), WHOLE },  { "feed_forward_length", MODEL(inner), WHOLE },
    { "block_count", MODEL(h_layers), WHOLE },    { "attention.head_count", MODEL(heads), WHOLE },
    { "context_length", MODEL(context), WHOLE },  { "vocab_size", DATA(vocabulary), WHOLE },
    { 0 },
};
static const field gguf_llama[] = {
    { "attention.head_count_kv", MODEL(kv_heads), WHOLE }, { "attention.key_length", MODEL(head_width), WHOLE },
    { "attention.value_length", MODEL(head_width), WHOLE }, { "rope.dimension_count", MODEL(head_width), WHOLE },
    { "rope.freq_base", MODEL(rope_theta), REAL }, { "attention.layer_norm_rms_epsilon", MODEL(norm_epsilon), REAL },
    { 0 },
};
static const field gguf_gpt2[] = { { "attention.layer_norm_epsilon", MODEL(norm_epsilon), REAL }, { 0 } };

static void put_fields(nyx_json *out, const char *prefix, const field *fields, const nyx_config *config)
{
    for (; fields->key; fields++) {
        const void *at = (const char *)config + fields->offset;
        char        key[96];

        snprintf(key, sizeof key, "%s%s", prefix, fields->key);
        if (fields->kind == WHOLE)
            nyx_json_set_int(out, key, *(const int64_t *)at);
        else if (fields->kind == REAL)
            nyx_json_set_real(out, key, *(const double *)at);
        else
            nyx_json_set_bool(out, key, *(const bool *)at);
    }
}

/* The original works the inner width out of the expansion, as a multiple of
 * 256; here the shapes say it. */
static void put_hrm(nyx_json *out, const nyx_config *config)
{
    put_fields(out, "", hrm, config);
    nyx_json_set_real(out, "expansion", 1.5 * (double)config->model.inner / (double)config->model.width);
    nyx_json_set_text(out, "pos_encodings", config->model.position == NYX_POSITION_ROPE ? "rope" : "learned");
    nyx_json_set_text(out, "loss_type", config->model.loss == NYX_SOFTMAX ? "softmax_cross_entropy"
                                                                          : "stablemax_cross_entropy");
}

nyx_json *nyx_convert__hf_config(const nyx_config *config, enum nyx_convert__family family, const char *dtype,
                                 const nyx_tokenizer *tokenizer)
{
    const bool llama = family == NYX_CONVERT__LLAMA;
    nyx_json  *out = nyx_json_object();

    nyx_json_set_int(out, "vocab_size", config->data.vocabulary);
    if (family == NYX_CONVERT__HRM) {
        put_hrm(out, config);
        return out;
    }
    put_fields(out, "", llama ? hf_llama : hf_gpt2, config);
    nyx_json_push_text(nyx_json_add_array(out, "architectures"), llama ? "LlamaForCausalLM" : "GPT2LMHeadModel");
    nyx_json_set_text(out, "model_type", nyx_convert__family_name(family));
    nyx_json_set_text(out, llama ? "hidden_act" : "activation_function", llama ? "silu" : "gelu_new");
    nyx_json_set_bool(out, "tie_word_embeddings", config->model.tied);
    nyx_json_set_text(out, "torch_dtype", dtype);
    if (tokenizer && nyx_tokenizer_bos(tokenizer) >= 0)
        nyx_json_set_int(out, "bos_token_id", nyx_tokenizer_bos(tokenizer));
    if (tokenizer && nyx_tokenizer_eos(tokenizer) >= 0)
        nyx_json_set_int(out, "eos_token_id", nyx_tokenizer_eos(tokenizer));
    return out;
}

nyx_json *nyx_convert__gguf_keys(const nyx_config *config, enum nyx_convert__family family)
{
    const bool  llama = family == NYX_CONVERT__LLAMA;
    const char *prefix = llama ? "llama." : "gpt2.";
    nyx_json   *out = nyx_json_object();

    nyx_json_set_text(out, "general.architecture", nyx_convert__family_name(family));
    nyx_json_set_text(out, "general.type", "model");
    put_fields(out, prefix, gguf, config);
    put_fields(out, prefix, llama ? gguf_llama : gguf_gpt2, config);
    return out;
}

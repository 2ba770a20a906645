/* write_config -- our configuration in the words of other programs.
 */
#include "convert/internal.h"

#include <string.h>

static void hf_llama(nyx_json *out, const nyx_config *config)
{
    nyx_json_push_text(nyx_json_add_array(out, "architectures"), "LlamaForCausalLM");
    nyx_json_set_text(out, "model_type", "llama");
    nyx_json_set_int(out, "hidden_size", config->model.width);
    nyx_json_set_int(out, "intermediate_size", config->model.inner);
    nyx_json_set_int(out, "num_hidden_layers", config->model.h_layers);
    nyx_json_set_int(out, "num_attention_heads", config->model.heads);
    nyx_json_set_int(out, "num_key_value_heads", config->model.kv_heads);
    nyx_json_set_int(out, "head_dim", config->model.head_width);
    nyx_json_set_int(out, "max_position_embeddings", config->model.context);
    nyx_json_set_real(out, "rms_norm_eps", config->model.norm_epsilon);
    nyx_json_set_real(out, "rope_theta", config->model.rope_theta);
    nyx_json_set_text(out, "hidden_act", "silu");
    nyx_json_set_bool(out, "attention_bias", config->model.bias);
    nyx_json_set_bool(out, "mlp_bias", config->model.bias);
}

static void hf_gpt2(nyx_json *out, const nyx_config *config)
{
    nyx_json_push_text(nyx_json_add_array(out, "architectures"), "GPT2LMHeadModel");
    nyx_json_set_text(out, "model_type", "gpt2");
    nyx_json_set_int(out, "n_embd", config->model.width);
    nyx_json_set_int(out, "n_inner", config->model.inner);
    nyx_json_set_int(out, "n_layer", config->model.h_layers);
    nyx_json_set_int(out, "n_head", config->model.heads);
    nyx_json_set_int(out, "n_positions", config->model.context);
    nyx_json_set_real(out, "layer_norm_epsilon", config->model.norm_epsilon);
    nyx_json_set_text(out, "activation_function", "gelu_new");
}

/* As the original code names them. It works the inner width out of the
 * expansion, as a multiple of 256; here the shapes say it. */
static void hrm(nyx_json *out, const nyx_config *config)
{
    nyx_json_set_int(out, "hidden_size", config->model.width);
    nyx_json_set_int(out, "num_heads", config->model.heads);
    nyx_json_set_real(out, "expansion", 1.5 * (double)config->model.inner / (double)config->model.width);
    nyx_json_set_int(out, "H_layers", config->model.h_layers);
    nyx_json_set_int(out, "L_layers", config->model.l_layers);
    nyx_json_set_int(out, "H_cycles", config->model.h_cycles);
    nyx_json_set_int(out, "L_cycles", config->model.l_cycles);
    nyx_json_set_int(out, "halt_max_steps", config->model.halt_max_steps);
    nyx_json_set_real(out, "halt_exploration_prob", config->model.halt_exploration);
    nyx_json_set_int(out, "puzzle_emb_ndim", config->model.puzzle_width);
    nyx_json_set_int(out, "num_puzzle_identifiers", config->data.puzzles);
    nyx_json_set_text(out, "pos_encodings", config->model.position == NYX_POSITION_ROPE ? "rope" : "learned");
    nyx_json_set_real(out, "rope_theta", config->model.rope_theta);
    nyx_json_set_real(out, "rms_norm_eps", config->model.rms_epsilon);
    nyx_json_set_text(out, "loss_type", config->model.loss == NYX_SOFTMAX ? "softmax_cross_entropy"
                                                                          : "stablemax_cross_entropy");
    nyx_json_set_int(out, "seq_len", config->data.length);
    nyx_json_set_int(out, "ignore_label_id", config->data.ignore);
}

nyx_json *nyx_convert__hf_config(const nyx_config *config, enum nyx_convert__family family, const char *dtype,
                                 const nyx_tokenizer *tokenizer)
{
    nyx_json *out = nyx_json_object();

    nyx_json_set_int(out, "vocab_size", config->data.vocabulary);
    if (family == NYX_CONVERT__HRM) {
        hrm(out, config);
        return out;
    }
    if (family == NYX_CONVERT__LLAMA)
        hf_llama(out, config);
    else
        hf_gpt2(out, config);
    nyx_json_set_bool(out, "tie_word_embeddings", config->model.tied);
    nyx_json_set_text(out, "torch_dtype", dtype);
    if (tokenizer && nyx_tokenizer_bos(tokenizer) >= 0)
        nyx_json_set_int(out, "bos_token_id", nyx_tokenizer_bos(tokenizer));
    if (tokenizer && nyx_tokenizer_eos(tokenizer) >= 0)
        nyx_json_set_int(out, "eos_token_id", nyx_tokenizer_eos(tokenizer));
    return out;
}

static void set(nyx_json *out, const char *prefix, const char *name, int64_t value)
{
    char key[96];

    snprintf(key, sizeof key, "%s%s", prefix, name);
    nyx_json_set_int(out, key, value);
}

nyx_json *nyx_convert__gguf_keys(const nyx_config *config, enum nyx_convert__family family)
{
    const char *prefix = family == NYX_CONVERT__LLAMA ? "llama." : "gpt2.";
    nyx_json   *out = nyx_json_object();

    nyx_json_set_text(out, "general.architecture", nyx_convert__family_name(family));
    nyx_json_set_text(out, "general.type", "model");
    set(out, prefix, "embedding_length", config->model.width);
    set(out, prefix, "feed_forward_length", config->model.inner);
    set(out, prefix, "block_count", config->model.h_layers);
    set(out, prefix, "attention.head_count", config->model.heads);
    set(out, prefix, "context_length", config->model.context);
    set(out, prefix, "vocab_size", config->data.vocabulary);
    if (family == NYX_CONVERT__GPT2) {
        nyx_json_set_real(out, "gpt2.attention.layer_norm_epsilon", config->model.norm_epsilon);
        return out;
    }
    set(out, prefix, "attention.head_count_kv", config->model.kv_heads);
    set(out, prefix, "attention.key_length", config->model.head_width);
    set(out, prefix, "attention.value_length", config->model.head_width);
    set(out, prefix, "rope.dimension_count", config->model.head_width);
    nyx_json_set_real(out, "llama.rope.freq_base", config->model.rope_theta);
    nyx_json_set_real(out, "llama.attention.layer_norm_rms_epsilon", config->model.norm_epsilon);
    return out;
}

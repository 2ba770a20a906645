/* small_models -- configurations that the tests of model share. */
#ifndef SMALL_MODELS_H
#define SMALL_MODELS_H

#include "machine.h"
#include "model/model.h"

/* What every configuration needs beside its model. */
#define REQUIRED "\"training\":{\"batch\":4,\"steps\":9,\"optimizer\":{\"learning_rate\":0.5}}"
static const char hrm_text[] __attribute__((unused)) =
    "{\"model\":{\"width\":16,\"heads\":2,\"inner\":24,\"h_layers\":1,\"l_layers\":1,\"halt_max_steps\":3,"
    "\"halt_exploration\":0,\"puzzle_width\":24}," REQUIRED "}";
static const char learned_text[] __attribute__((unused)) =
    "{\"model\":{\"width\":16,\"heads\":4,\"inner\":20,\"h_layers\":2,\"l_layers\":1,\"h_cycles\":3,\"l_cycles\":1,"
    "\"halt_max_steps\":2,\"halt_exploration\":0,\"position\":\"learned\",\"loss\":\"softmax\"}," REQUIRED "}";
static const char transformer_text[] __attribute__((unused)) =
    "{\"model\":{\"kind\":\"transformer\",\"width\":16,\"heads\":2,\"inner\":24,\"layers\":2,\"halt_max_steps\":3,"
    "\"halt_exploration\":0,\"puzzle_width\":8,\"loss\":\"softmax\"}," REQUIRED "}";
static const char llama_text[] __attribute__((unused)) =
    "{\"model\":{\"kind\":\"decoder\",\"width\":12,\"heads\":4,\"kv_heads\":2,\"head_width\":4,\"layers\":2,"
    "\"inner\":20,\"context\":16}," REQUIRED "}";
static const char gpt2_text[] __attribute__((unused)) =
    "{\"model\":{\"kind\":\"decoder\",\"width\":12,\"heads\":3,\"layers\":2,\"inner\":48,\"context\":16,"
    "\"norm\":\"layernorm\",\"activation\":\"gelu\",\"position\":\"learned\",\"bias\":true,\"tied\":true},"
    REQUIRED "}";
static const char mlp_text[] __attribute__((unused)) =
    "{\"model\":{\"kind\":\"mlp\",\"widths\":[16,20,5]}," REQUIRED "}";
static const char v1_text[] __attribute__((unused)) =
    "{\"model\":{\"width\":512,\"heads\":8,\"h_layers\":4,\"l_layers\":4,\"puzzle_width\":512}," REQUIRED "}";

static inline int parse(nyx_config *config, const char *text)
{
    nyx_json *json;
    int       status;

    ok(nyx_json_parse(&json, text, (int64_t)strlen(text), "c"));
    status = nyx_config_parse(config, json, "c");
    nyx_json_free(json);
    return status;
}

/* Rows of 16 tokens, as a 4 x 4 Sudoku. */
static inline nyx_config bound(const char *text)
{
    nyx_config config;

    ok(parse(&config, text));
    ok(nyx_config_bind(&config, 7, 16, -100, 5, "d"));
    return config;
}

#endif

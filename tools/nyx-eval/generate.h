/* generate -- nyx-eval --generate: a decoder goes on with a text. */
#ifndef NYX_EVAL_GENERATE_H
#define NYX_EVAL_GENERATE_H

#include "cli/cli.h"
#include "graph/inference.h"

typedef struct {
    bool        on;
    const char *prompt, *prompt_file, *tokenizer;
    int64_t     tokens, top_k, count;
    double      temperature, top_p;
} eval_generation;
extern eval_generation eval_generate_args;

#define EVAL_GENERATE_OPTIONS                                                                                          \
    { .kind = NYX_OPT_GROUP, .help = "Generation" },                                                                   \
    { .kind = NYX_OPT_FLAG, .name = "generate", .value = &eval_generate_args.on,                                       \
      .help = "go on with a text instead of scoring" },                                                                \
    { .kind = NYX_OPT_TEXT, .name = "prompt", .value = &eval_generate_args.prompt, .arg = "TEXT",                      \
      .help = "how the text begins [nothing]" },                                                                       \
    { .kind = NYX_OPT_INPUT, .name = "prompt-file", .value = &eval_generate_args.prompt_file, .arg = "FILE",           \
      .help = "the same, out of a file [none]" },                                                                      \
    { .kind = NYX_OPT_INPUT, .name = "tokenizer", .value = &eval_generate_args.tokenizer, .arg = "FILE",               \
      .help = "the one to use [the model's]" },                                                                        \
    { .kind = NYX_OPT_INT, .name = "tokens", .value = &eval_generate_args.tokens, .arg = "N",                          \
      .help = "new tokens at most [256]", .least = 1 },                                                                \
    { .kind = NYX_OPT_REAL, .name = "temperature", .value = &eval_generate_args.temperature, .arg = "X",               \
      .help = "0 takes the likeliest [0]" },                                                                           \
    { .kind = NYX_OPT_INT, .name = "top-k", .value = &eval_generate_args.top_k, .arg = "N",                            \
      .help = "draw among the N likeliest, 0: all [0]" },                                                              \
    { .kind = NYX_OPT_REAL, .name = "top-p", .value = &eval_generate_args.top_p, .arg = "X",                           \
      .help = "draw among the likeliest with this share in all [1]" },                                                 \
    { .kind = NYX_OPT_INT, .name = "count", .value = &eval_generate_args.count, .arg = "N",                            \
      .help = "texts, grown together [1]", .least = 1 }

int eval_generate(nyx_report *report, const char *model, enum nyx_activations activations);

#endif

/* model, inside the folder: the parts that the training step and the
 * evaluation are made of. Tests use them to hold states constant. */
#ifndef NYX_MODEL_INTERNAL_H
#define NYX_MODEL_INTERNAL_H

#include "model/model.h"

typedef struct nyx_model_cache nyx_model_cache;

typedef struct {
    nyx_graph        *g;
    const nyx_config *config;
    int64_t           slots;
    bool              ema;    /* read dense parameters from their averages */
    bool              scaled; /* the loss, by NYX_SCALING_FACTOR            */
    bool              trace;  /* keep the output of every module call      */
    bool              join;   /* layers that read one value become one product: training */
    int               traced;
    nyx_value         rope;   /* table of rotations; 0: learned positions  */
    const nyx_model_cache *cache; /* decoder: what came before; NULL: all is there */
} nyx_model_builder;

/* z_L is 0 for the transformer. */
typedef struct { nyx_value z_H, z_L; } nyx_model_state;

nyx_model_builder nyx_model__builder(nyx_graph *g, const nyx_config *config, int64_t slots);
nyx_value         nyx_model__parameter(nyx_model_builder *b, const char *name);

/* x [B,S,D], the scaled embeddings. *rows [B, puzzle width]: the puzzle rows
 * of the slots, cut off from the table; 0 without one. */
nyx_value nyx_model__embed(nyx_model_builder *b, nyx_value inputs, nyx_value ids, nyx_value *rows);

/* All calls of one segment; gradients pass through the last of each module
 * only. `first_only`: the last call yields position 0 alone, [B,1,D]. */
nyx_model_state nyx_model__segment(nyx_model_builder *b, nyx_model_state state, nyx_value x, bool first_only);

nyx_value nyx_model__logits(nyx_model_builder *b, nyx_value z_H);
typedef struct { nyx_value halt, go; } nyx_model_q; /* [B] each; go: q_continue */
nyx_model_q nyx_model__q(nyx_model_builder *b, nyx_value z_H);

/* ---- decoder and mlp ------------------------------------------------------------ */

/* x [.., K] -> [.., N] through the linear layer `name`, "blocks.0.attn.q", with
 * its bias where the configuration has them. Every linear layer of a decoder
 * but the head passes here. */
nyx_value nyx_model__linear(nyx_model_builder *b, nyx_value x, const char *name);
/* tokens i32 [B,T] -> logits [B,T,V]; with `inspect` the output of every norm,
 * linear layer and activation is kept as trace.NAME. */
nyx_value nyx_model__decoder(nyx_model_builder *b, nyx_value tokens);
/* continue.c, where b->cache: attention of q, k, v [B,S,..], learned positions
 * added to x, the one wanted position of each slot, [B,D]. */
nyx_value nyx_model__attend_cached(nyx_model_builder *b, nyx_value x, int64_t layer);
nyx_value nyx_model__place_cached(nyx_model_builder *b, nyx_value x);
nyx_value nyx_model__last_cached(nyx_model_builder *b, nyx_value x);
/* numbers i32 [B,T] -> logits [B,1,C]. */
nyx_value nyx_model__mlp(nyx_model_builder *b, nyx_value inputs);
/* The programs of both: model.h. */
void nyx_model__plain_step(nyx_graph *g, const nyx_config *config, const nyx_step_options *options);
void nyx_model__plain_eval(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema, bool keep);

/* Backward graph of `loss` to grad.NAME; `rows`: the puzzle rows in the slots, or 0. */
int nyx_model__gradients(nyx_model_builder *b, nyx_value loss, nyx_value rows, bool accumulate) NYX_CHECKED;

/* What a slot scored, [B] each: the cross-entropy over its valid labels
 * divided by their number (at least 1); counts as i32; `ok` real 0 or 1. */
typedef struct { nyx_value lm_loss, ok, correct, valid, tokens_right, predictions; } nyx_model_score;
nyx_model_score nyx_model__score(nyx_model_builder *b, nyx_value logits, nyx_value targets);

/* ---- parameters ----------------------------------------------------------------- */

/* Trained and decayed; a linear layer starts normal of variance 1 / fan-in. */
nyx_parameter nyx_model__parameter_of(const char *name, nyx_shape shape, enum nyx_start start, double number);
nyx_parameter nyx_model__linear_of(const char *name, int64_t rows, int64_t columns);
/* How many a decoder has, and the one at `index` in *out (-1: none). */
int           nyx_model__decoder_parameters(const nyx_config *config, int index, nyx_parameter *out);
int           nyx_model__decoder_find(const nyx_config *config, const char *name); /* -1: none */
nyx_parameter nyx_model__mlp_parameter(const nyx_config *config, int index);

#endif

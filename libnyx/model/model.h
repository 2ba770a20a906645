/* model -- a configuration becomes graphs: HRM v1 (arXiv:2506.21734), the
 * plain transformer in the same outer loop, decoder language models of the
 * Llama and GPT-2 families, and a multi-layer perceptron.
 *
 *     nyx_config config;
 *     nyx_config_parse(&config, json, path);
 *     nyx_config_bind(&config, vocabulary, length, ignore, puzzles, path);
 *     for (int i = 0; i < nyx_model_parameter_count(&config); i++)
 *         nyx_model_init(&config, i, seed, memory);
 *     nyx_model_build_step(g, &config, &(nyx_step_options){ .slots = 64, .batch = 64 });
 *
 * The training step is one segment of deep supervision for every slot. ACT is
 * `select`: a slot that halted takes its row of the incoming batch, the others
 * keep theirs, and the incoming row at their index is thrown away.
 *
 * Letters: B slots, T tokens of a row, P puzzle positions in front of them,
 * S = P + T, D width, I inner width, V vocabulary.
 */
#ifndef NYX_MODEL_H
#define NYX_MODEL_H

#include "graph/inference.h"
#include "report/report.h"

/* ---- configuration ------------------------------------------------------------ */

enum nyx_model_kind {
    NYX_MODEL_HRM,
    NYX_MODEL_TRANSFORMER, /* one stack, applied once a segment: z = f(z + x) */
    NYX_MODEL_DECODER,     /* pre-norm causal blocks over tokens */
    NYX_MODEL_MLP          /* rows of numbers / (vocabulary - 1) to one label */
};
enum nyx_norm { NYX_NORM_RMS, NYX_NORM_LAYER };
enum nyx_activation { NYX_SWIGLU, NYX_GELU, NYX_RELU }; /* gelu: tanh form */
enum { NYX_MAX_WIDTHS = 16 };
enum nyx_position { NYX_POSITION_ROPE, NYX_POSITION_LEARNED };
enum nyx_optimizer_kind { NYX_ADAM_ATAN2, NYX_ADAMW };

typedef struct {
    struct {
        enum nyx_model_kind  kind;
        int64_t              width, heads, inner; /* inner: width of the gated unit */
        int64_t              kv_heads, head_width;
        int64_t              h_layers, l_layers;  /* transformer, decoder: all layers are h_layers */
        int64_t              h_cycles, l_cycles;
        int64_t              halt_max_steps;      /* segments of deep supervision */
        double               halt_exploration;
        int64_t              puzzle_width;        /* 0: no puzzle table */
        enum nyx_position    position;
        double               rope_theta, rms_epsilon;
        enum nyx_probability loss;
        /* decoder; `activation` also mlp */
        int64_t              context; /* positions that it can see */
        enum nyx_norm        norm;
        double               norm_epsilon;
        enum nyx_activation  activation;
        bool                 bias, tied; /* of every linear layer in blocks; head = embed */
        int64_t              widths[NYX_MAX_WIDTHS], width_count; /* mlp: inputs, hidden .., classes */
    } model;
    struct {
        int64_t batch, micro_batches, steps; /* batch: slots of all micro-batches */
        struct {
            enum nyx_optimizer_kind kind;
            double                  learning_rate, floor, weight_decay, beta1, beta2, epsilon;
            double                  clip; /* largest global norm of gradients; 0: no limit */
            int64_t                 warmup_steps;
        } optimizer;
        struct { double learning_rate, weight_decay; } puzzle;
        double  ema;            /* decay of the averaged copy; 0: none */
        int64_t evaluate_every; /* steps; 0: only at the end */
    } training;
    struct { int64_t vocabulary, length, ignore, puzzles; } data; /* all 0 until bound */
    /* How each parameter is stored, by index, for programs that do not train;
     * kind NULL: plain; codings NULL: all are. Borrowed. */
    const nyx_format *codings;
    enum nyx_activations activations; /* of products with these; for such programs */
} nyx_config;

/* Check against config.schema.json and for consistency; absent fields get the
 * defaults of the schema. `subject` (a path) is named in errors. INPUT. */
int nyx_config_parse(nyx_config *out, const nyx_json *json, const char *subject) NYX_CHECKED;
/* What a model file stores as /config: every field, `data` too when bound.
 * Parsing it gives the same configuration. */
nyx_json *nyx_config_json(const nyx_config *config);
/* Take the facts of a dataset. A configuration that has them already (out of a
 * model file) must agree in vocabulary, length and ignore label and have at
 * least as many puzzles; a decoder takes every length up to its context and
 * every ignore label, and a stream (length 0) in windows of its context. INPUT. */
int nyx_config_bind(nyx_config *config, int64_t vocabulary, int64_t length, int64_t ignore, int64_t puzzles,
                    const char *subject) NYX_CHECKED;

/* Labels of a row, and between how many classes they choose: T and V, but for
 * an mlp 1 and its last width (bound). */
int64_t nyx_config_targets(const nyx_config *config);
int64_t nyx_config_classes(const nyx_config *config);
/* P and S of the configuration (bound). */
int64_t nyx_config_prefix(const nyx_config *config);
int64_t nyx_config_positions(const nyx_config *config);

/* ---- parameters ------------------------------------------------------------------ */

/* How a tensor starts: normal of standard deviation `number`, cut at two
 * standard deviations before rescaling (hrm-spec section 2), or a constant. */
enum nyx_start { NYX_START_CONSTANT, NYX_START_NORMAL };

/* One tensor of a model file; rows are outputs.
 * HRM, transformer: embed, head, q_head, q_head.bias, puzzle, position, H.init,
 * L.init, H.0.attn.qkv, H.0.attn.out, H.0.mlp.gate_up, H.0.mlp.down, ... (qkv:
 * query heads, key heads, value heads; gate_up: gate, then up).
 * Decoder: embed, position, norm, head, blocks.0.attn_norm, blocks.0.attn.q,
 * .attn.k, .attn.v, .attn.out, .mlp_norm, .mlp.gate, .mlp.up, .mlp.down, ...,
 * and NAME.bias of linear layers and of layernorms (decoder.c).
 * MLP: layers.0.weight, layers.0.bias, ... */
typedef struct {
    char           name[40];
    nyx_shape      shape;
    bool           trained; /* H.init and L.init are constants */
    bool           sparse;  /* the puzzle table: sign-SGD on the rows in the slots */
    bool           decayed; /* shrinks by weight decay: in decoder and mlp matrices only */
    enum nyx_start start;
    double         number;
} nyx_parameter;

int           nyx_model_parameter_count(const nyx_config *config);
nyx_parameter nyx_model_parameter(const nyx_config *config, int index);
int           nyx_model_parameter_find(const nyx_config *config, const char *name); /* -1: none */
enum nyx_role nyx_parameter_role(const nyx_parameter *parameter); /* PARAMETER or CONSTANT */
int64_t       nyx_model_trained_elems(const nyx_config *config); /* without the puzzle table */
/* Starting values: a pure function of the seed and the tensor's name. */
void nyx_model_init(const nyx_config *config, int index, uint64_t seed, float *out);

/* ---- programs ---------------------------------------------------------------------- */

typedef struct {
    int64_t slots;      /* B: of one micro-batch                             */
    int64_t batch;      /* of all micro-batches and ranks; divides the loss  */
    bool    accumulate; /* add to the old gradients; the optimizer clears them */
    bool    scaled;     /* gradients are of the loss times NYX_SCALING_FACTOR */
    bool    inspect;    /* also out.logits [B,T,V], out.embedding [B,S,D] and
                           trace.00_L ... [B,S,D], every module call in order
                           (the last of the Q-target pass: [B,1,D])           */
} nyx_step_options;

/* What a scaled loss is multiplied with: MOMENT real [], one for all micro-batches. */
#define NYX_SCALING_FACTOR "scaling.factor"

/* One training step up to the gradients (hrm-spec sections 3 to 7, 9).
 * Variables beside the parameters; all have one copy a micro-batch but GRADIENT:
 *   CARRY     carry.z_H, carry.z_L real [B,S,D]; carry.steps, carry.halted,
 *             carry.ids i32 [B]; carry.inputs, carry.targets i32 [B,T].
 *             Start: carry.halted = 1, all else 0.
 *   INPUT     batch.inputs, batch.targets i32 [B,T], batch.ids i32 [B]
 *   GRADIENT  grad.NAME of every trained dense parameter; grad.puzzle
 *             [B, puzzle width] of the row that each slot holds (per micro,
 *             never accumulated)
 *   OUTPUT    out.loss real [] (micro-batches sum up to the loss of the step);
 *             a slot each, [B]: out.lm_loss, out.q_halt_loss,
 *             out.q_continue_loss (not divided by the batch), out.q_halt,
 *             out.q_continue, out.target_q_continue real; out.correct (every
 *             valid label), out.valid, out.tokens_right i32 (counts of labels);
 *             out.predictions i32 [B,T]
 * halt_max_steps 1 has no second pass: out.q_continue_loss and the target are
 * 0. The transformer has no z_L. Errors stick in the graph.
 *
 * Decoder and mlp have no carry and no ids; only INPUT batch.inputs [B,T],
 * batch.targets [B, nyx_config_targets] and batch.share real [], one over the
 * number of scored targets in all micro-batches; GRADIENT; OUTPUT out.loss.
 * Inspected: out.logits and trace.NAME of every norm and layer. */
void nyx_model_build_step(nyx_graph *g, const nyx_config *config, const nyx_step_options *options);

/* One segment of an evaluation, no halting: the host runs it halt_max_steps
 * times with eval.fresh = 1 on the first. Dense parameters are read from
 * ema.NAME when `ema`.
 *   CARRY     eval.z_H, eval.z_L
 *   INPUT     eval.fresh i32 [B], eval.inputs, eval.targets, eval.ids
 *   OUTPUT    eval.logits real [B,T,V], eval.predictions i32 [B,T]; a slot
 *             each: eval.lm_loss, eval.q_halt_loss, eval.q_halt,
 *             eval.q_continue real, eval.correct, eval.valid,
 *             eval.tokens_right i32 [B]
 * Decoder and mlp: one run; no CARRY, fresh, ids and q_. */
void nyx_model_build_eval(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema);
/* The same without eval.logits (and a decoder's eval.predictions): only sums
 * outlive the program. */
void nyx_model_build_score(nyx_graph *g, const nyx_config *config, int64_t slots, bool ema);

/* A decoder in pieces, for whoever changes a part and keeps what came before
 * it: piece 0 the embedding, then the blocks, the last the head. No pieces (0):
 * any other model. A parameter belongs to the first piece that reads it.
 *   INPUT  piece.tokens i32 [B,T] (piece 0), piece.in real [B,T,D]
 *   OUTPUT piece.out real [B,T,D], piece.logits real [B,T,V] (the last) */
int  nyx_model_piece_count(const nyx_config *config);
int  nyx_model_piece_of(const nyx_config *config, const char *parameter);
void nyx_model_build_piece(nyx_graph *g, const nyx_config *config, int64_t slots, int piece);

/* A decoder that goes on: S new positions of B sequences behind what their
 * rows of the cache hold.
 *   INPUT   NAME.tokens, NAME.places (position in the text) i32 [B,S];
 *           NAME.past (positions held), NAME.rows (of the cache), NAME.last
 *           (b S + s of the position whose logits are wanted) i32 [B]
 *   CARRY   cache.LAYER.keys, cache.LAYER.values real [sequences, kv heads,
 *           capacity, head width]; cache.turns, which _turns fills
 *   OUTPUT  NAME.logits real [B,V] */
typedef struct {
    const char *name;
    int64_t     slots, positions, sequences, capacity;
} nyx_continue_options;
void nyx_model_build_continue(nyx_graph *g, const nyx_config *config, const nyx_continue_options *options);
void nyx_model_build_turns(nyx_graph *g, const nyx_config *config);

#endif

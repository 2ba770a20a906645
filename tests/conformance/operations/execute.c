/* execute -- one operation, through a graph and a program. */
#include "operations.h"

#include "graph/inference.h"

#include <string.h>

enum { GUARD = 32 }; /* reals of each guard variable */
static const unsigned char pattern = 0xC3;

/* Does it write variables that it reads? */
static bool is_step(const spec *s)
{
    return s->op != NYX_OP_ASSIGN && nyx_op_table(s->op)->outputs == 0;
}

static enum nyx_dtype dtype_of(const operand *in, enum nyx_dtype real)
{
    if (in->kind == 'u' || in->kind == 'g')
        return in->kind == 'u' ? NYX_U8 : NYX_F32;
    if (in->kind == 'h' || in->kind == 'b')
        return in->kind == 'h' ? NYX_F16 : NYX_BF16;
    return strchr("niqj", in->kind) ? NYX_I32 : real;
}

static const char *name_of(const char *kind, int index)
{
    static char names[8][16];
    static int  turn;
    char       *name = names[turn++ % 8];

    snprintf(name, sizeof names[0], "%s%d", kind, index);
    return name;
}

/* The variables of the inputs. */
int declare(nyx_graph *g, const spec *s, nyx_value *in)
{
    memset(in, 0, MOST_INPUTS * sizeof *in);
    for (int i = 0; i < s->input_count; i++)
        if (s->in[i].kind != '-')
            in[i] = nyx_graph_variable(g, name_of("in", i), dtype_of(&s->in[i], nyx_graph_real(g)), s->in[i].shape,
                                       NYX_ROLE_INPUT);
    return nyx_graph_check(g);
}

static nyx_value build_layout(nyx_graph *g, const spec *s, const nyx_value *in)
{
    const int64_t *ints = s->ints;

    switch (s->op) {
    case NYX_OP_FILL: return nyx_graph_fill(g, nyx_graph_real(g), s->shape, s->reals[0]);
    case NYX_OP_RANDOM: return nyx_graph_random(g, s->shape);
    case NYX_OP_ROPE_TABLE: return nyx_graph_rope_table(g, s->shape.dims[0], s->shape.dims[1], s->reals[0]);
    case NYX_OP_RESHAPE: return nyx_graph_reshape(g, in[0], s->shape);
    case NYX_OP_STOP: return nyx_graph_stop(g, in[0]);
    case NYX_OP_CAST: return nyx_graph_cast(g, in[0], ints[0] < 0 ? nyx_graph_real(g) : (enum nyx_dtype)ints[0]);
    case NYX_OP_SLICE: return nyx_graph_slice(g, in[0], (int)ints[0], ints[1], ints[2]);
    case NYX_OP_PAD: return nyx_graph_pad(g, in[0], (int)ints[0], ints[1], ints[2]);
    case NYX_OP_CONCAT: return nyx_graph_concat(g, in[0], in[1], (int)ints[0]);
    case NYX_OP_ASSIGN: return in[0]; /* of a variable: a copy */
    default: return nyx_graph_embedding(g, in[0], in[1]);
    }
}

static nyx_value build_step(nyx_graph *g, const spec *s, const nyx_value *in)
{
    const double *reals = s->reals;

    if (s->op == NYX_OP_ADAM_ATAN2)
        nyx_graph_adam_atan2(g, in[0], in[1], in[2], in[3], in[4], in[5], reals[0], reals[1]);
    else if (s->op == NYX_OP_ADAMW)
        nyx_graph_adamw(g, in[0], in[1], in[2], in[3], in[4], in[5], reals[0], reals[1], reals[2]);
    else if (s->op == NYX_OP_CACHE_WRITE)
        nyx_graph_cache_write(g, in[0], in[1], in[2], in[3], in[4], s->ints[0], s->ints[1]);
    else if (s->op == NYX_OP_SIGN_SGD)
        nyx_graph_sign_sgd(g, in[0], in[1], in[2], in[3], in[4]);
    else
        nyx_graph_ema(g, in[0], in[1], reals[0]);
    return 0;
}

/* The operation by its builder function; gradients, which have none, by node. */
nyx_value build(nyx_graph *g, const spec *s, const nyx_value *in)
{
    const int64_t *ints = s->ints;
    nyx_node       node = { .op = s->op, .input_count = s->input_count };

    switch (s->op) {
    case NYX_OP_ADD: return nyx_graph_add(g, in[0], in[1]);
    case NYX_OP_SUB: return nyx_graph_sub(g, in[0], in[1]);
    case NYX_OP_MUL: return nyx_graph_mul(g, in[0], in[1]);
    case NYX_OP_DIV: return nyx_graph_div(g, in[0], in[1]);
    case NYX_OP_MIN: return nyx_graph_min(g, in[0], in[1]);
    case NYX_OP_MAX: return nyx_graph_max(g, in[0], in[1]);
    case NYX_OP_AFFINE: return nyx_graph_affine(g, in[0], s->reals[0], s->reals[1]);
    case NYX_OP_SQRT: return nyx_graph_sqrt(g, in[0]);
    case NYX_OP_SIGMOID: return nyx_graph_sigmoid(g, in[0]);
    case NYX_OP_COMPARE: return nyx_graph_compare(g, (enum nyx_comparison)ints[0], in[0], in[1]);
    case NYX_OP_SELECT: return nyx_graph_select(g, in[0], in[1], in[2]);
    case NYX_OP_REDUCE:
        return nyx_graph_reduce(g, (enum nyx_reduction)ints[0], in[0], (int)ints[1], ints[2] != 0);
    case NYX_OP_ARGMAX: return nyx_graph_argmax(g, in[0]);
    case NYX_OP_MATMUL: return nyx_graph_matmul(g, in[0], in[1], in[2], (enum nyx_matmul_mode)ints[0]);
    case NYX_OP_RMSNORM: return nyx_graph_rmsnorm(g, in[0], in[1], s->reals[0]);
    case NYX_OP_LAYERNORM: return nyx_graph_layernorm(g, in[0], s->reals[0]);
    case NYX_OP_ROPE: return nyx_graph_rope(g, in[0], in[1], ints[0], ints[1] != 0);
    case NYX_OP_ATTENTION: return nyx_graph_attention(g, in[0], ints[0], ints[1], ints[2] != 0);
    case NYX_OP_SWIGLU: return nyx_graph_swiglu(g, in[0]);
    case NYX_OP_GELU: return nyx_graph_gelu(g, in[0]);
    case NYX_OP_CROSS_ENTROPY:
        return nyx_graph_cross_entropy(g, in[0], in[1], (enum nyx_probability)ints[0], ints[1]);
    case NYX_OP_BCE: return nyx_graph_bce(g, in[0], in[1]);
    case NYX_OP_ATTENTION_CACHED:
        return nyx_graph_attention_cached(g, in[0], in[1], in[2], in[3], in[4], ints[0], ints[1]);
    case NYX_OP_DECODE:
    case NYX_OP_EMBEDDING_CODED:
    case NYX_OP_MATMUL_CODED:
    case NYX_OP_EMBEDDING_GRAD:
    case NYX_OP_RMSNORM_GRAD:
    case NYX_OP_LAYERNORM_GRAD:
    case NYX_OP_ATTENTION_GRAD:
    case NYX_OP_SWIGLU_GRAD:
    case NYX_OP_GELU_GRAD:
    case NYX_OP_CROSS_ENTROPY_GRAD:
        memcpy(node.inputs, in, sizeof node.inputs);
        memcpy(node.ints, ints, sizeof node.ints);
        node.shape = s->shape;
        return nyx_graph_node_add(g, &node);
    default: return is_step(s) ? build_step(g, s, in) : build_layout(g, s, in);
    }
}

static void narrow(void *to, const double *from, int64_t elems, enum nyx_dtype dtype)
{
    for (int64_t i = 0; i < elems; i++) {
        if (dtype == NYX_I32)
            ((int32_t *)to)[i] = (int32_t)from[i];
        else if (dtype == NYX_U8)
            ((uint8_t *)to)[i] = (uint8_t)from[i];
        else if (dtype == NYX_F16)
            ((uint16_t *)to)[i] = nyx_f16_from_f32((float)from[i]);
        else if (dtype == NYX_BF16)
            ((uint16_t *)to)[i] = nyx_bf16_from_f32((float)from[i]);
        else if (dtype == NYX_F32)
            ((float *)to)[i] = (float)from[i];
        else
            ((double *)to)[i] = from[i];
    }
}

/* Write the inputs, or see whether they are still there. */
static int feed_or_compare(nyx_store *store, const spec *s, enum nyx_dtype real, bool *same)
{
    for (int i = 0; i < s->input_count; i++) {
        const enum nyx_dtype dtype = dtype_of(&s->in[i], real);
        const int64_t        elems = nyx_shape_count(&s->in[i].shape), bytes = elems * nyx_dtype_bytes(dtype);
        char                *wanted, *found;
        int                  status;

        if (s->in[i].kind == '-')
            continue;
        if ((status = nyx_alloc(&wanted, 2 * bytes)) < 0)
            return status;
        found = wanted + bytes;
        narrow(wanted, s->values[i], elems, dtype);
        if (same) {
            nyx_store_read(store, name_of("in", i), found);
            *same = *same && !memcmp(wanted, found, (size_t)bytes);
        } else {
            nyx_store_write(store, name_of("in", i), wanted);
        }
        nyx_free(wanted);
    }
    return NYX_OK;
}

int feed(nyx_store *store, const spec *s, enum nyx_dtype real)
{
    return feed_or_compare(store, s, real, NULL);
}

/* Names of what the operation writes: outputs, or the inputs that a step moves. */
static int results_of(const char *names[MOST_OUTPUTS], const spec *s)
{
    const bool adam = s->op == NYX_OP_ADAM_ATAN2 || s->op == NYX_OP_ADAMW;
    const bool cache = s->op == NYX_OP_CACHE_WRITE; /* its inputs 1 and 2 */
    const int  step = adam ? 3 : cache ? 2 : 1;
    const int  count = is_step(s) ? step : s->op == NYX_OP_ASSIGN ? 1 : nyx_op_table(s->op)->outputs;

    for (int i = 0; i < count; i++)
        names[i] = is_step(s) ? name_of("in", i || cache ? i + 1 : 0) : name_of("out", i);
    return count;
}

/* Guards stand before and after each output, and the outputs hold NaN. */
static nyx_value guard(nyx_graph *g, int index)
{
    return nyx_graph_variable(g, name_of("guard", index), NYX_I32, nyx_shape_of(1, (int64_t)GUARD), NYX_ROLE_OUTPUT);
}

static bool goes_through_half(const spec *s, int which)
{
    const nyx_op_row *row = nyx_op_table(s->op);

    return s->halved & (row->half_inputs | (uint32_t)row->half_outputs << NYX_MAX_INPUTS) & 1u << which;
}

static int build_all(nyx_graph *g, const spec *s)
{
    nyx_value in[MOST_INPUTS], y;
    int       status = declare(g, s, in);

    if (status < 0)
        return status;
    for (int i = 0; i < s->input_count; i++)
        if (in[i] && goes_through_half(s, i) && nyx_value_dtype(g, in[i]) == nyx_graph_real(g))
            in[i] = nyx_graph_cast(g, nyx_graph_cast(g, in[i], s->half), nyx_graph_real(g));
    y = build(g, s, in);
    guard(g, 0);
    for (int i = 0; i < (s->op == NYX_OP_ASSIGN ? 1 : nyx_op_table(s->op)->outputs); i++) {
        nyx_value out = y ? y + (nyx_value)i : 0;

        if (out && goes_through_half(s, NYX_MAX_INPUTS + i) && nyx_value_dtype(g, out) == nyx_graph_real(g))
            out = nyx_graph_cast(g, out, s->half);
        nyx_graph_assign(g, name_of("out", i), NYX_ROLE_OUTPUT, out);
        guard(g, i + 1);
    }
    return nyx_graph_check(g);
}

static int prefill(nyx_store *store)
{
    for (int i = 0; i < nyx_store_count(store); i++) {
        const nyx_variable *v = nyx_store_variable(store, i);
        void               *bytes;
        int                 status;

        if (v->role != NYX_ROLE_OUTPUT)
            continue;
        if ((status = nyx_alloc(&bytes, nyx_store_bytes(store, i))) < 0)
            return status;
        memset(bytes, v->name[0] == 'g' ? pattern : 0xFF, (size_t)nyx_store_bytes(store, i));
        nyx_store_write(store, v->name, bytes);
        nyx_free(bytes);
    }
    return NYX_OK;
}

static bool guards_stand(nyx_store *store, int count)
{
    for (int i = 0; i < count; i++) {
        unsigned char bytes[GUARD * sizeof(int32_t)];

        nyx_store_read(store, name_of("guard", i), bytes);
        for (size_t j = 0; j < sizeof bytes; j++)
            if (bytes[j] != pattern)
                return false;
    }
    return true;
}

static int collect(outcome *o, nyx_store *store, const spec *s)
{
    const char *names[MOST_OUTPUTS];
    const int   count = results_of(names, s);

    for (int i = 0; i < count; i++) {
        const int           index = nyx_store_find(store, names[i]);
        const nyx_variable *v = nyx_store_variable(store, index);
        output             *out = &o->out[i];
        int                 status = nyx_alloc(&out->data, nyx_store_bytes(store, index));

        if (status < 0)
            return status;
        out->dtype = v->dtype;
        out->shape = v->shape;
        out->elems = nyx_shape_count(&v->shape);
        nyx_store_read(store, names[i], out->data);
        o->count = i + 1;
    }
    return NYX_OK;
}

int execute(outcome *o, const spec *s, enum nyx_dtype real, nyx_device *device)
{
    const int    outputs = s->op == NYX_OP_ASSIGN ? 1 : nyx_op_table(s->op)->outputs;
    nyx_graph   *g = NULL;
    nyx_store   *store = NULL;
    nyx_program *program = NULL;
    int          status;

    memset(o, 0, sizeof *o);
    o->intact = true;
    if ((status = nyx_graph_create(&g, real)) < 0 || (status = build_all(g, s)) < 0 ||
        (status = nyx_store_create(&store, device, 1)) < 0 ||
        (status = nyx_program_compile(&program, store, g)) < 0 || (status = nyx_store_allocate(store)) < 0 ||
        (status = prefill(store)) < 0 || (status = feed(store, s, real)) < 0)
        goto done;
    nyx_program_digest(program, o->digest);
    nyx_program_run(program, &(nyx_run){ .seed = 11, .step = 3 });
    if ((status = collect(o, store, s)) < 0)
        goto done;
    if (!is_step(s))
        status = feed_or_compare(store, s, real, &o->intact);
    o->intact = o->intact && guards_stand(store, outputs + 1);
    if (status == 0)
        status = nyx_device_check(device);
done:
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    return status;
}

int execute_exact(outcome *o, const spec *s)
{
    static nyx_device *reference; /* for as long as the program runs */
    int                status = reference ? NYX_OK : nyx_device_open(&reference, "cpu:reference", 1);

    memset(o, 0, sizeof *o);
    return status < 0 ? status : execute(o, s, NYX_F64, reference);
}

void outcome_release(outcome *o)
{
    for (int i = 0; i < o->count; i++)
        nyx_free(o->out[i].data);
    memset(o, 0, sizeof *o);
}

bool outcome_equal(const outcome *a, const outcome *b)
{
    for (int i = 0; i < a->count; i++)
        if (memcmp(a->out[i].data, b->out[i].data, (size_t)(a->out[i].elems * nyx_dtype_bytes(a->out[i].dtype))))
            return false;
    return a->count == b->count;
}

double element(const output *o, int64_t index)
{
    if (o->dtype == NYX_I32)
        return (double)((const int32_t *)o->data)[index];
    if (o->dtype == NYX_F16)
        return (double)nyx_f32_from_f16(((const uint16_t *)o->data)[index]);
    if (o->dtype == NYX_BF16)
        return (double)nyx_f32_from_bf16(((const uint16_t *)o->data)[index]);
    if (o->dtype == NYX_F32)
        return (double)((const float *)o->data)[index];
    return ((const double *)o->data)[index];
}

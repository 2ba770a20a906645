/* inference -- coded weights and attention over a cache. */
#include "graph/inference.h"
#include "graph/internal.h"

#include <string.h>

static const char *const plane_names[NYX_PLANE_COUNT] = { "codes", "scales", "zeros", "global" };

void nyx_plane_name(char out[NYX_PLANE_NAME], const char *tensor, enum nyx_plane plane)
{
    snprintf(out, NYX_PLANE_NAME, "%s.%s", tensor, plane_names[plane]);
}

/* ---- coded weights ------------------------------------------------------------- */

int nyx_node_coded(const nyx_node *node, nyx_format *format, nyx_layout *layout)
{
    if (!nyx_format_of_numbers(format, node->ints))
        return nyx_error_set(NYX_ERR_INPUT, "no such format");
    return nyx_format_layout(layout, format, &node->shape);
}

const char *const nyx_activations_names[] = { "real", "int8", "int8-row", NULL };

enum nyx_activations nyx_activations_find(const char *name)
{
    int how = NYX_ACTIVATIONS_REAL;

    while (strcmp(name, nyx_activations_names[how]) != 0)
        NYX_BUG_IF(!nyx_activations_names[++how]);
    return (enum nyx_activations)how;
}

int64_t nyx_activations_block(enum nyx_activations how, int64_t terms)
{
    return how == NYX_ACTIVATIONS_INT8 ? NYX_ACTIVATION_BLOCK : how == NYX_ACTIVATIONS_INT8_ROW ? terms : 0;
}

enum nyx_activations nyx_node_activations(const nyx_node *node)
{
    return (enum nyx_activations)node->ints[NYX_INT_ACTIVATIONS];
}

bool nyx_format_multiplies_int8(const nyx_format *format)
{
    const nyx_shape one = nyx_shape_of(2, (int64_t)1, (int64_t)1);
    nyx_layout      layout;

    return nyx_format_layout(&layout, format, &one) == 0 &&
           (layout.lattice == NYX_LATTICE_INT || layout.lattice == NYX_LATTICE_E2M1);
}

static int activations_check(const nyx_node *node, int64_t how)
{
    nyx_format format;

    if (how == NYX_ACTIVATIONS_REAL ||
        ((how == NYX_ACTIVATIONS_INT8 || how == NYX_ACTIVATIONS_INT8_ROW) &&
         nyx_format_of_numbers(&format, node->ints) && nyx_format_multiplies_int8(&format)))
        return 0;
    return nyx_error_set(NYX_ERR_INPUT, "these weights are not multiplied with such activations");
}

int nyx_graph_activations_set(nyx_graph *g, int node, enum nyx_activations how)
{
    NYX_BUG_IF(node < 0 || node >= g->node_count || g->nodes[node]->op != NYX_OP_MATMUL_CODED);
    if (activations_check(g->nodes[node], how) < 0)
        return NYX_ERR_INPUT;
    g->nodes[node]->ints[NYX_INT_ACTIVATIONS] = how;
    return 0;
}

/* Are inputs first ... first + 3 the planes that the format asks for? */
static int planes_check(const nyx_graph *g, const nyx_node *node, int first, nyx_layout *layout)
{
    nyx_format      format;
    nyx_plane_bytes bytes;
    int             status = nyx_node_coded(node, &format, layout);

    if (status < 0 || (status = nyx_format_planes(&bytes, &format, &node->shape)) < 0)
        return status;
    const int64_t wanted[NYX_PLANE_COUNT] = { bytes.codes, bytes.scales, bytes.zeros, bytes.globals };
    for (int i = 0; i < NYX_PLANE_COUNT; i++) {
        const bool there = first + i < node->input_count && node->inputs[first + i];
        const nyx_graph__value *plane = there ? nyx_graph__input(g, node, first + i) : NULL;
        const enum nyx_dtype    dtype = i == NYX_PLANE_GLOBAL ? NYX_F32 : NYX_U8;

        if (wanted[i] ? !plane || plane->dtype != dtype ||
                            nyx_shape_count(&plane->shape) * nyx_dtype_bytes(dtype) != wanted[i]
                      : plane != NULL)
            return nyx_error_set(NYX_ERR_INPUT, "the plane of %s is not what the format asks for", plane_names[i]);
    }
    return 0;
}

static int decode_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    nyx_layout layout;

    (void)dtype;
    shape[0] = node->shape;
    return planes_check(g, node, 0, &layout);
}

static int embedding_coded_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *ids = nyx_graph__input(g, node, 0);
    nyx_layout              layout;

    (void)dtype;
    shape[0] = ids->shape;
    if (node->shape.rank != 2 || ids->dtype != NYX_I32 || ids->shape.rank >= NYX_MAX_RANK)
        return nyx_error_set(NYX_ERR_INPUT, "needs a table of rows and i32 ids");
    shape->dims[shape->rank++] = node->shape.dims[1];
    return planes_check(g, node, 1, &layout);
}

static int matmul_coded_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    const nyx_graph__value *x = nyx_graph__input(g, node, 0);
    nyx_layout              layout;

    (void)dtype;
    if (x->dtype != g->real || x->shape.rank < 1 || node->shape.rank != 2 ||
        x->shape.dims[x->shape.rank - 1] != node->shape.dims[1])
        return nyx_error_set(NYX_ERR_INPUT, "rows and weights do not fit");
    shape[0] = x->shape;
    shape[0].dims[x->shape.rank - 1] = node->shape.dims[0];
    if (node->input_count > 5 && node->inputs[5]) {
        const nyx_graph__value *bias = nyx_graph__input(g, node, 5);

        if (bias->dtype != g->real || bias->shape.rank != 1 || bias->shape.dims[0] != node->shape.dims[0])
            return nyx_error_set(NYX_ERR_INPUT, "the bias does not fit");
    }
    if (activations_check(node, node->ints[NYX_INT_ACTIVATIONS]) < 0)
        return NYX_ERR_INPUT;
    return planes_check(g, node, 1, &layout);
}

static double matmul_coded_flops(const nyx_graph *g, const nyx_node *node)
{
    return 2.0 * (double)node->shape.dims[1] * (double)nyx_value_elems(g, node->outputs[0]);
}

/* ---- attention over a cache -------------------------------------------------------- */

/* Inputs x, keys, values, past, rows of attention_cached and cache_write. */
static int cache_check(const nyx_graph *g, const nyx_node *node, int64_t *width)
{
    const nyx_shape *x = &nyx_graph__input(g, node, 0)->shape, *keys = &nyx_graph__input(g, node, 1)->shape;
    const int64_t    heads = node->ints[0], kv = node->ints[1];

    for (int i = 0; i < 3; i++)
        if (nyx_graph__input(g, node, i)->dtype != g->real)
            return nyx_error_set(NYX_ERR_INPUT, "needs reals");
    for (int i = 3; i < 5; i++) {
        const nyx_graph__value *v = nyx_graph__input(g, node, i);

        if (v->dtype != NYX_I32 || v->shape.rank != 1 || x->rank != 3 || v->shape.dims[0] != x->dims[0])
            return nyx_error_set(NYX_ERR_INPUT, "needs one i32 a row");
    }
    if (heads < 1 || kv < 1 || heads % kv || x->dims[2] % (heads + 2 * kv))
        return nyx_error_set(NYX_ERR_INPUT, "%lld query and %lld key heads do not fit", (long long)heads,
                             (long long)kv);
    *width = x->dims[2] / (heads + 2 * kv);
    if (keys->rank != 4 || keys->dims[1] != kv || keys->dims[3] != *width || keys->dims[2] < x->dims[1] ||
        !nyx_shape_equal(keys, &nyx_graph__input(g, node, 2)->shape))
        return nyx_error_set(NYX_ERR_INPUT, "the cache does not fit");
    return 0;
}

static int attention_cached_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int64_t width;
    int     status = cache_check(g, node, &width);

    (void)dtype;
    shape[0] = nyx_graph__input(g, node, 0)->shape;
    if (status == 0)
        shape[0].dims[2] = node->ints[0] * width;
    return status;
}

int nyx_graph__cache_write_shape(nyx_graph *g, const nyx_node *node, enum nyx_dtype *dtype, nyx_shape *shape)
{
    int64_t width;

    (void)dtype;
    (void)shape;
    for (int i = 0; i < 2; i++)
        if (node->write_count != 2 || g->variable_values[node->writes[i]] != node->inputs[i + 1])
            return nyx_error_set(NYX_ERR_INPUT, "keys and values must be variables");
    return cache_check(g, node, &width);
}

/* Two products with every place of the cache: what is there is not known yet. */
static double attention_cached_flops(const nyx_graph *g, const nyx_node *node)
{
    const nyx_shape *keys = nyx_value_shape(g, node->inputs[1]);

    return 4.0 * (double)nyx_value_elems(g, node->outputs[0]) * (double)keys->dims[2];
}

#define CODED_INTS "kind", "group", "scale", "zero"

const nyx_op_row nyx_graph__inference_rows[] = {
    { .name = "decode", .int_names = { CODED_INTS }, .inputs_least = 1, .inputs_most = 4, .outputs = 1,
      .shape = decode_shape },
    { .name = "embedding_coded", .int_names = { CODED_INTS }, .inputs_least = 2, .inputs_most = 5, .outputs = 1,
      .shape = embedding_coded_shape },
    { .name = "matmul_coded", .int_names = { CODED_INTS, "activations" }, .inputs_least = 2, .inputs_most = 6,
      .outputs = 1,
      .error = 2.8, .shape = matmul_coded_shape, .flops = matmul_coded_flops },
    { .name = "attention_cached", .int_names = { "heads", "kv_heads" }, .inputs_least = 5, .inputs_most = 5,
      .outputs = 1, .error = 8.7, .shape = attention_cached_shape, .flops = attention_cached_flops },
};

/* ---- builders ------------------------------------------------------------------------ */

nyx_value nyx_graph_coded(nyx_graph *g, const char *name, const nyx_format *format, nyx_shape shape,
                          enum nyx_role role)
{
    nyx_node        node = { .op = NYX_OP_DECODE, .input_count = NYX_PLANE_COUNT, .shape = shape };
    nyx_plane_bytes bytes;

    if (nyx_format_planes(&bytes, format, &shape) < 0) {
        nyx_graph_fail(g, NYX_ERR_INPUT, "%s", nyx_error_text());
        return 0;
    }
    const int64_t count[NYX_PLANE_COUNT] = { bytes.codes, bytes.scales, bytes.zeros, bytes.globals / 4 };
    nyx_format_numbers(node.ints, format);
    for (int i = 0; i < NYX_PLANE_COUNT; i++) {
        char plane[NYX_PLANE_NAME];

        nyx_plane_name(plane, name, (enum nyx_plane)i);
        if (count[i])
            node.inputs[i] = nyx_graph_variable(g, plane, i == NYX_PLANE_GLOBAL ? NYX_F32 : NYX_U8,
                                                nyx_shape_of(1, count[i]), role);
    }
    return nyx_graph_node_add(g, &node);
}

/* The operation on the planes behind `w`, `head` operands before them; 0 when
 * w is not a coded parameter. */
nyx_value nyx_graph__on_planes(nyx_graph *g, enum nyx_op op, nyx_value head, nyx_value w, nyx_value tail)
{
    const nyx_node *decode = g->status == 0 && w ? g->nodes[g->values[w]->node] : NULL;
    nyx_node        node = { .op = op, .input_count = tail ? 6 : 5, .inputs = { head } };

    if (!decode || decode->op != NYX_OP_DECODE || decode->shape.rank != 2)
        return 0;
    for (int i = 0; i < NYX_PLANE_COUNT; i++) {
        node.inputs[1 + i] = decode->inputs[i];
        node.ints[i] = decode->ints[i];
    }
    node.inputs[5] = tail;
    node.shape = decode->shape;
    return nyx_graph_node_add(g, &node);
}

nyx_value nyx_graph_attention_cached(nyx_graph *g, nyx_value x, nyx_value keys, nyx_value values, nyx_value past,
                                     nyx_value rows, int64_t heads, int64_t kv_heads)
{
    return nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ATTENTION_CACHED, .input_count = 5,
                                              .inputs = { x, keys, values, past, rows },
                                              .ints = { heads, kv_heads } });
}

void nyx_graph_cache_write(nyx_graph *g, nyx_value x, nyx_value keys, nyx_value values, nyx_value past,
                           nyx_value rows, int64_t heads, int64_t kv_heads)
{
    nyx_node node = { .op = NYX_OP_CACHE_WRITE, .input_count = 5, .inputs = { x, keys, values, past, rows },
                      .ints = { heads, kv_heads }, .write_count = 2 };

    node.writes[0] = nyx_graph__variable_of(g, keys);
    node.writes[1] = nyx_graph__variable_of(g, values);
    nyx_graph_node_add(g, &node);
}

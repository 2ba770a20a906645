/* graph -- storage, the builder's core, and reading. */
#include "graph/internal.h"

#include <stdarg.h>
#include <string.h>

int nyx_graph_create(nyx_graph **out, enum nyx_dtype real)
{
    nyx_graph *g;
    int        status = nyx_alloc(&g, sizeof *g);

    *out = NULL;
    if (status < 0)
        return status;
    g->real = real;
    g->value_count = 1;
    *out = g;
    return 0;
}

void nyx_graph_free(nyx_graph *g)
{
    if (!g)
        return;
    nyx_arena_release(&g->arena);
    free(g->nodes);
    free(g->values);
    free(g->variables);
    free(g->variable_values);
    nyx_free(g);
}

void nyx_graph_fail(nyx_graph *g, int code, const char *fmt, ...)
{
    va_list args;

    if (g->status < 0)
        return;
    g->status = code;
    va_start(args, fmt);
    vsnprintf(g->error, sizeof g->error, fmt, args);
    va_end(args);
}

/* Make room for one more pointer-sized or smaller entry. */
static bool grow(nyx_graph *g, void *array, int *room, int count, size_t size)
{
    void **entries = array, *larger;
    int    wanted = *room ? *room * 2 : 64;

    if (count < *room)
        return true;
    larger = realloc(*entries, (size_t)wanted * size);
    if (!larger) {
        nyx_graph_fail(g, NYX_ERR_MEMORY, "out of memory for a graph of %d nodes", count);
        return false;
    }
    *entries = larger;
    *room = wanted;
    return true;
}

static nyx_value value_add(nyx_graph *g, enum nyx_dtype dtype, const nyx_shape *shape, int node)
{
    nyx_graph__value *value;

    if (!grow(g, &g->values, &g->value_room, g->value_count, sizeof *g->values))
        return 0;
    if (nyx_arena_alloc(&g->arena, &value, sizeof *value) < 0) {
        nyx_graph_fail(g, NYX_ERR_MEMORY, "%s", nyx_error_text());
        return 0;
    }
    *value = (nyx_graph__value){ dtype, *shape, node };
    g->values[g->value_count] = value;
    return (nyx_value)g->value_count++;
}

/* Does the node have what its row asks for? */
static bool inputs_present(nyx_graph *g, const nyx_op_row *row, const nyx_node *node)
{
    for (int i = 0; i < row->inputs_least; i++)
        if (i >= node->input_count || !node->inputs[i]) {
            nyx_graph_fail(g, NYX_ERR_INPUT, "operation '%s' in '%s' lacks input %d", row->name, g->path, i);
            return false;
        }
    for (int i = 0; i < node->input_count; i++) {
        NYX_BUG_IF(node->inputs[i] >= (nyx_value)g->value_count);
        if (!node->inputs[i] || row->narrow || !nyx_dtype_is_half(g->values[node->inputs[i]]->dtype))
            continue;
        nyx_graph_fail(g, NYX_ERR_INPUT, "operation '%s' in '%s' takes no %s", row->name, g->path,
                       nyx_dtype_name(g->values[node->inputs[i]]->dtype));
        return false;
    }
    return true;
}

nyx_value nyx_graph_node_add(nyx_graph *g, const nyx_node *proto)
{
    const nyx_op_row *row = nyx_op_table(proto->op);
    enum nyx_dtype    dtype[NYX_MAX_OUTPUTS] = { g->real, g->real };
    nyx_shape         shape[NYX_MAX_OUTPUTS] = { { 0 } };
    nyx_node         *node;
    const char       *path;

    if (g->status < 0 || !inputs_present(g, row, proto))
        return 0;
    if (row->shape(g, proto, dtype, shape) < 0) {
        nyx_graph_fail(g, NYX_ERR_INPUT, "operation '%s' in '%s': %s", row->name, g->path, nyx_error_text());
        return 0;
    }
    if (!grow(g, &g->nodes, &g->node_room, g->node_count, sizeof *g->nodes))
        return 0;
    if (nyx_arena_alloc(&g->arena, &node, sizeof *node) < 0 ||
        nyx_arena_text(&g->arena, &path, g->path) < 0) {
        nyx_graph_fail(g, NYX_ERR_MEMORY, "%s", nyx_error_text());
        return 0;
    }
    *node = *proto;
    node->path = path;
    node->output_count = row->outputs;
    for (int i = 0; i < row->outputs; i++)
        node->outputs[i] = value_add(g, dtype[i], &shape[i], g->node_count);
    g->nodes[g->node_count++] = node;
    return g->status < 0 ? 0 : node->outputs[0];
}

void nyx_graph_push(nyx_graph *g, const char *name)
{
    const size_t used = strlen(g->path);

    if (used + strlen(name) + 2 > sizeof g->path)
        nyx_graph_fail(g, NYX_ERR_UNSUPPORTED, "names in '%s' are nested too deeply", g->path);
    else
        snprintf(g->path + used, sizeof g->path - used, "%s%s", used ? "/" : "", name);
}

void nyx_graph_pop(nyx_graph *g)
{
    char *slash = strrchr(g->path, '/');

    if (slash)
        *slash = '\0';
    else
        g->path[0] = '\0';
}

/* ---- variables ----------------------------------------------------------- */

int nyx_graph_variable_find(const nyx_graph *g, const char *name)
{
    for (int i = 0; i < g->variable_count; i++)
        if (!strcmp(g->variables[i]->name, name))
            return i;
    return -1;
}

/* Index of the variable, made when new; -1 on failure or disagreement. */
static int variable_add(nyx_graph *g, const nyx_variable *wanted)
{
    const int     found = nyx_graph_variable_find(g, wanted->name);
    nyx_variable *variable;

    if (g->status < 0)
        return -1;
    if (found >= 0) {
        variable = g->variables[found];
        if (variable->dtype == wanted->dtype && nyx_shape_equal(&variable->shape, &wanted->shape) &&
            variable->per_micro == wanted->per_micro)
            return found;
        nyx_graph_fail(g, NYX_ERR_INPUT, "variable '%s' has two types or shapes", wanted->name);
        return -1;
    }
    if (!grow(g, &g->variables, &g->variable_room, g->variable_count, sizeof *g->variables))
        return -1;
    nyx_value *values = realloc(g->variable_values, (size_t)g->variable_room * sizeof *values);
    if (values)
        g->variable_values = values;
    if (!values || nyx_arena_alloc(&g->arena, &variable, sizeof *variable) < 0) {
        nyx_graph_fail(g, NYX_ERR_MEMORY, "out of memory for variable '%s'", wanted->name);
        return -1;
    }
    *variable = *wanted;
    if (nyx_arena_text(&g->arena, &variable->name, wanted->name) < 0) {
        nyx_graph_fail(g, NYX_ERR_MEMORY, "%s", nyx_error_text());
        return -1;
    }
    g->variables[g->variable_count] = variable;
    g->variable_values[g->variable_count] = 0;
    return g->variable_count++;
}

static nyx_value variable_read(nyx_graph *g, const nyx_variable *wanted)
{
    const int index = variable_add(g, wanted);

    if (index < 0)
        return 0;
    if (!g->variable_values[index])
        g->variable_values[index] =
            nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_VARIABLE, .ints = { index } });
    return g->variable_values[index];
}

nyx_value nyx_graph_variable(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape,
                             enum nyx_role role)
{
    return variable_read(g, &(nyx_variable){ name, dtype, shape, role, false });
}

nyx_value nyx_graph_variable_micro(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape,
                                   enum nyx_role role)
{
    return variable_read(g, &(nyx_variable){ name, dtype, shape, role, true });
}

nyx_value nyx_graph_variable_copies(nyx_graph *g, const char *name, enum nyx_dtype dtype, nyx_shape shape,
                                    enum nyx_role role, int64_t copies)
{
    nyx_value all = 0;

    if (copies == 1)
        return nyx_graph_variable(g, name, dtype, shape, role);
    for (int64_t i = 0; i < copies; i++) {
        char      copy[96];
        nyx_value one;

        if (snprintf(copy, sizeof copy, "%s#%lld", name, (long long)i) >= (int)sizeof copy)
            nyx_graph_fail(g, NYX_ERR_UNSUPPORTED, "variable '%s' has too long a name for copies", name);
        one = nyx_graph_variable(g, copy, dtype, shape, role);
        all = i ? nyx_graph_concat(g, all, one, 0) : one;
    }
    return all;
}

static void variable_assign(nyx_graph *g, const char *name, enum nyx_role role, nyx_value v, bool per_micro)
{
    if (g->status < 0)
        return;
    if (!v) {
        nyx_graph_fail(g, NYX_ERR_INPUT, "variable '%s' is assigned nothing", name);
        return;
    }
    const nyx_graph__value *value = g->values[v];
    const int index = variable_add(g, &(nyx_variable){ name, value->dtype, value->shape, role, per_micro });
    if (index >= 0)
        nyx_graph_node_add(g, &(nyx_node){ .op = NYX_OP_ASSIGN, .input_count = 1, .inputs = { v },
                                           .write_count = 1, .writes = { index } });
}

void nyx_graph_assign(nyx_graph *g, const char *name, enum nyx_role role, nyx_value v)
{
    variable_assign(g, name, role, v, false);
}

void nyx_graph_assign_micro(nyx_graph *g, const char *name, enum nyx_role role, nyx_value v)
{
    variable_assign(g, name, role, v, true);
}

/* ---- reading ------------------------------------------------------------------ */

enum nyx_dtype nyx_graph_real(const nyx_graph *g) { return g->real; }
int            nyx_graph_node_count(const nyx_graph *g) { return g->node_count; }
int            nyx_graph_value_count(const nyx_graph *g) { return g->value_count; }
int            nyx_graph_variable_count(const nyx_graph *g) { return g->variable_count; }

const nyx_node *nyx_graph_node(const nyx_graph *g, int index)
{
    NYX_BUG_IF(index < 0 || index >= g->node_count);
    return g->nodes[index];
}

const nyx_variable *nyx_graph_variable_at(const nyx_graph *g, int index)
{
    NYX_BUG_IF(index < 0 || index >= g->variable_count);
    return g->variables[index];
}

/* A graph in error hands out 0 as a value; its type is asked for all the same. */
static const nyx_graph__value *value_at(const nyx_graph *g, nyx_value v)
{
    static const nyx_graph__value nothing = { NYX_F32, { 0, { 0 } }, -1 };

    NYX_BUG_IF(v >= (nyx_value)g->value_count || (!v && g->status == 0));
    return v ? g->values[v] : &nothing;
}

enum nyx_dtype   nyx_value_dtype(const nyx_graph *g, nyx_value v) { return value_at(g, v)->dtype; }
const nyx_shape *nyx_value_shape(const nyx_graph *g, nyx_value v) { return &value_at(g, v)->shape; }
int              nyx_value_node(const nyx_graph *g, nyx_value v) { return value_at(g, v)->node; }

int64_t nyx_value_elems(const nyx_graph *g, nyx_value v)
{
    return nyx_shape_count(&value_at(g, v)->shape);
}

int64_t nyx_value_bytes(const nyx_graph *g, nyx_value v)
{
    return nyx_value_elems(g, v) * nyx_dtype_bytes(value_at(g, v)->dtype);
}

int64_t nyx_variable_bytes(const nyx_variable *variable)
{
    return nyx_shape_count(&variable->shape) * nyx_dtype_bytes(variable->dtype);
}

nyx_cost nyx_node_cost(const nyx_graph *g, const nyx_node *node)
{
    const nyx_op_row *row = nyx_op_table(node->op);
    nyx_cost          cost = { 0.0, 0.0 };

    if (row->alias)
        return cost;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i])
            cost.bytes += (double)nyx_value_bytes(g, node->inputs[i]);
    for (int i = 0; i < node->output_count; i++) {
        cost.bytes += (double)nyx_value_bytes(g, node->outputs[i]);
        cost.flops += (double)nyx_value_elems(g, node->outputs[i]);
    }
    for (int i = 0; i < node->write_count; i++)
        cost.bytes += (double)nyx_variable_bytes(g->variables[node->writes[i]]);
    if (row->flops)
        cost.flops = row->flops(g, node);
    return cost;
}

const nyx_op_row *nyx_op_table(enum nyx_op op)
{
    NYX_BUG_IF(op <= NYX_OP_NONE || op >= NYX_OP_COUNT);
    if (op < NYX_OP_ADD)
        return &nyx_graph__source_rows[op - NYX_OP_VARIABLE];
    if (op < NYX_OP_SLICE)
        return &nyx_graph__elementwise_rows[op - NYX_OP_ADD];
    if (op < NYX_OP_MATMUL)
        return &nyx_graph__layout_rows[op - NYX_OP_SLICE];
    if (op < NYX_OP_ASSIGN)
        return &nyx_graph__network_rows[op - NYX_OP_MATMUL];
    if (op < NYX_OP_DECODE)
        return &nyx_graph__step_rows[op - NYX_OP_ASSIGN];
    return &nyx_graph__inference_rows[op - NYX_OP_DECODE];
}

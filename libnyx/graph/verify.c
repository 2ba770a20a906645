/* verify -- is the graph well formed? And its form as text. */
#include "graph/internal.h"

#include <string.h>

static int broken(const nyx_node *node, int index, const char *why)
{
    return nyx_error_set(NYX_ERR_INPUT, "graph: node %d '%s' in '%s': %s", index, nyx_op_table(node->op)->name,
                         node->path, why);
}

/* The variable whose memory a value is, through alias operations; -1: none. */
static int variable_behind(const nyx_graph *g, nyx_value v)
{
    for (;;) {
        const nyx_node *node = g->nodes[g->values[v]->node];

        if (node->op == NYX_OP_VARIABLE)
            return (int)node->ints[0];
        if (!nyx_op_table(node->op)->alias)
            return -1;
        v = node->inputs[0];
    }
}

/* What the row's shape rule says of a node whose operands were halved: it sees
 * real ones in their place. */
static int shape_of(nyx_graph *g, const nyx_node *node, enum nyx_dtype dtype[NYX_MAX_OUTPUTS],
                    nyx_shape shape[NYX_MAX_OUTPUTS])
{
    const nyx_op_row *row = nyx_op_table(node->op);
    nyx_graph__value  real[NYX_MAX_INPUTS], *kept[NYX_MAX_INPUTS];
    int               status;

    for (int i = 0; i < node->input_count; i++) {
        kept[i] = g->values[node->inputs[i]];
        if (!node->inputs[i] || !(row->half_inputs >> i & 1) || !nyx_dtype_is_half(kept[i]->dtype))
            continue;
        real[i] = *kept[i];
        real[i].dtype = g->real;
        g->values[node->inputs[i]] = &real[i];
    }
    status = row->shape(g, node, dtype, shape);
    for (int i = node->input_count - 1; i >= 0; i--)
        g->values[node->inputs[i]] = kept[i];
    for (int i = 0; i < node->output_count; i++)
        if (row->half_outputs >> i & 1 && nyx_dtype_is_half(g->values[node->outputs[i]]->dtype))
            dtype[i] = g->values[node->outputs[i]]->dtype;
    return status;
}

static int check_node(nyx_graph *g, int index, bool *written)
{
    const nyx_node *node = g->nodes[index];
    enum nyx_dtype  dtype[NYX_MAX_OUTPUTS] = { g->real, g->real };
    nyx_shape       shape[NYX_MAX_OUTPUTS] = { { 0 } };
    int             status;

    for (int i = 0; i < node->input_count; i++) {
        if (!node->inputs[i])
            continue;
        if (g->values[node->inputs[i]]->node >= index)
            return broken(node, index, "an input is used before it is made");
        const int variable = variable_behind(g, node->inputs[i]);
        if (variable >= 0 && written[variable])
            return broken(node, index, "a variable is read after it was written");
    }
    for (int i = 0; i < node->write_count; i++)
        if (node->writes[i] < 0 || node->writes[i] >= g->variable_count)
            return broken(node, index, "it writes a variable that is not there");
    if ((status = shape_of(g, node, dtype, shape)) < 0)
        return nyx_error_wrap(status, "graph: node %d '%s' in '%s'", index, nyx_op_table(node->op)->name, node->path);
    for (int i = 0; i < node->output_count; i++) {
        const nyx_graph__value *value = g->values[node->outputs[i]];

        if (value->node != index || value->dtype != dtype[i] || !nyx_shape_equal(&value->shape, &shape[i]))
            return broken(node, index, "an output is not what the operation gives");
    }
    for (int i = 0; i < node->write_count; i++) {
        if (written[node->writes[i]])
            return broken(node, index, "a variable is written twice");
        written[node->writes[i]] = true;
    }
    return 0;
}

int nyx_graph_check(nyx_graph *g)
{
    bool *written;
    int   status;

    if (g->status < 0)
        return nyx_error_set(g->status, "%s", g->error);
    if ((status = nyx_alloc(&written, g->variable_count + 1)) < 0)
        return status;
    for (int i = 0; i < g->node_count && status == 0; i++)
        status = check_node(g, i, written);
    nyx_free(written);
    return status;
}

/* ---- prune ------------------------------------------------------------------------ */

int nyx_graph_prune(nyx_graph *g)
{
    bool *used;
    int   kept = 0, status = nyx_graph_check(g);

    if (status < 0 || (status = nyx_alloc(&used, g->value_count)) < 0)
        return status;
    for (int n = g->node_count - 1; n >= 0; n--) {
        const nyx_node *node = g->nodes[n];
        bool            alive = node->write_count > 0;

        for (int i = 0; i < node->output_count; i++)
            alive = alive || used[node->outputs[i]];
        for (int i = 0; i < node->input_count && alive; i++)
            used[node->inputs[i]] = true;
        for (int i = 0; i < node->output_count && !alive; i++)
            g->values[node->outputs[i]]->node = -1;
        if (!alive)
            g->nodes[n] = NULL;
    }
    for (int n = 0; n < g->node_count; n++) {
        if (!g->nodes[n])
            continue;
        for (int i = 0; i < g->nodes[n]->output_count; i++)
            g->values[g->nodes[n]->outputs[i]]->node = kept;
        g->nodes[kept++] = g->nodes[n];
    }
    g->node_count = kept;
    for (int i = 0; i < g->variable_count; i++)
        if (g->variable_values[i] && g->values[g->variable_values[i]]->node < 0)
            g->variable_values[i] = 0;
    nyx_free(used);
    return 0;
}

/* ---- dump ------------------------------------------------------------------------- */

static void dump_values(FILE *f, const nyx_graph *g, const nyx_node *node)
{
    for (int i = 0; i < node->output_count; i++) {
        const nyx_graph__value *value = g->values[node->outputs[i]];
        char                    shape[96];

        nyx_shape_text(shape, &value->shape);
        fprintf(f, "%s%%%u %s%s", i ? ", " : "", (unsigned)node->outputs[i], nyx_dtype_name(value->dtype), shape);
    }
    if (node->output_count)
        fprintf(f, " = ");
}

static void dump_node(FILE *f, const nyx_graph *g, const nyx_node *node)
{
    const nyx_op_row *row = nyx_op_table(node->op);

    dump_values(f, g, node);
    fprintf(f, "%s", row->name);
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i])
            fprintf(f, " %%%u", (unsigned)node->inputs[i]);
        else
            fprintf(f, " -");
    }
    for (int i = 0; i < NYX_MAX_INTS && row->int_names[i]; i++)
        fprintf(f, " %s=%lld", row->int_names[i], (long long)node->ints[i]);
    for (int i = 0; i < NYX_MAX_REALS && row->real_names[i]; i++)
        fprintf(f, " %s=%.17g", row->real_names[i], node->reals[i]);
    if (node->op == NYX_OP_VARIABLE)
        fprintf(f, " '%s'", g->variables[node->ints[0]]->name);
    for (int i = 0; i < node->write_count; i++)
        fprintf(f, " -> '%s'", g->variables[node->writes[i]]->name);
    if (node->op == NYX_OP_RANDOM)
        fprintf(f, " stream=%u", (unsigned)node->stream);
    fprintf(f, "%s%s\n", node->path[0] ? "  ; " : "", node->path);
}

int nyx_graph_dump(char **out, const nyx_graph *g)
{
    char  *text = NULL;
    size_t bytes = 0;
    FILE  *f = open_memstream(&text, &bytes);
    int    status = 0;

    *out = NULL;
    if (f)
        for (int i = 0; i < g->node_count; i++)
            dump_node(f, g, g->nodes[i]);
    if (!f || fclose(f) != 0)
        status = nyx_error_set(NYX_ERR_MEMORY, "out of memory for the text of a graph");
    else
        status = nyx_text_copy(out, text);
    free(text);
    return status;
}

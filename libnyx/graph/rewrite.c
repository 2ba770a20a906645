/* rewrite -- copies of nodes, other inputs, another order. */
#include "graph/rewrite.h"

#include "graph/internal.h"

#include <string.h>

/* Entries `first` to `count` of an array of pointers, each with a copy of its own. */
static int copy_entries(nyx_graph *copy, void *array, const void *from, int first, int count, int64_t bytes)
{
    void *const *source = from;
    void       **entries = calloc((size_t)count + 1, sizeof *entries);

    *(void **)array = entries;
    if (!entries)
        return nyx_error_set(NYX_ERR_MEMORY, "out of memory for a copy of a graph");
    for (int i = first; i < count; i++) {
        const int status = nyx_arena_alloc(&copy->arena, &entries[i], bytes);

        if (status < 0)
            return status;
        memcpy(entries[i], source[i], (size_t)bytes);
    }
    return 0;
}

int nyx_graph_copy(nyx_graph **out, const nyx_graph *g)
{
    nyx_graph *copy;
    int        status = nyx_graph_create(&copy, g->real);

    *out = NULL;
    if (status < 0)
        return status;
    copy->variable_values = calloc((size_t)g->variable_count + 1, sizeof *copy->variable_values);
    if (!copy->variable_values)
        status = nyx_error_set(NYX_ERR_MEMORY, "out of memory for a copy of a graph");
    if (status < 0 || (status = copy_entries(copy, &copy->nodes, g->nodes, 0, g->node_count, sizeof **g->nodes)) < 0 ||
        (status = copy_entries(copy, &copy->values, g->values, 1, g->value_count, sizeof **g->values)) < 0 ||
        (status = copy_entries(copy, &copy->variables, g->variables, 0, g->variable_count,
                               sizeof **g->variables)) < 0) {
        nyx_graph_free(copy);
        return status;
    }
    for (int i = 0; i < g->variable_count; i++)
        copy->variable_values[i] = g->variable_values[i];
    copy->node_count = copy->node_room = g->node_count;
    copy->value_count = copy->value_room = g->value_count;
    copy->variable_count = copy->variable_room = g->variable_count;
    *out = copy;
    return 0;
}

nyx_value nyx_graph_clone(nyx_graph *g, int index, const nyx_value *inputs, const char *prefix)
{
    nyx_node  node = *g->nodes[index];
    char      path[sizeof g->path];
    nyx_value out;

    NYX_BUG_IF(node.write_count > 0);
    for (int i = 0; i < node.input_count; i++)
        node.inputs[i] = inputs[i];
    memcpy(path, g->path, sizeof path);
    g->path[0] = '\0';
    nyx_graph_push(g, prefix);
    if (node.path[0])
        nyx_graph_push(g, node.path);
    out = nyx_graph_node_add(g, &node);
    memcpy(g->path, path, sizeof path);
    return out;
}

void nyx_graph_input_set(nyx_graph *g, int index, int i, nyx_value v)
{
    const nyx_graph__value *before = nyx_graph__input(g, g->nodes[index], i), *now = g->values[v];
    const nyx_op_row       *row = nyx_op_table(g->nodes[index]->op);

    NYX_BUG_IF(before->dtype != now->dtype && !row->narrow && !(row->half_inputs >> i & 1));
    NYX_BUG_IF(!nyx_shape_equal(&before->shape, &now->shape));
    g->nodes[index]->inputs[i] = v;
}

void nyx_graph_halve(nyx_graph *g, nyx_value v, enum nyx_dtype dtype)
{
    NYX_BUG_IF(g->values[v]->dtype != g->real || !nyx_dtype_is_half(dtype));
    g->values[v]->dtype = dtype;
}

int nyx_graph_reorder(nyx_graph *g, const int *order)
{
    nyx_node **nodes;
    int        status = nyx_alloc(&nodes, g->node_count * (int64_t)sizeof *nodes);

    if (status < 0)
        return status;
    memcpy(nodes, g->nodes, (size_t)g->node_count * sizeof *nodes);
    for (int n = 0; n < g->node_count; n++) {
        g->nodes[n] = nodes[order[n]];
        for (int i = 0; i < g->nodes[n]->output_count; i++)
            g->values[g->nodes[n]->outputs[i]]->node = n;
    }
    nyx_free(nodes);
    return 0;
}

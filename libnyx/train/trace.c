/* trace -- the operations of one step in the Trace Event Format ("X" events, ph,
 * ts and dur in microseconds), which browsers' tracing pages and Perfetto show. */
#include "train/internal.h"

static nyx_json *event_json(const nyx_graph *g, const nyx_event *event, const char *program, double offset_us)
{
    const nyx_op_row *row = nyx_op_table(event->node->op);
    const nyx_cost    cost = nyx_node_cost(g, event->node);
    nyx_json         *json = nyx_json_object(), *args;

    nyx_json_set_text(json, "name", row->name);
    nyx_json_set_text(json, "cat", program);
    nyx_json_set_text(json, "ph", "X");
    nyx_json_set_real(json, "ts", offset_us + (double)event->begin_ns * 1e-3);
    nyx_json_set_real(json, "dur", (double)event->ns * 1e-3);
    nyx_json_set_int(json, "pid", 1);
    nyx_json_set_int(json, "tid", event->substituted ? 2 : 1);
    args = nyx_json_add_object(json, "args");
    nyx_json_set_text(args, "path", event->node->path ? event->node->path : "");
    nyx_json_set_real(args, "flops", cost.flops);
    nyx_json_set_real(args, "bytes", cost.bytes);
    if (event->substituted)
        nyx_json_set_bool(args, "on_cpu", true);
    return json;
}

void nyx_train__trace_begin(nyx_trainer *t)
{
    t->trace = nyx_json_object();
    t->trace_events = nyx_json_add_array(t->trace, "traceEvents");
    t->trace_us = 0.0;
    for (int i = 0; i < 3; i++)
        if (t->programs[i])
            nyx_program_trace(t->programs[i], true);
}

void nyx_train__trace_run(nyx_trainer *t, int which)
{
    static const char *const names[] = { "step", "apply", "ema" };
    const nyx_event         *events;
    int64_t                  count;

    if (!t->trace)
        return;
    events = nyx_program_events(t->programs[which], &count);
    for (int64_t i = 0; i < count; i++)
        nyx_json_push_take(t->trace_events, event_json(t->graphs[which], &events[i], names[which], t->trace_us));
    if (count)
        t->trace_us += (double)(events[count - 1].begin_ns + events[count - 1].ns) * 1e-3;
}

int nyx_train__trace_end(nyx_trainer *t)
{
    const int status = nyx_json_write(t->options.trace, t->trace, 0);

    nyx_json_free(t->trace);
    t->trace = NULL;
    for (int i = 0; i < 3; i++)
        if (t->programs[i])
            nyx_program_trace(t->programs[i], false);
    return status;
}

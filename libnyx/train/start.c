/* start -- what a run begins with: parameters as they are born or as a file has
 * them, averages, or all that a checkpoint kept. */
#include "train/internal.h"

#include <unistd.h>

static int init_parameter(nyx_trainer *t, int index)
{
    const nyx_parameter p = nyx_model_parameter(&t->config, index);
    float              *values;
    int status = nyx_alloc(&values, nyx_shape_count(&p.shape) * (int64_t)sizeof *values);

    if (status < 0)
        return status;
    nyx_model_init(&t->config, index, t->options.seed, values);
    nyx_store_write(t->store, p.name, values);
    nyx_free(values);
    return 0;
}

static int load_init(nyx_trainer *t)
{
    nyx_reader *file;
    int         status = nyx_reader_open(&file, t->options.init);

    if (status < 0)
        return status;
    status = nyx_parameters_load(t->store, &t->config, file);
    nyx_reader_close(file);
    return status;
}

/* ema.NAME starts as a copy of NAME. */
static int copy_averages(nyx_trainer *t)
{
    for (int i = 0; i < nyx_model_parameter_count(&t->config); i++) {
        const nyx_parameter p = nyx_model_parameter(&t->config, i);
        char                name[64];
        void               *values;
        int                 status;

        snprintf(name, sizeof name, "ema.%s", p.name);
        const int index = nyx_store_find(t->store, name);
        if (index < 0)
            continue;
        if ((status = nyx_alloc(&values, nyx_store_bytes(t->store, index))) < 0)
            return status;
        nyx_store_read(t->store, p.name, values);
        nyx_store_write(t->store, name, values);
        nyx_free(values);
    }
    return 0;
}

static int start_fresh(nyx_trainer *t)
{
    int status = 0;

    for (int i = 0; i < nyx_model_parameter_count(&t->config) && status == 0 && !t->options.init; i++)
        status = init_parameter(t, i);
    if (status == 0 && t->options.init)
        status = load_init(t);
    for (int64_t i = 0; i < t->config.training.batch; i++)
        t->flags[i] = 1;
    if (t->outer)
        nyx_store_write(t->store, "carry.halted", t->flags);
    nyx_train__scaling_start(t);
    return status < 0 ? status : copy_averages(t);
}

/* Two devices and what each does of a step: the first line of their log. */
static int log_share(nyx_trainer *t)
{
    nyx_json *json;

    if (t->options.share == 0 || t->step > 0)
        return 0;
    json = nyx_json_object();
    nyx_json_set_text(json, "kind", "place");
    nyx_json_set_text(json, "device", nyx_device_name(t->device));
    nyx_json_set_int(json, "share", t->options.share);
    nyx_json_set_int(json, "micro_batches", t->config.training.micro_batches);
    return nyx_train__log(t, json);
}

int nyx_train__start(nyx_trainer *t)
{
    int64_t offset = 0;
    int     status = nyx_store_allocate(t->store);

    if (status == 0 && t->options.checkpoint)
        status = nyx_output_try(t->options.checkpoint);
    if (status < 0)
        return status;
    if (t->options.resume && t->options.checkpoint && access(t->options.checkpoint, F_OK) == 0)
        status = nyx_train__checkpoint_read(t, &offset);
    else
        status = start_fresh(t);
    if (status == 0 && t->options.log)
        status = nyx_journal_open(&t->journal, t->options.log, offset);
    return status < 0 ? status : log_share(t);
}

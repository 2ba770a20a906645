/* checkpoint -- everything the next step depends on, in one file; and the
 * model that is left at the end.
 *
 *     /tensors/NAME     parameters and constants
 *     /optimizer/NAME   moments, averaged copies
 *     /state/NAME       ACT carry, all micro-batches
 *     /sampler          step, rows drawn, offset of the journal
 *     /digest           what must agree for a resume (identity)
 */
#include "train/internal.h"

#include <string.h>

/* The group a variable belongs in; NULL: it need not be kept. */
static const char *group_of(const nyx_variable *variable)
{
    if (!strncmp(variable->name, "eval.", 5))
        return NULL;
    switch (variable->role) {
    case NYX_ROLE_PARAMETER:
    case NYX_ROLE_CONSTANT:
        return "/tensors";
    case NYX_ROLE_MOMENT:
        return "/optimizer";
    case NYX_ROLE_CARRY:
        return "/state";
    default:
        return NULL;
    }
}

/* Per-micro variables gain a first axis, one copy after the other. */
static nyx_shape stored_shape(const nyx_store *store, int index)
{
    const nyx_variable *variable = nyx_store_variable(store, index);
    nyx_shape           shape = variable->shape;

    if (!variable->per_micro)
        return shape;
    memmove(shape.dims + 1, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
    shape.dims[0] = nyx_store_bytes(store, index) / nyx_variable_bytes(variable);
    shape.rank++;
    return shape;
}

static void stored_path(char path[160], const nyx_variable *variable)
{
    snprintf(path, 160, "%s/%s", group_of(variable), variable->name);
}

/* ---- identity ------------------------------------------------------------------- */

int nyx_train__identity(nyx_json **out, const nyx_trainer *t)
{
    static const char *const names[] = { "program_step", "program_apply", "program_ema" };
    nyx_json                *json = nyx_json_object();
    char                     hex[NYX_SHA256_HEX];
    int64_t                  bytes;
    int                      status = 0;

    *out = NULL;
    nyx_json_set_take(json, "config", nyx_config_json(&t->config));
    snprintf(hex, sizeof hex, "%llu", (unsigned long long)t->options.seed);
    nyx_json_set_text(json, "seed", hex);
    nyx_json_set_text(json, "dataset", t->options.dataset_sha256);
    nyx_json_set_text(json, "precision", nyx_dtype_name(nyx_passes_dtype(&t->options.passes)));
    if (t->options.share > 0)
        nyx_json_set_int(json, "gpu_share", t->options.share);
    for (int i = 0; i < 3; i++) {
        if (!t->programs[i])
            continue;
        nyx_program_digest(t->programs[i], hex);
        nyx_json_set_text(json, names[i], hex);
    }
    if (t->scaled)
        nyx_json_set_real(json, "loss_scale", nyx_train__scaling_first(t));
    if (t->options.init) {
        status = nyx_sha256_file(hex, &bytes, t->options.init);
        nyx_json_set_text(json, "init", hex);
    }
    if (status < 0)
        nyx_json_free(json);
    else
        *out = json;
    return status;
}

static int text_of(char **out, const nyx_json *json)
{
    if (json)
        return nyx_json_print(out, json, 0);
    return nyx_text_copy(out, "absent");
}

/* Every field of ours must be equal in the file; `path` grows to the first
 * that is not. */
static int identity_compare(const nyx_trainer *t, const nyx_json *ours, const nyx_json *theirs, char path[200])
{
    const size_t length = strlen(path);

    for (int64_t i = 0; i < nyx_json_count(ours); i++) {
        const char     *key = nyx_json_key(ours, i);
        const nyx_json *mine = nyx_json_get(ours, key), *other = nyx_json_get(theirs, key);
        char           *mine_text = NULL, *other_text = NULL;
        int             status;

        snprintf(path + length, 200 - length, "%s%s", length ? "." : "", key);
        if ((status = text_of(&mine_text, mine)) == 0 && (status = text_of(&other_text, other)) == 0 &&
            strcmp(mine_text, other_text) && nyx_json_kind_of(mine) == NYX_JSON_OBJECT)
            status = identity_compare(t, mine, other, path);
        if (status == 0 && strcmp(mine_text, other_text))
            status = nyx_error_set(NYX_ERR_INPUT,
                                   "checkpoint '%s' is of another run: its %s is %.120s, not %.120s; "
                                   "remove it to start afresh",
                                   t->options.checkpoint, path, other_text, mine_text);
        nyx_free(mine_text);
        nyx_free(other_text);
        if (status < 0)
            return status;
    }
    path[length] = '\0';
    return 0;
}

/* ---- writing ------------------------------------------------------------------------- */

int64_t nyx_train__largest_bytes(const nyx_store *store)
{
    int64_t most = 0;

    for (int i = 0; i < nyx_store_count(store); i++)
        if (group_of(nyx_store_variable(store, i)) && nyx_store_bytes(store, i) > most)
            most = nyx_store_bytes(store, i);
    return most;
}

static int variable_write(nyx_writer *file, nyx_store *store, int index, const char *path, void *buffer)
{
    const nyx_variable *variable = nyx_store_variable(store, index);
    const nyx_shape     shape = stored_shape(store, index);
    const nyx_tensor    tensor = nyx_tensor_view(variable->dtype, &shape, buffer);
    int                 status;

    nyx_store_read(store, variable->name, buffer);
    if ((status = nyx_store_check(store)) < 0)
        return status;
    if (variable->dtype == NYX_F32 && nyx_f32_find_nonfinite(buffer, nyx_shape_count(&shape)) >= 0)
        return nyx_error_set(NYX_ERR_NUMERIC, "'%s' is not finite; the last checkpoint was kept", variable->name);
    return nyx_writer_tensor(file, path, &tensor);
}

static int history_write(nyx_writer *file, const nyx_trainer *t)
{
    char *text = NULL, *line = NULL;
    char  hex[NYX_SHA256_HEX];
    int   status = nyx_json_print(&text, t->identity, 0);

    if (status == 0) {
        nyx_sha256_bytes(hex, text, (int64_t)strlen(text));
        status = nyx_text_format(&line, "nyx-train %s seed=%llu steps=%lld data=sha256:%s run=sha256:%s", NYX_VERSION,
                                 (unsigned long long)t->options.seed, (long long)t->step, t->options.dataset_sha256,
                                 hex);
    }
    if (status == 0)
        status = nyx_writer_history(file, line);
    nyx_free(text);
    nyx_free(line);
    return status;
}

/* Where the next step starts from. */
static int progress_write(nyx_writer *file, nyx_trainer *t)
{
    nyx_json *json = nyx_json_object();
    int       status = t->journal ? nyx_journal_sync(t->journal) : 0;

    nyx_json_set_text(json, "device", nyx_device_name(t->device));
    if (t->options.share > 0)
        nyx_json_set_int(json, "share", t->options.share);
    nyx_json_set_int(json, "step", t->step);
    nyx_json_set_real(json, "loss", t->loss);
    nyx_json_set_int(json, "position", t->sampler.position);
    nyx_json_set_int(json, "journal_offset", t->journal ? nyx_journal_offset(t->journal) : 0);
    if (status == 0)
        status = nyx_writer_json(file, "/sampler", json);
    nyx_json_free(json);
    return status;
}

static int variables_write(nyx_writer *file, nyx_trainer *t)
{
    void *buffer;
    int   status = nyx_alloc(&buffer, nyx_train__largest_bytes(t->store));

    for (int i = 0; i < nyx_store_count(t->store) && status == 0; i++) {
        const nyx_variable *variable = nyx_store_variable(t->store, i);
        char                path[160];

        if (!group_of(variable))
            continue;
        stored_path(path, variable);
        status = variable_write(file, t->store, i, path, buffer);
    }
    nyx_free(buffer);
    return status;
}

static int config_write(nyx_writer *file, const nyx_trainer *t)
{
    nyx_json *config = nyx_config_json(&t->config);
    int       status = nyx_writer_json(file, "/config", config);

    nyx_json_free(config);
    return status;
}

int nyx_train__checkpoint_write(nyx_trainer *t)
{
    nyx_writer *file;
    int         status = nyx_writer_open(&file, t->options.checkpoint, "checkpoint");

    if (status < 0)
        return status;
    if ((status = history_write(file, t)) < 0 || (status = config_write(file, t)) < 0 ||
        (status = nyx_writer_json(file, "/digest", t->identity)) < 0 || (status = progress_write(file, t)) < 0 ||
        (status = variables_write(file, t)) < 0) {
        nyx_writer_discard(file);
        return status;
    }
    if ((status = nyx_writer_commit(file)) == 0)
        t->saved = t->step;
    return status;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int check_finite(const nyx_entry *entry, const void *values, const char *file)
{
    const int64_t at = entry->dtype == NYX_F32 ? nyx_f32_find_nonfinite(values, nyx_shape_count(&entry->shape)) : -1;
    char          place[96];

    if (at < 0)
        return 0;
    nyx_shape_place(place, &entry->shape, at);
    return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' is not finite at %s; remove it to start afresh", file, entry->path,
                         place);
}

static int variables_read(nyx_reader *file, nyx_trainer *t)
{
    void *buffer;
    int   status = nyx_alloc(&buffer, nyx_train__largest_bytes(t->store));

    for (int i = 0; i < nyx_store_count(t->store) && status == 0; i++) {
        const nyx_variable *variable = nyx_store_variable(t->store, i);
        const nyx_shape     shape = stored_shape(t->store, i);
        const nyx_entry    *entry;
        char                path[160];

        if (!group_of(variable))
            continue;
        stored_path(path, variable);
        entry = nyx_reader_find(file, path);
        if (!entry || entry->coded || entry->dtype != variable->dtype || !nyx_shape_equal(&entry->shape, &shape))
            status = nyx_error_set(NYX_ERR_INPUT, "'%s' lacks '%s' as this run needs it; remove it to start afresh",
                                   t->options.checkpoint, path);
        else if ((status = nyx_reader_read(file, entry, buffer)) == 0 &&
                 (status = check_finite(entry, buffer, t->options.checkpoint)) == 0)
            nyx_store_write(t->store, variable->name, buffer);
    }
    nyx_free(buffer);
    return status;
}

int nyx_train__checkpoint_read(nyx_trainer *t, int64_t *journal_offset)
{
    nyx_reader *file = NULL;
    nyx_json   *digest = NULL, *sampler = NULL;
    char        place[200] = "";
    int         status = nyx_reader_open(&file, t->options.checkpoint);

    if (status < 0)
        return status;
    if ((status = nyx_reader_json(file, "/digest", &digest)) < 0 ||
        (status = nyx_reader_json(file, "/sampler", &sampler)) < 0)
        goto done;
    if (strcmp(nyx_reader_kind(file), "checkpoint") || !digest || !sampler) {
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' is no checkpoint; name another file", t->options.checkpoint);
        goto done;
    }
    if ((status = identity_compare(t, t->identity, digest, place)) < 0 || (status = variables_read(file, t)) < 0)
        goto done;
    t->step = nyx_json_int(nyx_json_get(sampler, "step"), -1);
    t->loss = nyx_json_real(nyx_json_get(sampler, "loss"), 0.0);
    *journal_offset = nyx_json_int(nyx_json_get(sampler, "journal_offset"), -1);
    const int64_t position = nyx_json_int(nyx_json_get(sampler, "position"), -1);
    if (t->step < 0 || t->step > t->config.training.steps || *journal_offset < 0 || position < 0)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s': its /sampler makes no sense", t->options.checkpoint);
    else
        nyx_sampler_seek(&t->sampler, position);
    if (status == 0)
        t->saved = t->step;
done:
    nyx_json_free(digest);
    nyx_json_free(sampler);
    nyx_reader_close(file);
    return status;
}

/* ---- the model ------------------------------------------------------------------------------ */

/* The variable that a model file's tensor comes from. */
static int source_of(const nyx_trainer *t, const nyx_parameter *p)
{
    char name[64];

    snprintf(name, sizeof name, "ema.%s", p->name);
    const int averaged = nyx_store_find(t->store, name);
    return averaged >= 0 ? averaged : nyx_store_find(t->store, p->name);
}

static int tensors_write(nyx_writer *file, nyx_trainer *t)
{
    void *buffer;
    int   status = nyx_alloc(&buffer, nyx_train__largest_bytes(t->store));

    for (int i = 0; i < nyx_model_parameter_count(&t->config) && status == 0; i++) {
        const nyx_parameter p = nyx_model_parameter(&t->config, i);
        char                path[160];

        snprintf(path, sizeof path, "/tensors/%s", p.name);
        status = variable_write(file, t->store, source_of(t, &p), path, buffer);
    }
    nyx_free(buffer);
    return status;
}

/* What the dataset's text was cut with goes with the model. */
static int tokenizer_write(nyx_writer *file, const nyx_trainer *t)
{
    const nyx_json *tokenizer = t->options.dataset->tokenizer;

    return tokenizer ? nyx_writer_json(file, "/tokenizer", tokenizer) : 0;
}

int nyx_trainer_save(nyx_trainer *t, const char *path)
{
    nyx_writer *file;
    int         status = nyx_writer_open(&file, path, "model");

    if (status < 0)
        return status;
    if ((status = history_write(file, t)) < 0 || (status = config_write(file, t)) < 0 ||
        (status = nyx_writer_json(file, "/provenance", t->identity)) < 0 || (status = tokenizer_write(file, t)) < 0 ||
        (status = tensors_write(file, t)) < 0) {
        nyx_writer_discard(file);
        return status;
    }
    return nyx_writer_commit(file);
}

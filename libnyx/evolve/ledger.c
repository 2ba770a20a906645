/* ledger -- measurements, one JSON line each: what a killed search is resumed from. */
#include "evolve/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LEDGER_MOST = 1 << 30 };

/* The next whole line; false at the end, where a torn one may follow. */
static bool next_line(nyx_evolve__ledger *l, const char **line, int64_t *bytes)
{
    const char *end = l->text ? memchr(l->text + l->at, '\n', (size_t)(l->bytes - l->at)) : NULL;

    if (!end)
        return false;
    *line = l->text + l->at;
    *bytes = end - *line;
    return true;
}

static void pass_line(nyx_evolve__ledger *l, int64_t bytes)
{
    l->at += bytes + 1;
    l->line++;
}

/* Until the ledger is closed no other search may have it. A file system without
 * locks is no reason not to search. */
static int lock(nyx_evolve__ledger *l)
{
    l->lock = open(l->path, O_RDONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (l->lock < 0)
        return nyx_error_set(NYX_ERR_CREATE, "cannot create '%s': %s", l->path, strerror(errno));
    if (flock(l->lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return nyx_error_set(NYX_ERR_CREATE, "checkpoint '%s' is in use by another search; wait for its end, or name "
                             "another --checkpoint", l->path);
    return 0;
}

int nyx_evolve__ledger_open(nyx_evolve__ledger *out, const char *path, bool resume,
                            const char *identity)
{
    const char *line;
    int64_t     bytes;
    int         status;

    *out = (nyx_evolve__ledger){.path = path, .lock = -1};
    if (!path)
        return 0;
    if ((status = lock(out)) < 0)
        return status;
    if (resume) {
        status = nyx_file_read(&out->text, &out->bytes, path, LEDGER_MOST);
        if (status < 0 && status != NYX_ERR_MISSING)
            return status;
    }
    if (next_line(out, &line, &bytes)) {
        if (bytes != (int64_t)strlen(identity) || memcmp(line, identity, (size_t)bytes) != 0)
            return nyx_error_set(
                NYX_ERR_INPUT,
                "cannot resume from '%s': it is the checkpoint of another search (model, "
                "data, seed or an option is not the same); name another --checkpoint or leave out "
                "--resume",
                path);
        pass_line(out, bytes);
        return 0;
    }
    if ((status = nyx_journal_open(&out->journal, path, 0)) < 0)
        return status;
    return nyx_journal_line(out->journal, identity);
}

void nyx_evolve__ledger_close(nyx_evolve__ledger *l)
{
    nyx_journal_close(l->journal);
    nyx_free(l->text);
    if (l->path && l->lock >= 0)
        close(l->lock);
    *l = (nyx_evolve__ledger){0};
}

static int other_way(const nyx_evolve__ledger *l)
{
    return nyx_error_set(
        NYX_ERR_INPUT,
        "cannot resume from '%s': line %lld is not what this search measures next; was it "
        "edited? leave out --resume to start afresh",
        l->path, (long long)l->line + 1);
}

static int read_values(const nyx_evolve__ledger *l, const char *line, int64_t bytes,
                       const char *key, double *values, int64_t count)
{
    const nyx_json *array;
    nyx_json       *json;
    int             status = nyx_json_parse(&json, line, bytes, l->path);

    if (status < 0)
        return other_way(l);
    array = nyx_json_get(json, "values");
    if (strcmp(nyx_json_text(nyx_json_get(json, "key"), ""), key) != 0 ||
        nyx_json_count(array) != count)
        status = other_way(l);
    for (int64_t i = 0; i < count && status == 0; i++) {
        values[i] = nyx_json_real(nyx_json_item(array, i), (double)NAN);
        if (isnan(values[i]))
            status = other_way(l);
    }
    nyx_json_free(json);
    return status;
}

int nyx_evolve__ledger_take(nyx_evolve__ledger *l, const char *key, double *values, int64_t count)
{
    const char *line;
    int64_t     bytes;
    int         status;

    if (!next_line(l, &line, &bytes))
        return 0;
    if ((status = read_values(l, line, bytes, key, values, count)) < 0)
        return status;
    pass_line(l, bytes);
    l->replayed++;
    return 1;
}

int nyx_evolve__ledger_put(nyx_evolve__ledger *l, const char *key, const double *values,
                           int64_t count)
{
    nyx_json *json, *array;
    char     *text = NULL;
    int       status;

    if (!l->path)
        return 0;
    if (!l->journal && (status = nyx_journal_open(&l->journal, l->path, l->at)) < 0)
        return status;
    json = nyx_json_object();
    nyx_json_set_text(json, "key", key);
    array = nyx_json_add_array(json, "values");
    for (int64_t i = 0; i < count; i++)
        nyx_json_push_real(array, values[i]);
    if ((status = nyx_json_print(&text, json, 0)) == 0)
        status = nyx_journal_line(l->journal, text);
    nyx_free(text);
    nyx_json_free(json);
    return status;
}

/* read -- tasks out of JSON files, folders and archives. */
#include "data/arc/internal.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FILE_MOST = 4 << 20, /* bytes of one task */
    DEPTH_MOST = 16,     /* folders in folders */
    TASKS_MOST = 1 << 20
};

void nyx_arc_list_release(nyx_arc_list *list)
{
    if (!list)
        return;
    nyx_free(list->tasks);
    nyx_arena_release(&list->memory);
    *list = (nyx_arc_list){ 0 };
}

/* ---- one task -------------------------------------------------------------------------- */

/* The schema has bounded rows, columns and colours. */
static bool parse_grid(nyx_arc_grid *out, const nyx_json *json)
{
    out->rows = (uint8_t)nyx_json_count(json);
    out->columns = (uint8_t)nyx_json_count(nyx_json_item(json, 0));
    for (int row = 0; row < out->rows; row++) {
        const nyx_json *cells = nyx_json_item(json, row);

        if (nyx_json_count(cells) != out->columns)
            return false;
        for (int column = 0; column < out->columns; column++)
            out->cell[row * out->columns + column] = (uint8_t)nyx_json_int(nyx_json_item(cells, column), 0);
    }
    return true;
}

static int parse_pairs(nyx_arc_pair *out, const nyx_json *json, const char *key, const char *subject)
{
    const nyx_json *pairs = nyx_json_get(json, key);

    for (int64_t i = 0; i < nyx_json_count(pairs); i++) {
        const nyx_json *pair = nyx_json_item(pairs, i);

        if (!parse_grid(&out[i].input, nyx_json_get(pair, "input")) ||
            !parse_grid(&out[i].output, nyx_json_get(pair, "output")))
            return nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': a grid of '%s.%lld' has rows of different lengths",
                                 subject, key, (long long)i);
    }
    return NYX_OK;
}

static int list_room(nyx_arc_list *list)
{
    if (list->count == list->room && list->count >= TASKS_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "more than %d tasks", TASKS_MOST);
    return nyx_array_grow(&list->tasks, &list->room, list->count, (int64_t)sizeof *list->tasks, 256);
}

int nyx_arc_task_parse(nyx_arc_list *list, const nyx_json *json, const char *name, const char *subject, bool evaluation)
{
    nyx_arc_task task = { .evaluation = evaluation };
    nyx_sha256   hash;
    int          status;

    if ((status = nyx_schema_check("arc-task", json, subject)) < 0 || (status = list_room(list)) < 0)
        return status;
    task.demonstrations = (int)nyx_json_count(nyx_json_get(json, "train"));
    task.pairs = task.demonstrations + (int)nyx_json_count(nyx_json_get(json, "test"));
    if ((status = nyx_arena_alloc(&list->memory, &task.pair, task.pairs * (int64_t)sizeof *task.pair)) < 0 ||
        (status = nyx_arena_text(&list->memory, &task.name, name)) < 0 ||
        (status = parse_pairs(task.pair, json, "train", subject)) < 0 ||
        (status = parse_pairs(task.pair + task.demonstrations, json, "test", subject)) < 0)
        return status;
    nyx_sha256_init(&hash);
    nyx_sha256_update(&hash, &task.demonstrations, (int64_t)sizeof task.demonstrations);
    nyx_sha256_update(&hash, task.pair, task.pairs * (int64_t)sizeof *task.pair);
    nyx_sha256_final(&hash, task.digest);
    list->tasks[list->count++] = task;
    return NYX_OK;
}

/* "folder/00576224.json" and "a.tar(b/00576224.json)" are 00576224. */
static void stem(char out[256], const char *path)
{
    const char *from = path;
    int64_t     bytes;

    for (const char *c = path; *c; c++)
        if (*c == '/' || *c == '(')
            from = c + 1;
    bytes = (int64_t)strcspn(from, ")");
    if (bytes > 5 && strncmp(from + bytes - 5, ".json", 5) == 0)
        bytes -= 5;
    snprintf(out, 256, "%.*s", (int)(bytes < 255 ? bytes : 255), from);
}

static int parse_text(nyx_arc_list *list, const char *text, int64_t bytes, const char *path, bool evaluation)
{
    char      name[256];
    nyx_json *json;
    int       status = nyx_json_parse(&json, text, bytes, path);

    if (status < 0)
        return status;
    stem(name, path);
    status = nyx_arc_task_parse(list, json, name, path, evaluation);
    nyx_json_free(json);
    return status;
}

static bool is_json(const char *name, int64_t bytes)
{
    return bytes > 5 && strncmp(name + bytes - 5, ".json", 5) == 0;
}

/* ---- archives ------------------------------------------------------------------------------ */

/* All of the member that `members` stands at. */
static int read_member(char **out, int64_t *bytes, nyx_members *members)
{
    const char *block;
    int64_t     more;
    int         status;

    *bytes = 0;
    if ((status = nyx_alloc(out, FILE_MOST + 1)) < 0)
        return status;
    while ((status = nyx_members_block(members, &block, &more)) > 0) {
        if (more > FILE_MOST - *bytes)
            return nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': it has more than %d bytes; is it an ARC task?",
                                 nyx_members_name(members), FILE_MOST);
        memcpy(*out + *bytes, block, (size_t)more);
        *bytes += more;
    }
    (*out)[*bytes] = '\0';
    return status;
}

/* In an archive what is no *.json, or hidden, is none of ours. */
static bool wanted(const char *member, const char *path)
{
    const char *name = member + strlen(path), *last = name;

    if (*name != '(')
        return true; /* a file by itself */
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '(')
            last = c + 1;
    return *last != '.' && is_json(name, (int64_t)strlen(name) - 1);
}

static int read_archive(nyx_arc_list *list, const char *path, bool evaluation)
{
    nyx_members *members;
    int          status = nyx_members_open(&members, path);

    if (status < 0)
        return status;
    while ((status = nyx_members_next(members)) > 0) {
        char   *text = NULL;
        int64_t bytes;

        if (!wanted(nyx_members_name(members), path))
            continue;
        if ((status = read_member(&text, &bytes, members)) == 0)
            status = parse_text(list, text, bytes, nyx_members_name(members), evaluation);
        nyx_free(text);
        if (status < 0)
            break;
    }
    nyx_members_close(members);
    return status;
}

/* ---- folders ------------------------------------------------------------------------------- */

static int read_folder(nyx_arc_list *list, const char *path, bool evaluation, int depth);

static int read_entry(nyx_arc_list *list, const char *path, const char *name, bool evaluation, int depth)
{
    struct stat about;
    char       *full, *text = NULL;
    int64_t     bytes;
    int         status = nyx_text_format(&full, "%s/%s", path, name);

    if (status < 0)
        return status;
    if (stat(full, &about) == 0 && S_ISDIR(about.st_mode))
        status = read_folder(list, full, evaluation, depth + 1);
    else if (is_json(name, (int64_t)strlen(name)) &&
             (status = nyx_file_read(&text, &bytes, full, FILE_MOST)) == 0)
        status = parse_text(list, text, bytes, full, evaluation);
    nyx_free(text);
    nyx_free(full);
    return status;
}

/* In byte order, so that the first error is always the same one. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(nyx_arc_list *list, const char *path, bool evaluation, int depth)
{
    struct dirent **entries = NULL;
    int             status = NYX_OK, count;

    if (depth >= DEPTH_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read the folder '%s': it is more than %d folders deep", path,
                             DEPTH_MOST);
    if ((count = scandir(path, &entries, NULL, compare_names)) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot read the folder '%s': %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (status == 0 && entries[i]->d_name[0] != '.')
            status = read_entry(list, path, entries[i]->d_name, evaluation, depth);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const nyx_arc_task *x = a, *y = b;
    const int           order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->digest, y->digest);
}

int nyx_arc_read(nyx_arc_list *list, const char *path, bool evaluation)
{
    const int64_t before = list->count;
    struct stat   about;
    int           status;

    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        status = read_folder(list, path, evaluation, 0);
    else
        status = read_archive(list, path, evaluation);
    if (status < 0)
        return status;
    if (list->count == before)
        return nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': it has no task; files called *.json are expected", path);
    /* The order of a folder or an archive says nothing. */
    qsort(list->tasks + before, (size_t)(list->count - before), sizeof *list->tasks, compare);
    return NYX_OK;
}

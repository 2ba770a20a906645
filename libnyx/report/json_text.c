/* json_text -- parsing through jansson, printing our way. */
#include "report/internal.h"

#include <jansson.h>
#include <pthread.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20 };

/* ---- parsing ---------------------------------------------------------------- */

static nyx_json *convert(const json_t *from);

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys in our order, so that each member is put at the end: a vocabulary has
 * a hundred thousand. */
static void convert_object(nyx_json *to, const json_t *from)
{
    size_t       count = json_object_size(from), at = 0;
    const char  *key, **keys = malloc((count + 1) * sizeof *keys);
    json_t      *value;

    if (to && !keys)
        to->poisoned = true;
    if (!to || !keys) {
        free(keys);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
        keys[at++] = key;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (at = 0; at < count; at++)
        nyx_report__put(to, keys[at], convert(json_object_get(from, keys[at])));
    free(keys);
}

static nyx_json *convert_members(const json_t *from)
{
    nyx_json *to = json_is_object(from) ? nyx_json_object() : nyx_json_array();
    json_t   *value;
    size_t    index;

    if (json_is_object(from))
        convert_object(to, from);
    else
        json_array_foreach(from, index, value)
            nyx_report__put(to, NULL, convert(value));
    return to;
}

static nyx_json *convert(const json_t *from)
{
    nyx_json *to;

    switch (json_typeof(from)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return convert_members(from);
    case JSON_STRING:
        return nyx_report__text(json_string_value(from));
    case JSON_INTEGER:
        if ((to = nyx_report__scalar(NYX_JSON_INT)))
            to->is.integer = json_integer_value(from);
        return to;
    case JSON_REAL:
        if ((to = nyx_report__scalar(NYX_JSON_REAL)))
            to->is.real = json_real_value(from);
        return to;
    case JSON_TRUE:
    case JSON_FALSE:
        if ((to = nyx_report__scalar(NYX_JSON_BOOL)))
            to->is.boolean = json_is_true(from);
        return to;
    case JSON_NULL:
        return nyx_report__scalar(NYX_JSON_NULL);
    }
    return NULL;
}

static bool is_poisoned(const nyx_json *json)
{
    if (!json || json->poisoned)
        return true;
    if (json->kind == NYX_JSON_ARRAY || json->kind == NYX_JSON_OBJECT)
        for (int64_t i = 0; i < json->count; i++)
            if (is_poisoned(json->is.members[i].value))
                return true;
    return false;
}

static int no_memory(void)
{
    return nyx_error_set(NYX_ERR_MEMORY, "cannot keep a JSON document: memory ran out");
}

/* jansson 2.14 says "out of memory" in few of the places where it ran out: in
 * others it complains of the text, or drops characters of a string and goes
 * on. So its allocations are watched. */
static _Thread_local bool ran_out;

static void *watched_malloc(size_t bytes)
{
    void *memory = malloc(bytes);

    ran_out = ran_out || !memory;
    return memory;
}

static void watch_allocations(void)
{
    json_set_alloc_funcs(watched_malloc, free);
}

int nyx_json_parse(nyx_json **out, const char *text, int64_t bytes, const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t          where;
    json_t               *json;

    *out = NULL;
    pthread_once(&once, watch_allocations);
    if (bytes > MOST_BYTES)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': it is larger than %d bytes", name,
                             MOST_BYTES);
    ran_out = false;
    json = json_loadb(text, (size_t)bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (ran_out) {
        json_decref(json);
        return no_memory();
    }
    if (!json)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': line %d, column %d: %s", name,
                             where.line, where.column, where.text);
    *out = convert(json);
    json_decref(json);
    if (is_poisoned(*out)) {
        nyx_json_free(*out);
        *out = NULL;
        return no_memory();
    }
    return 0;
}

int nyx_json_read(nyx_json **out, const char *path)
{
    char   *text;
    int64_t bytes;
    int     status;

    *out = NULL;
    if ((status = nyx_file_read(&text, &bytes, path, MOST_BYTES)) < 0)
        return status;
    status = nyx_json_parse(out, text, bytes, path);
    nyx_free(text);
    return status;
}

/* ---- printing --------------------------------------------------------------- */

struct printer {
    char   *text;
    int64_t used, room;
    int     indent, status;
};

static void put_bytes(struct printer *to, const char *bytes, int64_t count)
{
    if (to->status < 0)
        return;
    if (to->used + count >= to->room) {
        int64_t room = 2 * (to->used + count) + 256;
        char   *more;

        if ((to->status = nyx_alloc(&more, room)) < 0)
            return;
        if (to->used > 0)
            memcpy(more, to->text, (size_t)to->used);
        nyx_free(to->text);
        to->text = more;
        to->room = room;
    }
    memcpy(to->text + to->used, bytes, (size_t)count);
    to->used += count;
}

static void put_text(struct printer *to, const char *text)
{
    put_bytes(to, text, (int64_t)strlen(text));
}

static void put_quoted(struct printer *to, const char *text)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

    put_text(to, "\"");
    while (*text) {
        size_t      plain = 0;
        const char *name;
        char        escape[8];

        while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\')
            plain++;
        put_bytes(to, text, (int64_t)plain);
        text += plain;
        if (!*text)
            break;
        name = strchr(names, *text);
        if (name)
            snprintf(escape, sizeof escape, "\\%c", letters[name - names]);
        else
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*text);
        put_text(to, escape);
        text++;
    }
    put_text(to, "\"");
}

/* 17 significant digits bring every double back; a whole one keeps its point,
 * so that it is read back as a real. */
static void put_real(struct printer *to, double value)
{
    char text[40];

    snprintf(text, sizeof text - 3, "%.17g", value);
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    put_text(to, text);
}

static void put_line(struct printer *to, int depth)
{
    if (to->indent == 0)
        return;
    put_text(to, "\n");
    for (int i = 0; i < depth * to->indent; i++)
        put_text(to, " ");
}

static void put_value(struct printer *to, const nyx_json *json, int depth);

static void put_members(struct printer *to, const nyx_json *json, int depth)
{
    bool object = json->kind == NYX_JSON_OBJECT;

    put_text(to, object ? "{" : "[");
    for (int64_t i = 0; i < json->count; i++) {
        put_text(to, i > 0 ? "," : "");
        put_line(to, depth + 1);
        if (object) {
            put_quoted(to, json->is.members[i].key);
            put_text(to, to->indent ? ": " : ":");
        }
        put_value(to, json->is.members[i].value, depth + 1);
    }
    if (json->count > 0)
        put_line(to, depth);
    put_text(to, object ? "}" : "]");
}

static void put_value(struct printer *to, const nyx_json *json, int depth)
{
    char text[32];

    switch (json->kind) {
    case NYX_JSON_NULL:
        put_text(to, "null");
        break;
    case NYX_JSON_BOOL:
        put_text(to, json->is.boolean ? "true" : "false");
        break;
    case NYX_JSON_INT:
        snprintf(text, sizeof text, "%lld", (long long)json->is.integer);
        put_text(to, text);
        break;
    case NYX_JSON_REAL:
        put_real(to, json->is.real);
        break;
    case NYX_JSON_TEXT:
        put_quoted(to, json->is.text);
        break;
    case NYX_JSON_ARRAY:
    case NYX_JSON_OBJECT:
        put_members(to, json, depth);
        break;
    }
}

int nyx_json_print(char **out, const nyx_json *json, int indent)
{
    struct printer to = { .indent = indent };

    *out = NULL;
    if (is_poisoned(json))
        return no_memory();
    put_value(&to, json, 0);
    put_bytes(&to, "", 1);
    if (to.status < 0) {
        nyx_free(to.text);
        return to.status;
    }
    *out = to.text;
    return 0;
}

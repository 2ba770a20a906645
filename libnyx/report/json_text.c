/* json_text -- parsing through jansson, printing our way. */
#include "report/internal.h"

#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>

enum {
    MOST_BYTES = 64 << 20,
    MOST_MARKS = 5 << 19 /* of structure: a value takes up to 300 bytes, so half a GiB holds them all */
};

/* ---- parsing ---------------------------------------------------------------- */

static nyx_json *convert(json_t *from);

static int compare_iterators(const void *a, const void *b)
{
    return strcmp(json_object_iter_key(*(void *const *)a), json_object_iter_key(*(void *const *)b));
}

/* Members in our order, so that each is put at the end: a vocabulary has a
 * hundred thousand. What was converted goes at once: two trees of one text are
 * twice the memory. */
static void convert_object(nyx_json *to, json_t *from)
{
    size_t count = json_object_size(from), at = 0;
    void **members = malloc((count + 1) * sizeof *members);

    if (to && !members)
        to->poisoned = true;
    if (!to || !members) {
        free(members);
        return;
    }
    for (void *member = json_object_iter(from); member; member = json_object_iter_next(from, member))
        members[at++] = member;
    qsort(members, count, sizeof *members, compare_iterators);
    for (at = 0; at < count; at++) {
        nyx_report__append(to, json_object_iter_key(members[at]), convert(json_object_iter_value(members[at])));
        json_object_iter_set_new(from, members[at], json_null());
    }
    free(members);
}

static nyx_json *convert_members(json_t *from)
{
    nyx_json *to = json_is_object(from) ? nyx_json_object() : nyx_json_array();

    if (json_is_object(from))
        convert_object(to, from);
    for (size_t i = 0; json_is_array(from) && i < json_array_size(from); i++) {
        nyx_report__put(to, NULL, convert(json_array_get(from, i)));
        json_array_set_new(from, i, json_null());
    }
    return to;
}

static nyx_json *convert(json_t *from)
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

int nyx_json_check(const nyx_json *json)
{
    return is_poisoned(json) ? no_memory() : 0;
}

/* jansson 2.14 says "out of memory" in few of the places where it ran out: in
 * others it complains of the text, drops characters of a string and goes on, or
 * ends the program. So the first allocation that fails jumps out of it, and
 * what it had allocated by then, all of it in this list, is freed here. */
struct block {
    struct block *next, *before;
};
_Static_assert(sizeof(struct block) % 16 == 0, "what stands behind is aligned as by malloc");

static _Thread_local struct block *blocks;
static _Thread_local jmp_buf      *ran_out; /* NULL: jansson may be told */

static void *listed_malloc(size_t bytes)
{
    struct block *block = bytes < SIZE_MAX - sizeof *block ? malloc(sizeof *block + bytes) : NULL;

    if (!block && ran_out)
        longjmp(*ran_out, 1);
    if (!block)
        return NULL;
    *block = (struct block){ .next = blocks };
    if (blocks)
        blocks->before = block;
    blocks = block;
    return block + 1;
}

static void listed_free(void *memory)
{
    struct block *block = memory ? (struct block *)memory - 1 : NULL;

    if (!block)
        return;
    if (block->next)
        block->next->before = block->before;
    *(block->before ? &block->before->next : &blocks) = block->next;
    free(block);
}

static void list_allocations(void)
{
    json_set_alloc_funcs(listed_malloc, listed_free);
}

/* False: memory ran out. *out NULL: the text is wrong. */
static bool load(json_t **out, json_error_t *where, const char *text, int64_t bytes)
{
    jmp_buf place;

    *out = NULL;
    if (setjmp(place)) {
        ran_out = NULL;
        while (blocks)
            listed_free(blocks + 1);
        return false;
    }
    ran_out = &place;
    *out = json_loadb(text, (size_t)bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, where);
    ran_out = NULL;
    return true;
}

/* A few MiB of brackets would become gigabytes of tree. Marks inside texts do
 * not count. */
static int check_marks(const char *text, int64_t bytes, const char *name)
{
    int64_t marks = 0, line = 1;
    bool    quoted = false;

    for (int64_t i = 0; i < bytes; i++) {
        const char c = text[i];

        line += c == '\n';
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == ':' || c == '[' || c == '{') && ++marks > MOST_MARKS)
            return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': line %lld: more values than a document may have, "
                                 "which is about %d", name, (long long)line, MOST_MARKS / 2);
    }
    return 0;
}

int nyx_json_parse(nyx_json **out, const char *text, int64_t bytes, const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t          where;
    json_t               *json;
    int                   status;

    *out = NULL;
    pthread_once(&once, list_allocations);
    if (bytes > MOST_BYTES)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': it is larger than %d bytes", name,
                             MOST_BYTES);
    if ((status = check_marks(text, bytes, name)) < 0)
        return status;
    if (!load(&json, &where, text, bytes))
        return no_memory();
    if (!json)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': line %d, column %d: %s", name,
                             where.line, where.column, where.text);
    *out = convert(json);
    json_decref(json);
    if ((status = nyx_json_check(*out)) < 0) {
        nyx_json_free(*out);
        *out = NULL;
    }
    return status;
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

        if ((to->status = nyx_realloc(&to->text, to->used, room)) < 0)
            return;
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
    if ((to.status = nyx_json_check(json)) < 0)
        return to.status;
    put_value(&to, json, 0);
    put_bytes(&to, "", 1);
    if (to.status < 0) {
        nyx_free(to.text);
        return to.status;
    }
    *out = to.text;
    return 0;
}

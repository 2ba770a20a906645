/* json -- the tree: looking up, building, comparing.
 *
 * Objects are kept sorted by key, so walking and printing need no sorting and
 * equal documents print equally, whatever the order of the setters.
 */
#include "report/internal.h"

#include <math.h>
#include <string.h>

/* ---- looking up ----------------------------------------------------------- */

/* Where `key` stands, or would stand, among the members. */
static int64_t position(const nyx_json *object, const char *key, bool *found)
{
    int64_t low = 0, high = object->count;

    *found = false;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int     order = strcmp(object->is.members[middle].key, key);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

nyx_json *nyx_report__find(const nyx_json *object, const char *key)
{
    bool    found;
    int64_t at;

    if (!object || object->kind != NYX_JSON_OBJECT)
        return NULL;
    at = position(object, key, &found);
    return found ? object->is.members[at].value : NULL;
}

/* The child that the first `length` bytes of `path` name. */
static const nyx_json *step(const nyx_json *json, const char *path, int64_t length)
{
    char *end, part[256];

    if (length >= (int64_t)sizeof part)
        return NULL;
    memcpy(part, path, (size_t)length);
    part[length] = '\0';
    if (json->kind == NYX_JSON_ARRAY && part[0] >= '0' && part[0] <= '9') {
        int64_t index = strtoll(part, &end, 10);

        return *end == '\0' ? nyx_json_item(json, index) : NULL;
    }
    return nyx_report__find(json, part);
}

/* A name with dots in it, such as a tensor's, is tried as a whole first. */
const nyx_json *nyx_json_get(const nyx_json *json, const char *path)
{
    while (json) {
        const nyx_json *whole = nyx_report__find(json, path);
        const char     *dot = strchr(path, '.');

        if (whole || !dot)
            return whole ? whole : step(json, path, (int64_t)strlen(path));
        json = step(json, path, dot - path);
        path = dot + 1;
    }
    return NULL;
}

enum nyx_json_kind nyx_json_kind_of(const nyx_json *json)
{
    return json ? json->kind : NYX_JSON_NULL;
}

int64_t nyx_json_int(const nyx_json *json, int64_t otherwise)
{
    if (json && json->kind == NYX_JSON_INT)
        return json->is.integer;
    if (json && json->kind == NYX_JSON_REAL && floor(json->is.real) == json->is.real &&
        fabs(json->is.real) < 0x1p63)
        return (int64_t)json->is.real;
    return otherwise;
}

double nyx_json_real(const nyx_json *json, double otherwise)
{
    if (json && json->kind == NYX_JSON_INT)
        return (double)json->is.integer;
    return json && json->kind == NYX_JSON_REAL ? json->is.real : otherwise;
}

bool nyx_json_bool(const nyx_json *json, bool otherwise)
{
    return json && json->kind == NYX_JSON_BOOL ? json->is.boolean : otherwise;
}

const char *nyx_json_text(const nyx_json *json, const char *otherwise)
{
    return json && json->kind == NYX_JSON_TEXT ? json->is.text : otherwise;
}

int64_t nyx_json_count(const nyx_json *json)
{
    return json ? json->count : 0;
}

const nyx_json *nyx_json_item(const nyx_json *json, int64_t index)
{
    return json && index >= 0 && index < json->count ? json->is.members[index].value : NULL;
}

const char *nyx_json_key(const nyx_json *json, int64_t index)
{
    return json && index >= 0 && index < json->count ? json->is.members[index].key : NULL;
}

static bool same_members(const nyx_json *a, const nyx_json *b)
{
    if (a->count != b->count)
        return false;
    for (int64_t i = 0; i < a->count; i++) {
        const struct nyx_report__member *left = &a->is.members[i], *right = &b->is.members[i];

        if ((left->key && strcmp(left->key, right->key) != 0) ||
            !nyx_report__equal(left->value, right->value))
            return false;
    }
    return true;
}

bool nyx_report__equal(const nyx_json *a, const nyx_json *b)
{
    bool numbers = (a->kind == NYX_JSON_INT || a->kind == NYX_JSON_REAL) &&
                   (b->kind == NYX_JSON_INT || b->kind == NYX_JSON_REAL);

    if (a->kind != b->kind)
        return numbers && nyx_json_real(a, 0.0) == nyx_json_real(b, 0.0);
    switch (a->kind) {
    case NYX_JSON_NULL:   return true;
    case NYX_JSON_BOOL:   return a->is.boolean == b->is.boolean;
    case NYX_JSON_INT:    return a->is.integer == b->is.integer;
    case NYX_JSON_REAL:   return a->is.real == b->is.real;
    case NYX_JSON_TEXT:   return strcmp(a->is.text, b->is.text) == 0;
    case NYX_JSON_ARRAY:
    case NYX_JSON_OBJECT: return same_members(a, b);
    }
    return false;
}

/* ---- building ------------------------------------------------------------- */

void nyx_json_free(nyx_json *json)
{
    if (!json)
        return;
    if (json->kind == NYX_JSON_TEXT)
        free(json->is.text);
    if (json->kind == NYX_JSON_ARRAY || json->kind == NYX_JSON_OBJECT) {
        for (int64_t i = 0; i < json->count; i++) {
            free(json->is.members[i].key);
            nyx_json_free(json->is.members[i].value);
        }
        free(json->is.members);
    }
    free(json);
}

nyx_json *nyx_report__scalar(enum nyx_json_kind kind)
{
    nyx_json *json = calloc(1, sizeof *json);

    if (json)
        json->kind = kind;
    return json;
}

/* Bytes of the UTF-8 sequence at `p`; 0 when it is none (RFC 3629, section 4). */
static int sequence_length(const unsigned char *p)
{
    int length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4 : 0;

    for (int i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

/* A copy in which every byte that is not UTF-8 became U+FFFD: file names are
 * any bytes, JSON is not. */
static char *clean_copy(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t         bytes = strlen(text);
    char                *copy, *end;
    int                  good = 0;

    while (*p && (good = sequence_length(p)))
        p += good;
    copy = end = malloc((*p ? 3 * bytes : bytes) + 1);
    if (!copy)
        return NULL;
    if (!*p)
        return memcpy(copy, text, bytes + 1);
    for (p = (const unsigned char *)text; *p;) {
        int length = sequence_length(p);

        memcpy(end, length ? (const char *)p : "\xef\xbf\xbd", (size_t)(length ? length : 3));
        end += length ? length : 3;
        p += length ? length : 1;
    }
    *end = '\0';
    return copy;
}

nyx_json *nyx_report__text(const char *text)
{
    nyx_json *json = nyx_report__scalar(NYX_JSON_TEXT);

    if (json && !(json->is.text = clean_copy(text))) {
        free(json);
        return NULL;
    }
    return json;
}

/* Make room for a member at `at`; false when memory ran out. */
static bool open_gap(nyx_json *parent, int64_t at)
{
    if (parent->count == parent->room) {
        int64_t room = parent->room ? 2 * parent->room : 2;
        void   *more = realloc(parent->is.members, (size_t)room * sizeof *parent->is.members);

        if (!more)
            return false;
        parent->is.members = more;
        parent->room = room;
    }
    memmove(parent->is.members + at + 1, parent->is.members + at,
            (size_t)(parent->count - at) * sizeof *parent->is.members);
    parent->count++;
    return true;
}

static void put_member(nyx_json *object, const char *key, nyx_json *value)
{
    char   *name = clean_copy(key);
    bool    found = false;
    int64_t at = name ? position(object, name, &found) : 0;

    if (found) {
        free(name);
        nyx_json_free(object->is.members[at].value);
        object->is.members[at].value = value;
    } else if (name && open_gap(object, at)) {
        object->is.members[at] = (struct nyx_report__member){ name, value };
    } else {
        free(name);
        nyx_json_free(value);
        object->poisoned = true;
    }
}

void nyx_report__append(nyx_json *object, const char *key, nyx_json *value)
{
    char *name = value ? clean_copy(key) : NULL;

    if (name && open_gap(object, object->count)) {
        object->is.members[object->count - 1] = (struct nyx_report__member){ name, value };
        return;
    }
    free(name);
    nyx_json_free(value);
    object->poisoned = true;
}

void nyx_report__put(nyx_json *parent, const char *key, nyx_json *value)
{
    if (!parent || !value) {
        if (parent)
            parent->poisoned = true;
        nyx_json_free(value);
        return;
    }
    NYX_BUG_IF(parent->kind != (key ? NYX_JSON_OBJECT : NYX_JSON_ARRAY));
    if (key) {
        put_member(parent, key, value);
    } else if (open_gap(parent, parent->count)) {
        parent->is.members[parent->count - 1] = (struct nyx_report__member){ NULL, value };
    } else {
        nyx_json_free(value);
        parent->poisoned = true;
    }
}

nyx_json *nyx_json_object(void)
{
    return nyx_report__scalar(NYX_JSON_OBJECT);
}

nyx_json *nyx_json_array(void)
{
    return nyx_report__scalar(NYX_JSON_ARRAY);
}

nyx_json *nyx_json_copy(const nyx_json *json)
{
    nyx_json *copy;

    if (!json)
        return NULL;
    if (json->kind == NYX_JSON_TEXT)
        return nyx_report__text(json->is.text);
    copy = nyx_report__scalar(json->kind);
    if (!copy)
        return NULL;
    copy->poisoned = json->poisoned;
    if (json->kind != NYX_JSON_ARRAY && json->kind != NYX_JSON_OBJECT) {
        copy->is = json->is;
        return copy;
    }
    for (int64_t i = 0; i < json->count; i++)
        nyx_report__put(copy, json->is.members[i].key, nyx_json_copy(json->is.members[i].value));
    return copy;
}

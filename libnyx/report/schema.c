/* schema -- checking a document against an embedded schema.
 *
 * A subset of JSON Schema 2020-12 (schemas/README.md). One table holds the
 * keywords: what they contain and how they judge a value. A keyword that is
 * not in the table would be a promise nobody keeps, so it is a bug.
 */
#include "report/internal.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

extern const struct nyx_schema_source { const char *name, *text; } nyx_schema_sources[];

enum { MOST_SCHEMAS = 8, SHOWN_BYTES = 60 };

struct schema {
    const char *name;
    nyx_json   *json;
};

struct check {
    struct schema schemas[MOST_SCHEMAS]; /* loaded so far: [0] and what it refers to */
    int           count;
    const nyx_json *root;    /* where "#/..." starts */
    char          path[512]; /* of the value being judged, "" at the top */
    int           depth;     /* path parts */
    char          message[768];
    int           rank;      /* of the message: among alternatives the highest tells most */
    int           status;    /* of a failure that is not the document's */
};

/* ---- saying what is wrong -------------------------------------------------- */

/* Record a complaint. `closeness` orders complaints at one depth. */
static bool complain(struct check *check, int closeness, const char *fmt, ...) NYX_PRINTF(3, 4);
static bool complain(struct check *check, int closeness, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(check->message, sizeof check->message, fmt, args);
    va_end(args);
    check->rank = 2 * check->depth + closeness;
    return false;
}

/* "'model.width' is 3.5", into `text`. */
static const char *subject_is(const struct check *check, const nyx_json *value, char text[700])
{
    char *shown = NULL;
    int   length;

    if (nyx_json_print(&shown, value, 0) < 0)
        return "a value is wrong";
    length = (int)strlen(shown);
    snprintf(text, 700, "%s%s%s is %.*s%s", check->depth ? "'" : "",
             check->depth ? check->path : "the document", check->depth ? "'" : "",
             length > SHOWN_BYTES ? SHOWN_BYTES : length, shown, length > SHOWN_BYTES ? "..." : "");
    nyx_free(shown);
    return text;
}

/* The path of a child: `key`, or the index of an array element. */
static size_t enter(struct check *check, const char *key, int64_t index)
{
    size_t old = strlen(check->path);
    char   number[24];

    snprintf(number, sizeof number, "%lld", (long long)index);
    snprintf(check->path + old, sizeof check->path - old, "%s%s", check->depth ? "." : "",
             key ? key : number);
    check->depth++;
    return old;
}

static void leave(struct check *check, size_t old)
{
    check->path[old] = '\0';
    check->depth--;
}

/* ---- keywords ----------------------------------------------------------------- */

static bool judge(struct check *check, const nyx_json *schema, const nyx_json *value);
static bool check_ref(struct check *check, const nyx_json *schema, const nyx_json *rule,
                      const nyx_json *value);

static bool has_type(const nyx_json *value, const char *type)
{
    static const struct { const char *name; enum nyx_json_kind kind; } types[] = {
        { "null", NYX_JSON_NULL },     { "boolean", NYX_JSON_BOOL }, { "integer", NYX_JSON_INT },
        { "number", NYX_JSON_INT },    { "number", NYX_JSON_REAL },  { "string", NYX_JSON_TEXT },
        { "array", NYX_JSON_ARRAY },   { "object", NYX_JSON_OBJECT },
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].kind == value->kind && strcmp(types[i].name, type) == 0)
            return true;
    return value->kind == NYX_JSON_REAL && strcmp(type, "integer") == 0 &&
           floor(value->is.real) == value->is.real;
}

static bool check_type(struct check *check, const nyx_json *schema, const nyx_json *rule,
                       const nyx_json *value)
{
    char   names[128] = "", text[700];
    size_t used = 0;

    (void)schema;
    if (rule->kind == NYX_JSON_TEXT && has_type(value, rule->is.text))
        return true;
    for (int64_t i = 0; rule->kind == NYX_JSON_ARRAY && i < rule->count; i++) {
        const char *type = nyx_json_text(nyx_json_item(rule, i), "");

        if (has_type(value, type))
            return true;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " or " : "", type);
        NYX_BUG_IF(used >= sizeof names);
    }
    return complain(check, 1, "%s, %s expected", subject_is(check, value, text),
                    nyx_json_text(rule, names));
}

static bool check_const(struct check *check, const nyx_json *schema, const nyx_json *rule,
                        const nyx_json *value)
{
    char  text[700], *shown;
    (void)schema;
    if (nyx_report__equal(rule, value))
        return true;
    if (nyx_json_print(&shown, rule, 0) < 0)
        return complain(check, 0, "memory ran out");
    complain(check, 0, "%s, %s expected", subject_is(check, value, text), shown);
    nyx_free(shown);
    return false;
}

static bool check_enum(struct check *check, const nyx_json *schema, const nyx_json *rule,
                       const nyx_json *value)
{
    char  text[700], *shown;
    (void)schema;
    for (int64_t i = 0; i < rule->count; i++)
        if (nyx_report__equal(nyx_json_item(rule, i), value))
            return true;
    if (nyx_json_print(&shown, rule, 0) < 0)
        return complain(check, 0, "memory ran out");
    complain(check, 0, "%s, one of %s expected", subject_is(check, value, text), shown);
    nyx_free(shown);
    return false;
}

static bool complain_unknown(struct check *check, const nyx_json *schema, const char *key)
{
    const nyx_json *known = nyx_report__find(schema, "properties");
    const char    **names, *nearest;

    if (nyx_alloc(&names, (nyx_json_count(known) + 1) * (int64_t)sizeof *names) < 0)
        return complain(check, 1, "memory ran out");
    for (int64_t i = 0; i < nyx_json_count(known); i++)
        names[i] = nyx_json_key(known, i);
    nearest = nyx_text_nearest(key, names);
    complain(check, 1, "unknown key '%s%s%s'%s%s%s", check->path, check->depth ? "." : "", key,
             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    nyx_free(names);
    return false;
}

static bool check_additional(struct check *check, const nyx_json *schema, const nyx_json *rule,
                             const nyx_json *value)
{
    const nyx_json *known = nyx_report__find(schema, "properties");
    bool            fine = true;

    for (int64_t i = 0; fine && value->kind == NYX_JSON_OBJECT && i < value->count; i++) {
        const char *key = nyx_json_key(value, i);
        size_t      old;

        if (nyx_report__find(known, key))
            continue;
        if (rule->kind == NYX_JSON_BOOL && !rule->is.boolean)
            return complain_unknown(check, schema, key);
        old = enter(check, key, 0);
        fine = judge(check, rule, nyx_json_item(value, i));
        leave(check, old);
    }
    return fine;
}

static bool check_required(struct check *check, const nyx_json *schema, const nyx_json *rule,
                           const nyx_json *value)
{
    (void)schema;
    for (int64_t i = 0; value->kind == NYX_JSON_OBJECT && i < rule->count; i++) {
        const char *key = nyx_json_text(nyx_json_item(rule, i), "");

        if (!nyx_report__find(value, key))
            return complain(check, 1, "key '%s%s%s' is missing", check->path,
                            check->depth ? "." : "", key);
    }
    return true;
}

static bool check_properties(struct check *check, const nyx_json *schema, const nyx_json *rule,
                             const nyx_json *value)
{
    bool fine = true;

    (void)schema;
    for (int64_t i = 0; fine && value->kind == NYX_JSON_OBJECT && i < value->count; i++) {
        const nyx_json *property = nyx_report__find(rule, nyx_json_key(value, i));
        size_t          old;

        if (!property)
            continue;
        old = enter(check, nyx_json_key(value, i), 0);
        fine = judge(check, property, nyx_json_item(value, i));
        leave(check, old);
    }
    return fine;
}

static bool check_items(struct check *check, const nyx_json *schema, const nyx_json *rule,
                        const nyx_json *value)
{
    bool fine = true;

    (void)schema;
    for (int64_t i = 0; fine && value->kind == NYX_JSON_ARRAY && i < value->count; i++) {
        size_t old = enter(check, NULL, i);

        fine = judge(check, rule, nyx_json_item(value, i));
        leave(check, old);
    }
    return fine;
}

static bool is_number(const nyx_json *value)
{
    return value->kind == NYX_JSON_INT || value->kind == NYX_JSON_REAL;
}

/* Characters, not bytes: those that do not continue a sequence. */
static int64_t characters(const char *text)
{
    int64_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* What the six keywords with a limit have in common. */
static bool limit(struct check *check, bool applies, bool holds, const nyx_json *value,
                  const char *words, const nyx_json *rule)
{
    char text[700];

    if (!applies || holds)
        return true;
    return complain(check, 1, "%s, %s %.17g expected", subject_is(check, value, text), words,
                    nyx_json_real(rule, 0.0));
}

#define LIMIT(name, applies, measure, relation, words)                                      \
    static bool check_##name(struct check *check, const nyx_json *schema,                   \
                             const nyx_json *rule, const nyx_json *value)                   \
    {                                                                                       \
        bool concerned = applies;                                                           \
        (void)schema;                                                                       \
        return limit(check, concerned,                                                      \
                     !concerned || (double)(measure) relation nyx_json_real(rule, 0.0),     \
                     value, words, rule);                                                   \
    }

LIMIT(minimum, is_number(value), nyx_json_real(value, 0.0), >=, "at least")
LIMIT(maximum, is_number(value), nyx_json_real(value, 0.0), <=, "at most")
LIMIT(above, is_number(value), nyx_json_real(value, 0.0), >, "more than")
LIMIT(below, is_number(value), nyx_json_real(value, 0.0), <, "less than")
LIMIT(min_length, value->kind == NYX_JSON_TEXT, characters(value->is.text), >=, "a length of at least")
LIMIT(min_items, value->kind == NYX_JSON_ARRAY, value->count, >=, "a number of elements of at least")
LIMIT(max_items, value->kind == NYX_JSON_ARRAY, value->count, <=, "a number of elements of at most")

/* How many of the alternatives fit. When none does, the complaint of the one
 * that got furthest says most, if it got inside the value at all. */
static int64_t fitting(struct check *check, const nyx_json *rule, const nyx_json *value)
{
    char    best[sizeof check->message] = "", text[700];
    int     rank = 2 * check->depth + 1;
    int64_t fit = 0;

    for (int64_t i = 0; i < rule->count; i++) {
        if (judge(check, nyx_json_item(rule, i), value)) {
            fit++;
        } else if (check->rank > rank) {
            rank = check->rank;
            memcpy(best, check->message, sizeof best);
        }
    }
    if (best[0])
        memcpy(check->message, best, sizeof best);
    else
        complain(check, 1, "%s, which is none of the %lld forms allowed",
                 subject_is(check, value, text), (long long)rule->count);
    check->rank = rank;
    return fit;
}

static bool check_any_of(struct check *check, const nyx_json *schema, const nyx_json *rule,
                         const nyx_json *value)
{
    (void)schema;
    return fitting(check, rule, value) > 0;
}

static bool check_one_of(struct check *check, const nyx_json *schema, const nyx_json *rule,
                         const nyx_json *value)
{
    int64_t fit = fitting(check, rule, value);
    char    text[700];

    (void)schema;
    if (fit > 1)
        return complain(check, 1, "%s, which is %lld of the forms allowed, exactly one expected",
                        subject_is(check, value, text), (long long)fit);
    return fit == 1;
}

enum content { PLAIN, SCHEMA, LIST, MAP }; /* what a keyword holds */

static const struct keyword {
    const char  *name;
    enum content content;
    bool (*check)(struct check *check, const nyx_json *schema, const nyx_json *rule,
                  const nyx_json *value); /* NULL: says nothing about values */
} keywords[] = {
    { "$schema", PLAIN, NULL },
    { "$id", PLAIN, NULL },
    { "$comment", PLAIN, NULL },
    { "$defs", MAP, NULL },
    { "title", PLAIN, NULL },
    { "description", PLAIN, NULL },
    { "default", PLAIN, NULL },
    { "examples", PLAIN, NULL },
    { "$ref", PLAIN, check_ref },
    { "type", PLAIN, check_type },
    { "const", PLAIN, check_const },
    { "enum", PLAIN, check_enum },
    { "additionalProperties", SCHEMA, check_additional },
    { "required", PLAIN, check_required },
    { "properties", MAP, check_properties },
    { "items", SCHEMA, check_items },
    { "minimum", PLAIN, check_minimum },
    { "maximum", PLAIN, check_maximum },
    { "exclusiveMinimum", PLAIN, check_above },
    { "exclusiveMaximum", PLAIN, check_below },
    { "minLength", PLAIN, check_min_length },
    { "minItems", PLAIN, check_min_items },
    { "maxItems", PLAIN, check_max_items },
    { "anyOf", LIST, check_any_of },
    { "oneOf", LIST, check_one_of },
};
enum { KEYWORDS = sizeof keywords / sizeof *keywords };

static bool judge(struct check *check, const nyx_json *schema, const nyx_json *value)
{
    char text[700];

    if (schema->kind == NYX_JSON_BOOL)
        return schema->is.boolean ||
               complain(check, 1, "%s, nothing allowed", subject_is(check, value, text));
    for (int i = 0; i < KEYWORDS; i++) {
        const nyx_json *rule = nyx_report__find(schema, keywords[i].name);

        if (rule && keywords[i].check && !keywords[i].check(check, schema, rule, value))
            return false;
    }
    return true;
}

/* ---- schemas ------------------------------------------------------------------ */

static void demand_known_keywords(const nyx_json *schema)
{
    bool is_schema = schema->kind == NYX_JSON_OBJECT || schema->kind == NYX_JSON_BOOL;

    NYX_BUG_IF(!is_schema);
    for (int64_t i = 0; schema->kind == NYX_JSON_OBJECT && i < schema->count; i++) {
        const nyx_json *inside = nyx_json_item(schema, i);
        int             k = 0;

        while (k < KEYWORDS && strcmp(keywords[k].name, nyx_json_key(schema, i)) != 0)
            k++;
        if (k == KEYWORDS)
            nyx_bug(nyx_json_key(schema, i), 0, "a schema uses an unknown keyword");
        if (keywords[k].content == SCHEMA)
            demand_known_keywords(inside);
        for (int64_t m = 0; keywords[k].content >= LIST && m < inside->count; m++)
            demand_known_keywords(nyx_json_item(inside, m));
    }
}

/* The schema NAME, parsed once a check; NULL when memory ran out. */
static const nyx_json *load(struct check *check, const char *name, size_t length)
{
    const struct nyx_schema_source *source = nyx_schema_sources;
    struct schema                  *schema = &check->schemas[check->count];

    for (int i = 0; i < check->count; i++)
        if (strlen(check->schemas[i].name) == length &&
            memcmp(check->schemas[i].name, name, length) == 0)
            return check->schemas[i].json;
    while (source->name && (strlen(source->name) != length || memcmp(source->name, name, length) != 0))
        source++;
    NYX_BUG_IF(!source->name || check->count == MOST_SCHEMAS);
    schema->name = source->name;
    check->status = nyx_json_parse(&schema->json, source->text, (int64_t)strlen(source->text),
                                   source->name);
    NYX_BUG_IF(check->status == NYX_ERR_INPUT);
    if (check->status < 0)
        return NULL;
    check->count++;
    demand_known_keywords(schema->json);
    return schema->json;
}

/* "#", "#/$defs/NAME", "OTHER.schema.json" or "OTHER.schema.json#/$defs/NAME". */
static bool check_ref(struct check *check, const nyx_json *schema, const nyx_json *rule,
                      const nyx_json *value)
{
    static const char suffix[] = ".schema.json", defs[] = "#/$defs/";
    const char       *reference = nyx_json_text(rule, ""), *hash = strchr(reference, '#');
    const char       *dot = strstr(reference, suffix);
    const nyx_json   *root = check->root, *target;
    bool              fine;

    (void)schema;
    if (dot && !(root = load(check, reference, (size_t)(dot - reference))))
        return complain(check, 1, "%s", nyx_error_text());
    target = root;
    if (hash && strcmp(hash, "#") != 0) {
        NYX_BUG_IF(strncmp(hash, defs, strlen(defs)) != 0);
        target = nyx_report__find(nyx_report__find(root, "$defs"), hash + strlen(defs));
    }
    NYX_BUG_IF(!target || (!dot && !hash));
    const nyx_json *outer = check->root;
    check->root = root;
    fine = judge(check, target, value);
    check->root = outer;
    return fine;
}

/* A document that says it is another one is told that, not which of its keys are unknown. */
static bool judge_schema(struct check *check, const nyx_json *json)
{
    const nyx_json *rule = nyx_json_get(check->root, "properties.schema"), *value = nyx_json_get(json, "schema");
    bool            fine = true;

    if (rule && value) {
        const size_t old = enter(check, "schema", 0);

        fine = judge(check, rule, value);
        leave(check, old);
    }
    return fine;
}

int nyx_schema_check(const char *schema, const nyx_json *json, const char *subject)
{
    struct check check = { 0 };
    int          status = 0;

    NYX_BUG_IF(!json);
    check.root = load(&check, schema, strlen(schema));
    if (check.root && !(judge_schema(&check, json) && judge(&check, check.root, json)) && check.status == 0)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot use '%s': %s", subject, check.message);
    if (check.status < 0)
        status = check.status;
    for (int i = 0; i < check.count; i++)
        nyx_json_free(check.schemas[i].json);
    return status;
}

bool nyx_schema_exists(const char *schema)
{
    const struct nyx_schema_source *source = nyx_schema_sources;

    while (source->name && strcmp(source->name, schema))
        source++;
    return source->name;
}

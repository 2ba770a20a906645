/* json_set -- the setters of objects and arrays. */
#include "report/internal.h"

#include <math.h>
#include <stdio.h>

static nyx_json *integer(int64_t value)
{
    nyx_json *json = nyx_report__scalar(NYX_JSON_INT);

    if (json)
        json->is.integer = value;
    return json;
}

/* What JSON cannot say becomes null. */
static nyx_json *real(double value)
{
    nyx_json *json = nyx_report__scalar(isfinite(value) ? NYX_JSON_REAL : NYX_JSON_NULL);

    if (json && isfinite(value))
        json->is.real = value;
    return json;
}

void nyx_json_set_int(nyx_json *object, const char *key, int64_t value)
{
    nyx_report__put(object, key, integer(value));
}

void nyx_json_set_real(nyx_json *object, const char *key, double value)
{
    if (isfinite(value))
        nyx_report__put(object, key, real(value));
    else
        nyx_json_set_null(object, key, isnan(value) ? "not a number"
                                       : value > 0  ? "infinite"
                                                    : "minus infinite");
}

void nyx_json_set_bool(nyx_json *object, const char *key, bool value)
{
    nyx_json *json = nyx_report__scalar(NYX_JSON_BOOL);

    if (json)
        json->is.boolean = value;
    nyx_report__put(object, key, json);
}

void nyx_json_set_text(nyx_json *object, const char *key, const char *value)
{
    nyx_report__put(object, key, nyx_report__text(value));
}

void nyx_json_set_null(nyx_json *object, const char *key, const char *reason)
{
    char name[256];

    nyx_report__put(object, key, nyx_report__scalar(NYX_JSON_NULL));
    if (!reason)
        return;
    snprintf(name, sizeof name, "%s_reason", key);
    nyx_json_set_text(object, name, reason);
}

void nyx_json_set_take(nyx_json *object, const char *key, nyx_json *value)
{
    nyx_report__put(object, key, value);
}

/* A child that could not be kept is gone: its setters then do nothing. */
static nyx_json *add(nyx_json *parent, const char *key, nyx_json *child)
{
    nyx_report__put(parent, key, child);
    if (!parent || parent->poisoned || !child)
        return NULL;
    return child;
}

nyx_json *nyx_json_add_object(nyx_json *object, const char *key)
{
    return add(object, key, nyx_json_object());
}

nyx_json *nyx_json_add_array(nyx_json *object, const char *key)
{
    return add(object, key, nyx_json_array());
}

void nyx_json_push_int(nyx_json *array, int64_t value)
{
    nyx_report__put(array, NULL, integer(value));
}

void nyx_json_push_real(nyx_json *array, double value)
{
    nyx_report__put(array, NULL, real(value));
}

void nyx_json_push_text(nyx_json *array, const char *value)
{
    nyx_report__put(array, NULL, nyx_report__text(value));
}

void nyx_json_push_take(nyx_json *array, nyx_json *value)
{
    nyx_report__put(array, NULL, value);
}

nyx_json *nyx_json_push_object(nyx_json *array)
{
    return add(array, NULL, nyx_json_object());
}

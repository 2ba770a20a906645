/* report/internal -- the tree behind nyx_json, shared inside this folder. */
#ifndef NYX_REPORT_INTERNAL_H
#define NYX_REPORT_INTERNAL_H

#include "report/report.h"

struct nyx_report__member {
    char     *key; /* NULL in arrays */
    nyx_json *value;
};

struct nyx_json {
    enum nyx_json_kind kind;
    bool               poisoned; /* a setter ran out of memory here */
    int64_t            count, room;
    union {
        bool                       boolean;
        int64_t                    integer;
        double                     real;
        char                      *text;
        struct nyx_report__member *members; /* objects: sorted by key */
    } is;
};

/* The member of exactly this name, or NULL. */
nyx_json *nyx_report__find(const nyx_json *object, const char *key);

/* One value without children; NULL when memory ran out. Text is copied and
 * made valid UTF-8. */
nyx_json *nyx_report__scalar(enum nyx_json_kind kind);
nyx_json *nyx_report__text(const char *text);

/* Put `value` (taken; NULL: memory ran out) under `key`, or at the end of an
 * array when `key` is NULL. */
void nyx_report__put(nyx_json *parent, const char *key, nyx_json *value);
/* The same of a key, valid UTF-8, that comes behind all there are. */
void nyx_report__append(nyx_json *object, const char *key, nyx_json *value);

/* Equal as JSON Schema sees it: 1 and 1.0 are the same number. */
bool nyx_report__equal(const nyx_json *a, const nyx_json *b);

#endif

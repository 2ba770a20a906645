/* report -- JSON documents: reading, building, checking against a schema, and
 * the report that every tool writes. The only home of jansson.
 *
 *     nyx_json *config;
 *     if ((status = nyx_json_read(&config, path)) < 0) return status;
 *     if ((status = nyx_schema_check("config", config, path)) < 0) ...
 *     int64_t width = nyx_json_int(nyx_json_get(config, "model.width"), 0);
 *     nyx_json_free(config);
 *
 * Numbers.  NaN and infinities never reach a file: they become null, with the
 * reason beside them under "KEY_reason".
 * Memory.  A setter that runs out of memory poisons the document: printing or
 * writing it then fails with MEMORY. So setters return nothing.
 */
#ifndef NYX_REPORT_H
#define NYX_REPORT_H

#include "base/base.h"

typedef struct nyx_json nyx_json; /* one JSON value of any kind */

enum nyx_json_kind { NYX_JSON_NULL, NYX_JSON_BOOL, NYX_JSON_INT, NYX_JSON_REAL,
                     NYX_JSON_TEXT, NYX_JSON_ARRAY, NYX_JSON_OBJECT };

/* Parse strictly: UTF-8, no duplicate keys, nothing behind the value, 64 MiB
 * and about a million values at most. `name` is the subject of the error sentence (line and column are
 * added). INPUT; nyx_json_read also MISSING. *out ends with nyx_json_free. */
int  nyx_json_parse(nyx_json **out, const char *text, int64_t bytes, const char *name) NYX_CHECKED;
int  nyx_json_read(nyx_json **out, const char *path) NYX_CHECKED;
void nyx_json_free(nyx_json *json);

/* Look up by path, "training.optimizer.kind" or "layers.0"; NULL when absent
 * (also when `json` is NULL). A key that has dots in it itself is found as the
 * last part of a path. Borrowed. */
const nyx_json    *nyx_json_get(const nyx_json *json, const char *path);
enum nyx_json_kind nyx_json_kind_of(const nyx_json *json); /* NULL -> NYX_JSON_NULL */

/* The value, or `otherwise` when it is NULL or of another kind. Real accepts
 * integers, int accepts whole reals (1e3), as JSON Schema does. */
int64_t     nyx_json_int(const nyx_json *json, int64_t otherwise);
double      nyx_json_real(const nyx_json *json, double otherwise);
bool        nyx_json_bool(const nyx_json *json, bool otherwise);
const char *nyx_json_text(const nyx_json *json, const char *otherwise);

/* Arrays and objects; objects are walked in sorted key order. */
int64_t         nyx_json_count(const nyx_json *json);
const nyx_json *nyx_json_item(const nyx_json *json, int64_t index);
const char     *nyx_json_key(const nyx_json *json, int64_t index); /* objects only */

/* Build. Values handed to _take functions belong to the document. Children
 * made by _add_/_push_ are borrowed. */
nyx_json *nyx_json_object(void);
nyx_json *nyx_json_array(void);
nyx_json *nyx_json_copy(const nyx_json *json); /* deep */
void      nyx_json_set_int(nyx_json *object, const char *key, int64_t value);
void      nyx_json_set_real(nyx_json *object, const char *key, double value);
void      nyx_json_set_bool(nyx_json *object, const char *key, bool value);
void      nyx_json_set_text(nyx_json *object, const char *key, const char *value);
void      nyx_json_set_null(nyx_json *object, const char *key, const char *reason);
void      nyx_json_set_take(nyx_json *object, const char *key, nyx_json *value);
nyx_json *nyx_json_add_object(nyx_json *object, const char *key);
nyx_json *nyx_json_add_array(nyx_json *object, const char *key);
void      nyx_json_push_int(nyx_json *array, int64_t value);
void      nyx_json_push_real(nyx_json *array, double value);
void      nyx_json_push_text(nyx_json *array, const char *value);
void      nyx_json_push_take(nyx_json *array, nyx_json *value);
nyx_json *nyx_json_push_object(nyx_json *array);
/* MEMORY where a setter ran out of it. Printing asks this itself; whoever looks
 * into a document that was built, or hands it on, asks first. */
int nyx_json_check(const nyx_json *json) NYX_CHECKED;

/* Text with sorted keys and 17 significant digits: equal values give equal
 * bytes. `indent` 0 is one line without spaces. *out ends with nyx_free. */
int nyx_json_print(char **out, const nyx_json *json, int indent) NYX_CHECKED;
/* That text and a line feed as a file; "-" is standard output. CREATE, OUTPUT. */
int nyx_json_write(const char *path, const nyx_json *json, int indent) NYX_CHECKED;

/* Check `json` against the embedded schemas/NAME.schema.json (the subset of
 * JSON Schema 2020-12 that schemas/README.md lists). The sentence names
 * `subject`, the path inside the document and, for an unknown key, the
 * nearest known one. INPUT. */
int  nyx_schema_check(const char *schema, const nyx_json *json, const char *subject) NYX_CHECKED;
bool nyx_schema_exists(const char *schema);

/* part / whole, as reports say shares; 0 of nothing. */
static inline double nyx_share(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

/* ---- the report ----------------------------------------------------------- */

/* The document a tool writes (schemas/report.schema.json): volatile facts in
 * `run`, answers in `result`. Made by cli/; tools fill it. */
typedef struct nyx_report nyx_report;
int       nyx_report_create(nyx_report **out, const char *tool, int argc, char **argv) NYX_CHECKED;
void      nyx_report_free(nyx_report *report);
nyx_json *nyx_report_run(nyx_report *report);    /* borrowed object */
nyx_json *nyx_report_result(nyx_report *report); /* borrowed object */
/* List a file with its bytes and SHA-256 (hashes it now). */
int  nyx_report_input(nyx_report *report, const char *path) NYX_CHECKED;
/* The same of a file whose digest is known already: because it was read. */
void nyx_report_input_known(nyx_report *report, const char *path, int64_t bytes, const char *sha256);
int  nyx_report_output(nyx_report *report, const char *path) NYX_CHECKED;
void nyx_report_warn(nyx_report *report, const char *fmt, ...) NYX_PRINTF(2, 3);
/* SHA-256 of an input listed before, or NULL. */
const char *nyx_report_input_sha256(const nyx_report *report, const char *path);
/* Write it (path "-" is stdout). `status` is ok|no|error|stopped. */
int nyx_report_write(nyx_report *report, const char *path, const char *status, const char *error) NYX_CHECKED;

#endif

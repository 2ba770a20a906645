/* manifest -- what a bundle says of itself (schemas/bundle-manifest.schema.json). */
#include "bundle/internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { JSON_MOST = 16 << 20, BRACKETS_MOST = 3 * NYX_BUNDLE_FILES, COMMAS_MOST = 10 * NYX_BUNDLE_FILES };

/* ---- what a file is -------------------------------------------------------------------- */

static bool begins_with(const char *path, const char *magic, size_t bytes)
{
    char    head[8] = { 0 };
    int     fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, head, bytes, 0);

    if (fd >= 0)
        close(fd);
    return got == (ssize_t)bytes && memcmp(head, magic, bytes) == 0;
}

static const char *const hdf5_kinds[] = { "model", "dataset", "checkpoint", "foreign", NULL };

/* The lines of a history as an array; NULL when there are none. */
static int list_history(nyx_json **out, const char *history)
{
    char *copy, *rest = NULL;
    int   status = nyx_text_copy(&copy, history);

    for (char *line = status < 0 ? NULL : strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (!nyx_bundle__is_clean(line))
            continue;
        if (!*out)
            *out = nyx_json_array();
        nyx_json_push_text(*out, line);
    }
    nyx_free(copy);
    return status;
}

/* A file that cannot be read is bundled as it is: a run that failed is one
 * too. Want of memory says nothing about a file. */
static int identify_hdf5(nyx_bundle_file *file, nyx_json **history)
{
    nyx_reader *reader;
    int         status = nyx_reader_open(&reader, file->path);

    for (int i = 0; hdf5_kinds[i] && status == 0; i++)
        if (strcmp(hdf5_kinds[i], nyx_reader_kind(reader)) == 0)
            file->kind = hdf5_kinds[i];
    if (status == 0)
        status = list_history(history, nyx_reader_history(reader));
    nyx_reader_close(reader);
    return status == NYX_ERR_MEMORY ? status : 0;
}

static int identify_json(nyx_bundle *bundle, nyx_bundle_file *file)
{
    nyx_json   *json = NULL;
    const char *schema;
    char       *text;
    int64_t     bytes;
    int         status;

    if ((status = nyx_file_read(&text, &bytes, file->path, JSON_MOST)) == 0 &&
        (status = nyx_json_parse(&json, text, bytes, file->path)) == 0) {
        schema = nyx_json_text(nyx_json_get(json, "schema"), "");
        file->kind = nyx_json_get(json, "rules") ? "recipe" : nyx_json_get(json, "model") ? "config" : "json";
        if (strncmp(schema, "nyx.", 4) == 0 && strlen(schema) < 64 && nyx_bundle__is_clean(schema))
            status = nyx_arena_text(&bundle->arena, &file->kind, schema);
    }
    nyx_json_free(json);
    nyx_free(text);
    return status == NYX_ERR_MEMORY ? status : 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

void nyx_bundle__manifest_begin(nyx_bundle *bundle)
{
    bundle->manifest = nyx_json_object();
    nyx_json_set_text(bundle->manifest, "schema", "nyx.bundle-manifest/1");
    bundle->list = nyx_json_add_array(bundle->manifest, "files");
}

int nyx_bundle__manifest_add(nyx_bundle *bundle, nyx_bundle_file *file)
{
    nyx_json *history = NULL, *object;
    int       status = 0;

    file->kind = "other";
    if (begins_with(file->path, "\x89HDF\r\n\x1a\n", 8))
        status = identify_hdf5(file, &history);
    else if (begins_with(file->path, "{", 1))
        status = identify_json(bundle, file);
    if (status < 0) {
        nyx_json_free(history);
        return status;
    }
    object = nyx_json_push_object(bundle->list);
    nyx_json_set_text(object, "name", file->name);
    nyx_json_set_int(object, "bytes", file->bytes);
    nyx_json_set_text(object, "sha256", file->sha256);
    nyx_json_set_text(object, "kind", file->kind);
    if (history)
        nyx_json_set_take(object, "history", history);
    if (!nyx_size_add(&bundle->bytes, bundle->bytes, file->bytes))
        return nyx_error_set(NYX_ERR_INPUT, "cannot bundle '%s': the sizes do not add up", file->path);
    return 0;
}

int nyx_bundle__manifest_print(nyx_bundle *bundle, char **text)
{
    nyx_json *totals = nyx_json_add_object(bundle->manifest, "totals");
    int       status;

    nyx_json_set_int(totals, "files", bundle->count);
    nyx_json_set_int(totals, "bytes", bundle->bytes);
    if ((status = nyx_json_print(text, bundle->manifest, 1)) < 0)
        return status;
    if (strlen(*text) > NYX_BUNDLE__MANIFEST_MOST) {
        nyx_free(*text);
        *text = NULL;
        return nyx_error_set(NYX_ERR_INPUT, "cannot bundle that many files: their list is longer than %d bytes",
                             NYX_BUNDLE__MANIFEST_MOST);
    }
    nyx_sha256_bytes(bundle->manifest_sha256, *text, (int64_t)strlen(*text));
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Values take more room in memory than in the text: how many there are is
 * known before they are made. */
static int check_values(const nyx_bundle *bundle, const char *text, int64_t bytes)
{
    int64_t brackets = 0, commas = 0;

    for (int64_t i = 0; i < bytes; i++) {
        brackets += text[i] == '[' || text[i] == '{';
        commas += text[i] == ',';
    }
    if (brackets > BRACKETS_MOST || commas > COMMAS_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': member '%s' lists more than a bundle can hold",
                             bundle->path, NYX_BUNDLE__MANIFEST);
    return 0;
}

static bool is_digest(const char *text)
{
    return strlen(text) == NYX_SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == NYX_SHA256_HEX - 1;
}

static int read_entry(nyx_bundle *bundle, const nyx_json *entry)
{
    const char      *name = nyx_json_text(nyx_json_get(entry, "name"), ""), *fault = nyx_bundle__name_fault(name);
    const char      *digest = nyx_json_text(nyx_json_get(entry, "sha256"), "");
    nyx_bundle_file *file;
    char             shown[NYX_BUNDLE__SHOWN];
    int              status;

    if (!fault && strcmp(name, NYX_BUNDLE__MANIFEST) == 0)
        fault = "has the name of the manifest itself";
    if (!fault && !is_digest(digest))
        fault = "has no SHA-256 in the manifest";
    if (!fault && bundle->count && strcmp(bundle->files[bundle->count - 1].name, name) >= 0)
        fault = strcmp(bundle->files[bundle->count - 1].name, name) ? "is not in order in the manifest"
                                                                    : "comes twice in the manifest";
    if (fault)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': member '%s' %s", bundle->path,
                             nyx_bundle__shown(shown, name), fault);
    if ((status = nyx_bundle__add(bundle, &file)) < 0)
        return status;
    file->name = name;
    file->bytes = nyx_json_int(nyx_json_get(entry, "bytes"), 0);
    file->kind = nyx_json_text(nyx_json_get(entry, "kind"), "");
    memcpy(file->sha256, digest, NYX_SHA256_HEX);
    if (!nyx_size_add(&bundle->bytes, bundle->bytes, file->bytes))
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': member '%s' makes the sum of sizes overflow",
                             bundle->path, name);
    return 0;
}

int nyx_bundle__manifest_read(nyx_bundle *bundle, const char *text, int64_t bytes)
{
    const nyx_json *list;
    char           *subject = NULL;
    int             status;

    nyx_sha256_bytes(bundle->manifest_sha256, text, bytes);
    if ((status = check_values(bundle, text, bytes)) < 0 ||
        (status = nyx_text_format(&subject, "%s(%s)", bundle->path, NYX_BUNDLE__MANIFEST)) < 0 ||
        (status = nyx_json_parse(&bundle->manifest, text, bytes, subject)) < 0 ||
        (status = nyx_schema_check("bundle-manifest", bundle->manifest, subject)) < 0)
        goto done;
    list = nyx_json_get(bundle->manifest, "files");
    for (int64_t i = 0; i < nyx_json_count(list) && status == 0; i++)
        status = read_entry(bundle, nyx_json_item(list, i));
    if (status == 0 && (nyx_json_int(nyx_json_get(bundle->manifest, "totals.files"), -1) != bundle->count ||
                        nyx_json_int(nyx_json_get(bundle->manifest, "totals.bytes"), -1) != bundle->bytes))
        status = nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': its totals are not those of its files", subject);
    if (status == 0) {
        char *what;

        if ((status = nyx_text_format(&what, "read '%s'", bundle->path)) == 0)
            status = nyx_bundle__check_names(bundle, what);
        nyx_free(what);
    }
done:
    nyx_free(subject);
    return status;
}

/* ---- for reports --------------------------------------------------------------------------- */

void nyx_bundle_describe(const nyx_bundle *bundle, nyx_json *result)
{
    nyx_json *totals;

    nyx_json_set_take(result, "files", nyx_json_copy(nyx_json_get(bundle->manifest, "files")));
    totals = nyx_json_add_object(result, "totals");
    nyx_json_set_int(totals, "files", bundle->count);
    nyx_json_set_int(totals, "bytes", bundle->bytes);
    nyx_json_set_text(result, "manifest_sha256", bundle->manifest_sha256);
}

/* reader -- open a file: have it listed by the guarded child, check the
 * listing as if it came from an enemy, answer questions about it. */
#include "file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- from records to entries ------------------------------------------------ */

static bool extent_fits(const nyx_file__extent *e, int64_t size)
{
    return e->offset >= 0 && e->bytes >= 0 && e->offset <= size && e->bytes <= size - e->offset &&
           memchr(e->sha256, '\0', sizeof e->sha256);
}

static int check_plain(const nyx_reader *file, const nyx_file__record *r, const char *path)
{
    int64_t elems, bytes;

    if (r->dtype < 0 || r->dtype >= NYX_DTYPE_COUNT || nyx_shape_check(&r->shape, &elems) < 0 ||
        !nyx_size_mul(&bytes, elems, nyx_dtype_bytes(r->dtype)) || bytes != r->data.bytes ||
        (r->direct && !extent_fits(&r->data, file->size)))
        return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' does not fit the file", file->path, path);
    return 0;
}

static int check_coded(const nyx_reader *file, struct nyx_file__entry *e)
{
    const nyx_file__record *r = &e->record;
    nyx_plane_bytes         want;
    const char             *path = e->entry.path;
    int64_t                 expected[NYX_FILE__PLANES];

    if (!memchr(r->format, '\0', sizeof r->format) || nyx_format_parse(&e->entry.format, r->format) < 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' has the unknown format '%.63s'", file->path, path,
                             r->format);
    if (r->shape.rank < 1 || nyx_shape_check(&r->shape, &(int64_t) { 0 }) < 0 ||
        nyx_format_planes(&want, &e->entry.format, &r->shape) < 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' has an impossible shape", file->path, path);
    expected[NYX_FILE__CODES] = want.codes;
    expected[NYX_FILE__SCALES] = want.scales;
    expected[NYX_FILE__ZEROS] = want.zeros;
    for (int p = 0; p < NYX_FILE__PLANES; p++) {
        if (r->planes[p].bytes != expected[p] || !extent_fits(&r->planes[p], file->size))
            return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' has %lld bytes of %s, %lld expected", file->path,
                                 path, (long long)r->planes[p].bytes, nyx_file__plane_names[p],
                                 (long long)expected[p]);
        e->entry.bytes += expected[p];
    }
    e->entry.bytes += want.globals;
    return 0;
}

/* "/tensors/a/b" -> "a.b"; "/x" -> "x". */
static int name_of(nyx_reader *file, const char **out, const char *path)
{
    const char *second = strchr(path + 1, '/');
    const char *copy;
    char       *at;
    int         status;

    if ((status = nyx_arena_text(&file->arena, &copy, second ? second + 1 : path + 1)) < 0)
        return status;
    *out = copy;
    for (at = (char *)(uintptr_t)copy; *at; at++)
        if (*at == '/')
            *at = '.';
    return 0;
}

static int take_tensor(nyx_reader *file, struct nyx_file__entry *e, const nyx_file__record *r, const char *path)
{
    int status;

    e->record = *r;
    e->entry = (nyx_entry) { .path = path, .shape = r->shape, .dtype = r->dtype, .bytes = r->data.bytes };
    if ((status = name_of(file, &e->entry.name, path)) < 0)
        return status;
    if (r->kind == NYX_FILE__TEXT)
        return extent_fits(&r->data, file->size)
                   ? 0
                   : nyx_error_set(NYX_ERR_INPUT, "'%s': text '%s' does not fit the file", file->path, path);
    if (r->kind == NYX_FILE__PLAIN) {
        e->entry.offset = r->direct ? r->data.offset : 0;
        return check_plain(file, r, path);
    }
    e->entry.coded = true;
    e->entry.offset = r->planes[NYX_FILE__CODES].offset;
    e->entry.bytes = 0;
    e->entry.dtype = NYX_F32;
    return check_coded(file, e);
}

/* Records in the listing, one by one: NULL at the end, or when the listing is
 * cut (*bad). */
static const nyx_file__record *next_record(const nyx_reader *file, int64_t *at, nyx_file__record *copy,
                                           const char *tail[3], bool *bad)
{
    int64_t     left = file->listing.bytes - *at;
    const char *start = file->listing.data + *at, *from, *end;
    int         parts;

    if (left == 0)
        return NULL;
    *bad = true;
    if (left < (int64_t)sizeof *copy)
        return NULL;
    memcpy(copy, start, sizeof *copy);
    if (copy->tail <= 0 || copy->tail > left - (int64_t)sizeof *copy)
        return NULL;
    from = start + sizeof *copy;
    end = from + copy->tail;
    parts = copy->kind == NYX_FILE__ATTRIBUTE ? 3 : 1;
    for (int i = 0; i < parts; i++) {
        const char *stop = from < end ? memchr(from, '\0', (size_t)(end - from)) : NULL;

        if (!stop)
            return NULL;
        tail[i] = from;
        from = stop + 1;
    }
    if (from != end || tail[0][0] != '/')
        return NULL;
    *bad = false;
    *at += (int64_t)sizeof *copy + copy->tail;
    return copy;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct nyx_file__entry *)a)->entry.path, ((const struct nyx_file__entry *)b)->entry.path);
}

static int cut_listing(const nyx_reader *file)
{
    return nyx_error_set(NYX_ERR_INPUT, "'%s' is damaged: its listing is broken", file->path);
}

static int count_records(nyx_reader *file)
{
    nyx_file__record copy;
    const char      *tail[3];
    int64_t          at = 0, entries = 0, texts = 0, attributes = 0;
    bool             bad = false;
    int              status;

    while (next_record(file, &at, &copy, tail, &bad)) {
        entries += copy.kind == NYX_FILE__PLAIN || copy.kind == NYX_FILE__CODED;
        texts += copy.kind == NYX_FILE__TEXT;
        attributes += copy.kind == NYX_FILE__ATTRIBUTE;
    }
    if (bad || entries + texts + attributes > 2 * NYX_FILE__OBJECTS_MOST)
        return cut_listing(file);
    if ((status = nyx_arena_alloc(&file->arena, &file->entries, (entries + 1) * (int64_t)sizeof *file->entries)) < 0 ||
        (status = nyx_arena_alloc(&file->arena, &file->texts, (texts + 1) * (int64_t)sizeof *file->texts)) < 0)
        return status;
    return nyx_arena_alloc(&file->arena, &file->attributes, (attributes + 1) * (int64_t)sizeof *file->attributes);
}

static int take_listing(nyx_reader *file)
{
    nyx_file__record copy;
    const char      *tail[3];
    int64_t          at = 0;
    bool             bad = false;
    int              status;

    if ((status = count_records(file)) < 0)
        return status;
    while (next_record(file, &at, &copy, tail, &bad)) {
        if (copy.kind == NYX_FILE__ATTRIBUTE) {
            struct nyx_file__attribute *a = &file->attributes[file->attributes_count++];
            nyx_file__record           *kept;

            if ((status = nyx_arena_alloc(&file->arena, &kept, (int64_t)sizeof *kept)) < 0)
                return status;
            *kept = copy;
            *a = (struct nyx_file__attribute) { tail[0], tail[1], tail[2], kept };
        } else if (copy.kind == NYX_FILE__TEXT) {
            status = take_tensor(file, &file->texts[file->texts_count++], &copy, tail[0]);
        } else if (copy.kind == NYX_FILE__PLAIN || copy.kind == NYX_FILE__CODED) {
            status = take_tensor(file, &file->entries[file->count++], &copy, tail[0]);
        } else {
            status = cut_listing(file);
        }
        if (status < 0)
            return status;
    }
    if (file->count)
        qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_path);
    return 0;
}

/* ---- opening --------------------------------------------------------------------- */

/* "model/1.0" -> "model"; a file of nobody we know is foreign. */
static int find_kind(nyx_reader *file, enum nyx_file__scope scope)
{
    static const char *const kinds[] = { "model", "dataset", "checkpoint" };
    const char              *text;
    bool                     floats = false;

    file->kind = "foreign";
    if (scope == NYX_FILE__ANY)
        return 0;
    if (nyx_reader_attribute_text(file, "/", "nyx_file", &text) < 0) {
        for (int64_t i = 0; i < file->count; i++)
            floats = floats || nyx_dtype_is_real(file->entries[i].entry.dtype);
        return floats ? 0
                      : nyx_error_set(NYX_ERR_INPUT,
                                      "'%s' is HDF5 but no Nyx file, and has no float datasets under '/tensors'",
                                      file->path);
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t n = strlen(kinds[k]);

        if (strncmp(text, kinds[k], n) != 0 || text[n] != '/')
            continue;
        if (strncmp(text + n, "/1.", 3) != 0)
            return nyx_error_set(NYX_ERR_UNSUPPORTED, "'%s' is a '%s' file; this program reads %s/1.x", file->path,
                                 text, kinds[k]);
        file->kind = kinds[k];
        return 0;
    }
    return nyx_error_set(NYX_ERR_INPUT, "'%s' is of the unknown kind '%s'", file->path, text);
}

struct job {
    const char          *path;
    int64_t              size;
    enum nyx_file__scope scope;
};

static int list_job(void *context, nyx_file__buffer *out)
{
    const struct job *job = context;

    return nyx_file__walk(out, job->path, job->size, job->scope);
}

static int open_bytes(nyx_reader *file)
{
    struct stat about;

    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (file->fd < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", file->path, strerror(errno));
    if (fstat(file->fd, &about) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot look at '%s': %s", file->path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is no regular file", file->path);
    file->size = about.st_size;
    return nyx_file__scan(file->fd, file->path, file->size);
}

int nyx_file__reader_open(nyx_reader **out, const char *path, enum nyx_file__scope scope, bool guarded)
{
    nyx_reader *file;
    struct job  job;
    int         status;

    *out = NULL;
    if ((status = nyx_alloc(&file, (int64_t)sizeof *file)) < 0)
        return status;
    file->fd = -1;
    if ((status = nyx_text_copy(&file->path, path)) < 0 || (status = open_bytes(file)) < 0)
        goto fail;
    job = (struct job) { path, file->size, scope };
    status = guarded ? nyx_file__guard(&file->listing, list_job, &job, path, file->size)
                     : list_job(&job, &file->listing);
    if (status < 0 || (status = take_listing(file)) < 0 || (status = find_kind(file, scope)) < 0)
        goto fail;
    *out = file;
    return 0;
fail:
    nyx_reader_close(file);
    return status;
}

int nyx_reader_open(nyx_reader **out, const char *path)
{
    return nyx_file__reader_open(out, path, NYX_FILE__OURS, true);
}

int nyx_reader_open_foreign(nyx_reader **out, const char *path)
{
    return nyx_file__reader_open(out, path, NYX_FILE__ANY, true);
}

void nyx_reader_close(nyx_reader *file)
{
    if (!file)
        return;
    nyx_coded_release(&file->cached_coded);
    nyx_free(file->cached_bytes);
    nyx_file__buffer_release(&file->listing);
    nyx_arena_release(&file->arena);
    if (file->fd >= 0)
        close(file->fd);
    nyx_free(file->path);
    nyx_free(file);
}

/* ---- questions ----------------------------------------------------------------------- */

const char *nyx_reader_path(const nyx_reader *file)
{
    return file->path;
}

const char *nyx_reader_kind(const nyx_reader *file)
{
    return file->kind;
}

int64_t nyx_reader_count(const nyx_reader *file)
{
    return file->count;
}

const nyx_entry *nyx_reader_entry(const nyx_reader *file, int64_t index)
{
    NYX_BUG_IF(index < 0 || index >= file->count);
    return &file->entries[index].entry;
}

const nyx_entry *nyx_reader_find(const nyx_reader *file, const char *path)
{
    struct nyx_file__entry key = { .entry.path = path }, *found;

    found = file->count ? bsearch(&key, file->entries, (size_t)file->count, sizeof key, by_path) : NULL;
    return found ? &found->entry : NULL;
}

const struct nyx_file__entry *nyx_file__reader_text(const nyx_reader *file, const char *path)
{
    for (int64_t i = 0; i < file->texts_count; i++)
        if (strcmp(file->texts[i].entry.path, path) == 0)
            return &file->texts[i];
    return NULL;
}

const nyx_file__extent *nyx_file__reader_find_extent(const nyx_reader *file, const char *path, bool is_text)
{
    const struct nyx_file__entry *e;
    char                          group[NYX_FILE__PATH_MOST];
    const char                   *slash = strrchr(path, '/');

    e = is_text ? nyx_file__reader_text(file, path)
                : (const struct nyx_file__entry *)(const void *)nyx_reader_find(file, path);
    if (e)
        return &e->record.data;
    snprintf(group, sizeof group, "%.*s", (int)(slash - path), path);
    e = (const struct nyx_file__entry *)(const void *)nyx_reader_find(file, group);
    for (int p = 0; e && p < NYX_FILE__PLANES; p++)
        if (strcmp(slash + 1, nyx_file__plane_names[p]) == 0)
            return &e->record.planes[p];
    return NULL;
}

static const struct nyx_file__attribute *find_attribute(const nyx_reader *file, const char *path, const char *name)
{
    for (int64_t i = 0; i < file->attributes_count; i++)
        if (strcmp(file->attributes[i].path, path) == 0 && strcmp(file->attributes[i].name, name) == 0)
            return &file->attributes[i];
    return NULL;
}

static int no_attribute(const nyx_reader *file, const char *path, const char *name, const char *kind)
{
    return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' has no attribute '%s' that is %s", file->path, path, name, kind);
}

int nyx_reader_attribute(const nyx_reader *file, const char *path, const char *name, int64_t *out)
{
    const struct nyx_file__attribute *a = find_attribute(file, path, name);

    if (!a || !a->record->is_int)
        return no_attribute(file, path, name, "an integer");
    *out = a->record->value_int;
    return 0;
}

int nyx_reader_attribute_real(const nyx_reader *file, const char *path, const char *name, double *out)
{
    const struct nyx_file__attribute *a = find_attribute(file, path, name);

    if (!a || (!a->record->is_int && !a->record->is_real))
        return no_attribute(file, path, name, "a number");
    *out = a->record->is_real ? a->record->value_real : (double)a->record->value_int;
    return 0;
}

int nyx_reader_attribute_text(const nyx_reader *file, const char *path, const char *name, const char **out)
{
    const struct nyx_file__attribute *a = find_attribute(file, path, name);

    if (!a || !a->record->is_text)
        return no_attribute(file, path, name, "text");
    *out = a->text;
    return 0;
}

const char *nyx_reader_history(const nyx_reader *file)
{
    const struct nyx_file__attribute *a = find_attribute(file, "/", "nyx_history");

    return a && a->record->is_text ? a->text : "";
}

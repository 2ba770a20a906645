/* read -- the bytes behind an entry: whole, by rows, as f32, with digests. */
#include "file/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct nyx_file__entry *inside(const nyx_entry *entry)
{
    return (const struct nyx_file__entry *)(const void *)entry; /* its first member */
}

static int read_at(const nyx_reader *file, int64_t offset, void *out, int64_t bytes)
{
    char *at = out;

    while (bytes > 0) {
        ssize_t n = pread(file->fd, at, (size_t)(bytes < NYX_FILE__BLOCK * 64 ? bytes : NYX_FILE__BLOCK * 64), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s' at byte %lld: %s", file->path, (long long)offset,
                                 n < 0 ? strerror(errno) : "it became shorter");
        at += n;
        offset += n;
        bytes -= n;
    }
    return 0;
}

static void swap_elements(void *data, int64_t bytes, int64_t width)
{
    char *at = data;

    for (int64_t i = 0; i < bytes; i += width)
        for (int64_t b = 0; b < width / 2; b++) {
            char t = at[i + b];

            at[i + b] = at[i + width - 1 - b];
            at[i + width - 1 - b] = t;
        }
}

static void forget(nyx_reader *file)
{
    nyx_coded_release(&file->cached_coded);
    nyx_free(file->cached_bytes);
    file->cached_coded = (nyx_coded) { 0 };
    file->cached_bytes = NULL;
    file->cached = NULL;
}

/* ---- chunked and compressed data ---------------------------------------------- */

struct fetch {
    const char *path, *dataset;
    void       *out;
    int64_t     bytes;
};

static int fetch_job(void *context, nyx_file__buffer *out)
{
    const struct fetch *f = context;

    (void)out;
    return nyx_file__fetch(f->out, f->bytes, f->path, f->dataset);
}

/* libhdf5 unpacks it in a child, into memory shared with us. */
static int fetch_whole(nyx_reader *file, const nyx_entry *entry)
{
    nyx_file__buffer none = { 0 };
    struct fetch     f = { file->path, entry->path, NULL, entry->bytes };
    int              status;

    if (file->cached == entry)
        return 0;
    forget(file);
    f.out = mmap(NULL, (size_t)entry->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f.out == MAP_FAILED)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate %lld bytes for '%s'", (long long)entry->bytes,
                             entry->path);
    status = nyx_file__guard(&none, fetch_job, &f, file->path, entry->bytes);
    if (status == 0)
        status = nyx_alloc(&file->cached_bytes, entry->bytes);
    if (status == 0) {
        memcpy(file->cached_bytes, f.out, (size_t)entry->bytes);
        file->cached = entry;
    }
    munmap(f.out, (size_t)entry->bytes);
    nyx_file__buffer_release(&none);
    return status;
}

/* ---- plain -------------------------------------------------------------------------- */

int nyx_file__reader_bytes(nyx_reader *file, const nyx_entry *entry, int64_t from, int64_t bytes, void *out)
{
    const struct nyx_file__entry *e = inside(entry);
    int                           status;

    NYX_BUG_IF(entry->coded || from < 0 || bytes < 0 || bytes > entry->bytes - from);
    if (bytes == 0)
        return 0;
    if (e->record.direct) {
        if ((status = read_at(file, e->record.data.offset + from, out, bytes)) < 0)
            return status;
    } else {
        if ((status = fetch_whole(file, entry)) < 0)
            return status;
        NYX_BUG_IF(!file->cached_bytes);
        memcpy(out, (const char *)file->cached_bytes + from, (size_t)bytes);
    }
    if (e->record.swap)
        swap_elements(out, bytes, nyx_dtype_bytes(entry->dtype));
    return 0;
}

/* ---- the whole file ------------------------------------------------------------- */

void nyx_reader_digest_begin(nyx_reader *file)
{
    file->digests = true;
    nyx_sha256_init(&file->whole);
}

/* Bytes between what the file's digest has seen and `to`. */
static int catch_up(nyx_reader *file, int64_t to)
{
    void *block;
    int   status = nyx_alloc(&block, NYX_FILE__BLOCK);

    while (status == 0 && (int64_t)file->whole.bytes < to) {
        int64_t at = (int64_t)file->whole.bytes, n = to - at < NYX_FILE__BLOCK ? to - at : NYX_FILE__BLOCK;

        if ((status = read_at(file, at, block, n)) == 0)
            nyx_sha256_update(&file->whole, block, n);
    }
    nyx_free(block);
    return status;
}

int nyx_reader_digest_end(nyx_reader *file, char hex[NYX_SHA256_HEX], int64_t *bytes)
{
    int status = catch_up(file, file->size);

    NYX_BUG_IF(!file->digests);
    file->digests = false;
    *bytes = file->size;
    nyx_sha256_final(&file->whole, hex);
    return status;
}

/* Bytes of a tensor just read go into its digest, and into the file's when
 * they come next in the file or a little behind: metadata lies between
 * tensors. Those far ahead are left for the end, which reads them again. */
static int feed(nyx_reader *file, const nyx_entry *entry, int64_t from, int64_t bytes, const void *data,
                nyx_sha256 *hash)
{
    const nyx_file__record *r = &inside(entry)->record;
    int64_t                 gap = r->data.offset + from - (int64_t)file->whole.bytes;
    int                     status;

    if (!file->digests || !r->direct || r->swap || gap < 0 || gap > NYX_FILE__BLOCK) {
        nyx_sha256_update(hash, data, bytes);
        return 0;
    }
    if (gap > 0 && (status = catch_up(file, r->data.offset + from)) < 0)
        return status;
    nyx_sha256_update_both(hash, &file->whole, data, bytes);
    return 0;
}

static int damaged(const nyx_reader *file, const char *what)
{
    return nyx_error_set(NYX_ERR_INPUT, "'%s' is damaged: the bytes of '%s' do not match their SHA-256", file->path,
                         what);
}

static int check_digest(const nyx_reader *file, const char *what, nyx_sha256 *hash, const char *expected)
{
    char hex[NYX_SHA256_HEX];

    nyx_sha256_final(hash, hex);
    return expected[0] && strcmp(hex, expected) != 0 ? damaged(file, what) : 0;
}

int nyx_file__reader_same(const nyx_reader *file, const nyx_entry *entry, const char *sha256)
{
    const char *expected = inside(entry)->record.data.sha256;

    if (expected[0] && strcmp(sha256, expected) != 0)
        return damaged(file, entry->path);
    return 0;
}

int nyx_reader_read(nyx_reader *file, const nyx_entry *entry, void *out)
{
    nyx_sha256 hash;
    int        status = nyx_file__reader_bytes(file, entry, 0, entry->bytes, out);

    if (status < 0 || !inside(entry)->record.data.sha256[0])
        return status;
    nyx_sha256_init(&hash);
    nyx_sha256_update(&hash, out, entry->bytes);
    return check_digest(file, entry->path, &hash, inside(entry)->record.data.sha256);
}

int nyx_file__reader_extent(nyx_reader *file, const char *what, const nyx_file__extent *extent, void *out)
{
    nyx_sha256 hash;
    int        status = read_at(file, extent->offset, out, extent->bytes);

    if (status < 0)
        return status;
    nyx_sha256_init(&hash);
    nyx_sha256_update(&hash, out, extent->bytes);
    return check_digest(file, what, &hash, extent->sha256);
}

/* ---- coded ---------------------------------------------------------------------------- */

static bool global_is_sane(float global)
{
    return global > 0.0f && global <= 3.402823466e38f;
}

int nyx_reader_read_coded(nyx_reader *file, const nyx_entry *entry, nyx_coded *out)
{
    const nyx_file__record *r = &inside(entry)->record;
    void                   *planes[NYX_FILE__PLANES];
    int                     status;

    NYX_BUG_IF(!entry->coded);
    if ((status = nyx_coded_create(out, &entry->format, &entry->shape)) < 0)
        return status;
    planes[NYX_FILE__CODES] = out->codes;
    planes[NYX_FILE__SCALES] = out->scales;
    planes[NYX_FILE__ZEROS] = out->zeros;
    for (int p = 0; p < NYX_FILE__PLANES && status == 0; p++)
        if (r->planes[p].bytes)
            status = nyx_file__reader_extent(file, entry->path, &r->planes[p], planes[p]);
    out->global = r->global;
    if (status == 0 && !global_is_sane(out->global))
        status = nyx_error_set(NYX_ERR_INPUT, "the tensor scale is not a positive number");
    if (status == 0)
        status = nyx_coded_check(out);
    if (status < 0) {
        nyx_coded_release(out);
        *out = (nyx_coded) { 0 };
        return nyx_error_wrap(status, "'%s': tensor '%s'", file->path, entry->path);
    }
    return 0;
}

static int cache_coded(nyx_reader *file, const nyx_entry *entry)
{
    int status;

    if (file->cached == entry)
        return 0;
    forget(file);
    if ((status = nyx_reader_read_coded(file, entry, &file->cached_coded)) == 0)
        file->cached = entry;
    return status;
}

/* ---- as f32 ------------------------------------------------------------------------------ */

static void matrix_of(int64_t *rows, int64_t *cols, const nyx_shape *shape)
{
    *cols = shape->rank ? shape->dims[shape->rank - 1] : 1;
    *rows = 1;
    for (int i = 0; i + 1 < shape->rank; i++)
        *rows *= shape->dims[i];
}

static int not_real(const nyx_reader *file, const nyx_entry *entry)
{
    return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' holds %s, a float type is expected", file->path, entry->path,
                         nyx_dtype_name(entry->dtype));
}

/* Elements [from, from + elems) of a plain tensor; bytes go into the digest. */
static int plain_f32(nyx_reader *file, const nyx_entry *entry, int64_t from, int64_t elems, float *out,
                     nyx_sha256 *hash)
{
    int64_t width = nyx_dtype_bytes(entry->dtype), step = NYX_FILE__BLOCK / width;
    void   *block = NULL;
    int     status = 0;

    if (!nyx_dtype_is_real(entry->dtype))
        return not_real(file, entry);
    if (entry->dtype != NYX_F32 && (status = nyx_alloc(&block, NYX_FILE__BLOCK)) < 0)
        return status;
    for (int64_t i = 0; i < elems && status == 0; i += step) {
        int64_t n = elems - i < step ? elems - i : step;
        void   *raw = block ? block : (void *)(out + i);

        if ((status = nyx_file__reader_bytes(file, entry, (from + i) * width, n * width, raw)) < 0)
            break;
        if (hash && (status = feed(file, entry, (from + i) * width, n * width, raw, hash)) < 0)
            break;
        if (block)
            nyx_convert_to_f32(entry->dtype, out + i, raw, n);
    }
    nyx_free(block);
    return status;
}

/* Rows of a plain tensor. Those that follow each other from the first on go
 * into a digest; other orders are fine, they are only not checked. */
static int plain_rows(nyx_reader *file, const nyx_entry *entry, int64_t first, int64_t rows, float *out)
{
    int64_t total, cols;
    bool    in_order;
    int     status;

    matrix_of(&total, &cols, &entry->shape);
    if (first == 0 && inside(entry)->record.data.sha256[0]) {
        file->in_order = entry;
        file->next_row = 0;
        nyx_sha256_init(&file->hash);
    }
    in_order = file->in_order == entry && file->next_row == first;
    status = plain_f32(file, entry, first * cols, rows * cols, out, in_order ? &file->hash : NULL);
    if (!in_order)
        return status;
    file->next_row += rows;
    if (status == 0 && file->next_row < total)
        return 0;
    file->in_order = NULL;
    return status < 0 ? status : check_digest(file, entry->path, &file->hash, inside(entry)->record.data.sha256);
}

int nyx_reader_read_rows(nyx_reader *file, const nyx_entry *entry, int64_t first, int64_t rows, float *out)
{
    int64_t total, cols;
    int     status;

    matrix_of(&total, &cols, &entry->shape);
    NYX_BUG_IF(first < 0 || rows < 0 || rows > total - first);
    if (!entry->coded)
        return plain_rows(file, entry, first, rows, out);
    if ((status = cache_coded(file, entry)) < 0)
        return status;
    nyx_decode_rows(out, &file->cached_coded, first, rows);
    return 0;
}

int nyx_reader_read_f32(nyx_reader *file, const nyx_entry *entry, float *out)
{
    nyx_coded  coded;
    nyx_sha256 hash;
    int64_t    rows, cols, bad;
    char       place[96];
    int        status;

    matrix_of(&rows, &cols, &entry->shape);
    if (entry->coded) {
        if ((status = nyx_reader_read_coded(file, entry, &coded)) < 0)
            return status;
        nyx_decode_rows(out, &coded, 0, rows);
        nyx_coded_release(&coded);
    } else {
        nyx_sha256_init(&hash);
        if ((status = plain_f32(file, entry, 0, rows * cols, out, &hash)) < 0 ||
            (status = check_digest(file, entry->path, &hash, inside(entry)->record.data.sha256)) < 0)
            return status;
    }
    bad = nyx_f32_find_nonfinite(out, rows * cols);
    if (bad < 0)
        return 0;
    nyx_shape_place(place, &entry->shape, bad);
    return nyx_error_set(NYX_ERR_INPUT, "'%s': tensor '%s' holds %s at %s; a model must be finite", file->path,
                         entry->path, out[bad] != out[bad] ? "a NaN" : "an infinity", place);
}

/* ---- text ------------------------------------------------------------------------------------ */

int nyx_reader_json(nyx_reader *file, const char *path, nyx_json **out)
{
    const struct nyx_file__entry *e = nyx_file__reader_text(file, path);
    char                         *text = NULL, *name = NULL;
    int                           status;

    *out = NULL;
    if (!e)
        return 0;
    if (e->record.data.bytes > NYX_FILE__TEXT_MOST)
        return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' has %lld bytes of text, %d at most", file->path, path,
                             (long long)e->record.data.bytes, NYX_FILE__TEXT_MOST);
    if ((status = nyx_alloc(&text, e->record.data.bytes + 1)) == 0 &&
        (status = nyx_file__reader_extent(file, path, &e->record.data, text)) == 0 &&
        (status = nyx_text_format(&name, "%s:%s", file->path, path)) == 0)
        status = nyx_json_parse(out, text, e->record.data.bytes, name);
    nyx_free(name);
    nyx_free(text);
    return status;
}

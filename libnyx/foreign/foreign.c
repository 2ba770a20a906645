/* foreign -- what all readers share: files, the listing of tensors and the
 * check of their places, reading rows.
 */
#include "foreign/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int nyx_foreign__bad(const char *path, const char *fmt, ...)
{
    char    text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s", path, text);
}

bool nyx_foreign__is_text(const char *text, int64_t bytes)
{
    const uint8_t *s = (const uint8_t *)text;

    for (int64_t i = 0; i < bytes;) {
        const uint8_t c = s[i++];
        const int     more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        uint32_t      point = c;

        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || more > bytes - i)
            return false;
        if (more)
            point = c & (0x3fu >> more);
        for (int k = 0; k < more; k++, i++) {
            if ((s[i] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (s[i] & 0x3fu);
        }
        if ((more == 2 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
            (more == 3 && (point < 0x10000 || point > 0x10ffff)))
            return false;
    }
    return true;
}

/* ---- files -------------------------------------------------------------------- */

int nyx_foreign__add_source(nyx_foreign *f, const char *path)
{
    NYX_BUG_IF(f->source_count >= NYX_FOREIGN__SHARDS + 2);
    return nyx_arena_text(&f->arena, &f->sources[f->source_count++], path);
}

int nyx_foreign__add_file(nyx_foreign *f, const char *path, int *index)
{
    struct nyx_foreign__file *file = &f->files[f->file_count];
    struct stat               st;
    int                       status;

    NYX_BUG_IF(f->file_count >= NYX_FOREIGN__SHARDS);
    if ((status = nyx_foreign__add_source(f, path)) < 0)
        return status;
    file->path = f->sources[f->source_count - 1];
    if ((file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", path, strerror(errno));
    *index = f->file_count++;
    if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return nyx_error_set(NYX_ERR_MISSING, "cannot read '%s': it is no regular file", path);
    file->bytes = st.st_size;
    return 0;
}

int nyx_foreign__pread(const struct nyx_foreign__file *file, void *out, int64_t bytes, int64_t offset)
{
    char *at = out;

    while (bytes > 0) {
        const ssize_t got = pread(file->fd, at, (size_t)(bytes < 1 << 30 ? bytes : 1 << 30), (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nyx_foreign__bad(file->path, "%s at byte %lld", strerror(errno), (long long)offset);
        if (got == 0)
            return nyx_foreign__bad(file->path, "the file ends at byte %lld, more was expected", (long long)offset);
        at += got;
        bytes -= got;
        offset += got;
    }
    return 0;
}

/* ---- the listing ---------------------------------------------------------------- */

static int check_name(const char *path, const char *name)
{
    if (!*name || strlen(name) > NYX_FOREIGN__NAME)
        return nyx_foreign__bad(path, "the name of a tensor, '%.40s...', has %lld bytes, 1 to %d are allowed", name,
                                (long long)strlen(name), NYX_FOREIGN__NAME);
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127)
            return nyx_foreign__bad(path, "the name of a tensor holds a control character behind '%.*s'",
                                    (int)(c - name), name);
    }
    if (strstr(name, "/../"))
        return nyx_foreign__bad(path, "tensor '%s': the name leads out of its folder", name);
    return 0;
}

static int grow(nyx_foreign *f)
{
    if (f->count == f->room && f->count >= NYX_FOREIGN__TENSORS)
        return nyx_foreign__bad(f->path, "more than %d tensors", NYX_FOREIGN__TENSORS);
    return nyx_array_grow(&f->tensors, &f->room, f->count, (int64_t)sizeof *f->tensors, 256);
}

int nyx_foreign__add_tensor(nyx_foreign *f, int file, const char *name, const nyx_block_type *type,
                            const nyx_shape *shape, int64_t offset)
{
    const char         *path = f->file_count ? f->files[file].path : f->path;
    const int64_t       cols = shape->rank ? shape->dims[shape->rank - 1] : 1;
    nyx_foreign_tensor *tensor;
    int64_t             elems;
    int                 status;

    if ((status = check_name(path, name)) < 0 || (status = grow(f)) < 0)
        return status;
    if (nyx_shape_check(shape, &elems) < 0)
        return nyx_foreign__bad(path, "tensor '%s': its dimensions are negative or their product is too large", name);
    if (cols % type->elems != 0)
        return nyx_foreign__bad(path, "tensor '%s': rows of %lld elements are no whole blocks of %lld (%s)", name,
                                (long long)cols, (long long)type->elems, type->name);
    tensor = &f->tensors[f->count];
    if (!nyx_size_mul(&tensor->bytes, elems / type->elems, type->bytes))
        return nyx_foreign__bad(path, "tensor '%s' is too large", name);
    tensor->type = type;
    tensor->shape = *shape;
    tensor->offset = offset;
    tensor->file = file;
    f->count++;
    return nyx_arena_text(&f->arena, &tensor->name, name);
}

static int by_place(const void *a, const void *b)
{
    const nyx_foreign_tensor *left = a, *right = b;

    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return left->bytes < right->bytes ? -1 : left->bytes > right->bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nyx_foreign_tensor *)a)->name, ((const nyx_foreign_tensor *)b)->name);
}

int nyx_foreign__check_places(nyx_foreign *f, int64_t first, int file, int64_t start, int64_t alignment)
{
    const struct nyx_foreign__file *in = &f->files[file];
    int64_t                         at = start;

    if (f->count > first)
        qsort(f->tensors + first, (size_t)(f->count - first), sizeof *f->tensors, by_place);
    for (int64_t i = first; i < f->count; i++) {
        const nyx_foreign_tensor *t = &f->tensors[i];

        if (t->offset < at)
            return nyx_foreign__bad(in->path, "tensor '%s' at byte %lld overlaps what ends at byte %lld", t->name,
                                    (long long)t->offset, (long long)at);
        if (t->offset - at >= alignment)
            return nyx_foreign__bad(in->path, "%lld bytes in front of tensor '%s' belong to no tensor",
                                    (long long)(t->offset - at), t->name);
        if (t->offset > in->bytes || t->bytes > in->bytes - t->offset)
            return nyx_foreign__bad(in->path, "tensor '%s' needs %lld bytes at byte %lld, the file has %lld", t->name,
                                    (long long)t->bytes, (long long)t->offset, (long long)in->bytes);
        at = t->offset + t->bytes;
    }
    if (in->bytes - at >= alignment)
        return nyx_foreign__bad(in->path, "%lld bytes behind the last tensor", (long long)(in->bytes - at));
    return 0;
}

/* Order by name, which finds doubles too. */
static int sort_names(nyx_foreign *f)
{
    if (f->count)
        qsort(f->tensors, (size_t)f->count, sizeof *f->tensors, by_name);
    for (int64_t i = 1; i < f->count; i++) {
        if (strcmp(f->tensors[i - 1].name, f->tensors[i].name) == 0)
            return nyx_foreign__bad(f->path, "two tensors are called '%s'", f->tensors[i].name);
    }
    return 0;
}

/* ---- opening --------------------------------------------------------------------- */

/* A folder: its index, or its only file. */
static int open_folder(nyx_foreign *f, const char *folder, const char *config)
{
    char *index = NULL, *single = NULL;
    int   file, status;

    f->kind = NYX_FOREIGN_SAFETENSORS;
    if ((status = nyx_text_format(&index, "%s/model.safetensors.index.json", folder)) < 0 ||
        (status = nyx_text_format(&single, "%s/model.safetensors", folder)) < 0)
        goto done;
    if (access(index, F_OK) == 0) {
        status = nyx_foreign__read_index(f, folder, index, config);
    } else if (access(single, F_OK) == 0) {
        if ((status = nyx_foreign__add_file(f, single, &file)) == 0)
            status = nyx_foreign__read_safetensors(f, config);
    } else {
        status = nyx_error_set(NYX_ERR_MISSING,
                               "cannot open '%s': the folder holds neither model.safetensors nor "
                               "model.safetensors.index.json",
                               folder);
    }
done:
    nyx_free(index);
    nyx_free(single);
    return status;
}

static int open_index(nyx_foreign *f, const char *config)
{
    const char *slash = strrchr(f->path, '/');
    char       *folder;
    int         status;

    f->kind = NYX_FOREIGN_SAFETENSORS;
    if ((status = slash ? nyx_text_format(&folder, "%.*s", (int)(slash - f->path + (slash == f->path)), f->path)
                        : nyx_text_copy(&folder, ".")) < 0)
        return status;
    status = nyx_foreign__read_index(f, folder, f->path, config);
    nyx_free(folder);
    return status;
}

/* What the first bytes say. llama2.c has seven numbers that give the file's
 * size; JSON begins with a brace, and so does, eight bytes later, safetensors. */
static int open_file(nyx_foreign *f, const char *config)
{
    uint8_t head[32] = { 0 };
    int64_t bytes;
    int     file, status;

    if ((status = nyx_foreign__add_file(f, f->path, &file)) < 0)
        return status;
    bytes = f->files[0].bytes < 32 ? f->files[0].bytes : 32;
    if ((status = nyx_foreign__pread(&f->files[0], head, bytes, 0)) < 0)
        return status;
    if (bytes == 0)
        return nyx_foreign__bad(f->path, "the file is empty");
    if (bytes >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0)
        return nyx_foreign__bad(f->path, "this is HDF5, not a foreign model; name a .gguf, a .safetensors or a folder "
                                         "as output to export it");
    if (bytes >= 4 && memcmp(head, "GGUF", 4) == 0) {
        f->kind = NYX_FOREIGN_GGUF;
        return nyx_foreign__read_gguf(f);
    }
    if (nyx_foreign__is_llama2c(head, bytes, f->files[0].bytes) || nyx_text_ends(f->path, ".bin")) {
        f->kind = NYX_FOREIGN_LLAMA2C;
        return nyx_foreign__read_llama2c(f);
    }
    if (bytes > 8 && head[8] == '{' && !nyx_text_ends(f->path, ".json")) {
        f->kind = NYX_FOREIGN_SAFETENSORS;
        return nyx_foreign__read_safetensors(f, config);
    }
    if (head[0] == '{' || head[0] == '[' || nyx_text_ends(f->path, ".json")) {
        f->kind = NYX_FOREIGN_MINGPT;
        return nyx_foreign__read_mingpt(f);
    }
    if (nyx_text_ends(f->path, ".safetensors")) {
        f->kind = NYX_FOREIGN_SAFETENSORS;
        return nyx_foreign__read_safetensors(f, config);
    }
    return nyx_foreign__bad(f->path, "its first bytes are those of no safetensors, GGUF, llama2.c or minGPT file");
}

static int open_path(nyx_foreign *f, const char *path, const char *config)
{
    struct stat st;
    int         status;

    if ((status = nyx_alloc(&f->files, NYX_FOREIGN__SHARDS * (int64_t)sizeof *f->files)) < 0 ||
        (status = nyx_alloc(&f->sources, (NYX_FOREIGN__SHARDS + 2) * (int64_t)sizeof *f->sources)) < 0 ||
        (status = nyx_arena_text(&f->arena, &f->path, path)) < 0)
        return status;
    if (stat(path, &st) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        status = open_folder(f, path, config);
    else if (nyx_text_ends(path, ".index.json"))
        status = open_index(f, config);
    else
        status = open_file(f, config);
    if (status < 0)
        return status;
    if (f->count == 0)
        return nyx_foreign__bad(path, "it holds no tensor");
    if (!f->metadata)
        f->metadata = nyx_json_object();
    if ((status = nyx_json_check(f->metadata)) < 0 || (f->config && (status = nyx_json_check(f->config)) < 0))
        return nyx_error_wrap(status, "cannot read '%s'", path);
    return sort_names(f);
}

int nyx_foreign_open(nyx_foreign **out, const char *path, const char *config)
{
    int status = nyx_alloc(out, sizeof **out);

    if (status < 0)
        return status;
    if ((status = open_path(*out, path, config)) < 0) {
        nyx_foreign_close(*out);
        *out = NULL;
    }
    return status;
}

void nyx_foreign_close(nyx_foreign *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->file_count; i++)
        close(f->files[i].fd);
    nyx_json_free(f->metadata);
    nyx_json_free(f->config);
    nyx_arena_release(&f->arena);
    nyx_free(f->tensors);
    nyx_free(f->files);
    nyx_free(f->sources);
    nyx_free(f);
}

/* ---- asking ------------------------------------------------------------------------ */

enum nyx_foreign_kind nyx_foreign_kind_of(const nyx_foreign *f)
{
    return f->kind;
}

const char *nyx_foreign_kind_name(enum nyx_foreign_kind kind)
{
    static const char *const names[] = { "safetensors", "gguf", "llama2c", "mingpt" };

    return names[kind];
}

const char *nyx_foreign_path(const nyx_foreign *f)
{
    return f->path;
}

int64_t nyx_foreign_count(const nyx_foreign *f)
{
    return f->count;
}

const nyx_foreign_tensor *nyx_foreign_tensor_at(const nyx_foreign *f, int64_t index)
{
    return index >= 0 && index < f->count ? &f->tensors[index] : NULL;
}

const nyx_foreign_tensor *nyx_foreign_find(const nyx_foreign *f, const char *name)
{
    const nyx_foreign_tensor key = { .name = name };

    return f->count ? bsearch(&key, f->tensors, (size_t)f->count, sizeof *f->tensors, by_name) : NULL;
}

int64_t nyx_foreign_source_count(const nyx_foreign *f)
{
    return f->source_count;
}

const char *nyx_foreign_source(const nyx_foreign *f, int64_t index)
{
    return f->sources[index];
}

const nyx_json *nyx_foreign_metadata(const nyx_foreign *f)
{
    return f->metadata;
}

const nyx_json *nyx_foreign_config(const nyx_foreign *f)
{
    return f->config;
}

/* ---- rows ---------------------------------------------------------------------------- */

int64_t nyx_foreign_row_bytes(const nyx_foreign_tensor *t)
{
    const int64_t cols = t->shape.rank ? t->shape.dims[t->shape.rank - 1] : 1;

    return cols / t->type->elems * t->type->bytes;
}

int nyx_foreign_read(nyx_foreign *f, const nyx_foreign_tensor *t, int64_t first, int64_t rows, void *out)
{
    const int64_t row = nyx_foreign_row_bytes(t);

    NYX_BUG_IF(first < 0 || rows < 0 || (row && (first + rows) * row > t->bytes));
    if (t->memory) {
        memcpy(out, t->memory + first * row, (size_t)(rows * row));
        return 0;
    }
    return nyx_foreign__pread(&f->files[t->file], out, rows * row, t->offset + first * row);
}

int nyx_foreign_read_rows(nyx_foreign *f, const nyx_foreign_tensor *t, int64_t first, int64_t rows, float *out)
{
    const int64_t row = nyx_foreign_row_bytes(t), cols = t->shape.rank ? t->shape.dims[t->shape.rank - 1] : 1;
    const int64_t fit = row && row < 1 << 20 ? (1 << 20) / row : 1;
    const int64_t most = rows < fit ? rows : fit; /* of a piece */
    uint8_t      *raw;
    int           status;

    if (t->type->elems == 1 && !nyx_dtype_is_real(t->type->dtype))
        return nyx_foreign__bad(f->path, "tensor '%s' holds integers (%s), floats are needed", t->name, t->type->name);
    if ((status = nyx_alloc(&raw, most * row)) < 0)
        return status;
    for (int64_t done = 0; done < rows && status == 0;) {
        const int64_t piece = rows - done < most ? rows - done : most;

        if ((status = nyx_foreign_read(f, t, first + done, piece, raw)) == 0)
            nyx_block_decode(t->type, out + done * cols, raw, piece * cols);
        done += piece;
    }
    nyx_free(raw);
    return status;
}

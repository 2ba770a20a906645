/* writer -- one file, written once: libhdf5 lays out the metadata, the bytes
 * of tensors go straight to where it says (H5Dget_offset), so that any number
 * of rows can be appended and a full disk is an errno of ours.
 *
 * Equal calls give equal bytes: no object times, no locks, no addresses. */
#include "file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    HISTORY_MOST = 60000,     /* attributes of libhdf5 1.8 headers end at 64 KiB */
    VERIFY_MOST = 1 << 20     /* bytes of a tensor that commit reads back */
};

/* What commit expects to find again. */
struct written {
    const char       *path;
    bool              is_text;
    nyx_file__extent  extent;
    struct written   *next;
};

struct nyx_writer {
    nyx_output     *output;
    char           *path; /* of the target */
    hid_t           file;
    int             fd;
    bool            failed;
    char           *history;
    nyx_arena       arena;
    struct written *written;
    int64_t         count;

    /* the dataset being filled */
    hid_t           dataset;
    struct written *current;
    int64_t         row_bytes, left;
    nyx_sha256      hash;
};

/* The first failure is final: what follows would only hide it. */
static int fail(nyx_writer *file, int status)
{
    file->failed = true;
    return status;
}

/* ---- opening and closing ------------------------------------------------------- */

static hid_t create(const char *path)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), list = H5Pcreate(H5P_FILE_CREATE), file = -1;

    /* 1.8 headers are read by every libhdf5 since 2008 and can leave out times. */
    if (access >= 0 && list >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        H5Pset_file_locking(access, false, true) >= 0 && H5Pset_obj_track_times(list, false) >= 0)
        file = H5Fcreate(path, H5F_ACC_TRUNC, list, access);
    if (access >= 0)
        H5Pclose(access);
    if (list >= 0)
        H5Pclose(list);
    return file;
}

int nyx_writer_open(nyx_writer **out, const char *path, const char *kind)
{
    nyx_writer *file;
    char        version[32];
    int         status;

    *out = NULL;
    nyx_file__begin();
    if ((status = nyx_alloc(&file, (int64_t)sizeof *file)) < 0)
        return status;
    file->file = file->dataset = -1;
    file->fd = -1;
    if ((status = nyx_text_copy(&file->path, path)) < 0 || (status = nyx_output_open(&file->output, path)) < 0)
        goto fail;
    file->file = create(nyx_output_path(file->output));
    file->fd = open(nyx_output_path(file->output), O_WRONLY | O_CLOEXEC);
    if (file->file < 0 || file->fd < 0) {
        status = nyx_file__error(NYX_ERR_OUTPUT, "cannot write '%s'", path);
        goto fail;
    }
    snprintf(version, sizeof version, "%s/1.0", kind);
    if ((status = nyx_file__put_text(file->file, "nyx_file", version)) < 0)
        goto fail;
    *out = file;
    return 0;
fail:
    nyx_writer_discard(file);
    return status;
}

/* Let go of everything libhdf5 holds; false when something could not be
 * written. A failed H5Fclose of 1.10.8 leaves ids that point to freed memory,
 * so a file that cannot be flushed stays open, a leak, emptied to give the
 * disk its space back. */
static bool close_hdf5(nyx_writer *file)
{
    bool done = true;

    if (file->dataset >= 0)
        done = H5Dclose(file->dataset) >= 0;
    if (file->file >= 0) {
        /* Something left open would keep the file open behind our back. */
        NYX_BUG_IF(!file->failed && H5Fget_obj_count(file->file, H5F_OBJ_ALL | H5F_OBJ_LOCAL) != 1);
        done = H5Fflush(file->file, H5F_SCOPE_LOCAL) >= 0 && done;
        if (done)
            done = H5Fclose(file->file) >= 0;
        else if (file->fd >= 0)
            (void)!ftruncate(file->fd, 0);
    }
    if (file->fd >= 0)
        done = close(file->fd) == 0 && done;
    file->file = file->dataset = -1;
    file->fd = -1;
    return done;
}

static void release(nyx_writer *file)
{
    nyx_arena_release(&file->arena);
    nyx_free(file->history);
    nyx_free(file->path);
    nyx_free(file);
}

void nyx_writer_discard(nyx_writer *file)
{
    if (!file)
        return;
    file->failed = true;
    (void)close_hdf5(file);
    H5Eclear2(H5E_DEFAULT);
    nyx_output_discard(file->output);
    release(file);
}

/* ---- groups ----------------------------------------------------------------------- */

static int check_path(const nyx_writer *file, const char *path)
{
    const char *part = path;
    int         depth = 0;

    if (path[0] != '/' || strlen(path) >= NYX_FILE__PATH_MOST - 16)
        goto bad;
    while (*part == '/') {
        size_t n = strcspn(++part, "/");

        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            goto bad;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)part[i] < ' ')
                goto bad;
        part += n;
        depth++;
    }
    if (depth <= NYX_FILE__DEPTH_MOST / 2)
        return 0;
bad:
    return nyx_error_set(NYX_ERR_INPUT, "cannot write '%s': '%s' is no name for a tensor in it", file->path, path);
}

/* Make the group `path`; we make each one ourselves because libhdf5 would
 * store times in the intermediate ones. *out ends with H5Gclose; NULL closes. */
static int make_group(nyx_writer *file, const char *path, hid_t *out)
{
    hid_t  list, group;
    htri_t exists = H5Lexists(file->file, path, H5P_DEFAULT);

    if (exists > 0) {
        group = H5Gopen2(file->file, path, H5P_DEFAULT);
    } else {
        list = H5Pcreate(H5P_GROUP_CREATE);
        group = list < 0 || H5Pset_obj_track_times(list, false) < 0
                    ? -1
                    : H5Gcreate2(file->file, path, H5P_DEFAULT, list, H5P_DEFAULT);
        if (list >= 0)
            H5Pclose(list);
    }
    if (group < 0)
        return nyx_file__error(NYX_ERR_OUTPUT, "cannot write '%s': cannot make group '%s'", file->path, path);
    if (out)
        *out = group;
    else
        H5Gclose(group);
    return 0;
}

/* Every group above `path`. */
static int make_parents(nyx_writer *file, const char *path)
{
    char parent[NYX_FILE__PATH_MOST];
    int  status = check_path(file, path);

    for (const char *slash = path; status == 0 && (slash = strchr(slash + 1, '/'));) {
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        status = make_group(file, parent, NULL);
    }
    if (status == 0 && H5Lexists(file->file, path, H5P_DEFAULT) > 0)
        status = nyx_error_set(NYX_ERR_INPUT, "cannot write '%s': '%s' is there twice", file->path, path);
    return status;
}

static int group_at(nyx_writer *file, const char *path, hid_t *out)
{
    char parent[NYX_FILE__PATH_MOST];
    int  status = 0;

    if (strcmp(path, "/") != 0)
        status = check_path(file, path);
    for (const char *slash = path; status == 0 && (slash = strchr(slash + 1, '/'));) {
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        status = make_group(file, parent, NULL);
    }
    return status < 0 ? status : make_group(file, path, out);
}

/* ---- datasets ------------------------------------------------------------------------ */

static hid_t create_dataset(nyx_writer *file, const char *path, hid_t type, const nyx_shape *shape)
{
    hsize_t dims[NYX_MAX_RANK];
    hid_t   list = H5Pcreate(H5P_DATASET_CREATE), space, dataset = -1;

    for (int i = 0; i < shape->rank; i++)
        dims[i] = (hsize_t)shape->dims[i];
    space = shape->rank ? H5Screate_simple(shape->rank, dims, NULL) : H5Screate(H5S_SCALAR);
    /* Space is taken now and never filled by libhdf5: we write each byte. */
    if (list >= 0 && space >= 0 && H5Pset_layout(list, H5D_CONTIGUOUS) >= 0 &&
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY) >= 0 && H5Pset_fill_time(list, H5D_FILL_TIME_NEVER) >= 0 &&
        H5Pset_obj_track_times(list, false) >= 0)
        dataset = H5Dcreate2(file->file, path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (space >= 0)
        H5Sclose(space);
    if (list >= 0)
        H5Pclose(list);
    return dataset;
}

/* Make a dataset of `bytes` bytes; takes `type`. */
static int begin(nyx_writer *file, const char *path, hid_t type, const nyx_shape *shape, int64_t bytes, bool is_text)
{
    haddr_t offset = 0;
    int     status;

    NYX_BUG_IF(file->current || file->failed);
    if (type < 0)
        status = nyx_file__error(NYX_ERR_MEMORY, "cannot make an element type");
    else
        status = make_parents(file, path);
    if (status == 0)
        status = nyx_arena_alloc(&file->arena, &file->current, (int64_t)sizeof *file->current);
    if (status == 0)
        status = nyx_arena_text(&file->arena, &file->current->path, path);
    if (status == 0) {
        file->dataset = create_dataset(file, path, type, shape);
        if (file->dataset >= 0 && bytes)
            offset = H5Dget_offset(file->dataset);
        if (file->dataset < 0 || offset == HADDR_UNDEF)
            status = nyx_file__error(NYX_ERR_OUTPUT, "cannot write '%s': no room for '%s'", file->path, path);
    }
    if (type >= 0)
        H5Tclose(type);
    if (status < 0)
        return fail(file, status);
    NYX_BUG_IF(!file->current);
    file->current->is_text = is_text;
    file->current->extent.offset = (int64_t)offset;
    file->current->extent.bytes = bytes;
    file->left = bytes;
    nyx_sha256_init(&file->hash);
    return 0;
}

static int finish(nyx_writer *file)
{
    int status;

    nyx_sha256_final(&file->hash, file->current->extent.sha256);
    status = nyx_file__put_text(file->dataset, "sha256", file->current->extent.sha256);
    if (H5Dclose(file->dataset) < 0 && status == 0)
        status = nyx_file__error(NYX_ERR_OUTPUT, "cannot close a dataset");
    file->dataset = -1;
    if (status < 0)
        return fail(file, nyx_error_wrap(status, "cannot write '%s'", file->path));
    file->current->next = file->written;
    file->written = file->current;
    file->current = NULL;
    file->count++;
    return 0;
}

static int append(nyx_writer *file, const void *data, int64_t bytes)
{
    const char *at = data;

    NYX_BUG_IF(!file->current || bytes > file->left);
    nyx_sha256_update(&file->hash, data, bytes);
    while (bytes > 0) {
        int64_t offset = file->current->extent.offset + file->current->extent.bytes - file->left;
        ssize_t n = pwrite(file->fd, at, (size_t)(bytes < NYX_FILE__BLOCK ? bytes : NYX_FILE__BLOCK), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(file, nyx_error_set(NYX_ERR_OUTPUT, "cannot write '%s': %s", file->path,
                                            n < 0 ? strerror(errno) : "the disk takes no more"));
        at += n;
        bytes -= n;
        file->left -= n;
    }
    return file->left == 0 ? finish(file) : 0;
}

int nyx_writer_begin(nyx_writer *file, const char *path, enum nyx_dtype dtype, const nyx_shape *shape)
{
    int64_t elems, bytes;
    int     status;

    if ((status = nyx_shape_check(shape, &elems)) < 0)
        return fail(file, status);
    if (!nyx_size_mul(&bytes, elems, nyx_dtype_bytes(dtype)))
        return fail(file, nyx_error_set(NYX_ERR_INPUT, "tensor '%s' is too large", path));
    if ((status = begin(file, path, nyx_file__type_create(dtype), shape, bytes, false)) < 0 ||
        (status = nyx_file__put_text(file->dataset, "nyx_dtype", nyx_dtype_name(dtype))) < 0)
        return fail(file, status);
    file->row_bytes = nyx_dtype_bytes(dtype) * (shape->rank ? shape->dims[shape->rank - 1] : 1);
    return bytes == 0 ? finish(file) : 0;
}

int nyx_writer_rows(nyx_writer *file, const void *rows, int64_t count)
{
    if (!file->current && file->row_bytes * count == 0)
        return 0; /* an empty tensor is complete from the start */
    return append(file, rows, file->row_bytes * count);
}

int nyx_file__writer_append(nyx_writer *file, const void *data, int64_t bytes)
{
    return append(file, data, bytes);
}

int nyx_writer_tensor(nyx_writer *file, const char *path, const nyx_tensor *tensor)
{
    int status = nyx_writer_begin(file, path, tensor->dtype, &tensor->shape);

    return status < 0 || !file->current ? status : append(file, tensor->data, nyx_tensor_bytes(tensor));
}

int nyx_writer_json(nyx_writer *file, const char *path, const nyx_json *json)
{
    static const nyx_shape scalar = { 0 };
    char                  *text;
    int64_t                bytes;
    hid_t                  type;
    int                    status = nyx_json_print(&text, json, 0);

    if (status < 0)
        return fail(file, status);
    bytes = (int64_t)strlen(text);
    type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, (size_t)bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        type = -1;
    }
    if ((status = begin(file, path, type, &scalar, bytes, true)) == 0)
        status = append(file, text, bytes);
    nyx_free(text);
    return status;
}

/* ---- coded tensors ---------------------------------------------------------------------- */

/* Element type of a plane: bytes, unless its values have a type of their own. */
static enum nyx_dtype plane_dtype(const nyx_format *format, int plane)
{
    if (plane == NYX_FILE__SCALES && format->scale == NYX_SCALE_F16)
        return NYX_F16;
    if (plane == NYX_FILE__SCALES && format->scale == NYX_SCALE_F32)
        return NYX_F32;
    if (plane == NYX_FILE__ZEROS && format->zero == NYX_ZERO_F16)
        return NYX_F16;
    return NYX_U8;
}

int nyx_writer_coded(nyx_writer *file, const char *path, const nyx_coded *coded)
{
    nyx_plane_bytes bytes;
    char            format[NYX_FORMAT_TEXT], plane[NYX_FILE__PATH_MOST + 16];
    hid_t           group;
    int             status;

    if ((status = nyx_format_planes(&bytes, &coded->format, &coded->shape)) < 0 ||
        (status = make_parents(file, path)) < 0 || (status = make_group(file, path, &group)) < 0)
        return fail(file, status);
    nyx_format_text(format, &coded->format);
    if ((status = nyx_file__put_text(group, "format", format)) == 0 &&
        (status = nyx_file__put_ints(group, "shape", coded->shape.rank, coded->shape.dims)) == 0 && bytes.globals)
        status = nyx_file__put_real(group, "global", coded->global);
    H5Gclose(group);
    if (status < 0)
        return fail(file, nyx_error_wrap(status, "cannot write '%s'", file->path));

    for (int p = 0; p < NYX_FILE__PLANES && status == 0; p++) {
        const void    *data[] = { coded->codes, coded->scales, coded->zeros };
        const int64_t  sizes[] = { bytes.codes, bytes.scales, bytes.zeros };
        enum nyx_dtype dtype = plane_dtype(&coded->format, p);
        nyx_shape      shape = { 1, { sizes[p] / nyx_dtype_bytes(dtype) } };

        if (sizes[p] == 0)
            continue;
        snprintf(plane, sizeof plane, "%s/%s", path, nyx_file__plane_names[p]);
        if ((status = nyx_writer_begin(file, plane, dtype, &shape)) == 0)
            status = append(file, data[p], sizes[p]);
    }
    return status;
}

int nyx_writer_copy(nyx_writer *file, nyx_reader *from, const nyx_entry *entry)
{
    nyx_coded coded;
    char      path[NYX_FILE__PATH_MOST + 16];
    void     *block;
    int       status;

    /* Names of ours have dots; a foreign file may nest groups. */
    snprintf(path, sizeof path, "%s%s", strcmp(nyx_reader_kind(from), "foreign") == 0 ? "/tensors/" : "",
             strcmp(nyx_reader_kind(from), "foreign") == 0 ? entry->name : entry->path);
    if (entry->coded) {
        if ((status = nyx_reader_read_coded(from, entry, &coded)) < 0)
            return fail(file, status);
        status = nyx_writer_coded(file, path, &coded);
        nyx_coded_release(&coded);
        return status;
    }
    if ((status = nyx_alloc(&block, NYX_FILE__BLOCK)) < 0 ||
        (status = nyx_writer_begin(file, path, entry->dtype, &entry->shape)) < 0) {
        nyx_free(block);
        return fail(file, status);
    }
    for (int64_t i = 0; i < entry->bytes && status == 0; i += NYX_FILE__BLOCK) {
        int64_t n = entry->bytes - i < NYX_FILE__BLOCK ? entry->bytes - i : NYX_FILE__BLOCK;

        if ((status = nyx_file__reader_bytes(from, entry, i, n, block)) == 0)
            status = append(file, block, n);
    }
    nyx_free(block);
    if (status == 0 && file->written)
        status = nyx_file__reader_same(from, entry, file->written->extent.sha256);
    return status < 0 ? fail(file, status) : 0;
}

/* ---- attributes and history -------------------------------------------------------------- */

int nyx_writer_attribute(nyx_writer *file, const char *group, const char *name, int64_t value)
{
    hid_t at = H5I_INVALID_HID;
    int   status = group_at(file, group, &at);

    if (status == 0) {
        status = nyx_file__put_ints(at, name, 0, &value);
        H5Gclose(at);
    }
    return status < 0 ? fail(file, status) : 0;
}

int nyx_writer_attribute_text(nyx_writer *file, const char *group, const char *name, const char *value)
{
    hid_t at = H5I_INVALID_HID;
    int   status = group_at(file, group, &at);

    if (status == 0) {
        status = nyx_file__put_text(at, name, value);
        H5Gclose(at);
    }
    return status < 0 ? fail(file, status) : 0;
}

int nyx_writer_history(nyx_writer *file, const char *line)
{
    char *fresh;
    int   status = nyx_text_format(&fresh, "%s%s%s", file->history ? file->history : "", file->history ? "\n" : "",
                                   line);

    if (status < 0)
        return fail(file, status);
    nyx_free(file->history);
    file->history = fresh;
    return 0;
}

/* The newest lines that fit, and a word about those that do not. */
static int put_history(nyx_writer *file)
{
    static const char word[] = "(older lines left out)\n";
    char             *text = file->history;
    size_t            bytes = text ? strlen(text) : 0;
    char             *next;
    int               status;

    if (!text)
        return 0;
    if (bytes <= HISTORY_MOST)
        return nyx_file__put_text(file->file, "nyx_history", text);
    text += bytes - HISTORY_MOST;
    next = strchr(text, '\n');
    if ((status = nyx_text_format(&next, "%s%s", word, next ? next + 1 : text)) < 0)
        return status;
    status = nyx_file__put_text(file->file, "nyx_history", next);
    nyx_free(next);
    return status;
}

/* ---- commit --------------------------------------------------------------------------------- */

static int lost(const nyx_writer *file, const char *path)
{
    return nyx_error_set(NYX_ERR_OUTPUT,
                         "cannot write '%s': '%s' did not come back as it was written; is the disk sound?", file->path,
                         path);
}

/* Is a written dataset, or plane, in the file again, at the same place? */
static int verify_one(nyx_writer *file, nyx_reader *back, const struct written *w, void *memory)
{
    const nyx_file__extent *found = nyx_file__reader_find_extent(back, w->path, w->is_text);

    if (!found || found->offset != w->extent.offset || found->bytes != w->extent.bytes ||
        strcmp(found->sha256, w->extent.sha256) != 0)
        return lost(file, w->path);
    if (found->bytes <= VERIFY_MOST && nyx_file__reader_extent(back, w->path, found, memory) < 0)
        return lost(file, w->path);
    return 0;
}

static int verify(nyx_writer *file)
{
    nyx_reader *back = NULL;
    void       *memory = NULL;
    int         status;

    if ((status = nyx_file__reader_open(&back, nyx_output_path(file->output), NYX_FILE__OURS, false)) < 0)
        status = nyx_error_wrap(status == NYX_ERR_INPUT ? NYX_ERR_OUTPUT : status, "cannot write '%s'", file->path);
    if (status == 0)
        status = nyx_alloc(&memory, VERIFY_MOST);
    for (const struct written *w = file->written; w && status == 0; w = w->next)
        status = verify_one(file, back, w, memory);
    nyx_free(memory);
    nyx_reader_close(back);
    return status;
}

int nyx_writer_commit(nyx_writer *file)
{
    int status;

    NYX_BUG_IF(file->failed || file->current);
    status = put_history(file);
    if (status < 0)
        file->failed = true;
    if (!close_hdf5(file) && status == 0)
        status = nyx_file__error(NYX_ERR_OUTPUT, "cannot write '%s'", file->path);
    if (status == 0)
        status = verify(file);
    if (status < 0) {
        nyx_writer_discard(file);
        return status;
    }
    status = nyx_output_commit(file->output);
    release(file);
    return status;
}

/* walk -- libhdf5 -> the listing. Runs in the guarded child for files that
 * come from outside, and is strict anyway: what it does not know it refuses. */
#include "file/internal.h"

#include <stdarg.h>
#include <string.h>

/* Deflate packs at most 1032:1, so more than that cannot be in a file. */
enum { RATIO_MOST = 1040, TEXT_ATTRIBUTE_MOST = 1 << 20 };

struct walk {
    nyx_file__buffer   *out;
    const char         *file;
    int64_t             size, objects, total;
    enum nyx_file__scope scope;
    bool                strict; /* one of our files */
    int                 depth, status;
    char                path[NYX_FILE__PATH_MOST];
};

static int refuse(struct walk *w, const char *fmt, ...) NYX_PRINTF(2, 3);

/* "'model.h5': '/tensors/x' is a soft link ..." */
static int refuse(struct walk *w, const char *fmt, ...)
{
    char    text[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return nyx_error_set(NYX_ERR_INPUT, "'%s': '%s' %s", w->file, w->path[0] ? w->path : "/", text);
}

/* The same for what libhdf5 refused, with its reason. */
static int broken(struct walk *w, const char *what)
{
    return nyx_file__error(NYX_ERR_INPUT, "'%s': '%s' %s", w->file, w->path[0] ? w->path : "/", what);
}

static int emit(struct walk *w, nyx_file__record *record, const char *path, const char *name, const char *text)
{
    int status;

    record->tail = (int64_t)strlen(path) + 1;
    if (name)
        record->tail += (int64_t)strlen(name) + 1 + (int64_t)strlen(text) + 1;
    if ((status = nyx_file__buffer_add(w->out, record, (int64_t)sizeof *record)) < 0 ||
        (status = nyx_file__buffer_add(w->out, path, (int64_t)strlen(path) + 1)) < 0)
        return status;
    if (name && ((status = nyx_file__buffer_add(w->out, name, (int64_t)strlen(name) + 1)) < 0 ||
                 (status = nyx_file__buffer_add(w->out, text, (int64_t)strlen(text) + 1)) < 0))
        return status;
    return 0;
}

/* ---- attributes ------------------------------------------------------------- */

/* The strings of an attribute joined by newlines; *out ends with free. */
static int read_strings(struct walk *w, char **out, hid_t attribute, hid_t type, hid_t space, int64_t points)
{
    bool   loose = H5Tis_variable_str(type) > 0;
    size_t width = H5Tget_size(type);
    char  *raw = NULL, *text = NULL, *at;
    size_t room = 1;
    int    status = 0;

    if (loose && w->strict)
        return refuse(w, "has an attribute of variable length");
    if (width == 0 || points > TEXT_ATTRIBUTE_MOST / (int64_t)width)
        return refuse(w, "has a text attribute of more than %d bytes", TEXT_ATTRIBUTE_MOST);
    raw = calloc((size_t)points + 1, width);
    if (!raw)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate an attribute");
    if (H5Aread(attribute, type, raw) < 0) {
        free(raw);
        return broken(w, "has an unreadable attribute");
    }
    for (int64_t i = 0; i < points; i++) {
        const char *one = loose ? ((char **)(void *)raw)[i] : raw + (size_t)i * width;
        room += (one ? strnlen(one, loose ? TEXT_ATTRIBUTE_MOST : width) : 0) + 1;
    }
    at = text = room <= (size_t)TEXT_ATTRIBUTE_MOST + 1 ? malloc(room) : NULL;
    if (!text)
        status = refuse(w, "has a text attribute of more than %d bytes", TEXT_ATTRIBUTE_MOST);
    for (int64_t i = 0; text && i < points; i++) {
        const char *one = loose ? ((char **)(void *)raw)[i] : raw + (size_t)i * width;
        size_t      n = one ? strnlen(one, loose ? TEXT_ATTRIBUTE_MOST : width) : 0;

        if (i)
            *at++ = '\n';
        if (n)
            memcpy(at, one, n);
        at += n;
    }
    if (at)
        *at = '\0';
    if (loose)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
    free(raw);
    *out = text;
    return status;
}

/* Integers or one float of an attribute; 8 values at most. */
static int read_number(struct walk *w, nyx_file__record *r, int64_t *values, hid_t attribute, hid_t type, int count)
{
    unsigned char  raw[8 * NYX_MAX_RANK] = { 0 };
    enum nyx_dtype dtype;
    bool           swap;

    if (!nyx_file__type_find(&dtype, &swap, type))
        return 0;
    if (H5Aread(attribute, type, raw) < 0)
        return broken(w, "has an unreadable attribute");
    for (int i = 0; i < count; i++) {
        int      width = (int)nyx_dtype_bytes(dtype);
        uint64_t bits = 0;
        float    narrow;
        double   wide;

        for (int b = 0; b < width; b++)
            bits |= (uint64_t)raw[i * width + b] << 8 * (swap ? width - 1 - b : b);
        if (nyx_dtype_is_real(dtype)) {
            uint32_t low = (uint32_t)bits;

            memcpy(&narrow, &low, sizeof narrow);
            memcpy(&wide, &bits, sizeof wide);
            r->is_real = dtype == NYX_F32 || dtype == NYX_F64;
            r->value_real = dtype == NYX_F64 ? wide : (double)narrow;
        } else {
            bool is_signed = dtype == NYX_I8 || dtype == NYX_I16 || dtype == NYX_I32 || dtype == NYX_I64;
            int  unused = 64 - 8 * width;

            if (dtype == NYX_U64 && bits > INT64_MAX)
                return refuse(w, "has an attribute beyond 63 bits");
            values[i] = is_signed ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
            r->is_int = true;
        }
    }
    r->value_int = values[0];
    return 0;
}

struct attribute {
    nyx_file__record record;
    int64_t          values[NYX_MAX_RANK];
    int64_t          points;
    char            *text; /* ends with free */
};

/* Open, read and close one attribute; of a type we do not know, the record
 * stays without a value (foreign files) or the file is refused (ours). */
static int read_attribute(struct walk *w, struct attribute *out, hid_t object, const char *name)
{
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = -1, space = -1;
    int   status = 0;

    *out = (struct attribute) { .record.kind = NYX_FILE__ATTRIBUTE };
    if (attribute >= 0) {
        type = H5Aget_type(attribute);
        space = H5Aget_space(attribute);
    }
    if (type < 0 || space < 0) {
        status = broken(w, "has an unreadable attribute");
    } else {
        H5T_class_t class = H5Tget_class(type);

        out->points = H5Sget_simple_extent_npoints(space);
        if (class == H5T_STRING && out->points >= 0)
            status = read_strings(w, &out->text, attribute, type, space, out->points);
        else if (out->points > 0 && out->points <= NYX_MAX_RANK && H5Tget_size(type) <= 8)
            status = read_number(w, &out->record, out->values, attribute, type, (int)out->points);
        out->record.is_text = out->text != NULL;
        if (status == 0 && w->strict && !out->text && !out->record.is_int && !out->record.is_real)
            status = refuse(w, "has the attribute '%s' of a type that no Nyx file has", name);
    }
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return status;
}

static herr_t attribute_visit(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    struct walk     *w = data;
    struct attribute a;

    (void)info;
    if (++w->objects > NYX_FILE__OBJECTS_MOST)
        w->status = refuse(w, "is one of more than %d objects", NYX_FILE__OBJECTS_MOST);
    else if ((w->status = read_attribute(w, &a, object, name)) == 0) {
        if (a.text || ((a.record.is_int || a.record.is_real) && a.points == 1))
            w->status = emit(w, &a.record, w->path[0] ? w->path : "/", name, a.text ? a.text : "");
        free(a.text);
    }
    return w->status < 0 ? -1 : 0;
}

static int attributes(struct walk *w, hid_t object)
{
    if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, attribute_visit, w) < 0 && w->status == 0)
        w->status = broken(w, "has unreadable attributes");
    return w->status;
}

/* A text attribute into a fixed field; "" when absent. */
static int field(struct walk *w, char *out, size_t room, hid_t object, const char *name)
{
    struct attribute a;
    htri_t           exists = H5Aexists(object, name);
    int              status;

    out[0] = '\0';
    if (exists < 0)
        return broken(w, "has unreadable attributes");
    if (!exists)
        return 0;
    if ((status = read_attribute(w, &a, object, name)) < 0)
        return status;
    if (!a.text || strlen(a.text) >= room)
        status = refuse(w, "has a malformed attribute '%s'", name);
    else
        memcpy(out, a.text, strlen(a.text) + 1);
    free(a.text);
    return status;
}

/* ---- datasets ----------------------------------------------------------------- */

/* Layout and filters: may we read it, and does it lie in the file as it is? */
static int layout(struct walk *w, bool *direct, hid_t list)
{
    static const H5Z_filter_t known[] = { H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32 };
    H5D_layout_t              kind = H5Pget_layout(list);
    int                       filters = H5Pget_nfilters(list);

    if (H5Pget_external_count(list) != 0)
        return refuse(w, "keeps its data in another file (external storage)");
    if (kind == H5D_VIRTUAL)
        return refuse(w, "is a virtual dataset over other files");
    if (kind != H5D_CONTIGUOUS && kind != H5D_CHUNKED && kind != H5D_COMPACT)
        return refuse(w, "has an unknown layout");
    if (filters < 0)
        return broken(w, "has unreadable filters");
    if (w->strict && (kind != H5D_CONTIGUOUS || filters != 0))
        return refuse(w, "is chunked or filtered, which no Nyx file is");
    for (int i = 0; i < filters; i++) {
        unsigned     flags, config;
        size_t       none = 0;
        H5Z_filter_t id = H5Pget_filter2(list, (unsigned)i, &flags, &none, NULL, 0, NULL, &config);
        bool         ours = false;

        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            ours = ours || id == known[k];
        if (!ours)
            return refuse(w, "uses filter %d; only deflate, shuffle and fletcher32 are read", (int)id);
    }
    *direct = kind == H5D_CONTIGUOUS && filters == 0;
    return 0;
}

static int shape_of(struct walk *w, nyx_shape *shape, int64_t *elems, hid_t space)
{
    hsize_t dims[NYX_MAX_RANK];
    int     rank = H5Sget_simple_extent_ndims(space);

    if (rank < 0 || rank > NYX_MAX_RANK || H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        return refuse(w, "has %d dimensions; up to %d are read", rank, NYX_MAX_RANK);
    *shape = (nyx_shape) { .rank = rank };
    for (int i = 0; i < rank; i++)
        shape->dims[i] = dims[i] > INT64_MAX ? -1 : (int64_t)dims[i];
    return nyx_shape_check(shape, elems) < 0 ? refuse(w, "has an impossible shape") : 0;
}

static int extent_of(struct walk *w, nyx_file__extent *extent, bool *direct, hid_t dataset, int64_t elems,
                     int64_t width)
{
    haddr_t offset = H5Dget_offset(dataset);
    int     status;

    H5Eclear2(H5E_DEFAULT); /* H5Dget_offset complains about datasets without storage */
    if (!nyx_size_mul(&extent->bytes, elems, width))
        return refuse(w, "has an impossible size");
    if (extent->bytes == 0)
        *direct = true;
    else if (*direct && offset == HADDR_UNDEF) {
        if (w->strict)
            return refuse(w, "was never written");
        *direct = false; /* the fill value */
    }
    if (extent->bytes && *direct) {
        if (offset > (haddr_t)w->size || extent->bytes > w->size - (int64_t)offset)
            return refuse(w, "reaches behind the end of the file; is the file truncated?");
        extent->offset = (int64_t)offset;
    } else if (extent->bytes / RATIO_MOST > w->size) {
        return refuse(w, "claims %lld bytes in a file of %lld", (long long)extent->bytes, (long long)w->size);
    }
    /* Only overlapping datasets of our own could be more than the file. */
    w->total += extent->bytes;
    if (w->strict && w->total > w->size)
        return refuse(w, "shares bytes with another dataset");
    if (!w->strict)
        return 0;
    if ((status = field(w, extent->sha256, sizeof extent->sha256, dataset, "sha256")) < 0)
        return status;
    return extent->sha256[0] ? 0 : refuse(w, "has no attribute sha256");
}

/* Fill a record from an open dataset; *known is false for types that are no
 * numbers (foreign files only). */
static int inspect(struct walk *w, nyx_file__record *r, bool *known, hid_t dataset, hid_t type, hid_t space)
{
    hid_t       list = H5Dget_create_plist(dataset);
    H5T_class_t class = H5Tget_class(type);
    char        name[32];
    int64_t     elems = 0;
    int         status;

    if (list < 0)
        return broken(w, "is unreadable");
    status = layout(w, &r->direct, list);
    H5Pclose(list);
    if (status < 0 || (status = field(w, name, sizeof name, dataset, "nyx_dtype")) < 0 ||
        (status = shape_of(w, &r->shape, &elems, space)) < 0)
        return status;

    *known = nyx_file__type_find(&r->dtype, &r->swap, type);
    if (*known && name[0]) {
        enum nyx_dtype stored = r->dtype;

        if (!nyx_dtype_find(&r->dtype, name) || nyx_file__type_stored(r->dtype) != stored || r->swap)
            return refuse(w, "has nyx_dtype '%s', which is not stored like this", name);
    } else if (w->strict && class == H5T_STRING && r->shape.rank == 0 && H5Tis_variable_str(type) == 0) {
        r->kind = NYX_FILE__TEXT;
        *known = true;
    } else if (w->strict && !name[0] && !r->kind) {
        return refuse(w, "has no attribute nyx_dtype");
    }
    if (!*known)
        return w->scope == NYX_FILE__ANY ? 0 : refuse(w, "has elements that are no numbers known here");
    return extent_of(w, &r->data, &r->direct, dataset, elems,
                     r->kind == NYX_FILE__TEXT ? (int64_t)H5Tget_size(type) : nyx_dtype_bytes(r->dtype));
}

static int dataset_record(struct walk *w, nyx_file__record *record, bool *known, hid_t dataset)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int   status;

    *known = false;
    if (type < 0 || space < 0)
        status = broken(w, "is unreadable");
    else if (H5Sget_simple_extent_type(space) == H5S_NULL)
        status = w->strict ? refuse(w, "has no data") : 0;
    else
        status = inspect(w, record, known, dataset, type, space);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

static int dataset_visit(struct walk *w, hid_t dataset)
{
    nyx_file__record record = { .kind = NYX_FILE__PLAIN };
    bool             known;
    int              status;

    if ((status = dataset_record(w, &record, &known, dataset)) < 0)
        return status;
    if (!w->strict && (status = attributes(w, dataset)) < 0)
        return status;
    return known ? emit(w, &record, w->path, NULL, NULL) : 0;
}

/* A group of planes is one tensor. */
static int coded_visit(struct walk *w, hid_t group)
{
    nyx_file__record record = { .kind = NYX_FILE__CODED, .direct = true, .global = 1.0f };
    struct attribute shape = { 0 }, global = { 0 };
    size_t           end = strlen(w->path);
    int              status = field(w, record.format, sizeof record.format, group, "format");

    if (status == 0 && H5Aexists(group, "shape") > 0)
        status = read_attribute(w, &shape, group, "shape");
    if (status == 0 && H5Aexists(group, "global") > 0)
        status = read_attribute(w, &global, group, "global");
    if (status == 0 && !shape.record.is_int)
        status = refuse(w, "has no attribute 'shape'");
    record.shape.rank = (int)shape.points;
    memcpy(record.shape.dims, shape.values, sizeof shape.values);
    if (global.record.is_real)
        record.global = (float)global.record.value_real;
    free(shape.text);
    free(global.text);

    for (int p = 0; status == 0 && p < NYX_FILE__PLANES; p++) {
        nyx_file__record plane = { .kind = NYX_FILE__PLAIN };
        bool             known;
        hid_t            dataset;

        if (H5Lexists(group, nyx_file__plane_names[p], H5P_DEFAULT) <= 0)
            continue;
        if (end + 8 >= sizeof w->path)
            return refuse(w, "has too long a name");
        snprintf(w->path + end, sizeof w->path - end, "/%s", nyx_file__plane_names[p]);
        dataset = H5Dopen2(group, nyx_file__plane_names[p], H5P_DEFAULT);
        status = dataset < 0 ? broken(w, "is no dataset") : dataset_record(w, &plane, &known, dataset);
        if (status == 0 && plane.kind != NYX_FILE__PLAIN)
            status = refuse(w, "is text");
        record.planes[p] = plane.data;
        if (dataset >= 0)
            H5Dclose(dataset);
        w->path[end] = '\0';
    }
    return status < 0 ? status : emit(w, &record, w->path, NULL, NULL);
}

/* ---- groups --------------------------------------------------------------------- */

static int group_visit(struct walk *w, hid_t group);

static int object_visit(struct walk *w, hid_t object)
{
    H5O_info_t info;
    H5I_type_t type = H5Iget_type(object);

    if (w->strict && type != H5I_DATATYPE && (H5Oget_info(object, &info) < 0 || info.rc != 1))
        return refuse(w, "has more than one name");
    switch (type) {
    case H5I_GROUP:
        if (w->strict && H5Aexists(object, "format") > 0)
            return coded_visit(w, object);
        return group_visit(w, object);
    case H5I_DATASET:
        return dataset_visit(w, object);
    default:
        return w->strict ? refuse(w, "is neither group nor dataset") : 0;
    }
}

static herr_t link_visit(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    struct walk *w = data;
    size_t       end = strlen(w->path);
    hid_t        object;

    if (end + strlen(name) + 2 > sizeof w->path) {
        w->status = refuse(w, "has a name of more than %d bytes in it", NYX_FILE__PATH_MOST);
        return -1;
    }
    snprintf(w->path + end, sizeof w->path - end, "/%s", name);
    if (++w->objects > NYX_FILE__OBJECTS_MOST)
        w->status = refuse(w, "is one of more than %d objects", NYX_FILE__OBJECTS_MOST);
    else if (info->type != H5L_TYPE_HARD)
        w->status = refuse(w, "is %s link; copy the data in instead",
                           info->type == H5L_TYPE_SOFT ? "a soft" : info->type == H5L_TYPE_EXTERNAL ? "an external"
                                                                                                : "a user-defined");
    else if ((object = H5Oopen(group, name, H5P_DEFAULT)) < 0)
        w->status = broken(w, "cannot be opened");
    else {
        w->status = object_visit(w, object);
        H5Oclose(object);
    }
    w->path[end] = '\0';
    return w->status < 0 ? -1 : 0;
}

static int group_visit(struct walk *w, hid_t group)
{
    if (++w->depth > NYX_FILE__DEPTH_MOST)
        return refuse(w, "is more than %d groups deep", NYX_FILE__DEPTH_MOST);
    if (attributes(w, group) < 0)
        return w->status;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, link_visit, w) < 0 && w->status == 0)
        w->status = broken(w, "is a damaged group");
    w->depth--;
    return w->status;
}

/* A file of somebody else is read for its group /tensors alone. */
static int walk_root(struct walk *w, hid_t root)
{
    H5L_info_t info;

    w->strict = w->scope == NYX_FILE__OURS && H5Aexists(root, "nyx_file") > 0;
    if (w->strict || w->scope == NYX_FILE__ANY)
        return group_visit(w, root);
    if (H5Lexists(root, "tensors", H5P_DEFAULT) <= 0 || H5Lget_info(root, "tensors", &info, H5P_DEFAULT) < 0)
        return nyx_error_set(NYX_ERR_INPUT,
                             "'%s' is HDF5 but no Nyx file, and has no group '/tensors' of float datasets", w->file);
    link_visit(root, "tensors", &info, w);
    return w->status;
}

int nyx_file__walk(nyx_file__buffer *out, const char *path, int64_t size, enum nyx_file__scope scope)
{
    struct walk w = { .out = out, .file = path, .size = size, .scope = scope };
    hid_t       access, file = -1, root = -1;
    int         status;

    nyx_file__begin();
    access = H5Pcreate(H5P_FILE_ACCESS);
    /* Files are replaced, never changed: locks would only fail on network file systems. */
    if (access >= 0 && H5Pset_file_locking(access, false, true) >= 0)
        file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (file >= 0)
        root = H5Gopen2(file, "/", H5P_DEFAULT);
    status = root < 0 ? nyx_file__error(NYX_ERR_INPUT, "'%s' is damaged", path) : walk_root(&w, root);
    if (root >= 0)
        H5Gclose(root);
    if (file >= 0)
        H5Fclose(file);
    if (access >= 0)
        H5Pclose(access);
    return status;
}

int nyx_file__fetch(void *out, int64_t bytes, const char *path, const char *dataset)
{
    hid_t   file, set = -1, type = -1, space = -1;
    int     status = 0;
    int64_t elems = 0;

    nyx_file__begin();
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file >= 0)
        set = H5Dopen2(file, dataset, H5P_DEFAULT);
    if (set >= 0) {
        type = H5Dget_type(set);
        space = H5Dget_space(set);
    }
    if (type >= 0 && space >= 0)
        elems = H5Sget_simple_extent_npoints(space);
    if (type < 0 || elems <= 0 || bytes / elems != (int64_t)H5Tget_size(type) || bytes % elems != 0 ||
        H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        status = nyx_file__error(NYX_ERR_INPUT, "'%s': dataset '%s' is damaged", path, dataset);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (set >= 0)
        H5Dclose(set);
    if (file >= 0)
        H5Fclose(file);
    return status;
}

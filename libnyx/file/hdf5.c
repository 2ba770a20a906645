/* hdf5 -- the part of libhdf5 that reading and writing share: start-up, error
 * sentences, element types, attributes. */
#include "file/internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

const char *const nyx_file__plane_names[NYX_FILE__PLANES] = { "codes", "scales", "zeros" };

/* ---- start and errors ---------------------------------------------------- */

/* Without H5dont_atexit libhdf5 1.10.8 segfaults at exit after a failed write;
 * filter plug-ins would be found through an environment variable. */
static void start(void)
{
    (void)H5dont_atexit();
    (void)H5open();
    (void)H5PLset_loading_state(0);
}

void nyx_file__begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* one setting a thread */
}

/* The walk goes from the innermost call outwards: keep the first text. */
static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *data)
{
    char *out = data;

    (void)n;
    if (!out[0] && error->desc && error->desc[0])
        snprintf(out, 256, "%s", error->desc);
    return 0;
}

int nyx_file__error(int status, const char *fmt, ...)
{
    static const char mark[] = "error message = '";
    char              text[700], cause[256] = "";
    char             *start_of, *end;
    va_list           args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (nyx_file__memory_ran_out()) {
        H5Eclear2(H5E_DEFAULT);
        return nyx_error_set(NYX_ERR_MEMORY, "%s: memory ran out", text);
    }
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, cause);
    H5Eclear2(H5E_DEFAULT);
    if (!cause[0])
        return nyx_error_set(status, "%s", text);

    /* A failed system call carries a line of details, time of day included:
     * only strerror's part of it helps. */
    start_of = strstr(cause, mark);
    if (start_of) {
        start_of += strlen(mark);
        end = strchr(start_of, '\'');
        if (end)
            *end = '\0';
    } else {
        start_of = cause;
        start_of[strcspn(start_of, ":,")] = '\0'; /* behind it: pointers and numbers of its own */
    }
    return nyx_error_set(status, "%s: %s", text, start_of);
}

/* ---- element types --------------------------------------------------------- */

/* IEEE-like layouts; HDF5 2 predefines the small ones, 1.10 can describe them. */
static const struct float_layout {
    enum nyx_dtype dtype;
    size_t         size, exponent_at, exponent_bits, mantissa_bits, bias;
} float_layouts[] = {
    { NYX_F32, 4, 23, 8, 23, 127 },    { NYX_F64, 8, 52, 11, 52, 1023 },
    { NYX_F16, 2, 10, 5, 10, 15 },     { NYX_BF16, 2, 7, 8, 7, 127 },
    { NYX_FP8_E4M3, 1, 3, 4, 3, 7 },   { NYX_FP8_E5M2, 1, 2, 5, 2, 15 },
};
enum { FLOATS = sizeof float_layouts / sizeof *float_layouts };

enum nyx_dtype nyx_file__type_stored(enum nyx_dtype dtype)
{
    switch (dtype) {
    case NYX_BF16:
        return NYX_U16;
    case NYX_FP8_E4M3:
    case NYX_FP8_E5M2:
        return NYX_U8;
    default:
        return dtype;
    }
}

hid_t nyx_file__type_create(enum nyx_dtype dtype)
{
    hid_t type;

    switch (nyx_file__type_stored(dtype)) {
    case NYX_F32: return H5Tcopy(H5T_IEEE_F32LE);
    case NYX_F64: return H5Tcopy(H5T_IEEE_F64LE);
    case NYX_I8:  return H5Tcopy(H5T_STD_I8LE);
    case NYX_U8:  return H5Tcopy(H5T_STD_U8LE);
    case NYX_I16: return H5Tcopy(H5T_STD_I16LE);
    case NYX_U16: return H5Tcopy(H5T_STD_U16LE);
    case NYX_I32: return H5Tcopy(H5T_STD_I32LE);
    case NYX_U32: return H5Tcopy(H5T_STD_U32LE);
    case NYX_I64: return H5Tcopy(H5T_STD_I64LE);
    case NYX_U64: return H5Tcopy(H5T_STD_U64LE);
    case NYX_F16:
        type = H5Tcopy(H5T_IEEE_F32LE);
        if (type < 0 || H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 ||
            H5Tset_ebias(type, 15) < 0)
            return -1;
        return type;
    default:
        return -1;
    }
}

static bool find_float(enum nyx_dtype *out, hid_t type)
{
    size_t sign, exponent_at, exponent_bits, mantissa_at, mantissa_bits;

    if (H5Tget_fields(type, &sign, &exponent_at, &exponent_bits, &mantissa_at, &mantissa_bits) < 0 ||
        H5Tget_norm(type) != H5T_NORM_IMPLIED)
        return false;
    for (int i = 0; i < FLOATS; i++) {
        const struct float_layout *f = &float_layouts[i];

        if (H5Tget_size(type) == f->size && sign == 8 * f->size - 1 && exponent_at == f->exponent_at &&
            exponent_bits == f->exponent_bits && mantissa_at == 0 && mantissa_bits == f->mantissa_bits &&
            H5Tget_ebias(type) == f->bias) {
            *out = f->dtype;
            return true;
        }
    }
    return false;
}

static bool find_int(enum nyx_dtype *out, hid_t type)
{
    bool is_signed = H5Tget_sign(type) == H5T_SGN_2;

    switch (H5Tget_size(type)) {
    case 1: *out = is_signed ? NYX_I8 : NYX_U8; return true;
    case 2: *out = is_signed ? NYX_I16 : NYX_U16; return true;
    case 4: *out = is_signed ? NYX_I32 : NYX_U32; return true;
    case 8: *out = is_signed ? NYX_I64 : NYX_U64; return true;
    default: return false;
    }
}

bool nyx_file__type_find(enum nyx_dtype *out, bool *swap, hid_t type)
{
    H5T_class_t class = H5Tget_class(type);
    H5T_order_t order;
    hid_t       base;
    bool        found;

    if (class == H5T_ENUM) { /* h5py stores booleans as an enumeration over i8 */
        base = H5Tget_super(type);
        found = base >= 0 && H5Tget_size(base) == 1 && nyx_file__type_find(out, swap, base);
        if (base >= 0)
            H5Tclose(base);
        return found;
    }
    if (class != H5T_INTEGER && class != H5T_FLOAT)
        return false;
    order = H5Tget_order(type);
    if (H5Tget_offset(type) != 0 || H5Tget_precision(type) != 8 * H5Tget_size(type) ||
        (order != H5T_ORDER_LE && order != H5T_ORDER_BE))
        return false;
    *swap = order == H5T_ORDER_BE && H5Tget_size(type) > 1;
    return class == H5T_FLOAT ? find_float(out, type) : find_int(out, type);
}

/* ---- attributes ------------------------------------------------------------- */

static int put(hid_t object, const char *name, hid_t type, hid_t space, const void *value)
{
    hid_t attribute = -1;
    bool  done = false;

    if (type >= 0 && space >= 0)
        attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0)
        done = H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0 && H5Aclose(attribute) < 0)
        done = false;
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return done ? 0 : nyx_file__error(NYX_ERR_OUTPUT, "cannot write attribute '%s'", name);
}

int nyx_file__put_text(hid_t object, const char *name, const char *text)
{
    size_t bytes = strlen(text);
    hid_t  type = H5Tcopy(H5T_C_S1);

    if (type >= 0 && (H5Tset_size(type, bytes ? bytes : 1) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        type = -1;
    }
    return put(object, name, type, H5Screate(H5S_SCALAR), text);
}

int nyx_file__put_ints(hid_t object, const char *name, int count, const int64_t *values)
{
    hsize_t dims[1] = { (hsize_t)count };
    hid_t   space = count ? H5Screate_simple(1, dims, NULL) : H5Screate(H5S_SCALAR);

    return put(object, name, H5Tcopy(H5T_STD_I64LE), space, values);
}

int nyx_file__put_real(hid_t object, const char *name, float value)
{
    return put(object, name, H5Tcopy(H5T_IEEE_F32LE), H5Screate(H5S_SCALAR), &value);
}

/* tensor -- plain element types, shapes and blocks of numbers.
 *
 * Conversions between element types are ours, bit for bit the same on every
 * machine: integer arithmetic on the representation, round to nearest, ties
 * to even. Kernels include tensor/math.h for exp, log, tanh and the rest.
 */
#ifndef NYX_TENSOR_H
#define NYX_TENSOR_H

#include "base/base.h"

enum nyx_dtype {
    NYX_F32, NYX_F64, NYX_F16, NYX_BF16, NYX_FP8_E4M3, NYX_FP8_E5M2,
    NYX_I8, NYX_U8, NYX_I16, NYX_U16, NYX_I32, NYX_U32, NYX_I64, NYX_U64,
    NYX_DTYPE_COUNT
};
const char *nyx_dtype_name(enum nyx_dtype dtype);            /* "f32", "bf16", "fp8-e4m3", "i32" */
bool        nyx_dtype_find(enum nyx_dtype *out, const char *name);
int64_t     nyx_dtype_bytes(enum nyx_dtype dtype);           /* of one element */
bool        nyx_dtype_is_real(enum nyx_dtype dtype);
bool        nyx_dtype_is_half(enum nyx_dtype dtype);         /* f16, bf16: what a cast makes of f32 */

enum { NYX_MAX_RANK = 8 };
typedef struct {
    int     rank; /* 0: one element */
    int64_t dims[NYX_MAX_RANK];
} nyx_shape;
nyx_shape nyx_shape_of(int rank, ...);                        /* dims as int64_t */
int64_t   nyx_shape_count(const nyx_shape *shape);            /* elements; shape was checked */
int       nyx_shape_check(const nyx_shape *shape, int64_t *elems) NYX_CHECKED; /* rank, signs, overflow: INPUT */
bool      nyx_shape_equal(const nyx_shape *a, const nyx_shape *b);
void      nyx_shape_text(char out[96], const nyx_shape *shape); /* "[3, 128]" */
/* where element `index` stands: "[2, 17]" */
void      nyx_shape_place(char out[96], const nyx_shape *shape, int64_t index);

/* Rows contiguous, last axis fastest. Owns `data` only if nyx_tensor_create
 * made it. */
typedef struct {
    enum nyx_dtype dtype;
    nyx_shape      shape;
    void          *data;
    bool           owns;
} nyx_tensor;
int        nyx_tensor_create(nyx_tensor *out, enum nyx_dtype dtype, const nyx_shape *shape) NYX_CHECKED;
nyx_tensor nyx_tensor_view(enum nyx_dtype dtype, const nyx_shape *shape, void *data);
void       nyx_tensor_release(nyx_tensor *tensor);
int64_t    nyx_tensor_bytes(const nyx_tensor *tensor);

/* One element. fp8 narrowing saturates finite values (OCP); f16 and bf16
 * overflow to infinity (IEEE 754). NaN stays NaN. */
uint16_t nyx_f16_from_f32(float value);
float    nyx_f32_from_f16(uint16_t code);
uint16_t nyx_bf16_from_f32(float value);
float    nyx_f32_from_bf16(uint16_t code);
uint8_t  nyx_fp8_e4m3_from_f32(float value);
float    nyx_f32_from_fp8_e4m3(uint8_t code);
uint8_t  nyx_fp8_e5m2_from_f32(float value);
float    nyx_f32_from_fp8_e5m2(uint8_t code);

/* Rows: f32 <-> any real type (f64 rounds to nearest even on the way in).
 * Fast (vectorised); same bits as the functions above. */
void nyx_convert_from_f32(enum nyx_dtype dtype, void *dst, const float *src, int64_t elems);
void nyx_convert_to_f32(enum nyx_dtype dtype, float *dst, const void *src, int64_t elems);

/* Index of the first NaN or infinity, or -1. */
int64_t nyx_f32_find_nonfinite(const float *values, int64_t elems);

/* Float64 functions of our own for set-up work (tables, schedules,
 * initial weights): the same bits everywhere, within 2 ulp. */
double nyx_exp64(double x);
double nyx_log64(double x);
double nyx_log1p64(double x);            /* ln(1 + x), small x too */
double nyx_sin64(double x);
double nyx_cos64(double x);
double nyx_pow64(double x, double y);    /* x > 0 */
double nyx_erfinv64(double x);           /* -1 < x < 1 */

#endif

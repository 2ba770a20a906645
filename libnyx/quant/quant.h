/* quant -- number formats and the methods that choose codes. Pure mathematics.
 *
 * A format has a textual form used identically on command lines, in recipes,
 * files and reports:
 *
 *     KIND[:GROUP][:sym|:asym][:scale=f16|f32|e8m0|e4m3][:zero=int|f16]
 *
 * e.g. int4:g32 (= int4:g32:sym:scale=f16, 4.5 bits a weight), int8:channel,
 * int3:g64:asym, fp8-e4m3:tensor, nf4:g64, mxfp4, nvfp4, bf16.
 *
 * A coded tensor is planes: packed codes, scales, optional zero points. Rows
 * run along the last axis; groups never cross a row (the last group of a row
 * may be short).
 */
#ifndef NYX_QUANT_H
#define NYX_QUANT_H

#include "tensor/tensor.h"

typedef struct nyx_kind nyx_kind; /* one row of the table of kinds */

enum nyx_scale_type { NYX_SCALE_NONE, NYX_SCALE_F16, NYX_SCALE_F32, NYX_SCALE_E8M0, NYX_SCALE_E4M3 };
enum nyx_zero_type  { NYX_ZERO_NONE, NYX_ZERO_INT, NYX_ZERO_F16 };
enum { NYX_GROUP_TENSOR = -1, NYX_GROUP_CHANNEL = -2 }; /* else elements a group */

typedef struct {
    const nyx_kind     *kind;
    int64_t             group;
    bool                asym;
    enum nyx_scale_type scale;
    enum nyx_zero_type  zero;
} nyx_format;

enum { NYX_FORMAT_TEXT = 64 };
int  nyx_format_parse(nyx_format *out, const char *text) NYX_CHECKED; /* USAGE, nearest name offered */
void nyx_format_text(char out[NYX_FORMAT_TEXT], const nyx_format *format); /* canonical, shortest */
bool nyx_format_equal(const nyx_format *a, const nyx_format *b);
/* Walk the table of kinds (for --list-formats, tests, benchmarks). */
int         nyx_kind_count(void);
const char *nyx_kind_name(int index);
const char *nyx_kind_source(int index); /* paper or specification */
/* Representative formats of every kind, NULL-terminated texts: what tests and benchmarks loop over. */
extern const char *const nyx_format_examples[];

/* Bytes of each plane for a tensor of this shape. */
typedef struct { int64_t codes, scales, zeros, globals; } nyx_plane_bytes;
int    nyx_format_planes(nyx_plane_bytes *out, const nyx_format *format, const nyx_shape *shape) NYX_CHECKED;
/* Exact: all planes, in bits, over the number of elements. */
double nyx_format_bits(const nyx_format *format, const nyx_shape *shape);

/* A coded tensor. Planes are the caller's unless nyx_coded_create made them. */
typedef struct {
    nyx_format format;
    nyx_shape  shape;
    void      *codes, *scales, *zeros;
    float      global; /* nvfp4: the tensor scale; else 1 */
    bool       owns;
} nyx_coded;
int  nyx_coded_create(nyx_coded *out, const nyx_format *format, const nyx_shape *shape) NYX_CHECKED;
void nyx_coded_release(nyx_coded *coded);

/* How codes are chosen. */
enum nyx_method { NYX_METHOD_ABSMAX, NYX_METHOD_SIGNED_MAX, NYX_METHOD_MSE };
bool        nyx_method_find(enum nyx_method *out, const char *name); /* "absmax", "signed-max", "mse" */
const char *nyx_method_name(enum nyx_method method);

/* Encode rows [first, first + rows) of a matrix seen as [rows_total, cols],
 * cols = last dimension; src points at the first of those rows. Formats with
 * a scale for the whole tensor need nyx_coded_prepare first, fed with all
 * rows in order (streaming), then nyx_coded_prepared. Values must be finite.
 * Cannot fail; same bits for any split of the rows. */
void nyx_encode_prepare(nyx_coded *coded, enum nyx_method method, const float *src, int64_t elems);
void nyx_encode_rows(nyx_coded *coded, enum nyx_method method, const float *src, int64_t first, int64_t rows);
void nyx_decode_rows(float *dst, const nyx_coded *coded, int64_t first, int64_t rows);

/* Check planes that came out of a file (scales finite, codes in range). INPUT. */
int nyx_coded_check(const nyx_coded *coded) NYX_CHECKED;

/* Error of a coding, accumulated row by row in float64. */
typedef struct {
    int64_t elems;
    double  sum_square_error, sum_square, sum_error, max_error;
} nyx_quant_error;
void nyx_quant_error_add(nyx_quant_error *error, const float *exact, const float *decoded, int64_t elems);

/* ---- recipes -------------------------------------------------------------- */

/* Tensor name pattern (shell wildcards, first match wins) -> format, method.
 * `keep` leaves the tensor as it is. */
typedef struct {
    char           *pattern;
    bool            keep;
    nyx_format      format;
    enum nyx_method method;
} nyx_recipe_rule;
typedef struct {
    int              count;
    nyx_recipe_rule *rules;
} nyx_recipe;
const nyx_recipe_rule *nyx_recipe_find(const nyx_recipe *recipe, const char *tensor); /* NULL: none matches */
void                   nyx_recipe_release(nyx_recipe *recipe);

#endif

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
 *
 * Value of an element with lattice point q (integer, NF4, E2M1 or fp8 value),
 * each operation rounded to f32:
 *     scale * q                   sym; nf4, mxfp4, mxfp8, scaled fp8
 *     scale * (q - zero)          asym, zero=int
 *     scale * (q - qmin) + zero   asym, zero=f16, qmin = -2^(b-1)
 *     (global * scale) * q        nvfp4
 *
 * Codes plane. Plain formats (fp8 and wider without a group): elements in
 * order. All others: rows of ceil(cols / 32) blocks of 32 elements; a block of
 * b-bit codes is 4b bytes and byte j holds element j + 4b*k in bits b*k ...
 * b*k + b-1: int4 j and j+16, int2 j, j+8, j+16, j+24. int3: all blocks of the row as
 * 2-bit codes, then all as 1-bit codes (the top bit; byte j of 4 holds element
 * j + 4k in bit k). Bits behind the last column are 0. int8 is a signed
 * byte; int4, int3 and int2 store q - qmin; nf4 the index of the level; e2m1
 * sign and magnitude.
 * Scales plane: [rows, groups of a row] of f16, f32, e8m0 or e4m3.
 * Zeros plane: rows of: f16; for int8 a signed byte; for int4, int3, int2 a
 * nibble holding zero - qmin, low nibble first, each row in whole bytes.
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
/* A format as the attributes of an operation: kind, group, scale, zero. False: no such format. */
void nyx_format_numbers(int64_t out[4], const nyx_format *format);
bool nyx_format_of_numbers(nyx_format *out, const int64_t numbers[4]);
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

/* What kernels need to know of a format. */
enum nyx_lattice {
    NYX_LATTICE_PLAIN, /* elements are of .dtype and have no scale */
    NYX_LATTICE_INT, NYX_LATTICE_NF4, NYX_LATTICE_E2M1, NYX_LATTICE_E4M3, NYX_LATTICE_E5M2,
};
typedef struct {
    enum nyx_lattice lattice;
    enum nyx_dtype   dtype;      /* PLAIN only */
    int              bits;       /* of a code */
    int64_t          rows, cols; /* the tensor as a matrix */
    int64_t          group;      /* elements that share a scale: cols for channel and tensor; 0 for PLAIN */
    int64_t          row_groups; /* scales a row: 1 for channel, 0 for tensor (one scale in all) */
    int64_t          codes_row_bytes, zeros_row_bytes;
    int64_t          top_offset; /* int3: from a row's first byte to its 1-bit codes */
} nyx_layout;
int nyx_format_layout(nyx_layout *out, const nyx_format *format, const nyx_shape *shape) NYX_CHECKED; /* INPUT */
extern const float nyx_nf4_levels[16];

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

/* mse for integers of 4 bits and less, where it removes a tenth of the error
 * and more (nyx_format_anchors); absmax otherwise: at 8 bits a search gains
 * little, and the 4-bit floats are then coded as their specifications say. */
enum nyx_method nyx_method_default(const nyx_format *format);

/* A format with one scale for the whole tensor, or nvfp4 (`global`), sees all
 * elements once before the first row is coded: add them in order, then prepare.
 * Needed only where nyx_format_needs_survey says so, harmless elsewhere. For mse the
 * scale is searched on at most 4,096 elements at equal distances; extremes
 * are exact. */
enum { NYX_SURVEY_SAMPLE = 4096 };
typedef struct {
    int64_t seen, stride;       /* element i is in the sample when i % stride == 0 */
    int     count;
    float   peak, least, most;  /* peak: first of the largest magnitude; others include 0 */
    float   sample[NYX_SURVEY_SAMPLE];
} nyx_survey;
bool nyx_format_needs_survey(const nyx_format *format);
void nyx_survey_init(nyx_survey *survey);
void nyx_survey_add(nyx_survey *survey, const float *src, int64_t elems);
void nyx_encode_prepare(nyx_coded *coded, enum nyx_method method, const nyx_survey *survey);

/* Encode rows [first, first + rows) of a matrix seen as [rows_total, cols],
 * cols = last dimension; src points at the first of those rows. Values must
 * be finite. `moments`, [cols] or NULL, weighs the squared errors of columns
 * in mse (second moments of the inputs). Cannot fail; same bits for any split
 * of the rows, also among threads. */
void nyx_encode_rows(nyx_coded *coded, enum nyx_method method, const float *src,
                     const float *moments, int64_t first, int64_t rows);
void nyx_decode_rows(float *dst, const nyx_coded *coded, int64_t first, int64_t rows);

/* All of it: survey, prepare, every row. */
void nyx_coded_encode(nyx_coded *coded, enum nyx_method method, const float *src);

/* 1 / (1 + m / 1024), m = 0 ... 1023, rounded to f32. Encoders multiply with
 * the reciprocal of the stored scale; all stored scales have at most 11
 * significant bits (f32 scales are rounded to that), so these values and a shift of the
 * exponent give it, the same on every device. */
void nyx_scale_reciprocals(float out[1024]);

/* Check planes that came out of a file (scales finite, codes in range). INPUT. */
int nyx_coded_check(const nyx_coded *coded) NYX_CHECKED;

/* Activations coded in 8 bits: what a row of x becomes as int8:scale=f32 by
 * absmax in groups of `block`, decoded again (exactly: a scale has 11
 * significant bits). A block that holds a NaN or an infinity becomes NaN. */
enum { NYX_ACTIVATION_BLOCK = 32 }; /* the usual one; the other is the row */
void nyx_activation_round(float *to, const float *from, int64_t count, int64_t block);

/* Error of a coding, accumulated row by row in float64. */
typedef struct {
    int64_t elems;
    double  sum_square_error, sum_square, sum_error, max_error;
} nyx_quant_error;
void nyx_quant_error_add(nyx_quant_error *error, const float *exact, const float *decoded, int64_t elems);

/* Relative squared error, sum (w - w')^2 / sum w^2, of formats on normally
 * distributed weights [256, 2048]: measured, and asserted by the tests. */
typedef struct {
    const char     *format;
    enum nyx_method method;
    double          error;
} nyx_format_anchor;
extern const nyx_format_anchor nyx_format_anchors[]; /* ends with format NULL */

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

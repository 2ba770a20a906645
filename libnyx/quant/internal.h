/* quant/internal -- what the files of quant/ share. */
#ifndef NYX_QUANT_INTERNAL_H
#define NYX_QUANT_INTERNAL_H

#include "quant/quant.h"

struct nyx_kind {
    const char         *name, *source;
    enum nyx_lattice    lattice;
    int                 bits;
    enum nyx_dtype      dtype;         /* what it is without a scale; NYX_DTYPE_COUNT: never is */
    int64_t             group;         /* when none is named; 0: no scale then */
    bool                group_fixed;   /* the specification fixes it */
    bool                scaled;        /* may have scales at all */
    enum nyx_scale_type scale;         /* when none is named */
};

/* One scale and zero point in the form that encoders and decoders use:
 * q = round((w - low) * inverse), value = scale * (q - zero) + low. */
typedef struct {
    float   scale, inverse, low;
    int32_t zero;      /* in units of q; 0 when symmetric */
    float   bottom;    /* least and greatest (q - zero) the method allows */
    float   top;
} nyx_quant__step;

/* Everything the row loops need, derived once from a coded tensor. */
typedef struct {
    nyx_layout          layout;
    enum nyx_scale_type scale;
    enum nyx_zero_type  zero;
    float               qmin, qmax;      /* integers: least and greatest; floats: -, + greatest */
    float               global, global_inverse;
} nyx_quant__plan;

void nyx_quant__plan_init(nyx_quant__plan *plan, const nyx_coded *coded);

/* Stored scales (scale.c): round to stored precision; put and get by index. */
float nyx_quant__scale_round(enum nyx_scale_type type, float scale);
void  nyx_quant__scale_put(void *plane, enum nyx_scale_type type, int64_t index, float rounded);
float nyx_quant__scale_get(const void *plane, enum nyx_scale_type type, int64_t index);
float nyx_quant__inverse(float scale);
int64_t nyx_quant__scale_bytes(enum nyx_scale_type type);
void nyx_quant__zero_put(nyx_coded *coded, const nyx_quant__plan *plan, int64_t row, int64_t group,
                         const nyx_quant__step *step);
void nyx_quant__step_get(nyx_quant__step *out, const nyx_coded *coded, const nyx_quant__plan *plan,
                         int64_t row, int64_t group);

/* Smallest and largest of the elements and 0, and the first of largest magnitude. */
typedef struct {
    float least, most, peak;
} nyx_quant__extent;
void nyx_quant__extent_of(nyx_quant__extent *out, const float *w, int64_t n);

/* choose.c: the step of a group from its extent. search.c: the best step, with squared errors
 * weighed by v (NULL: 1). */
void nyx_quant__choose(nyx_quant__step *out, const nyx_quant__plan *plan, enum nyx_method method,
                       const nyx_quant__extent *extent);
void nyx_quant__search(nyx_quant__step *out, const nyx_quant__plan *plan, const nyx_quant__extent *extent,
                       const float *w, const float *v, int64_t n);

/* Candidate scales in their order; refitted: the scales as stored and their
 * squared errors, infinite where there is no fit. Symmetric integers where the
 * machine `can`; the same bits as one by one in search.c. */
enum { NYX_QUANT__REFITS = 32 };
typedef struct {
    int   count;
    float scale[NYX_QUANT__REFITS], error[NYX_QUANT__REFITS];
} nyx_quant__refits;
bool nyx_quant__refits_can(const nyx_quant__plan *plan, int64_t n);
void nyx_quant__refits_run(nyx_quant__refits *all, const nyx_quant__plan *plan, const float *w, const float *v, int64_t n);

/* Blocks [first, first + count) of a row: one code a byte <-> packed. `top`
 * is the offset of int3's 1-bit codes. */
void nyx_quant__pack(uint8_t *row, const uint8_t *codes, int bits, int64_t top, int64_t first, int64_t count);
void nyx_quant__unpack(uint8_t *codes, const uint8_t *row, int bits, int64_t top, int64_t first, int64_t count);

enum { NYX_QUANT__BLOCK = 32, NYX_QUANT__TILE = 256 };

#endif

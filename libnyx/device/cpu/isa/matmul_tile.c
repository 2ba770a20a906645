/* matmul_tile -- the tile of C that is summed in registers, and the panels of A
 * and B that it reads one after another. */
#include "matmul.h"

/* ---- the register tile ------------------------------------------------------- */

enum {
    AT_ONCE = NYX_W == 16 ? 8 : 4,  /* terms of an unrolled round               */
    C_AHEAD = AT_ONCE * (MR + 2)    /* so many before the end C begins to come */
};

/* Multiply-adds that replace their sum. Left to itself the compiler lets sums
 * wander from register to register, and copies them. */
NYX_INLINE vf fma_here(vf a, vf b, vf c)
{
#if NYX_W >= 8
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(b), "v"(a));
    return c;
#else
    return vf_fma(a, b, c);
#endif
}

/* The same with a number in memory for all lanes of a. */
NYX_INLINE vf fma_all(const float *a, vf b, vf c)
{
#if NYX_W == 16
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(b), "m"(*a));
    return c;
#else
    return fma_here(vf_all(*a), b, c);
#endif
}

/* A processor that shares its front end with a second thread decodes too few
 * instructions to load the numbers of A apart from multiplying them: AVX-512
 * can spread one over the lanes while it multiplies, and does so for two rows
 * of three. All of them would be more loads than there are ports. */
NYX_INLINE bool spreads(int row)
{
    return NYX_W == 16 && row % 3 != 0;
}

/* Rows and vectors are constants once inlined. */
NYX_INLINE void one_term(vf sum[MR][NV], int rows, int vectors, const float *a, const float *b)
{
    vf right[NV];

    NYX_UNROLL(4)
    for (int j = 0; j < vectors; j++)
        right[j] = vf_load(b + j * NYX_W);
    NYX_UNROLL(12)
    for (int i = 0; i < rows; i++) {
        vf left = spreads(i) ? (vf){ 0 } : vf_all(a[i]);

        NYX_UNROLL(4)
        for (int j = 0; j < vectors; j++)
            sum[i][j] = spreads(i) ? fma_all(a + i, right[j], sum[i][j]) : fma_here(left, right[j], sum[i][j]);
    }
}

/* A row of C is wanted soon. */
NYX_INLINE void fetch_row(const matmul_target *to, int64_t row)
{
    if (row < 0 || row >= MR || row >= to->rows)
        return;
    NYX_UNROLL(4)
    for (int j = 0; j < NV; j++)
        __builtin_prefetch(to->c + row * to->step + j * NYX_W, 1);
}

/* Sum over k of a[k * MR + row] * b[k * b_step ..]; b_step is a constant when
 * B is packed. */
NYX_INLINE void tile_sum(vf sum[MR][NV], int rows, int vectors, const float *a, const float *b, int64_t b_step,
                         int64_t terms, const matmul_target *to, const float *soon)
{
    const int64_t begin = terms > C_AHEAD ? (terms - C_AHEAD) / AT_ONCE * AT_ONCE : 0;
    int64_t       k = 0;

    NYX_UNROLL(12)
    for (int i = 0; i < rows; i++)
        NYX_UNROLL(4)
        for (int j = 0; j < vectors; j++)
            sum[i][j] = (vf){ 0 };
    for (; k + AT_ONCE <= terms; k += AT_ONCE, soon += 2 * AT_ONCE) {
        __builtin_prefetch(soon, 0, 2);
        fetch_row(to, (k - begin) / AT_ONCE);
        NYX_UNROLL(8)
        for (int more = 0; more < AT_ONCE; more++, a += MR, b += b_step)
            one_term(sum, rows, vectors, a, b);
    }
    for (; k < terms; k++, a += MR, b += b_step)
        one_term(sum, rows, vectors, a, b);
}

NYX_INLINE void tile_write(vf sum[MR][NV], int rows, int vectors, const matmul_target *to)
{
    NYX_UNROLL(12)
    for (int i = 0; i < rows; i++) {
        float *c = to->c + i * to->step;

        NYX_UNROLL(4)
        for (int j = 0; j < vectors; j++) {
            vf x = sum[i][j];

            if (to->add)
                x = vf_load(c + j * NYX_W) + x;
            if (to->bias)
                x += vf_load(to->bias + j * NYX_W);
            vf_store(c + j * NYX_W, x);
        }
    }
}

/* A tile that reaches over the edge goes through a full one on the stack. */
static void tile_write_part(const float *whole, const matmul_target *to)
{
    for (int64_t i = 0; i < least(to->rows, MR); i++)
        for (int64_t j = 0; j < least(to->columns, NR); j++) {
            float *c = to->c + i * to->step + j;
            float  x = whole[i * NR + j];

            if (to->add)
                x = *c + x;
            if (to->bias)
                x += to->bias[j];
            *c = x;
        }
}

NYX_INLINE void tile(int rows, int vectors, const float *a, const float *b, int64_t b_step, int64_t terms,
                     const matmul_target *to, const float *soon)
{
    vf sum[MR][NV];

    tile_sum(sum, rows, vectors, a, b, b_step, terms, to, soon);
    if (to->rows >= rows && to->columns >= vectors * NYX_W) {
        tile_write(sum, rows, vectors, to);
    } else {
        float         whole[MR * NR];
        matmul_target all = { whole, NR, MR, NR, NULL, false };

        tile_write(sum, rows, vectors, &all);
        tile_write_part(whole, to);
    }
}

/* Tiles at the lower edge are cut to a third or two of the rows. */
NYX_INLINE void tile_of_rows(int vectors, const float *a, const float *b, int64_t b_step, int64_t terms,
                             const matmul_target *to, const float *soon)
{
    if (to->rows <= MR / 3)
        tile(MR / 3, vectors, a, b, b_step, terms, to, soon);
    else if (to->rows <= MR / 3 * 2)
        tile(MR / 3 * 2, vectors, a, b, b_step, terms, to, soon);
    else
        tile(MR, vectors, a, b, b_step, terms, to, soon);
}

void matmul_tile(const float *a, const float *b, int64_t b_step, int64_t terms, const matmul_target *to,
                 const float *soon)
{
    if (to->rows > MR / 3 * 2 && to->columns > NYX_W && b_step == NR)
        tile(MR, NV, a, b, NR, terms, to, soon);
    else if (to->columns > NYX_W)
        tile_of_rows(NV, a, b, b_step, terms, to, soon);
    else
        tile_of_rows(1, a, b, b_step, terms, to, soon);
}

/* ---- packing ------------------------------------------------------------------ */

enum { GROUPS = (MR + NYX_W - 1) / NYX_W, TERMS_AT_ONCE = 16 };

/* One panel, `count` of its rows from memory. Vectors are stored whole: what
 * the last one writes behind its row, the next row replaces. */
NYX_INLINE void pack_panel(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t count, int64_t terms)
{
    int64_t k = 0;

    for (; k + NYX_W <= terms; k += NYX_W) {
        vf block[GROUPS][NYX_W];

        NYX_UNROLL(2)
        for (int g = 0; g < GROUPS; g++) {
            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                block[g][i] = g * NYX_W + i < count
                                  ? vf_load_of(type, place_of_element(type, from, (g * NYX_W + i) * step + k))
                                  : (vf){ 0 };
            vf_transpose(block[g]);
        }
        NYX_UNROLL(16)
        for (int i = 0; i < NYX_W; i++)
            NYX_UNROLL(2)
            for (int g = 0; g < GROUPS; g++)
                vf_store(to + (k + i) * MR + g * NYX_W, block[g][i]);
    }
    for (; k < terms; k++)
        for (int64_t i = 0; i < MR; i++)
            to[k * MR + i] = i < count ? float_of(type, place_of_element(type, from, i * step + k)) : 0.0f;
}

NYX_INLINE void pack_rows(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t rows, int64_t terms)
{
    int64_t i = 0;

    for (; i + MR <= rows; i += MR, to += A_PANEL)
        pack_panel(to, type, place_of_element(type, from, i * step), step, MR, terms);
    if (i < rows)
        pack_panel(to, type, place_of_element(type, from, i * step), step, rows - i, terms);
}

/* A panel of `width` columns: `count` of them from rows of `from`, zeros
 * behind: to[k * width + j] = from[k * step + j]. Vectors as in pack_panel. */
NYX_INLINE void pack_straight(float *to, int64_t width, enum nyx_dtype type, const void *from, int64_t step,
                              int64_t count, int64_t terms)
{
    if (count >= width && type == NYX_F32) {
        for (int64_t k = 0; k < terms; k++)
            memcpy(to + k * width, (const float *)from + k * step, (size_t)width * sizeof *to);
        return;
    }
    if (count < width)
        memset(to, 0, (size_t)(terms * width) * sizeof *to);
    for (int64_t k = 0; k < terms; k++) {
        int64_t j = 0;

        for (; j < width && j + NYX_W <= count; j += NYX_W)
            vf_store(to + k * width + j, vf_load_of(type, place_of_element(type, from, k * step + j)));
        for (; j < least(count, width); j++)
            to[k * width + j] = float_of(type, place_of_element(type, from, k * step + j));
    }
}

/* A few terms at a time, so that lines which panels share are read once. */
NYX_INLINE void pack_across(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t rows, int64_t terms)
{
    for (int64_t k = 0; k < terms; k += TERMS_AT_ONCE)
        for (int64_t i = 0; i < rows; i += MR)
            pack_straight(to + i / MR * A_PANEL + k * MR, MR, type, place_of_element(type, from, k * step + i), step,
                          rows - i, least(TERMS_AT_ONCE, terms - k));
}

/* From a transposed matrix: to[k * NR + j] = from[j * step + k]. */
NYX_INLINE void pack_turned(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t count,
                            int64_t terms)
{
    if (count < NR)
        memset(to, 0, (size_t)(terms * NR) * sizeof *to);
    for (int64_t j = 0; j < count; j += NYX_W) {
        int64_t k = 0;

        for (; j + NYX_W <= count && k + NYX_W <= terms; k += NYX_W) {
            vf block[NYX_W];

            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                block[i] = vf_load_of(type, place_of_element(type, from, (j + i) * step + k));
            vf_transpose(block);
            NYX_UNROLL(16)
            for (int i = 0; i < NYX_W; i++)
                vf_store(to + (k + i) * NR + j, block[i]);
        }
        for (; k < terms; k++)
            for (int64_t i = j; i < j + NYX_W && i < count; i++)
                to[k * NR + i] = float_of(type, place_of_element(type, from, i * step + k));
    }
}

/* Each once for every type of operands. */
#define FOR_TYPE(type, body) \
    switch (type) {                                   \
    case NYX_F16: body(NYX_F16); break;               \
    case NYX_BF16: body(NYX_BF16); break;             \
    default: body(NYX_F32);                           \
    }

void matmul_pack_rows(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t rows, int64_t terms)
{
#define BODY(t) pack_rows(to, t, from, step, rows, terms)
    FOR_TYPE(type, BODY)
#undef BODY
}

void matmul_pack_across(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t rows, int64_t terms)
{
#define BODY(t) pack_across(to, t, from, step, rows, terms)
    FOR_TYPE(type, BODY)
#undef BODY
}

void matmul_pack_b(float *to, enum nyx_dtype type, const void *from, int64_t step, int64_t columns, int64_t terms,
                   bool turned)
{
#define TURNED(t)   pack_turned(to, t, from, step, least(columns, NR), terms)
#define STRAIGHT(t) pack_straight(to, NR, t, from, step, columns, terms)
    if (turned) {
        FOR_TYPE(type, TURNED)
    } else {
        FOR_TYPE(type, STRAIGHT)
    }
#undef TURNED
#undef STRAIGHT
}

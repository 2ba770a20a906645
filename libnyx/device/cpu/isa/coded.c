/* coded -- the operations on coded weights: what their kernels need to know
 * of a tensor, and which of them runs. */
#include "coded.h"

static enum coded_kind kind_of(const nyx_layout *layout)
{
    switch (layout->lattice) {
    case NYX_LATTICE_INT:
        return layout->bits == 8   ? CODED_INT8
               : layout->bits == 4 ? CODED_INT4
               : layout->bits == 3 ? CODED_INT3
                                   : CODED_INT2;
    case NYX_LATTICE_NF4: return CODED_NF4;
    case NYX_LATTICE_E2M1: return CODED_E2M1;
    case NYX_LATTICE_E4M3: return CODED_E4M3;
    case NYX_LATTICE_E5M2: return CODED_E5M2;
    default:
        return layout->dtype == NYX_F16        ? CODED_F16
               : layout->dtype == NYX_BF16     ? CODED_BF16
               : layout->dtype == NYX_FP8_E4M3 ? CODED_E4M3
                                               : CODED_E5M2;
    }
}

/* Points of the 16 codes; integers from qmin on, or from 0 where a zero point
 * says where they start. */
static void set_points(coded_source *s)
{
    static const float e2m1[16] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6 };
    float              whole[16];

    s->offset = s->zero == NYX_ZERO_NONE && s->kind != CODED_INT8 ? -(float)(1 << (s->layout.bits - 1)) : 0.0f;
    if (s->kind == CODED_INT8 && s->zero == NYX_ZERO_F16)
        s->offset = 128.0f;
    for (int i = 0; i < 16; i++)
        whole[i] = (float)i + s->offset;
    s->levels = s->kind == CODED_NF4 ? nyx_nf4_levels : e2m1;
    for (int i = 0; i < 16; i++) {
        const float point = s->kind <= CODED_E2M1 && s->kind != CODED_INT4 ? s->levels[i] : whole[i];

        s->points[i / NYX_W % 2][i % NYX_W] = point;
    }
}

void coded_source_of(coded_source *out, const nyx_call *call, int first)
{
    coded_source *s = out;

    s->coded = nyx_cpu_coded(&s->layout, call, first);
    s->kind = kind_of(&s->layout);
    s->zero = s->coded.format.zero;
    s->halves = s->layout.row_groups > 1 && s->layout.group < CODED_BLOCK;
    s->unit = coded_is_wide(s->kind) ? CODED_BLOCK : coded_is_crumbs(s->kind) ? 16 * NYX_W : 8 * NYX_W;
    s->units = (s->layout.cols + s->unit - 1) / s->unit;
    s->padded = s->units * s->unit;
    s->unit_blocks = s->unit / CODED_BLOCK;
    s->codes_end = (const uint8_t *)s->coded.codes + s->layout.rows * s->layout.codes_row_bytes;
    s->unit_bytes = !coded_is_wide(s->kind) ? 4 * NYX_W : coded_is_plain(s->kind) ? 2 * CODED_BLOCK : CODED_BLOCK;
    set_points(s);
}

/* ---- order ---------------------------------------------------------------------- */

void coded_turn(float *to, const float *from, const coded_source *s)
{
    const int64_t cols = s->layout.cols;
    int16_t       place[CODED_LARGEST_UNIT];

    if (coded_is_wide(s->kind)) {
        memcpy(to, from, (size_t)cols * sizeof *to);
        memset(to + cols, 0, (size_t)(s->padded - cols) * sizeof *to);
        return;
    }
    for (int i = 0; i < (int)s->unit; i++) {
        const int lane = i % NYX_W, v = i / NYX_W, n = v % 8;

        place[i] = (int16_t)(coded_is_crumbs(s->kind)
                                 ? 32 * (lane / 2) + 4 * (lane % 2) + n / 2 + 16 * (n % 2) + 8 * (v / 8)
                                 : 32 * (lane / 4) + 4 * (lane % 4) + v / 2 + 16 * (v % 2));
    }
    for (int64_t at = 0; at < s->padded; at += s->unit, to += s->unit) {
        const int64_t left = cols - at;

        for (int64_t i = 0; i < s->unit; i++)
            to[i] = place[i] < left ? from[at + place[i]] : 0.0f;
    }
}

/* ---- steps ---------------------------------------------------------------------- */

/* As fast as they are read: a row of weights has one for each block. */
static void halves_of(float *to, const uint8_t *from, int64_t count)
{
    int64_t i = 0;

#if NYX_W == 16
    for (; i + NYX_W <= count; i += NYX_W)
        vf_store(to + i, (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)(from + 2 * i))));
#elif NYX_W == 8
    for (; i + NYX_W <= count; i += NYX_W)
        vf_store(to + i, (vf)_mm256_cvtph_ps(_mm_loadu_si128((const void *)(from + 2 * i))));
#endif
    for (; i < count; i++) {
        uint16_t half;

        memcpy(&half, from + 2 * i, sizeof half);
#if NYX_W >= 8
        to[i] = _cvtsh_ss(half);
#else
        to[i] = nyx_f32_from_f16(half);
#endif
    }
}

/* Scales [first, first + count) of the plane. */
static void scales_of(float *to, const coded_source *s, int64_t first, int64_t count)
{
    const uint8_t *bytes = (const uint8_t *)s->coded.scales + first;

    switch (s->coded.format.scale) {
    case NYX_SCALE_F16: halves_of(to, bytes + first, count); break;
    case NYX_SCALE_F32: memcpy(to, bytes + 3 * first, (size_t)count * sizeof *to); break;
    case NYX_SCALE_E8M0:
        for (int64_t i = 0; i < count; i++)
            to[i] = nyx_f32_of_bits(bytes[i] ? (uint32_t)bytes[i] << 23 : 0x00400000u);
        break;
    case NYX_SCALE_E4M3:
        nyx_convert_to_f32(NYX_FP8_E4M3, to, bytes, count);
        for (int64_t i = 0; i < count; i++)
            to[i] *= s->coded.global;
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            to[i] = 1.0f;
    }
}

float coded_scale(const coded_source *s, int64_t index)
{
    float scale;

    scales_of(&scale, s, index, 1);
    return scale;
}

/* Zero points of groups [first, first + count) of a row. Nibbles: two a byte;
 * of groups of 256 a block of terms may begin with the second. */
static void zeros_of(float *to, const coded_source *s, int64_t row, int64_t first, int64_t count)
{
    const uint8_t *bytes = (const uint8_t *)s->coded.zeros + row * s->layout.zeros_row_bytes;

    if (s->zero == NYX_ZERO_F16) {
        halves_of(to, bytes + 2 * first, count);
    } else if (s->kind == CODED_INT8) {
        for (int64_t i = 0; i < count; i++)
            to[i] = (float)(int8_t)bytes[first + i];
    } else {
        bytes += first / 2;
        if (first % 2 && count > 0) {
            *to++ = (float)(*bytes++ >> 4);
            count--;
        }
        for (int64_t i = 0; i < count / 2; i++) {
            to[2 * i] = (float)(bytes[i] & 15);
            to[2 * i + 1] = (float)(bytes[i] >> 4);
        }
        if (count % 2)
            to[count - 1] = (float)(bytes[count / 2] & 15);
    }
}

static void fill(float *to, float value, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = value;
}

/* to[i] = from[i / per]; `per` is a constant once inlined. */
NYX_INLINE void repeat(float *restrict to, const float *restrict from, int64_t count, int per)
{
    int64_t i = 0;

    for (; i + per <= count; i += per)
        for (int j = 0; j < per; j++)
            to[i + j] = from[i / per];
    for (; i < count; i++)
        to[i] = from[i / per];
}

/* Numbers of groups (scales, or zero points) become numbers of blocks. The
 * first block begins a group. */
static void numbers_of(float *const to[2], float *raw, const coded_source *s, bool zero, int64_t row, int64_t block,
                       int64_t count)
{
    const bool    per_row = s->layout.row_groups > 0;
    const int64_t all = per_row ? s->layout.row_groups : 1;
    const int64_t first = s->layout.row_groups > 1 ? block * CODED_BLOCK / s->layout.group : 0;
    const int64_t wanted = s->layout.row_groups > 1 ? (count * CODED_BLOCK + s->layout.group - 1) / s->layout.group : 1;
    const int64_t there = wanted < all - first ? wanted : all - first;

    row = per_row ? row : 0;
    if (zero)
        zeros_of(raw, s, row, first, there);
    else
        scales_of(raw, s, row * all + first, there);
    for (int64_t i = there; i < wanted; i++)
        raw[i] = 0.0f;
    if (s->layout.row_groups <= 1) {
        fill(to[0], raw[0], count);
    } else if (s->halves) {
        for (int64_t i = 0; i < count; i++) {
            to[0][i] = raw[2 * i];
            to[1][i] = raw[2 * i + 1];
        }
    } else {
        switch (s->layout.group / CODED_BLOCK) {
        case 1: memcpy(to[0], raw, (size_t)count * sizeof *raw); break;
        case 2: repeat(to[0], raw, count, 2); break;
        case 4: repeat(to[0], raw, count, 4); break;
        default: repeat(to[0], raw, count, 8);
        }
    }
}

void coded_steps_of(const coded_steps *to, const coded_source *s, int64_t row, int64_t block, int64_t count)
{
    const int64_t groups = s->layout.row_groups, there = groups - block < count ? groups - block : count;

    if (s->layout.group == CODED_BLOCK && groups > 1 && s->zero == NYX_ZERO_NONE &&
        s->coded.format.scale == NYX_SCALE_F16) { /* the usual case, for short rows */
        halves_of(to->scale[0], (const uint8_t *)s->coded.scales + 2 * (row * groups + block), there);
        fill(to->scale[0] + there, 0.0f, count - there);
        return;
    }
    numbers_of(to->scale, to->raw, s, false, row, block, count);
    if (s->zero != NYX_ZERO_NONE)
        numbers_of(to->zero, to->raw, s, true, row, block, count);
}

/* ---- the operations ------------------------------------------------------------------ */

void NYX_ISA_NAME(nyx_cpu__decode)(const nyx_call *call, int part, int parts)
{
    nyx_layout      layout;
    const nyx_coded coded = nyx_cpu_coded(&layout, call, 0);
    int64_t         begin, end;

    nyx_cpu_split(&begin, &end, layout.rows, 1, part, parts);
    if (begin < end)
        nyx_decode_rows((float *)call->out[0].data + begin * layout.cols, &coded, begin, end - begin);
}

void NYX_ISA_NAME(nyx_cpu__embedding_coded)(const nyx_call *call, int part, int parts)
{
    nyx_layout      layout;
    const nyx_coded coded = nyx_cpu_coded(&layout, call, 1);
    const int32_t  *ids = call->in[0].data;
    int64_t         begin, end;

    nyx_cpu_split(&begin, &end, call->in[0].count, 1, part, parts);
    for (int64_t i = begin; i < end; i++) {
        float *y = (float *)call->out[0].data + i * layout.cols;

        if (ids[i] >= 0 && ids[i] < layout.rows)
            nyx_decode_rows(y, &coded, ids[i], 1);
        else
            fill(y, nyx_f32_of_bits(0x7fc00000u), layout.cols); // NaN
    }
}

int64_t NYX_ISA_NAME(nyx_cpu__matmul_coded_workspace)(const nyx_graph *g, const nyx_node *node, int parts)
{
    const int64_t terms = node->shape.dims[1];
    const int64_t rows = terms ? nyx_value_elems(g, node->inputs[0]) / terms : 0;

    if (rows > CODED_FEW)
        return NYX_ISA_NAME(nyx_cpu__coded_panels_workspace)(rows, terms, parts);
    return nyx_node_activations(node) != NYX_ACTIVATIONS_REAL
               ? NYX_ISA_NAME(nyx_cpu__coded_bytes_workspace)(rows, terms, parts)
               : NYX_ISA_NAME(nyx_cpu__coded_dots_workspace)(rows, terms, parts);
}

#if NYX_W == 16
void nyx_cpu__matmul_coded_avx2(const nyx_call *call, int part, int parts);
#endif

void NYX_ISA_NAME(nyx_cpu__matmul_coded)(const nyx_call *call, int part, int parts)
{
    coded_job job = { .x = call->in[0].data, .bias = call->in[5].data, .y = call->out[0].data,
                      .workspace = call->workspace, .pool = call->pool };

    coded_source_of(&job.source, call, 1);
    job.terms = job.source.layout.cols;
    job.columns = job.source.layout.rows;
    job.rows = job.terms ? call->in[0].count / job.terms : 0;
    job.block = nyx_activations_block(nyx_node_activations(call->node), job.terms);
    if (job.rows > CODED_FEW)
        coded_panels(&job, part, parts);
    else if (!job.block)
        coded_dots(&job, part, parts);
#if NYX_W == 16
    else if (!__builtin_cpu_supports("avx512vnni"))
        nyx_cpu__matmul_coded_avx2(call, part, parts); /* the same bits, in the same workspace */
#endif
    else
        coded_bytes(&job, part, parts);
}

/* formats -- number formats and functions over everything they can be given.
 *
 *     build/tests/formats          a sample of each, seconds
 *     build/tests/formats --all    all 2^32 floats, all 2^16 scales, minutes
 *
 * Conversions from f32 are compared with the neighbours of each number in
 * the sorted list of values; float functions with libm in float64; decoded
 * values with the formula of quant.h in float64. One line a check, then
 * "N passed, N failed"; exit status 1 after any failure.
 */
#include "../unit/plain_coding.h"
#include "tensor/math.h"

#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 4096 };

static uint32_t  stride = 4099; /* a prime: meets every low bit */
static nyx_pool *pool;
static int       passed, failed;

static void verdict(bool good, const char *name, const char *detail)
{
    printf("%-4s %-28s %s\n", good ? "ok" : "FAIL", name, detail);
    fflush(stdout);
    *(good ? &passed : &failed) += 1;
}

/* ---- f32 to the small floats ---------------------------------------------------- */

typedef struct {
    const float_reference *r;
    double                *values; /* of codes 0 ... finite - 1 */
    double                 limit;  /* what rounds beyond the last */
    atomic_llong           wrong, seen;
    _Atomic uint32_t       example;
} conversion;

/* Nearest of the two values around x >= 0, from the code last found: numbers come in
 * rising order, so it only moves up. */
static unsigned nearest_from(const conversion *c, unsigned *below, double x)
{
    double low, high;

    while (*below + 1 < c->r->finite && c->values[*below + 1] <= x)
        ++*below;
    if (x >= c->limit)
        return c->r->over;
    if (*below + 1 == c->r->finite)
        return *below;
    low = x - c->values[*below];
    high = c->values[*below + 1] - x;
    if (low == high)
        return *below & 1 ? *below + 1 : *below;
    return low < high ? *below : *below + 1;
}

static unsigned code_at(enum nyx_dtype dtype, const void *row, int64_t i)
{
    return nyx_dtype_bytes(dtype) == 2 ? ((const uint16_t *)row)[i] : ((const uint8_t *)row)[i];
}

static bool code_is_nan(const float_reference *r, unsigned size)
{
    return size >= r->finite && !(r->infinity && size == r->infinity);
}

static void check_chunk(conversion *c, const float *x, int64_t n, unsigned *below)
{
    uint16_t       row[CHUNK];
    const unsigned sign = reference_sign(c->r);

    nyx_convert_from_f32(c->r->dtype, row, x, n);
    for (int64_t i = 0; i < n; i++) {
        unsigned code = code_at(c->r->dtype, row, i);
        bool     negative = nyx_f32_bits(x[i]) >> 31 != 0;
        bool     good = isnan(x[i]) ? code_is_nan(c->r, code & (sign - 1))
                                    : (code & (sign - 1)) == nearest_from(c, below, fabs((double)x[i]));

        if (!good || ((code & sign) != 0) != negative) {
            atomic_fetch_add(&c->wrong, 1);
            atomic_store(&c->example, nyx_f32_bits(x[i]));
        }
    }
    atomic_fetch_add(&c->seen, n);
}

/* Part p of the magnitudes, first as positive, then as negative numbers. */
static void convert_part(void *context, int part, int parts)
{
    conversion    *c = context;
    const uint64_t from = (UINT64_C(1) << 31) * (uint64_t)part / (uint64_t)parts;
    const uint64_t to = (UINT64_C(1) << 31) * (uint64_t)(part + 1) / (uint64_t)parts;
    float          x[CHUNK];

    for (uint32_t sign = 0; sign < 2; sign++) {
        unsigned below = 0;

        for (uint64_t bits = from; bits < to;) {
            int64_t n = 0;

            for (; n < CHUNK && bits < to; bits += stride)
                x[n++] = nyx_f32_of_bits((uint32_t)bits | sign << 31);
            check_chunk(c, x, n, &below);
        }
    }
}

static void check_conversions(void)
{
    for (int f = 0; f < FLOAT_REFERENCES; f++) {
        conversion c = { .r = &float_references[f], .limit = reference_limit(&float_references[f]) };
        char       detail[128];

        if (nyx_alloc(&c.values, (int64_t)sizeof(double) * c.r->finite) < 0) {
            verdict(false, c.r->name, nyx_error_text());
            continue;
        }
        for (unsigned code = 0; code < c.r->finite; code++)
            c.values[code] = reference_value(c.r, code);
        nyx_pool_run(pool, convert_part, &c);
        snprintf(detail, sizeof detail, "%lld floats, %lld wrong (0x%08x)", (long long)c.seen, (long long)c.wrong,
                 (unsigned)c.example);
        verdict(c.wrong == 0 && c.seen > 0, c.r->name, detail);
        nyx_free(c.values);
    }
}

/* ---- functions -------------------------------------------------------------------- */

typedef struct {
    const char *name;
    float (*ours)(float);
    double (*exact)(double);
    double bound; /* ulp */
    double least; /* smaller arguments are not measured */
} function;

static double exact_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double exact_silu(double x)    { return x / (1.0 + exp(-x)); }
static double exact_rsqrt(double x)   { return 1.0 / sqrt(x); }
static double exact_atan(double x)    { return atan(x); }
static float  atan_quotient(float x)  { return nyx_atan2f(x, 1.0f); }

/* silu below -87 is x times a subnormal sigma and has fewer bits by nature. */
static const function functions[] = {
    { "expf", nyx_expf, exp, 0.96, -INFINITY },
    { "logf", nyx_logf, log, 0.85, -INFINITY },
    { "sigmoidf", nyx_sigmoidf, exact_sigmoid, 2.42, -INFINITY },
    { "siluf", nyx_siluf, exact_silu, 3.22, -87.0 },
    { "tanhf", nyx_tanhf, tanh, 2.30, -INFINITY },
    { "rsqrtf", nyx_rsqrtf, exact_rsqrt, 1.51, -INFINITY },
    { "atan2f(x, 1)", atan_quotient, exact_atan, 2.17, -INFINITY },
};

typedef struct {
    const function *f;
    double          worst[256]; /* a part */
    float           where[256];
} measurement;

static double ulps(double got, double want)
{
    const double limit = 0x1.ffffffp127;
    int          e;

    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0.0 : INFINITY;
    if (fabs(want) >= limit || isinf(got))
        return isinf(got) && fabs(want) >= limit && (got > 0.0) == (want > 0.0) ? 0.0 : INFINITY;
    frexp(want, &e);
    return fabs(got - want) / ldexp(1.0, (e < -125 ? -125 : e) - 24);
}

static void measure_part(void *context, int part, int parts)
{
    measurement   *m = context;
    const uint64_t from = (UINT64_C(1) << 32) * (uint64_t)part / (uint64_t)parts;
    const uint64_t to = (UINT64_C(1) << 32) * (uint64_t)(part + 1) / (uint64_t)parts;

    for (uint64_t bits = from; bits < to; bits += stride) {
        float  x = nyx_f32_of_bits((uint32_t)bits);
        double u = (double)x < m->f->least ? 0.0 : ulps((double)m->f->ours(x), m->f->exact((double)x));

        if (u > m->worst[part]) {
            m->worst[part] = u;
            m->where[part] = x;
        }
    }
}

static void check_functions(void)
{
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        measurement m = { .f = &functions[f] };
        int         worst = 0;
        char        detail[128];

        nyx_pool_run(pool, measure_part, &m);
        for (int p = 1; p < nyx_pool_parts(pool); p++)
            worst = m.worst[p] > m.worst[worst] ? p : worst;
        snprintf(detail, sizeof detail, "%.4f ulp at %a, bound %.2f", m.worst[worst], (double)m.where[worst],
                 m.f->bound);
        verdict(m.worst[worst] <= m.f->bound, m.f->name, detail);
    }
}

/* ---- values of coded elements ----------------------------------------------------------- */

/* One row a scale: all codes of the format under each of 2^16 f16 scales (or as
 * many f32, e8m0 or e4m3 ones drawn at random). */
static int64_t wrong_values(nyx_coded *coded, nyx_random *random, int64_t rows, float *row)
{
    const int64_t   cols = plain_cols(coded);
    nyx_plane_bytes bytes;
    int64_t         wrong = 0;

    if (nyx_format_planes(&bytes, &coded->format, &coded->shape) < 0)
        return -1;
    for (int64_t i = 0; i < bytes.codes; i++)
        ((uint8_t *)coded->codes)[i] = (uint8_t)nyx_random_u32(random);
    for (int64_t i = 0; i < bytes.zeros; i++)
        ((uint8_t *)coded->zeros)[i] = (uint8_t)nyx_random_u32(random);
    for (int64_t i = 0; i < bytes.scales; i++)
        ((uint8_t *)coded->scales)[i] = (uint8_t)nyx_random_u32(random);
    if (coded->format.scale == NYX_SCALE_F16)
        for (int64_t i = 0; i < bytes.scales / 2; i++)
            ((uint16_t *)coded->scales)[i] = (uint16_t)(i * 40503); /* odd: meets each once */
    for (int64_t r = 0; r < rows; r++) {
        nyx_decode_rows(row, coded, r, 1);
        for (int64_t c = 0; c < cols; c++) {
            float want = plain_value(coded, r, c, plain_code(coded, r, c));

            /* ldexp gives 2^128 for the e8m0 code of NaN: not a scale */
            if (coded->format.scale == NYX_SCALE_E8M0 && plain_scale(coded, r, c) > 0x1p127)
                continue;
            wrong += isnan(want) ? !isnan(row[c]) : want != row[c];
        }
    }
    return wrong;
}

static void check_values(void)
{
    static const char *const texts[] = {
        "int8:channel",        "int8:channel:asym", "int8:channel:asym:zero=f16", "int8:channel:scale=f32",
        "int4:channel",        "int4:channel:asym", "int4:channel:asym:zero=f16", "int3:channel",
        "int3:channel:asym",   "int2:channel",      "int2:channel:asym:zero=f16", "nf4:channel",
        "fp8-e4m3:channel:scale=f16", "fp8-e5m2:channel:scale=f16", "fp8-e4m3:channel", "mxfp4", "mxfp8", "nvfp4",
    };
    const int64_t rows = stride == 1 ? 65536 : 997, cols = 64;
    nyx_random    random;
    float         row[64];

    nyx_random_init(&random, 9, 9);
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        nyx_shape  shape = nyx_shape_of(2, rows, cols);
        nyx_format format;
        nyx_coded  coded;
        char       detail[128];
        int64_t    wrong;

        if (nyx_format_parse(&format, texts[t]) < 0 || nyx_coded_create(&coded, &format, &shape) < 0) {
            verdict(false, texts[t], nyx_error_text());
            continue;
        }
        coded.global = format.scale == NYX_SCALE_E4M3 ? 0x1.234p-9f : 1.0f;
        wrong = wrong_values(&coded, &random, rows, row);
        snprintf(detail, sizeof detail, "%lld values, %lld wrong", (long long)(rows * cols), (long long)wrong);
        verdict(wrong == 0, texts[t], detail);
        nyx_coded_release(&coded);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--all") == 0)
        stride = 1;
    if (nyx_pool_create(&pool, 0) < 0 || nyx_pool_parts(pool) > 256) {
        fprintf(stderr, "formats: %s\n", nyx_error_text());
        return 1;
    }
    check_conversions();
    check_functions();
    check_values();
    nyx_pool_free(pool);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

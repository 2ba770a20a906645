/* tensor: the table of types, shapes, conversions against a float64 search and
 * against other people's tables, functions against libm. */
#include "../conformance/float_reference.h"
#include "shared_data.h"
#include "tensor/math.h"
#include "tensor/tensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- types, shapes, tensors ----------------------------------------------- */

static void every_dtype_is_found_by_its_name(void **state)
{
    static const int64_t bytes[] = { 4, 8, 2, 2, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8 };
    enum nyx_dtype       found;

    (void)state;
    for (int d = 0; d < NYX_DTYPE_COUNT; d++) {
        assert_true(nyx_dtype_find(&found, nyx_dtype_name((enum nyx_dtype)d)));
        assert_int_equal(found, d);
        assert_int_equal(nyx_dtype_bytes((enum nyx_dtype)d), bytes[d]);
        assert_int_equal(nyx_dtype_is_real((enum nyx_dtype)d), d <= NYX_FP8_E5M2);
        assert_int_equal(nyx_dtype_is_half((enum nyx_dtype)d), d == NYX_F16 || d == NYX_BF16);
    }
    assert_false(nyx_dtype_find(&found, "f31"));
}

static void shapes_are_checked_and_printed(void **state)
{
    static const struct {
        nyx_shape   shape;
        int64_t     elems; /* -1: refused */
        const char *text;
    } cases[] = {
        { { 0, { 0 } }, 1, "[]" },
        { { 2, { 3, 128 } }, 384, "[3, 128]" },
        { { 3, { 4, 0, 7 } }, 0, "[4, 0, 7]" },
        { { 3, { INT64_MAX, INT64_MAX, 0 } }, 0, "[9223372036854775807, 9223372036854775807, 0]" },
        { { 2, { 1ll << 32, 1ll << 31 } }, -1, "[4294967296, 2147483648]" },
        { { 1, { -1 } }, -1, "[-1]" },
        { { 8, { 1000000000000, 1000000000000, 1000000000000, 1000000000000, 1000000000000, 1000000000000,
                 1000000000000, 1000000000000 } },
          -1,
          "[1000000000000, 1000000000000, 1000000000000, 1000000000000, 1000000000000, 1000000000000, ...]" },
    };
    char      text[96];
    int64_t   elems;
    nyx_shape nine = { .rank = 9 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = nyx_shape_check(&cases[i].shape, &elems);

        assert_int_equal(status, cases[i].elems < 0 ? NYX_ERR_INPUT : 0);
        assert_int_equal(elems, cases[i].elems < 0 ? 0 : cases[i].elems);
        nyx_shape_text(text, &cases[i].shape);
        assert_string_equal(text, cases[i].text);
        assert_true(nyx_shape_equal(&cases[i].shape, &cases[i].shape));
        assert_false(nyx_shape_equal(&cases[i].shape, &nine));
    }
    assert_int_equal(nyx_shape_check(&nine, &elems), NYX_ERR_INPUT);
    nine = nyx_shape_of(2, (int64_t)5, (int64_t)7);
    assert_int_equal(nyx_shape_count(&nine), 35);
}

static void tensors_own_only_what_they_made(void **state)
{
    nyx_shape  shape = nyx_shape_of(2, (int64_t)3, (int64_t)5);
    nyx_shape  huge = nyx_shape_of(1, INT64_MAX / 2);
    nyx_tensor made, view;

    (void)state;
    assert_int_equal(nyx_tensor_create(&made, NYX_F16, &shape), 0);
    assert_int_equal(nyx_tensor_bytes(&made), 30);
    assert_true(made.owns);
    view = nyx_tensor_view(NYX_F16, &shape, made.data);
    assert_false(view.owns);
    nyx_tensor_release(&view);
    nyx_tensor_release(&made);
    nyx_tensor_release(&made);
    nyx_tensor_release(NULL);
    assert_int_equal(nyx_tensor_create(&made, NYX_F64, &huge), NYX_ERR_INPUT);
    assert_null(made.data);
}

/* ---- conversions ------------------------------------------------------------ */

static unsigned encode_one(enum nyx_dtype dtype, float x)
{
    switch (dtype) {
    case NYX_F16: return nyx_f16_from_f32(x);
    case NYX_BF16: return nyx_bf16_from_f32(x);
    case NYX_FP8_E4M3: return nyx_fp8_e4m3_from_f32(x);
    default: return nyx_fp8_e5m2_from_f32(x);
    }
}

static float decode_one(enum nyx_dtype dtype, unsigned code)
{
    switch (dtype) {
    case NYX_F16: return nyx_f32_from_f16((uint16_t)code);
    case NYX_BF16: return nyx_f32_from_bf16((uint16_t)code);
    case NYX_FP8_E4M3: return nyx_f32_from_fp8_e4m3((uint8_t)code);
    default: return nyx_f32_from_fp8_e5m2((uint8_t)code);
    }
}

static unsigned code_at(enum nyx_dtype dtype, const void *row, size_t i)
{
    return nyx_dtype_bytes(dtype) == 2 ? ((const uint16_t *)row)[i] : ((const uint8_t *)row)[i];
}

static void every_code_decodes_exactly(void **state)
{
    static uint16_t codes[65536];
    static uint8_t  bytes[256];
    static float    row[65536];

    (void)state;
    for (int f = 0; f < FLOAT_REFERENCES; f++) {
        const float_reference *r = &float_references[f];
        unsigned               sign = reference_sign(r);
        bool                   wide = nyx_dtype_bytes(r->dtype) == 2;

        for (unsigned code = 0; code < 2 * sign; code++) {
            codes[code] = (uint16_t)code;
            if (!wide)
                bytes[code] = (uint8_t)code;
        }
        nyx_convert_to_f32(r->dtype, row, wide ? (const void *)codes : bytes, 2 * sign);
        for (unsigned code = 0; code < 2 * sign; code++) {
            double want = reference_value(r, code & (sign - 1)) * (code & sign ? -1.0 : 1.0);
            float  got = decode_one(r->dtype, code);

            assert_int_equal(nyx_f32_bits(got), nyx_f32_bits(row[code]));
            assert_true(isnan(want) ? isnan(got) : (double)got == want);
            if (isnan(want) && r->dtype != NYX_BF16) /* quiet, as processors convert */
                assert_true(nyx_f32_bits(got) & 0x400000u);
            assert_int_equal(nyx_f32_bits(got) >> 31, code / sign);
        }
    }
}

static void check_encode(const float_reference *r, const float *x, size_t count)
{
    static uint16_t row[4096];
    unsigned        sign = reference_sign(r);

    nyx_convert_from_f32(r->dtype, row, x, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        unsigned got = encode_one(r->dtype, x[i]);
        unsigned want = reference_code(r, fabs((double)x[i]));

        assert_int_equal(got, code_at(r->dtype, row, i));
        assert_int_equal(got & sign ? 1 : 0, nyx_f32_bits(x[i]) >> 31);
        if (isnan(x[i]))
            assert_true(isnan(decode_one(r->dtype, got)));
        else
            assert_int_equal(got & (sign - 1), want);
    }
}

/* All 2^32 floats take minutes (build/tests/formats --all); here a stride that
 * meets every exponent, and both neighbours of every code and half-way point. */
static void encoding_rounds_to_nearest_even(void **state)
{
    static float x[4096];
    size_t       count;

    (void)state;
    for (int f = 0; f < FLOAT_REFERENCES; f++) {
        const float_reference *r = &float_references[f];

        for (uint64_t bits = 0; bits < 1ull << 32;) {
            for (count = 0; count < 4095 && bits < 1ull << 32; bits += 65521)
                x[count++] = nyx_f32_of_bits((uint32_t)bits);
            check_encode(r, x, count);
        }
        for (unsigned code = 0; code + 1 < r->finite; code++) {
            double low = reference_value(r, code), high = reference_value(r, code + 1);
            float  at[3] = { (float)low, (float)(0.5 * (low + high)), (float)reference_limit(r) };

            count = 0;
            for (int i = 0; i < 3; i++)
                for (int step = -1; step <= 1; step++) {
                    x[count++] = nyx_f32_of_bits(nyx_f32_bits(at[i]) + (uint32_t)step);
                    x[count] = -x[count - 1];
                    count++;
                }
            check_encode(r, x, count);
        }
    }
}

static void f64_rows_round_once(void **state)
{
    static const double wide[] = { 0x1.000001p0, 0x1.000003p0, 0x1.0000010000001p0, 1e300, -1e-46, 0.1 };
    float               row[6];
    double              back[6];

    (void)state;
    nyx_convert_to_f32(NYX_F64, row, wide, 6);
    nyx_convert_from_f32(NYX_F64, back, row, 6);
    assert_true(row[0] == 0x1p0f && row[1] == 0x1.000004p0f && row[2] == 0x1.000002p0f);
    assert_true(isinf(row[3]) && row[4] == 0.0f && back[5] == (double)0.1f);
    nyx_convert_to_f32(NYX_F32, row, back, 0);
}

static void the_first_value_that_is_not_finite_is_found(void **state)
{
    static float x[10000];

    (void)state;
    assert_int_equal(nyx_f32_find_nonfinite(x, 10000), -1);
    x[9999] = -INFINITY;
    assert_int_equal(nyx_f32_find_nonfinite(x, 10000), 9999);
    x[4097] = NAN;
    assert_int_equal(nyx_f32_find_nonfinite(x, 10000), 4097);
    assert_int_equal(nyx_f32_find_nonfinite(x, 4097), -1);
    assert_int_equal(nyx_f32_find_nonfinite(x, 0), -1);
}

/* ---- other people's tables ---------------------------------------------------- */

/* ml_dtypes lets large values become NaN (e4m3fn) or infinity (e5m2); ours
 * saturate. So theirs equals ours below the limit, and above it is their
 * special code where ours is the largest value. */
static void ml_dtypes_agrees_on_every_bf16(void **state)
{
    static const struct {
        const char *file;
        int         reference;
        unsigned    special;
    } cases[] = { { "float8_e4m3fn", 2, 0x7f }, { "float8_e5m2", 3, 0x7c } };

    (void)state;
    for (int c = 0; c < 2; c++) {
        const float_reference *r = &float_references[cases[c].reference];
        char                   command[256];
        size_t                 bytes;
        char                  *table;

        snprintf(command, sizeof command, "tar xJOf '%%s/data/vectors/%%s' ml_dtypes-tables/%s.encode-bf16.u8",
                 cases[c].file);
        table = shared_output(command, "ml_dtypes-tables.tar.xz", &bytes);
        if (!table) {
            print_message("skipped: no data ml_dtypes-tables.tar.xz; set NYX_SHARED\n");
            skip();
        }
        assert_int_equal(bytes, 65536);
        for (unsigned i = 0; i < 65536; i++) {
            float    x = nyx_f32_of_bits(i << 16);
            unsigned theirs = (unsigned char)table[i];
            unsigned ours = encode_one(r->dtype, x);

            if (isnan(x)) {
                assert_true(isnan(decode_one(r->dtype, theirs)) && isnan(decode_one(r->dtype, ours)));
            } else if (fabs((double)x) > reference_limit(r) ||
                       (fabs((double)x) == reference_limit(r) && r->finite % 2 == 0)) { /* last code odd: tie goes up */
                assert_int_equal(theirs & 0x7f, cases[c].special);
                assert_int_equal(ours, (theirs & 0x80) | r->over);
            } else {
                assert_int_equal(ours, theirs);
            }
        }
        free(table);
    }
}

/* The `which`-th "hex" of a line as `width`-byte little-endian words. */
static int hex_words(const char *line, int which, int width, uint32_t out[64])
{
    const char *at = line;
    int         count = 0;

    for (int i = 0; i <= which; i++)
        at = strstr(at, "\"hex\":\"") + strlen("\"hex\":\"");
    for (; *at != '"'; at += 2 * width, count++) {
        out[count] = 0;
        for (int b = 0; b < width; b++) {
            unsigned byte;

            assert_int_equal(sscanf(at + 2 * b, "%2x", &byte), 1);
            out[count] |= byte << (8 * b);
        }
    }
    return count;
}

static void onnx_casts_agree(void **state)
{
    static const struct {
        const char    *test;
        enum nyx_dtype from, to;
    } cases[] = {
        { "test_cast_FLOAT_to_BFLOAT16", NYX_F32, NYX_BF16 },
        { "test_cast_FLOAT_to_FLOAT8E4M3FN", NYX_F32, NYX_FP8_E4M3 },
        { "test_cast_FLOAT_to_FLOAT8E5M2", NYX_F32, NYX_FP8_E5M2 },
        { "test_cast_FLOAT16_to_FLOAT8E4M3FN", NYX_F16, NYX_FP8_E4M3 },
        { "test_cast_FLOAT16_to_FLOAT8E5M2", NYX_F16, NYX_FP8_E5M2 },
        { "test_cast_FLOAT8E4M3FN_to_FLOAT", NYX_FP8_E4M3, NYX_F32 },
        { "test_cast_FLOAT8E5M2_to_FLOAT", NYX_FP8_E5M2, NYX_F32 },
        { "test_cast_FLOAT8E4M3FN_to_FLOAT16", NYX_FP8_E4M3, NYX_F16 },
        { "test_cast_FLOAT8E5M2_to_FLOAT16", NYX_FP8_E5M2, NYX_F16 },
        { "test_cast_BFLOAT16_to_FLOAT", NYX_BF16, NYX_F32 },
    };
    size_t bytes;
    char  *lines = shared_output("xz -dc '%s/data/vectors/%s'", "onnx-node-lowprec.jsonl.xz", &bytes);

    (void)state;
    if (!lines) {
        print_message("skipped: no data onnx-node-lowprec.jsonl.xz; set NYX_SHARED\n");
        skip();
    }
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint32_t in[64], want[64];
        char     key[128];
        char    *line;
        int      count;

        snprintf(key, sizeof key, "{\"test\":\"%s\"", cases[c].test);
        line = strstr(lines, key);
        assert_non_null(line);
        count = hex_words(line, 0, (int)nyx_dtype_bytes(cases[c].from), in);
        assert_int_equal(hex_words(line, 1, (int)nyx_dtype_bytes(cases[c].to), want), count);
        for (int i = 0; i < count; i++) {
            float x = cases[c].from == NYX_F32 ? nyx_f32_of_bits(in[i]) : decode_one(cases[c].from, in[i]);

            if (cases[c].to == NYX_F32 || isnan(x))
                assert_true(isnan(x) || nyx_f32_bits(x) == want[i]);
            else
                assert_int_equal(encode_one(cases[c].to, x), want[i]);
        }
    }
    free(lines);
}

/* ---- functions ------------------------------------------------------------------ */

/* Distance of `got` from the exact value in steps of a float with `digits`
 * bits and least exponent `least` there; infinite where a special is missed. */
static double ulps(double got, long double want, int digits, int least)
{
    long double limit = ldexpl(2.0L - ldexpl(1.0L, -digits), digits == 24 ? 127 : 1023);
    int         e;

    if (isnan((double)want) || isnan(got))
        return isnan((double)want) && isnan(got) ? 0.0 : INFINITY;
    if (fabsl(want) >= limit || isinf(got))
        return isinf(got) && fabsl(want) >= limit && (got > 0) == (want > 0) ? 0.0 : INFINITY;
    frexpl(want, &e);
    e = e < least ? least : e;
    return (double)(fabsl((long double)got - want) / ldexpl(1.0L, e - digits));
}

static double exact_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double exact_rsqrt(double x)   { return 1.0 / sqrt(x); }
static double exact_silu(double x)    { return x / (1.0 + exp(-x)); }
static float  atan_quotient(float x)  { return nyx_atan2f(x, 1.0f); }
static double exact_atan(double x)    { return atan(x); }

static void float_functions_keep_their_bounds(void **state)
{
    static const struct {
        const char *name;
        float (*ours)(float);
        double (*exact)(double);
        double bound; /* over all floats, measured by formats --all */
    } functions[] = {
        { "exp", nyx_expf, exp, 0.96 },
        { "log", nyx_logf, log, 0.85 },
        { "sigmoid", nyx_sigmoidf, exact_sigmoid, 2.42 },
        { "silu", nyx_siluf, exact_silu, 3.22 },
        { "tanh", nyx_tanhf, tanh, 2.30 },
        { "rsqrt", nyx_rsqrtf, exact_rsqrt, 1.51 },
        { "atan", atan_quotient, exact_atan, 2.17 },
    };

    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        double worst = 0.0;

        for (uint64_t bits = 0; bits < 1ull << 32; bits += 4093) {
            float  x = nyx_f32_of_bits((uint32_t)bits);
            double u = ulps((double)functions[f].ours(x), (long double)functions[f].exact((double)x), 24, -125);

            if (functions[f].ours == nyx_siluf && x < -87.0f)
                continue; /* sigma is subnormal there: a few steps of 2^-149 times x */
            worst = u > worst ? u : worst;
        }
        print_message("%-8s %.4f ulp of %.2f\n", functions[f].name, worst, functions[f].bound);
        assert_true(worst <= functions[f].bound);
    }
}

static void atan2_agrees_in_all_quadrants(void **state)
{
    static const float special[] = { 0.0f, -0.0f, 1.0f, -1.0f, 1e-45f, -1e-45f, 3e38f, -3e38f,
                                     INFINITY, -INFINITY, NAN };
    enum { SPECIAL = sizeof special / sizeof special[0] };
    nyx_random random;
    double     worst = 0.0;

    (void)state;
    nyx_random_init(&random, 7, 1);
    for (int i = 0; i < SPECIAL * SPECIAL + 400000; i++) {
        float  y = nyx_f32_of_bits(nyx_random_u32(&random));
        float  x = nyx_f32_of_bits((nyx_f32_bits(y) & 0x7f800000u) + (nyx_random_u32(&random) & 0x83ffffffu));
        float  got;
        double want, u;

        if (i < SPECIAL * SPECIAL) {
            y = special[i / SPECIAL];
            x = special[i % SPECIAL];
        }
        got = nyx_atan2f(y, x);
        want = atan2((double)y, (double)x);
        u = ulps((double)got, (long double)want, 24, -125);
        if (!isnan(want))
            assert_int_equal(signbit(got) != 0, signbit(want) != 0);
        worst = u > worst ? u : worst;
    }
    print_message("atan2    %.4f ulp of 2.52\n", worst);
    assert_true(worst <= 2.52);
}

static void sigmoid_is_symmetrical(void **state)
{
    (void)state;
    for (float x = 0.0f; x < 20.0f; x += 0.001f) {
        double sum = (double)nyx_sigmoidf(x) + (double)nyx_sigmoidf(-x);

        assert_true(fabs(sum - 1.0) <= 0x1p-23);
        assert_true(fabs((double)nyx_silu_gradf(x, nyx_sigmoidf(x)) + (double)nyx_silu_gradf(-x, nyx_sigmoidf(-x)) -
                         1.0) < 1e-6);
    }
}

static void double_functions_keep_their_bounds(void **state)
{
    static const char *const names[] = { "exp64", "log64", "sin64", "cos64", "pow64", "log1p64" };
    double                   worst[6] = { 0 }, erfinv = 0.0;
    nyx_random               random;

    (void)state;
    nyx_random_init(&random, 11, 2);
    for (int i = 0; i < 200000; i++) {
        double      u = nyx_random_uniform(&random), v = nyx_random_uniform(&random);
        double      x = (u - 0.5) * 1490.0;
        double      power = i & 1 ? 2.0 * (v - 0.5) : 1400.0 * (v - 0.5) / fabs(log(0.5 + u));
        double      angle = i & 1 ? (u - 0.5) * 20.0 : round((u - 0.5) * 1e6) * 1.5707963267948966;
        double      near = i & 1 ? 2.0 * u - 1.0 : 1.0 - exp(-36.0 * u);
        double      little = i & 1 ? exp(-80.0 * u) : -0.9 * v * v;
        double      got[6] = { nyx_exp64(x), nyx_log64(i & 1 ? 0.5 + u : exp(0.9 * x)), nyx_sin64(angle),
                               nyx_cos64(angle), nyx_pow64(0.5 + u, power), nyx_log1p64(little) };
        long double want[6] = { expl(x), logl(i & 1 ? 0.5 + u : exp(0.9 * x)), sinl(angle), cosl(angle),
                                powl(0.5 + u, power), log1pl(little) };

        for (int f = 0; f < 6; f++) {
            double error = ulps(got[f], want[f], 53, -1021);

            worst[f] = error > worst[f] ? error : worst[f];
        }
        if (near < 1.0) {
            /* y is right when erf y = x; far out erfc tells more than erf. */
            double      y = nyx_erfinv64(near);
            long double miss = y < 0.5 ? erfl(y) - (long double)near : (1.0L - (long double)near) - erfcl(y);
            double      error = (double)fabsl(miss / (1.1283791670955126L * expl(-(long double)y * y) * y));

            erfinv = y != 0.0 && error > erfinv ? error : erfinv;
        }
    }
    for (int f = 0; f < 6; f++) {
        const double most = f == 5 ? 2.0 : 1.0;

        print_message("%s    %.3f ulp of %.0f\n", names[f], worst[f], most);
        assert_true(worst[f] <= most);
    }
    print_message("erfinv64 %.2g of 1e-15 relative\n", erfinv);
    assert_true(erfinv <= 1e-15);
}

static void double_functions_know_their_special_values(void **state)
{
    (void)state;
    assert_true(nyx_exp64(-INFINITY) == 0.0 && isinf(nyx_exp64(710.0)) && isnan(nyx_exp64(NAN)));
    assert_true(nyx_exp64(0.0) == 1.0 && nyx_log64(1.0) == 0.0 && isnan(nyx_log64(-1.0)));
    assert_true(nyx_log64(0.0) == -INFINITY && nyx_log64(INFINITY) == INFINITY);
    assert_true(nyx_log1p64(-1.0) == -INFINITY && nyx_log1p64(INFINITY) == INFINITY && isnan(nyx_log1p64(-2.0)));
    assert_true(nyx_log1p64(0.0) == 0.0 && isnan(nyx_log1p64(NAN)));
    assert_true(nyx_sin64(0.0) == 0.0 && nyx_cos64(0.0) == 1.0 && isnan(nyx_sin64(INFINITY)));
    assert_true(nyx_pow64(2.0, 10.0) == 1024.0 && nyx_pow64(10.0, 3.0) == 1000.0);
    assert_true(isinf(nyx_pow64(2.0, 1e300)) && nyx_pow64(2.0, -1e300) == 0.0 && isnan(nyx_pow64(-1.0, 2.0)));
    assert_true(nyx_pow64(0.5, 0.0) == 1.0 && nyx_pow64(1.0, 1e300) == 1.0);
    assert_true(nyx_erfinv64(0.0) == 0.0 && nyx_erfinv64(1.0) == INFINITY && nyx_erfinv64(-1.0) == -INFINITY);
    assert_true(isnan(nyx_erfinv64(1.5)) && nyx_erfinv64(-0.25) == -nyx_erfinv64(0.25));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_is_found_by_its_name),
        cmocka_unit_test(shapes_are_checked_and_printed),
        cmocka_unit_test(tensors_own_only_what_they_made),
        cmocka_unit_test(every_code_decodes_exactly),
        cmocka_unit_test(encoding_rounds_to_nearest_even),
        cmocka_unit_test(f64_rows_round_once),
        cmocka_unit_test(the_first_value_that_is_not_finite_is_found),
        cmocka_unit_test(ml_dtypes_agrees_on_every_bf16),
        cmocka_unit_test(onnx_casts_agree),
        cmocka_unit_test(float_functions_keep_their_bounds),
        cmocka_unit_test(atan2_agrees_in_all_quadrants),
        cmocka_unit_test(sigmoid_is_symmetrical),
        cmocka_unit_test(double_functions_keep_their_bounds),
        cmocka_unit_test(double_functions_know_their_special_values),
    };

    return cmocka_run_group_tests_name("tensor", tests, NULL, NULL);
}

/* quant: the error of every format and method, what a search gains, extremes, and
 * what ggml makes of the same numbers. */
#include "../conformance/float_reference.h"
#include "coded_weights.h"
#include "shared_data.h"

/* ---- errors ---------------------------------------------------------------------- */

static void every_format_keeps_its_anchor(void **state)
{
    (void)state;
    for (const nyx_format_anchor *a = nyx_format_anchors; a->format; a++) {
        nyx_coded       coded = coded_of(a->format, ROWS, COLS);
        nyx_quant_error error = { 0 };
        double          relative, bias, slope = 0.0;

        nyx_coded_encode(&coded, a->method, weights);
        nyx_decode_rows(decoded, &coded, 0, ROWS);
        nyx_quant_error_add(&error, weights, decoded, ROWS * COLS);
        for (int i = 0; i < ROWS * COLS; i++)
            slope += (double)weights[i] * (double)decoded[i];
        relative = error.sum_square_error / error.sum_square;
        bias = error.sum_error / sqrt(error.sum_square_error * ROWS * COLS); /* in deviations of the error */
        if (fabs(relative / a->error - 1.0) > 1e-4)
            fail_msg("%s %s: relative squared error %.4e, not %.4e", a->format, nyx_method_name(a->method), relative,
                     a->error);
        /* nearest points leave no mean error: 1/724 is one standard error of 2^19 */
        if (a->method == NYX_METHOD_ABSMAX && strncmp(a->format, "nf4", 3) != 0)
            assert_true(fabs(bias) * 724.0 < 4.5);
        assert_true(fabs(bias) < 0.025);
        /* and no scale error: <w, w'> is <w, w> but for what clipping and rounding take */
        assert_true(fabs(slope / error.sum_square - 1.0) <= 3.5 * relative + 1e-4);
        assert_int_equal(error.elems, ROWS * COLS);
        nyx_coded_release(&coded);
    }
}

static void searching_never_loses_within_a_group(void **state)
{
    static const char *const texts[] = { "int4:g32", "int3:g64", "int2:g16", "int8:g32", "nf4:g64", "mxfp4",
                                         "nvfp4", "int4:g32:asym", "int2:g32:asym:zero=f16" };
    enum { C = 64 * 256 };

    (void)state;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        static float searched[C], other[C];
        nyx_coded    coded = coded_of(texts[t], 1, C);
        int64_t      group = coded.format.group;

        nyx_coded_encode(&coded, NYX_METHOD_MSE, weights);
        nyx_decode_rows(searched, &coded, 0, 1);
        for (int m = NYX_METHOD_ABSMAX; m <= NYX_METHOD_SIGNED_MAX; m++) {
            nyx_coded_encode(&coded, (enum nyx_method)m, weights);
            nyx_decode_rows(other, &coded, 0, 1);
            for (int64_t g = 0; g < C / group; g++) {
                nyx_quant_error ours = { 0 }, theirs = { 0 };

                nyx_quant_error_add(&ours, weights + g * group, searched + g * group, group);
                nyx_quant_error_add(&theirs, weights + g * group, other + g * group, group);
                assert_true(ours.sum_square_error <= theirs.sum_square_error * (1.0 + 1e-5));
            }
        }
        nyx_coded_release(&coded);
    }
}

/* Columns that matter a hundred times more must come out better for it. */
static void moments_move_the_error(void **state)
{
    enum { R = 64, C = 256 };
    nyx_coded coded = coded_of("int3:g64", R, C);
    float     moments[C];
    double    heavy[2] = { 0 };

    (void)state;
    for (int c = 0; c < C; c++)
        moments[c] = c % 8 == 0 ? 100.0f : 1.0f;
    for (int weighted = 0; weighted < 2; weighted++) {
        nyx_encode_rows(&coded, NYX_METHOD_MSE, weights, weighted ? moments : NULL, 0, R);
        nyx_decode_rows(decoded, &coded, 0, R);
        for (int i = 0; i < R * C; i += 8)
            heavy[weighted] += pow((double)decoded[i] - (double)weights[i], 2.0);
    }
    assert_true(heavy[1] < 0.6 * heavy[0]);
    nyx_coded_release(&coded);
}

static void extreme_values_stay_finite(void **state)
{
    static const float extremes[] = { 0.0f, 3e38f, -3e38f, 1e-38f, -1e-45f, 1e-45f, 65504.0f, 1e-7f, -1.0f };
    enum { C = 96, KINDS = sizeof extremes / sizeof extremes[0] };

    (void)state;
    for (int e = 0; nyx_format_examples[e]; e++)
        for (int m = NYX_METHOD_ABSMAX; m <= NYX_METHOD_MSE; m++)
            for (int k = 0; k < KINDS * 2; k++) {
                nyx_coded coded = coded_of(nyx_format_examples[e], 1, C);
                float     w[C], back[C];

                for (int i = 0; i < C; i++) /* alone among small numbers, or everywhere */
                    w[i] = k >= KINDS || i == 40 ? extremes[k % KINDS] : 0.0f;
                nyx_coded_encode(&coded, (enum nyx_method)m, w);
                assert_int_equal(nyx_coded_check(&coded), 0);
                nyx_decode_rows(back, &coded, 0, 1);
                for (int i = 0; i < C; i++) {
                    float slack = 1e-7f; /* an f16 zero point has 11 bits of the range */

                    if (is_plain(&coded))
                        continue; /* f16 overflows to infinity, as IEEE 754 says */
                    if (coded.format.zero == NYX_ZERO_F16)
                        slack += 0x1p-11f * fabsf(extremes[k % KINDS]);
                    assert_true(isfinite(back[i]) && fabsf(back[i]) <= fabsf(w[i]) * 1.13f + slack);
                }
                nyx_coded_release(&coded);
            }
}

static void reciprocals_are_one_table_shifted(void **state)
{
    float table[1024];

    (void)state;
    nyx_scale_reciprocals(table);
    for (unsigned code = 0x400; code < 0x7c00; code++) {
        int    exponent = (int)(code >> 10) - 15;
        double scale = reference_value(&float_references[0], code);

        assert_true(ldexpf(table[code & 1023], -exponent) == (float)(1.0 / scale));
    }
}

/* ---- ggml ---------------------------------------------------------------------------- */

/* The same mathematics, one difference: ggml divides by the exact scale and
 * rounds halves up or away, we by the stored scale and to even. So our code is at least as near to
 * the stored scale's grid, and few differ. MXFP4 has exact scales: none does. */
static void ggml_blocks_agree(void **state)
{
    static const struct {
        const char     *set;
        int64_t         rows, cols;
        const char     *type, *text;
        enum nyx_method method;
        int             differ; /* elements, measured */
    } cases[] = {
        { "A", 32, 256, "q4_0", "int4:g32", NYX_METHOD_SIGNED_MAX, 4 },
        { "C", 512, 64, "q4_0", "int4:g32", NYX_METHOD_SIGNED_MAX, 9 },
        { "A", 32, 256, "q8_0", "int8:g32", NYX_METHOD_ABSMAX, 151 },
        { "C", 512, 64, "q8_0", "int8:g32", NYX_METHOD_ABSMAX, 204 },
        { "A", 32, 256, "q4_1", "int4:g32:asym:zero=f16", NYX_METHOD_ABSMAX, 40 },
        { "C", 512, 64, "q4_1", "int4:g32:asym:zero=f16", NYX_METHOD_ABSMAX, 243 },
        { "A", 32, 256, "mxfp4", "mxfp4", NYX_METHOD_ABSMAX, 0 },
        { "C", 512, 64, "mxfp4", "mxfp4", NYX_METHOD_ABSMAX, 0 },
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        nyx_quant_error ours = { 0 }, theirs = { 0 };
        nyx_coded       coded = coded_of(cases[c].text, cases[c].rows, cases[c].cols);
        int64_t         elems = cases[c].rows * cases[c].cols;
        char            command[256], file[64];
        char           *input, *output;
        const float    *w, *want;
        size_t          bytes;
        int             differ = 0;

        snprintf(file, sizeof file, "ggml-%s.tar.xz", cases[c].set);
        snprintf(command, sizeof command, "tar xJOf '%%s/data/vectors/%%s' ggml-%s/input.f32", cases[c].set);
        input = shared_output(command, file, &bytes);
        if (!input) {
            print_message("skipped: no data %s; set NYX_SHARED\n", file);
            nyx_coded_release(&coded);
            skip();
        }
        assert_int_equal(bytes, elems * 4);
        snprintf(command, sizeof command, "tar xJOf '%%s/data/vectors/%%s' ggml-%s/%s.deq.f32", cases[c].set,
                 cases[c].type);
        output = shared_output(command, file, &bytes);
        assert_int_equal(bytes, elems * 4);
        w = (const float *)(const void *)input;
        want = (const float *)(const void *)output;
        nyx_coded_encode(&coded, cases[c].method, w);
        nyx_decode_rows(decoded, &coded, 0, cases[c].rows);
        for (int64_t i = 0; i < elems; i++) {
            double miss = fabs((double)decoded[i] - (double)w[i]), other = fabs((double)want[i] - (double)w[i]);

            differ += decoded[i] != want[i];
            assert_true(miss <= other * (1.0 + 1e-4) + 1e-9);
        }
        nyx_quant_error_add(&ours, w, decoded, elems);
        nyx_quant_error_add(&theirs, w, want, elems);
        assert_true(ours.sum_square_error <= theirs.sum_square_error);
        assert_int_equal(differ, cases[c].differ);
        free(input);
        free(output);
        nyx_coded_release(&coded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_keeps_its_anchor),
        cmocka_unit_test(searching_never_loses_within_a_group),
        cmocka_unit_test(moments_move_the_error),
        cmocka_unit_test(extreme_values_stay_finite),
        cmocka_unit_test(reciprocals_are_one_table_shifted),
        cmocka_unit_test(ggml_blocks_agree),
    };

    return cmocka_run_group_tests_name("quant error", tests, fill_weights, NULL);
}

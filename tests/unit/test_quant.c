/* quant: names, layouts, values of codes, nearness of codes, files that lie,
 * recipes. What coding costs is in test_quant_error.c. */
#include "plain_coding.h"
#include "coded_weights.h"
#include "tensor/math.h"

/* ---- names ------------------------------------------------------------------ */

static void names_are_parsed_and_printed_shortest(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused, and the sentence holds `why` */
        const char *why;
    } cases[] = {
        { "int4", "int4:g32", NULL },
        { "int4:g32:sym:scale=f16", "int4:g32", NULL },
        { "int4:asym:zero=int:g64", "int4:g64:asym", NULL },
        { "int8:channel:scale=f32", "int8:channel:scale=f32", NULL },
        { "int3:g64:asym:zero=f16", "int3:g64:asym:zero=f16", NULL },
        { "fp8-e4m3", "fp8-e4m3", NULL },
        { "fp8-e4m3:tensor:scale=f32", "fp8-e4m3:tensor", NULL },
        { "nf4", "nf4:g64", NULL },
        { "mxfp4:g32:scale=e8m0", "mxfp4", NULL },
        { "nvfp4:scale=e4m3", "nvfp4", NULL },
        { "bf16", "bf16", NULL },
        { "in4", NULL, "did you mean 'int4'" },
        { "nvfp5:g16", NULL, "did you mean 'nvfp4'" },
        { "", NULL, "bad format ''" },
        { "int4:", NULL, "not followed by a word" },
        { "int4::g32", NULL, "not followed by a word" },
        { "int4:g33", NULL, "'g33' is not understood" },
        { "int4:g32:g64", NULL, "'g64' says something twice" },
        { "int4:sym:asym", NULL, "twice" },
        { "int4:scale=f64", NULL, "not understood" },
        { "int4:scale=e8m0", NULL, "takes scale=f16 or scale=f32" },
        { "int4:zero=f16", NULL, "a zero point needs asym" },
        { "nf4:asym", NULL, "only integers" },
        { "bf16:g32", NULL, "bf16 has no groups" },
        { "mxfp4:g64", NULL, "groups of 32" },
        { "nvfp4:scale=f16", NULL, "no other scale" },
        { "fp8-e4m3:scale=f32", NULL, "no scale without a group" },
        { "int4:g32:g64:sym:asym:scale=f16:scale=f32:zero=int:zero=f16:tensor:channel", NULL, "bad format" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nyx_format format, again;
        char       text[NYX_FORMAT_TEXT];
        int        status = nyx_format_parse(&format, cases[i].text);

        if (!cases[i].canonical) {
            assert_int_equal(status, NYX_ERR_USAGE);
            assert_non_null(strstr(nyx_error_text(), cases[i].why));
            assert_null(format.kind);
            continue;
        }
        assert_int_equal(status, 0);
        nyx_format_text(text, &format);
        assert_string_equal(text, cases[i].canonical);
        again = format_of(text);
        assert_true(nyx_format_equal(&format, &again));
    }
}

static void examples_are_canonical_and_cover_every_kind(void **state)
{
    (void)state;
    for (int k = 0; k < nyx_kind_count(); k++) {
        bool found = false;

        for (int e = 0; nyx_format_examples[e]; e++)
            found = found || strncmp(nyx_format_examples[e], nyx_kind_name(k), strlen(nyx_kind_name(k))) == 0;
        assert_true(found);
        assert_true(strlen(nyx_kind_source(k)) > 8);
    }
    for (int e = 0; nyx_format_examples[e]; e++) {
        nyx_format format = format_of(nyx_format_examples[e]);
        char       text[NYX_FORMAT_TEXT];

        nyx_format_text(text, &format);
        assert_string_equal(text, nyx_format_examples[e]);
    }
}

static void methods_have_names_and_defaults(void **state)
{
    enum nyx_method method;
    nyx_format      int4 = format_of("int4:g32"), int8 = format_of("int8:channel"), nf4 = format_of("nf4");

    (void)state;
    for (int m = NYX_METHOD_ABSMAX; m <= NYX_METHOD_MSE; m++) {
        assert_true(nyx_method_find(&method, nyx_method_name((enum nyx_method)m)));
        assert_int_equal(method, m);
    }
    assert_false(nyx_method_find(&method, "min"));
    assert_int_equal(nyx_method_default(&int4), NYX_METHOD_MSE);
    assert_int_equal(nyx_method_default(&int8), NYX_METHOD_ABSMAX);
    assert_int_equal(nyx_method_default(&nf4), NYX_METHOD_ABSMAX);
}

/* ---- layout ------------------------------------------------------------------- */

static void planes_and_bits_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t     rows, cols, codes, scales, zeros, globals;
        double      bits;
    } cases[] = {
        { "int4:g32", 4, 64, 128, 16, 0, 0, 4.5 },
        { "int4:g32:asym", 4, 64, 128, 16, 4, 0, 4.625 },
        { "int4:g32:asym:zero=f16", 4, 64, 128, 16, 16, 0, 5.0 },
        { "int4:g32:asym", 2, 96, 96, 12, 4, 0, 8.0 * 112 / 192 },
        { "int3:g64", 2, 128, 96, 8, 0, 0, 3.25 },
        { "int3:g32", 1, 40, 24, 4, 0, 0, 5.6 },
        { "int2:g16:asym", 1, 32, 8, 4, 1, 0, 3.25 },
        { "int8:channel", 1, 2048, 2048, 2, 0, 0, 8.0078125 },
        { "int8:tensor:asym", 4, 32, 128, 2, 1, 0, 8.1875 },
        { "int8:channel:asym", 4, 33, 256, 8, 4, 0, 8.0 * 268 / 132 },
        { "fp8-e4m3", 3, 5, 15, 0, 0, 0, 8.0 },
        { "fp8-e4m3:tensor", 2, 64, 128, 4, 0, 0, 8.25 },
        { "f16", 3, 5, 30, 0, 0, 0, 16.0 },
        { "nf4:g64", 1, 256, 128, 8, 0, 0, 4.25 },
        { "mxfp4", 1, 256, 128, 8, 0, 0, 4.25 },
        { "mxfp8", 1, 256, 256, 8, 0, 0, 8.25 },
        { "nvfp4", 1, 256, 128, 16, 0, 4, 4.625 },
        { "int4:g32", 0, 64, 0, 0, 0, 0, 0.0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nyx_format      format = format_of(cases[i].text);
        nyx_shape       shape = nyx_shape_of(2, cases[i].rows, cases[i].cols);
        nyx_plane_bytes bytes;

        assert_int_equal(nyx_format_planes(&bytes, &format, &shape), 0);
        assert_int_equal(bytes.codes, cases[i].codes);
        assert_int_equal(bytes.scales, cases[i].scales);
        assert_int_equal(bytes.zeros, cases[i].zeros);
        assert_int_equal(bytes.globals, cases[i].globals);
        assert_true(nyx_format_bits(&format, &shape) == cases[i].bits);
    }
}

static void impossible_shapes_are_refused(void **state)
{
    nyx_format      format = format_of("int8:g16");
    nyx_shape       huge = nyx_shape_of(2, (int64_t)1 << 60, (int64_t)1);
    nyx_shape       none = nyx_shape_of(2, (int64_t)0, INT64_MAX);
    nyx_plane_bytes bytes;
    nyx_coded       coded;

    (void)state;
    assert_int_equal(nyx_format_planes(&bytes, &format, &huge), NYX_ERR_INPUT);
    assert_int_equal(nyx_coded_create(&coded, &format, &huge), NYX_ERR_INPUT);
    assert_null(coded.codes);
    assert_int_equal(nyx_format_planes(&bytes, &format, &none), 0);
    assert_int_equal(bytes.codes, 0);
    assert_true(nyx_format_bits(&format, &huge) == 0.0);
}

/* ---- values of codes -------------------------------------------------------------- */

static void random_plane(nyx_random *random, void *plane, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++)
        ((uint8_t *)plane)[i] = (uint8_t)nyx_random_u32(random);
}

/* Any bytes as codes; scales of every magnitude, f16 infinities and NaN included. */
static void fill_planes(nyx_coded *coded, nyx_random *random)
{
    nyx_plane_bytes bytes;

    assert_int_equal(nyx_format_planes(&bytes, &coded->format, &coded->shape), 0);
    random_plane(random, coded->codes, bytes.codes);
    random_plane(random, coded->zeros, bytes.zeros);
    for (int64_t i = 0; i < bytes.scales; i++) {
        if (coded->format.scale == NYX_SCALE_F16 && i % 2 == 0)
            ((uint16_t *)coded->scales)[i / 2] = (uint16_t)(i / 2 * 40503);
        else if (coded->format.scale == NYX_SCALE_F32 && i % 4 == 0)
            ((float *)coded->scales)[i / 4] = ldexpf((float)(nyx_random_u32(random) >> 8), (int)(i % 200) - 120);
        else if (coded->format.scale == NYX_SCALE_E8M0)
            ((uint8_t *)coded->scales)[i] = (uint8_t)(i % 255);
        else if (coded->format.scale == NYX_SCALE_E4M3)
            ((uint8_t *)coded->scales)[i] = (uint8_t)(i % 127);
    }
    coded->global = coded->format.scale == NYX_SCALE_E4M3 ? 0x1.234p-9f : 1.0f;
}

static void every_code_decodes_to_its_formula(void **state)
{
    enum { R = 256, C = 256 };
    static const char *const more[] = { "int4:g256", "int8:g16:asym:zero=f16", "int3:g16:asym", "int2:g128:asym",
                                        "nf4:tensor:scale=f32", NULL };
    nyx_random random;

    (void)state;
    nyx_random_init(&random, 3, 4);
    for (int e = 0, m = 0; nyx_format_examples[e] || more[m]; e += nyx_format_examples[e] != NULL) {
        const char *text = nyx_format_examples[e] ? nyx_format_examples[e] : more[m++];
        nyx_coded   coded = coded_of(text, R, C);

        if (!is_plain(&coded)) {
            fill_planes(&coded, &random);
            nyx_decode_rows(decoded, &coded, 0, R);
            for (int64_t i = 0; i < R * C; i++) {
                float want = plain_value(&coded, i / C, i % C, plain_code(&coded, i / C, i % C));

                if (!isnan(want) && nyx_f32_bits(want) != nyx_f32_bits(decoded[i]) && want != decoded[i])
                    fail_msg("%s: element %d is %a, not %a", text, (int)i, (double)decoded[i], (double)want);
                assert_int_equal(isnan(want), isnan(decoded[i]));
            }
        }
        nyx_coded_release(&coded);
    }
}

/* ---- choice of codes ----------------------------------------------------------------- */

/* With the scale and zero point it stored, each code must be the best there
 * is, but for what rounding (w - low) * (1 / scale) may move a tie; absmax leaves the
 * lowest integer unused. */
static void check_nearest(const char *text, enum nyx_method method, const nyx_coded *coded, const float *w)
{
    int64_t  cols = plain_cols(coded), rows = coded->shape.dims[0];
    unsigned codes = 1u << plain_kind_of(&coded->format).bits;

    for (int64_t i = 0; i < rows * cols; i++) {
        double best = INFINITY, ours, step = fabs(plain_scale(coded, i / cols, i % cols)) * (double)coded->global;

        for (unsigned code = 0; code < codes; code++) {
            double miss = fabs((double)plain_value(coded, i / cols, i % cols, code) - (double)w[i]);

            if (method == NYX_METHOD_ABSMAX && plain_kind_of(&coded->format).integer && !coded->format.asym &&
                plain_point(&coded->format, code) == plain_kind_of(&coded->format).qmin)
                continue;
            best = miss < best ? miss : best;
        }
        ours = fabs((double)plain_value(coded, i / cols, i % cols, plain_code(coded, i / cols, i % cols)) - (double)w[i]);
        if (ours > best + 2e-5 * step + 1e-6 * fabs((double)w[i]))
            fail_msg("%s %s: element %d is off by %g, %g is possible", text, nyx_method_name(method), (int)i, ours, best);
    }
}

static void every_code_is_the_nearest(void **state)
{
    enum { R = 5, C = 331 }; /* short last groups and blocks */

    (void)state;
    for (int e = 0; nyx_format_examples[e]; e++)
        for (int m = NYX_METHOD_ABSMAX; m <= NYX_METHOD_MSE; m++) {
            nyx_coded coded = coded_of(nyx_format_examples[e], R, C);

            if (!is_plain(&coded)) {
                nyx_coded_encode(&coded, (enum nyx_method)m, weights);
                assert_int_equal(nyx_coded_check(&coded), 0);
                check_nearest(nyx_format_examples[e], (enum nyx_method)m, &coded, weights);
            }
            nyx_coded_release(&coded);
        }
}

/* absmax and signed-max in float64, then rounded to f16. */
static void scales_follow_their_rules(void **state)
{
    static const struct {
        const char     *text;
        enum nyx_method method;
        double          divisor; /* of the greatest magnitude; negative: of the signed one */
    } cases[] = {
        { "int4:g32", NYX_METHOD_ABSMAX, 7.0 },     { "int4:g32", NYX_METHOD_SIGNED_MAX, -8.0 },
        { "int8:g64", NYX_METHOD_ABSMAX, 127.0 },   { "int2:g16", NYX_METHOD_SIGNED_MAX, -2.0 },
        { "int3:g128", NYX_METHOD_ABSMAX, 3.0 },    { "nf4:g32", NYX_METHOD_ABSMAX, 1.0 },
        { "fp8-e4m3:g64:scale=f16", NYX_METHOD_ABSMAX, 448.0 },
    };
    enum { C = 1024 };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        nyx_coded coded = coded_of(cases[c].text, 1, C);
        int64_t   group = coded.format.group;

        nyx_coded_encode(&coded, cases[c].method, weights);
        for (int64_t g = 0; g < C / group; g++) {
            double peak = 0.0, scale;

            for (int64_t i = g * group; i < (g + 1) * group; i++)
                peak = fabs((double)weights[i]) > fabs(peak) ? (double)weights[i] : peak;
            scale = cases[c].divisor < 0.0 ? peak / cases[c].divisor : fabs(peak) / cases[c].divisor;
            assert_true(fabs(plain_scale(&coded, 0, g * group) - scale) <= 0x1.01p-11 * fabs(scale) + 0x1p-25);
        }
        nyx_coded_release(&coded);
    }
}

static void any_split_of_rows_gives_the_same_bytes(void **state)
{
    enum { R = 9, C = 100 };

    (void)state;
    for (int e = 0; nyx_format_examples[e]; e++) {
        nyx_coded       whole = coded_of(nyx_format_examples[e], R, C);
        nyx_coded       split = coded_of(nyx_format_examples[e], R, C);
        enum nyx_method method = nyx_method_default(&whole.format);
        nyx_plane_bytes bytes;
        nyx_survey      survey;
        float           row[C];

        nyx_coded_encode(&whole, method, weights);
        nyx_survey_init(&survey);
        for (int i = 0; i < R * C; i += 7)
            nyx_survey_add(&survey, weights + i, i + 7 < R * C ? 7 : R * C - i);
        nyx_encode_prepare(&split, method, &survey);
        for (int r = R - 1; r >= 0; r--)
            nyx_encode_rows(&split, method, weights + r * C, NULL, r, 1);
        assert_int_equal(nyx_format_planes(&bytes, &whole.format, &whole.shape), 0);
        assert_memory_equal(whole.codes, split.codes, (size_t)bytes.codes);
        if (bytes.scales)
            assert_memory_equal(whole.scales, split.scales, (size_t)bytes.scales);
        if (bytes.zeros)
            assert_memory_equal(whole.zeros, split.zeros, (size_t)bytes.zeros);
        assert_true(whole.global == split.global);
        nyx_decode_rows(decoded, &whole, 0, R);
        for (int r = 0; r < R; r++) {
            nyx_decode_rows(row, &split, r, 1);
            assert_memory_equal(row, decoded + r * C, sizeof row);
        }
        nyx_coded_release(&whole);
        nyx_coded_release(&split);
    }
}

/* gcc and clang, -O0 and -O3, SSE2, AVX2 and FMA builds all gave these bytes. */
static void the_same_bytes_everywhere(void **state)
{
    enum { R = 37, C = 1003 };
    nyx_sha256 hash;
    char       hex[NYX_SHA256_HEX];

    (void)state;
    nyx_sha256_init(&hash);
    for (int e = 0; nyx_format_examples[e]; e++)
        for (int m = NYX_METHOD_ABSMAX; m <= NYX_METHOD_MSE; m++) {
            nyx_coded       coded = coded_of(nyx_format_examples[e], R, C);
            nyx_plane_bytes bytes;

            assert_int_equal(nyx_format_planes(&bytes, &coded.format, &coded.shape), 0);
            nyx_coded_encode(&coded, (enum nyx_method)m, weights);
            nyx_decode_rows(decoded, &coded, 0, R);
            nyx_sha256_update(&hash, coded.codes, bytes.codes);
            nyx_sha256_update(&hash, coded.scales, bytes.scales);
            nyx_sha256_update(&hash, coded.zeros, bytes.zeros);
            nyx_sha256_update(&hash, decoded, (int64_t)sizeof(float) * R * C);
            nyx_coded_release(&coded);
        }
    nyx_sha256_final(&hash, hex);
    assert_string_equal(hex, "075eca559894d9c54e1a0fb5bbdefef90315117744becdcd66ef849267fed569");
}

static void survey_samples_at_equal_distances(void **state)
{
    static nyx_survey survey;
    enum { N = 3 * NYX_SURVEY_SAMPLE + 5 };

    (void)state;
    nyx_survey_init(&survey);
    for (int i = 0; i < N; i += 1000)
        nyx_survey_add(&survey, weights + i, i + 1000 < N ? 1000 : N - i);
    assert_int_equal(survey.seen, N);
    assert_int_equal(survey.stride, 4);
    assert_int_equal(survey.count, (N + 3) / 4);
    for (int i = 0; i < survey.count; i++)
        assert_true(survey.sample[i] == weights[4 * i]);
}

/* ---- planes from elsewhere --------------------------------------------------------- */

static void planes_that_lie_are_refused(void **state)
{
    static const struct {
        const char *text;
        int         plane, at, value; /* plane 0 codes, 1 scales, 2 zeros; bytes */
        const char *why;
    } cases[] = {
        { "int4:g32", 1, 1, 0x7c, "entry 0 of the scales is not finite" },
        { "int4:g32:scale=f32", 1, 7, 0x7f, NULL },
        { "mxfp4", 1, 1, 0xff, "entry 1 of the scales is not finite" },
        { "nvfp4", 1, 0, 0x7f, "entry 0 of the scales is not finite" },
        { "nvfp4", 1, 0, 0x81, "negative" },
        { "int3:g32:asym", 2, 0, 0x08, "outside the range" },
        { "int2:g32:asym", 2, 0, 0x40, "outside the range" },
        { "int8:g32:asym:zero=f16", 2, 3, 0xfc, "entry 1 of the zeros is not finite" },
        { "int4:g32", 0, 31, 0x10, "padding" },
        { "int3:g32", 0, 23, 0x80, "padding" },
        { "int8:channel", 0, 40, 1, "padding" },
        { "fp8-e4m3:channel", 0, 3, 0xff, "not a finite number" },
        { "fp8-e5m2:tensor", 0, 3, 0x7c, "not a finite number" },
        { "mxfp8", 0, 39, 0x7f, "not a finite number" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nyx_coded coded = coded_of(cases[i].text, 1, 40);
        void     *planes[] = { coded.codes, coded.scales, coded.zeros };

        nyx_coded_encode(&coded, NYX_METHOD_ABSMAX, weights);
        assert_int_equal(nyx_coded_check(&coded), 0);
        ((uint8_t *)planes[cases[i].plane])[cases[i].at] = (uint8_t)cases[i].value;
        if (cases[i].why) {
            assert_int_equal(nyx_coded_check(&coded), NYX_ERR_INPUT);
            assert_non_null(strstr(nyx_error_text(), cases[i].why));
        } else { /* a huge but finite scale is a scale */
            assert_int_equal(nyx_coded_check(&coded), 0);
        }
        nyx_coded_release(&coded);
    }
}

/* ---- recipes ---------------------------------------------------------------------------- */

static void the_first_rule_that_matches_wins(void **state)
{
    static char      patterns[][24] = { "*.norm*", "blocks.?.attn.*", "embed", "*.w?", "a*b*c*", "" };
    nyx_recipe_rule  rules[6] = { { 0 } };
    const nyx_recipe recipe = { 6, rules };
    static const struct {
        const char *name;
        int         rule; /* -1: none */
    } cases[] = {
        { "blocks.0.attn.norm", 0 }, { "blocks.3.attn.qkv", 1 }, { "blocks.13.attn.qkv", -1 }, { "embed", 2 },
        { "embedding", -1 },         { "x.w1", 3 },              { "x.w12", -1 },              { "aXbYbZcc", 4 },
        { "abba", -1 },              { "", 5 },                  { ".norm", 0 },
    };

    (void)state;
    for (int r = 0; r < 6; r++)
        rules[r].pattern = patterns[r];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const nyx_recipe_rule *found = nyx_recipe_find(&recipe, cases[i].name);

        assert_int_equal(found ? found - rules : -1, cases[i].rule);
    }
}

static void recipes_release_what_they_hold(void **state)
{
    nyx_recipe recipe = { .count = 1 };

    (void)state;
    assert_int_equal(nyx_alloc(&recipe.rules, sizeof *recipe.rules), 0);
    assert_int_equal(nyx_text_copy(&recipe.rules[0].pattern, "*"), 0);
    nyx_recipe_release(&recipe);
    assert_int_equal(recipe.count, 0);
    nyx_recipe_release(&recipe);
    nyx_recipe_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_parsed_and_printed_shortest),
        cmocka_unit_test(examples_are_canonical_and_cover_every_kind),
        cmocka_unit_test(methods_have_names_and_defaults),
        cmocka_unit_test(planes_and_bits_are_exact),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(every_code_decodes_to_its_formula),
        cmocka_unit_test(every_code_is_the_nearest),
        cmocka_unit_test(scales_follow_their_rules),
        cmocka_unit_test(any_split_of_rows_gives_the_same_bytes),
        cmocka_unit_test(the_same_bytes_everywhere),
        cmocka_unit_test(survey_samples_at_equal_distances),
        cmocka_unit_test(planes_that_lie_are_refused),
        cmocka_unit_test(the_first_rule_that_matches_wins),
        cmocka_unit_test(recipes_release_what_they_hold),
    };

    return cmocka_run_group_tests_name("quant", tests, fill_weights, NULL);
}

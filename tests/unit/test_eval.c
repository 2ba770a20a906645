/* eval: losses, accuracies, divergences, quantiles and intervals, against
 * values worked out by hand and against plain long double loops. */
#include "eval/eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 37, LENGTH = 9, VOCABULARY = 11, IGNORE = -100, TOKENS = ROWS * LENGTH };

static float   logits[TOKENS * VOCABULARY], others[TOKENS * VOCABULARY];
static int32_t targets[TOKENS];

/* A model that is often right, a reference that is right more often, and some
 * rows that nobody scores. */
static void make_example(void)
{
    nyx_random random;

    nyx_random_init(&random, 5, 0);
    for (int i = 0; i < TOKENS; i++) {
        bool skipped = i / LENGTH % 10 == 3 || nyx_random_uniform(&random) < 0.2;

        targets[i] = skipped ? IGNORE : (int32_t)nyx_random_below(&random, VOCABULARY);
        for (int v = 0; v < VOCABULARY; v++) {
            float base = (float)(6.0 * nyx_random_uniform(&random) - 3.0);
            float lift = v == targets[i] ? 4.0f : 0.0f;

            others[i * VOCABULARY + v] = base + lift + (v == targets[i] ? 1.0f : 0.0f);
            logits[i * VOCABULARY + v] =
                base + lift + (float)(3.0 * nyx_random_uniform(&random) - 1.5);
        }
    }
}

static nyx_eval_options options_of(enum nyx_probability probability, bool reference)
{
    return (nyx_eval_options){ .probability = probability, .length = LENGTH,
                               .vocabulary = VOCABULARY, .ignore = IGNORE,
                               .reference = reference, .seed = 17, .resamples = 500 };
}

static nyx_eval_result evaluate(const nyx_eval_options *options, int64_t batch)
{
    int64_t         row_elems = options->length * options->vocabulary;
    nyx_eval       *eval;
    nyx_eval_result result;

    assert_int_equal(nyx_eval_create(&eval, options), 0);
    for (int64_t first = 0; first < ROWS; first += batch)
        assert_int_equal(nyx_eval_add(eval, logits + first * row_elems,
                                      options->reference ? others + first * row_elems : NULL,
                                      targets + first * options->length,
                                      ROWS - first < batch ? ROWS - first : batch), 0);
    assert_int_equal(nyx_eval_finish(eval, &result), 0);
    nyx_eval_free(eval);
    return result;
}

static void assert_close(double got, double expected, double bound)
{
    if (!(fabs(got - expected) <= bound * (1.0 + fabs(expected))))
        fail_msg("%.17g, %.17g expected", got, expected);
}

/* ---- an independent evaluation ------------------------------------------- */

/* log p of every entry, with libm in long double and no shifting tricks. */
static void log_probabilities(long double *out, const float *x, enum nyx_probability probability)
{
    long double sum = 0.0L;

    for (int v = 0; v < VOCABULARY; v++) {
        long double value = x[v];

        if (probability == NYX_SOFTMAX)
            out[v] = value;
        else
            out[v] = logl(value >= 0 ? value + 1.0L : 1.0L / (1.0L - value + 1e-30L));
        sum += expl(out[v]);
    }
    for (int v = 0; v < VOCABULARY; v++)
        out[v] -= logl(sum);
}

struct plain {
    long double loss[2], kl[TOKENS], kl_sum, change, change_square;
    int64_t     right[2], exact[2], tokens, rows, same;
};

static int first_largest(const float *x)
{
    int best = 0;

    for (int v = 1; v < VOCABULARY; v++)
        if (x[v] > x[best])
            best = v;
    return best;
}

static void plain_token(struct plain *plain, int i, int64_t right[2], enum nyx_probability kind)
{
    long double log_p[2][VOCABULARY], kl = 0.0L, change;
    int         top[2] = { first_largest(logits + i * VOCABULARY),
                           first_largest(others + i * VOCABULARY) };

    log_probabilities(log_p[0], logits + i * VOCABULARY, kind);
    log_probabilities(log_p[1], others + i * VOCABULARY, kind);
    for (int v = 0; v < VOCABULARY; v++)
        kl += expl(log_p[1][v]) * (log_p[1][v] - log_p[0][v]);
    for (int m = 0; m < 2; m++) {
        plain->loss[m] -= log_p[m][targets[i]];
        right[m] += top[m] == targets[i];
    }
    plain->same += top[0] == top[1];
    plain->kl[plain->tokens++] = kl;
    plain->kl_sum += kl;
    change = expl(log_p[0][targets[i]]) - expl(log_p[1][targets[i]]);
    plain->change += change;
    plain->change_square += change * change;
}

static void evaluate_plainly(struct plain *plain, enum nyx_probability kind)
{
    memset(plain, 0, sizeof *plain);
    for (int r = 0; r < ROWS; r++) {
        int64_t right[2] = { 0 }, before = plain->tokens, scored;

        for (int t = 0; t < LENGTH; t++)
            if (targets[r * LENGTH + t] != IGNORE)
                plain_token(plain, r * LENGTH + t, right, kind);
        scored = plain->tokens - before;
        plain->rows += scored > 0;
        for (int m = 0; m < 2; m++) {
            plain->right[m] += right[m];
            plain->exact[m] += scored > 0 && right[m] == scored;
        }
    }
}

/* The value below which a share q of the sorted ones lies, by its definition
 * on the number line: a rank search instead of a sort. */
static double plain_quantile(const struct plain *plain, double q)
{
    double  place = q * (double)(plain->tokens - 1);
    int64_t wanted = (int64_t)floor(place);
    double  found[2] = { 0 };

    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < plain->tokens; i++) {
            int64_t below = 0, equal = 0;

            for (int64_t j = 0; j < plain->tokens; j++) {
                below += plain->kl[j] < plain->kl[i];
                equal += plain->kl[j] == plain->kl[i];
            }
            if (below <= wanted + k && wanted + k < below + equal)
                found[k] = (double)plain->kl[i];
        }
    return place >= (double)(plain->tokens - 1) ? found[0]
                                                : found[0] + (place - floor(place)) * (found[1] - found[0]);
}

static void figures_agree_with_plain_loops(void **state)
{
    static const enum nyx_probability kinds[] = { NYX_SOFTMAX, NYX_STABLEMAX };
    static struct plain               plain;

    (void)state;
    for (int k = 0; k < 2; k++) {
        nyx_eval_options options = options_of(kinds[k], true);
        nyx_eval_result  result = evaluate(&options, 8);
        double           tokens;

        evaluate_plainly(&plain, kinds[k]);
        tokens = (double)plain.tokens;
        assert_int_equal(result.rows, ROWS);
        assert_int_equal(result.scored_rows, plain.rows);
        assert_int_equal(result.scored_tokens, plain.tokens);
        assert_true(plain.rows < ROWS && plain.exact[0] > 0 && plain.exact[0] < plain.exact[1]);
        assert_close(result.model.loss, (double)plain.loss[0] / tokens, 2e-15);
        assert_close(result.reference.loss, (double)plain.loss[1] / tokens, 2e-15);
        assert_close(result.model.token_accuracy.value, (double)plain.right[0] / tokens, 1e-16);
        assert_close(result.reference.token_accuracy.value, (double)plain.right[1] / tokens, 1e-16);
        assert_close(result.model.exact_accuracy.value,
                     (double)plain.exact[0] / (double)plain.rows, 1e-16);
        assert_close(result.kl.value, (double)plain.kl_sum / tokens, 2e-15);
        assert_close(result.kl_median, plain_quantile(&plain, 0.5), 2e-15);
        assert_close(result.kl_p90, plain_quantile(&plain, 0.9), 2e-15);
        assert_close(result.kl_p99, plain_quantile(&plain, 0.99), 2e-15);
        assert_close(result.kl_max, plain_quantile(&plain, 1.0), 2e-15);
        assert_close(result.top1_agreement, (double)plain.same / tokens, 1e-16);
        assert_close(result.delta_p_mean, (double)plain.change / tokens, 2e-15);
        assert_close(result.delta_p_rms, sqrt((double)plain.change_square / tokens), 2e-15);
        assert_close(result.preservation.value,
                     (double)plain.exact[0] / (double)plain.exact[1], 1e-16);
        assert_close(result.preservation_token.value,
                     (double)plain.right[0] / (double)plain.right[1], 1e-16);
    }
}

/* ---- by hand ---------------------------------------------------------------- */

/* p = (1/2, 1/2) against q = (1/4, 3/4), as softmax of logarithms and as
 * stablemax of numbers: D = ln(2)/2 + ln(2/3)/2 = ln(4/3)/2. */
static void the_divergence_of_two_coins_is_known(void **state)
{
    static const struct {
        enum nyx_probability kind;
        float                model[2], reference[2];
    } rows[] = {
        { NYX_SOFTMAX, { -1.3862943611f, -0.2876820724f }, { 7.0f, 7.0f } },
        { NYX_SOFTMAX, { 1000.0f, 1001.0986122887f }, { 0.0f, 0.0f } },
        { NYX_STABLEMAX, { 0.0f, 2.0f }, { 4.0f, 4.0f } },
        { NYX_STABLEMAX, { -2.0f, 0.0f }, { -1.0f, -1.0f } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_eval_options options = { .probability = rows[i].kind, .length = 1, .vocabulary = 2,
                                     .ignore = -1, .reference = true, .resamples = 10 };
        static const int32_t target = 1;
        nyx_eval            *eval;
        nyx_eval_result      result;

        assert_int_equal(nyx_eval_create(&eval, &options), 0);
        assert_int_equal(nyx_eval_add(eval, rows[i].model, rows[i].reference, &target, 1), 0);
        assert_int_equal(nyx_eval_finish(eval, &result), 0);
        assert_close(result.kl.value, 0.5 * log(4.0 / 3.0), 2e-5);
        assert_close(result.model.loss, -log(0.75), 2e-5);
        assert_close(result.reference.loss, log(2.0), 1e-15);
        assert_close(result.delta_p_mean, 0.25, 2e-5);
        assert_close(result.delta_p_rms, 0.25, 2e-5);
        /* The reference's first of equals is 0, the model's largest is 1. */
        assert_true(result.top1_agreement == 0.0);
        assert_true(result.model.exact_accuracy.value == 1.0);
        assert_true(result.reference.exact_accuracy.value == 0.0);
        assert_string_equal(result.preservation.reason, "the reference solves no row exactly");
        nyx_eval_free(eval);
    }
}

static void a_model_agrees_with_itself(void **state)
{
    nyx_eval_options options = options_of(NYX_STABLEMAX, true);
    nyx_eval        *eval;
    nyx_eval_result  result;

    (void)state;
    assert_int_equal(nyx_eval_create(&eval, &options), 0);
    assert_int_equal(nyx_eval_add(eval, logits, logits, targets, ROWS), 0);
    assert_int_equal(nyx_eval_finish(eval, &result), 0);
    assert_true(result.kl_max == 0.0 && result.kl.value == 0.0 && result.kl.high == 0.0);
    assert_true(result.top1_agreement == 1.0 && result.delta_p_rms == 0.0);
    assert_true(result.preservation.value == 1.0);
    assert_true(result.preservation.low == 1.0 && result.preservation.high == 1.0);
    nyx_eval_free(eval);
}

static void quantiles_are_linear_between_order_statistics(void **state)
{
    static const double values[] = { 1.0, 2.0, 4.0, 8.0, 16.0 };
    static const struct { int64_t count; double q, expected; } rows[] = {
        { 5, 0.0, 1.0 }, { 5, 0.5, 4.0 }, { 5, 1.0, 16.0 }, { 5, 0.9, 12.8 },
        { 5, 0.125, 1.5 }, { 4, 0.5, 3.0 }, { 2, 0.25, 1.25 }, { 1, 0.3, 1.0 },
    };
    double mixed[] = { 3.0, -1.0, 2.0, 2.0, -0.5 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_close(nyx_quantile(values, rows[i].count, rows[i].q), rows[i].expected, 1e-15);
    nyx_sort_ascending(mixed, 5);
    assert_true(mixed[0] == -1.0 && mixed[1] == -0.5 && mixed[2] == 2.0 && mixed[4] == 3.0);
}

/* The intervals of Newcombe 1998 (Stat. Med. 17:857, table I, method 3), and the
 * definition: an end is the share whose standard score of the hits is 1.96. */
static void wilson_intervals_are_known(void **state)
{
    static const struct { int64_t hits, trials; double low, high; } rows[] = {
        { 81, 263, 0.2553, 0.3662 },
        { 15, 148, 0.0624, 0.1605 },
        { 0, 20, 0.0, 0.1611 },
        { 1, 29, 0.0061, 0.1718 },
        { 20, 20, 1.0 - 0.1611, 1.0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_estimate got = nyx_wilson(rows[i].hits, rows[i].trials);
        double       n = (double)rows[i].trials, ends[] = { got.low, got.high };

        assert_true(fabs(got.low - rows[i].low) <= 5e-5 && fabs(got.high - rows[i].high) <= 5e-5);
        assert_close(got.value, (double)rows[i].hits / n, 1e-16);
        for (int e = 0; e < 2; e++)
            if (ends[e] > 0.0 && ends[e] < 1.0)
                assert_close(fabs(got.value - ends[e]) / sqrt(ends[e] * (1.0 - ends[e]) / n),
                             1.959963984540054, 1e-12);
    }
    assert_non_null(nyx_wilson(0, 0).reason);
}

/* ---- resampling and determinism ------------------------------------------ */

static void neither_batches_nor_threads_change_a_bit(void **state)
{
    nyx_eval_options options = options_of(NYX_SOFTMAX, true);
    nyx_eval_result  first = evaluate(&options, ROWS);

    (void)state;
    for (int parts = 1; parts <= 3; parts++)
        for (int64_t batch = 1; batch <= ROWS; batch += 9) {
            nyx_eval_result again;

            assert_int_equal(nyx_pool_create(&options.pool, parts), 0);
            again = evaluate(&options, batch);
            nyx_pool_free(options.pool);
            assert_memory_equal(&again.kl, &first.kl, sizeof first.kl);
            assert_memory_equal(&again.preservation, &first.preservation, sizeof first.kl);
            assert_memory_equal(&again.preservation_token, &first.preservation_token,
                                sizeof first.kl);
            assert_memory_equal(&again.model, &first.model, sizeof first.model);
            assert_memory_equal(&again.reference, &first.reference, sizeof first.model);
            assert_true(again.delta_p_rms == first.delta_p_rms && again.kl_p99 == first.kl_p99);
        }
    options.pool = NULL;
    options.seed++;
    assert_true(evaluate(&options, ROWS).preservation.low != first.preservation.low ||
                evaluate(&options, ROWS).kl.low != first.kl.low);
}

/* Rows of one token that the reference gets right with probability 0.9 and the
 * model, of those, with 0.8: the true ratio is 0.8. Over many such data sets the
 * interval holds it about 95 times in 100: 380 of 400. */
static void intervals_cover_the_truth_as_often_as_they_say(void **state)
{
    enum { SETS = 400, COUNT = 120 };
    static float     model[COUNT * 2], reference[COUNT * 2];
    static int32_t   zeros[COUNT];
    nyx_eval_options options = { .probability = NYX_SOFTMAX, .length = 1, .vocabulary = 2,
                                 .ignore = -1, .reference = true, .resamples = 400 };
    nyx_random       random;
    int              ratio_held = 0, share_held = 0;

    (void)state;
    nyx_random_init(&random, 99, 1);
    for (int set = 0; set < SETS; set++) {
        nyx_eval       *eval;
        nyx_eval_result result;

        for (int r = 0; r < COUNT; r++) {
            bool known = nyx_random_uniform(&random) < 0.9;
            bool kept = known && nyx_random_uniform(&random) < 0.8;

            reference[2 * r] = known ? 1.0f : -1.0f;
            model[2 * r] = kept ? 1.0f : -1.0f;
        }
        options.seed = (uint64_t)set;
        assert_int_equal(nyx_eval_create(&eval, &options), 0);
        assert_int_equal(nyx_eval_add(eval, model, reference, zeros, COUNT), 0);
        assert_int_equal(nyx_eval_finish(eval, &result), 0);
        nyx_eval_free(eval);
        ratio_held += result.preservation.low <= 0.8 && 0.8 <= result.preservation.high;
        share_held += result.model.token_accuracy.low <= 0.72 &&
                      0.72 <= result.model.token_accuracy.high;
    }
    print_message("# of %d intervals %d hold the ratio, %d the share\n", SETS, ratio_held,
                  share_held);
    assert_in_range(ratio_held, 382, 388);
    assert_in_range(share_held, 377, 383);
}

static void resamples_without_a_reference_hit_are_counted(void **state)
{
    static const float   reference[] = { 1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 1.0f };
    static const float   model[] = { 1.0f, 0.0f, 1.0f, 0.0f, 0.0f, 1.0f };
    static const int32_t zeros[3];
    nyx_eval_options     options = { .probability = NYX_SOFTMAX, .length = 1, .vocabulary = 2,
                                     .ignore = -1, .reference = true, .resamples = 2000 };
    nyx_eval            *eval;
    nyx_eval_result      result;

    (void)state;
    assert_int_equal(nyx_eval_create(&eval, &options), 0);
    assert_int_equal(nyx_eval_add(eval, model, reference, zeros, 3), 0);
    assert_int_equal(nyx_eval_finish(eval, &result), 0);
    nyx_eval_free(eval);
    /* The reference hits one row of three; a resample misses it with
     * probability 8/27. The others have ratios (n0 + n1) / n0: 1, 3/2, 2, 3. */
    assert_in_range(result.preservation_dropped, 2000 * 8 / 27 - 80, 2000 * 8 / 27 + 80);
    assert_true(result.preservation.value == 2.0);
    assert_true(result.preservation.low == 1.0 && result.preservation.high == 3.0);
}

/* ---- bad input and the report -------------------------------------------- */

static void bad_values_are_named(void **state)
{
    nyx_eval_options options = options_of(NYX_SOFTMAX, false);
    static float     bad[TOKENS * VOCABULARY];
    static int32_t   wrong[TOKENS];
    nyx_eval        *eval;
    nyx_eval_result  result;
    int              at = 14 * LENGTH + 2;

    (void)state;
    assert_int_equal(nyx_eval_create(&eval, &options), 0);
    memcpy(wrong, targets, sizeof targets);
    wrong[at] = VOCABULARY;
    assert_int_equal(nyx_eval_add(eval, logits, NULL, wrong, ROWS), NYX_ERR_INPUT);
    assert_string_equal(nyx_error_text(),
                        "row 14: target 11 at position 2 lies outside the vocabulary of 11");
    memcpy(bad, logits, sizeof logits);
    wrong[at] = 3;
    bad[at * VOCABULARY + 7] = (float)INFINITY;
    assert_int_equal(nyx_eval_add(eval, bad, NULL, wrong, ROWS), NYX_ERR_NUMERIC);
    assert_string_equal(nyx_error_text(), "row 14: the model's output at position 2 holds a NaN "
                                          "or an infinity");
    assert_int_equal(nyx_eval_finish(eval, &result), NYX_ERR_INPUT);
    assert_string_equal(nyx_error_text(),
                        "there is nothing to score: every target is the ignore label -100");
    nyx_eval_free(eval);
}

static void reports_keep_to_their_schema(void **state)
{
    static const struct { bool reference; const char *path, *reason; } rows[] = {
        { true, "preservation.value", NULL }, { false, "preservation_reason", "no reference model was given" },
    };
    char path[] = "/tmp/nyx-test-eval-XXXXXX";

    (void)state;
    close(mkstemp(path));
    for (int i = 0; i < 2; i++) {
        nyx_eval_options options = options_of(NYX_STABLEMAX, rows[i].reference);
        nyx_eval_result  result = evaluate(&options, ROWS);
        nyx_report      *report;
        nyx_json        *json;
        const nyx_json  *at;

        assert_int_equal(nyx_report_create(&report, "nyx-eval", 1, (char *[]){ (char[]){ "nyx-eval" }, NULL }), 0);
        nyx_eval_describe(&result, nyx_report_result(report));
        assert_int_equal(nyx_report_write(report, path, "ok", NULL), 0);
        nyx_report_free(report);
        assert_int_equal(nyx_json_read(&json, path), 0);
        if (nyx_schema_check("eval", json, "report") < 0)
            fail_msg("%s", nyx_error_text());
        at = nyx_json_get(nyx_json_get(json, "result"), rows[i].path);
        if (rows[i].reason)
            assert_string_equal(nyx_json_text(at, ""), rows[i].reason);
        else
            assert_true(nyx_json_real(at, -1.0) == result.preservation.value);
        nyx_json_free(json);
    }
    unlink(path);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_agree_with_plain_loops),
        cmocka_unit_test(the_divergence_of_two_coins_is_known),
        cmocka_unit_test(a_model_agrees_with_itself),
        cmocka_unit_test(quantiles_are_linear_between_order_statistics),
        cmocka_unit_test(wilson_intervals_are_known),
        cmocka_unit_test(neither_batches_nor_threads_change_a_bit),
        cmocka_unit_test(intervals_cover_the_truth_as_often_as_they_say),
        cmocka_unit_test(resamples_without_a_reference_hit_are_counted),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(reports_keep_to_their_schema),
    };

    make_example();
    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}

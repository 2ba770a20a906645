/* words -- one line for each report. */
#include "words.h"
#include "table.h"

#include <string.h>

static long long whole(const nyx_json *json, const char *path)
{
    return (long long)nyx_json_int(nyx_json_get(json, path), 0);
}

static void data(nyx_page *page, const report_item *item, const nyx_json *result)
{
    const nyx_json *singles = nyx_json_get(result, "test.naked_singles.share");

    (void)item;
    if (nyx_json_get(result, "train.tokens"))
        nyx_page_add(page, "%s, %lld training tokens, %lld test tokens",
                     nyx_json_text(nyx_json_get(result, "kind"), "?"), whole(result, "train.tokens"),
                     whole(result, "test.tokens"));
    else
        nyx_page_add(page, "%s, %lld training rows, %lld test rows", nyx_json_text(nyx_json_get(result, "kind"), "?"),
                     whole(result, "train.rows"), whole(result, "test.rows"));
    if (singles)
        nyx_page_add(page, "; naked singles alone solve %.1f %% of the test", 100.0 * nyx_json_real(singles, 0.0));
}

static void train(nyx_page *page, const report_item *item, const nyx_json *result)
{
    const nyx_json *exact = nyx_json_get(result, "test.exact_accuracy");
    const double    tokens = 100.0 * nyx_json_real(nyx_json_get(result, "test.token_accuracy"), 0.0);

    nyx_page_add(page, "%lld parameters, %lld steps of %lld rows, %.0f s; ", whole(result, "parameters"),
                 whole(result, "steps"), whole(result, "batch"), nyx_json_real(item_get(item, "run.duration_s"), 0.0));
    if (nyx_json_kind_of(nyx_json_get(result, "test.loss")) == NYX_JSON_NULL)
        nyx_page_add(page, "test unknown: %s", nyx_json_text(nyx_json_get(result, "test.loss_reason"), "not run"));
    else if (nyx_json_kind_of(exact) == NYX_JSON_NULL) /* text */
        nyx_page_add(page, "test loss %.4f, tokens %.1f %%", nyx_json_real(nyx_json_get(result, "test.loss"), 0.0),
                     tokens);
    else
        nyx_page_add(page, "test exact %.1f %%, tokens %.1f %%", 100.0 * nyx_json_real(exact, 0.0), tokens);
}

static void quantize(nyx_page *page, const report_item *item, const nyx_json *result)
{
    (void)item;
    nyx_page_add(page, "%s, %lld of %lld tensors coded, %.2f KiB of %.2f",
                 nyx_json_text(nyx_json_get(result, "format"), "a recipe"), whole(result, "totals.coded_tensors"),
                 whole(result, "totals.tensors"),
                 nyx_json_real(nyx_json_get(result, "totals.bytes_after"), 0.0) / 1024.0,
                 nyx_json_real(nyx_json_get(result, "totals.bytes_before"), 0.0) / 1024.0);
}

/* A few figures one by one, many of them as a count. */
static void bench(nyx_page *page, const report_item *item, const nyx_json *result)
{
    const nyx_json *figures = item_get(item, "run.figures");
    const int64_t   count = nyx_json_count(figures);
    int64_t         known = 0;
    char            time[NYX_NUMBER];

    (void)result;
    for (int64_t i = 0; i < count; i++) {
        const nyx_json *figure = nyx_json_item(figures, i);

        if (!json_is_number(nyx_json_get(figure, "median_s")))
            continue;
        if (count <= 3)
            nyx_page_add(page, "%s%s %s %s", known ? ", " : "", nyx_json_text(nyx_json_get(figure, "op"), "?"),
                         nyx_json_text(nyx_json_get(figure, "what"), "?"),
                         nyx_number_time(time, number_at(figure, "median_s")));
        if (count <= 3 && json_is_number(nyx_json_get(figure, "fraction_of_limit")))
            nyx_page_add(page, " (%.0f %% of the limit)", 100.0 * number_at(figure, "fraction_of_limit"));
        known++;
    }
    if (count > 3 || !known)
        nyx_page_add(page, "%lld figures", (long long)known);
    if (known < count)
        nyx_page_add(page, ", %lld more spread too wide", (long long)(count - known));
    if (item_get(item, "run.compare"))
        nyx_page_add(page, "; %lld slower than before", whole(item_get(item, "run.compare"), "slower"));
}

static void convert(nyx_page *page, const report_item *item, const nyx_json *result)
{
    (void)item;
    nyx_page_add(page, "%s model in %s, %lld tensors, %.2f KiB; %lld moved untouched, %lld rounded",
                 nyx_json_text(nyx_json_get(result, "family"), "?"), nyx_json_text(nyx_json_get(result, "format"), "?"),
                 (long long)nyx_json_count(nyx_json_get(result, "tensors")),
                 nyx_json_real(nyx_json_get(result, "bytes"), 0.0) / 1024.0, whole(result, "moved_tensors"),
                 whole(result, "rounded_tensors"));
}

static void profile(nyx_page *page, const report_item *item, const nyx_json *result)
{
    char ops[NYX_NUMBER], memory[NYX_NUMBER];

    nyx_page_add(page, "%s, %lld threads, %s",
                 nyx_json_text(nyx_json_get(result, "processor.name"), "unknown processor"),
                 whole(result, "processor.threads"),
                 nyx_number_bytes(memory, nyx_json_real(nyx_json_get(result, "memory.bytes"), 0.0)));
    if (json_is_number(item_get(item, "run.measured.operations_per_s.f32")))
        nyx_page_add(page, ", %s in f32",
                     nyx_number_rate(ops, nyx_json_real(item_get(item, "run.measured.operations_per_s.f32"), 0.0),
                                     "FLOP"));
    if (nyx_json_get(result, "plan.predicted_peak_bytes"))
        nyx_page_add(page, "; plan of %s",
                     nyx_number_bytes(memory, nyx_json_real(nyx_json_get(result, "plan.predicted_peak_bytes"), 0.0)));
}

static void evolve(nyx_page *page, const report_item *item, const nyx_json *result)
{
    const nyx_json *plans = nyx_json_get(result, "plans");

    (void)item;
    nyx_page_add(page, "%lld candidates, %lld token-forwards", whole(result, "search.candidates"),
                 whole(result, "search.token_forwards"));
    for (int64_t i = 0; i < nyx_json_count(plans); i++) {
        const nyx_json *plan = nyx_json_item(plans, i);
        const double    kl = number_at(plan, "kl.value");

        nyx_page_add(page, "%s%s %.2f bits", i ? ", " : "; ", nyx_json_text(nyx_json_get(plan, "name"), "?"),
                     nyx_json_real(nyx_json_get(plan, "bits_per_weight"), 0.0));
        if (json_is_number(nyx_json_get(plan, "kl.value")))
            nyx_page_add(page, " KL %.3g", kl);
    }
}

static void bundle(nyx_page *page, const report_item *item, const nyx_json *result)
{
    (void)item;
    nyx_page_add(page, "%lld files", (long long)nyx_json_count(nyx_json_get(result, "files")));
}

static const struct {
    const char *kind;
    void (*say)(nyx_page *page, const report_item *item, const nyx_json *result);
} sayings[] = { { "data", data },       { "train", train },     { "quantize", quantize }, { "bench", bench },
                { "convert", convert }, { "profile", profile }, { "evolve", evolve },     { "bundle", bundle } };

bool words_has(const report_item *item)
{
    return !report_is_row(item);
}

void words_of(nyx_page *page, const report_item *item)
{
    const char *why = item->log ? NULL : why_no_result(item), *sentence = item_text(item, "error");

    if (item->log && item->log->candidates.count) {
        nyx_page_add(page, "log of %lld candidates", (long long)item->log->candidates.count);
        return;
    }
    if (item->log) {
        nyx_page_add(page, "log of %lld steps and %lld evaluations", (long long)item->log->steps.count,
                     (long long)item->log->tests.count);
        return;
    }
    if (why) {
        nyx_page_add(page, "%s, %s", nyx_json_text(item_get(item, "run.tool"), "?"), why);
        if (*sentence)
            nyx_page_add(page, ": %s", sentence);
        return;
    }
    if (item_get(item, "result.generation"))
        nyx_page_add(page, "%lld texts generated, %lld new tokens",
                     (long long)nyx_json_count(item_get(item, "result.generation.texts")),
                     whole(item_get(item, "result.generation"), "new_tokens"));
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++)
        if (item_is(item, sayings[i].kind))
            sayings[i].say(page, item, item_get(item, "result"));
}

/* ---- naked singles ---------------------------------------------------------------------------- */

/* The share of its test puzzles that naked singles alone solve, out of the
 * report of the dataset that `eval` read; NULL when that is not there. */
static const nyx_json *singles_of(const report_set *set, const report_item *eval)
{
    const nyx_json *inputs = item_get(eval, "inputs");

    for (int i = 0; i < set->count; i++) {
        const nyx_json *share = item_get(&set->items[i], "result.test.naked_singles.share");
        const char     *made = item_text(&set->items[i], "outputs.0.sha256");

        for (int64_t k = 0; share && *made && k < nyx_json_count(inputs); k++)
            if (!strcmp(made, nyx_json_text(nyx_json_get(nyx_json_item(inputs, k), "sha256"), "?")))
                return share;
    }
    return NULL;
}

/* Beaten when the whole interval lies above. */
int words_singles(nyx_page *page, const report_set *set, const char *first, const char *before, const char *after,
                  bool padded)
{
    int lines = 0;

    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];
        const nyx_json    *exact = item_get(item, "result.model.exact_accuracy");
        const nyx_json    *share = item_shows(item, "eval") ? singles_of(set, item) : NULL;
        const double       singles = nyx_json_real(share, 0.0), low = nyx_json_real(nyx_json_get(exact, "low"), 0.0);
        const double       high = nyx_json_real(nyx_json_get(exact, "high"), 1.0);

        if (!share || nyx_json_count(item_get(item, "result.reference")))
            continue;
        nyx_page_markup(page, lines ? "" : first);
        nyx_page_markup(page, before);
        nyx_page_add(page, "%s", item->name);
        for (size_t k = strlen(item->name); padded && k < 22; k++)
            nyx_page_markup(page, " ");
        nyx_page_add(page, " %s naked singles: %.1f (%.1f-%.1f) %% against %.1f %%",
                     low > singles    ? "beats"
                     : high < singles ? "does not beat"
                                      : "is level with",
                     100.0 * nyx_json_real(nyx_json_get(exact, "value"), 0.0), 100.0 * low, 100.0 * high,
                     100.0 * singles);
        nyx_page_markup(page, after);
        lines++;
    }
    return lines;
}

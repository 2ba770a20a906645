/* nyx-report -- reports as a page that a person reads.
 *
 * Reads   REPORT.json...  what the other tools wrote with --report
 * Writes  text on stdout: a line for each dataset, training, coding and run that
 *         failed, one table with a row for each evaluation, in the order given
 */
#include "nyx-report/table.h"

#include <string.h>

enum { REPORTS_MOST = 64 };

static struct {
    const char *reports[REPORTS_MOST];
} args;

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = args.reports, .arg = "REPORT.json...", .help = "reports of nyx-data, nyx-train, nyx-quantize, nyx-eval",
      .required = true, .most = REPORTS_MOST },
    { 0 },
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* ---- lines ---------------------------------------------------------------------- */

static void print_data(const nyx_json *report)
{
    const nyx_json *result = nyx_json_get(report, "result");
    const nyx_json *singles = nyx_json_get(result, "test.naked_singles.share");

    nyx_cli_print("%s, %lld training rows, %lld test rows", nyx_json_text(nyx_json_get(result, "kind"), "?"),
                  (long long)nyx_json_int(nyx_json_get(result, "train.rows"), 0),
                  (long long)nyx_json_int(nyx_json_get(result, "test.rows"), 0));
    if (singles)
        nyx_cli_print("; naked singles alone solve %.1f %% of the test", 100.0 * nyx_json_real(singles, 0.0));
}

static void print_train(const nyx_json *report)
{
    const nyx_json *result = nyx_json_get(report, "result");
    const nyx_json *exact = nyx_json_get(result, "test.exact_accuracy");
    const double    tokens = 100.0 * nyx_json_real(nyx_json_get(result, "test.token_accuracy"), 0.0);

    nyx_cli_print("%lld parameters, %lld steps of %lld rows, %.0f s; ",
                  (long long)nyx_json_int(nyx_json_get(result, "parameters"), 0),
                  (long long)nyx_json_int(nyx_json_get(result, "steps"), 0),
                  (long long)nyx_json_int(nyx_json_get(result, "batch"), 0),
                  nyx_json_real(nyx_json_get(report, "run.duration_s"), 0.0));
    if (nyx_json_kind_of(nyx_json_get(result, "test.loss")) == NYX_JSON_NULL)
        nyx_cli_print("test unknown: %s", nyx_json_text(nyx_json_get(result, "test.loss_reason"), "not run"));
    else if (nyx_json_kind_of(exact) == NYX_JSON_NULL) /* text */
        nyx_cli_print("test loss %.4f, tokens %.1f %%", nyx_json_real(nyx_json_get(result, "test.loss"), 0.0), tokens);
    else
        nyx_cli_print("test exact %.1f %%, tokens %.1f %%", 100.0 * nyx_json_real(exact, 0.0), tokens);
}

static void print_quantize(const nyx_json *report)
{
    const nyx_json *result = nyx_json_get(report, "result");

    nyx_cli_print("%s, %lld of %lld tensors coded, %.2f KiB of %.2f",
                  nyx_json_text(nyx_json_get(result, "format"), "a recipe"),
                  (long long)nyx_json_int(nyx_json_get(result, "totals.coded_tensors"), 0),
                  (long long)nyx_json_int(nyx_json_get(result, "totals.tensors"), 0),
                  nyx_json_real(nyx_json_get(result, "totals.bytes_after"), 0.0) / 1024.0,
                  nyx_json_real(nyx_json_get(result, "totals.bytes_before"), 0.0) / 1024.0);
}

/* What reports there are: their schema is also "nyx.NAME/1". Those without a
 * line of their own become rows of the table. */
static const struct kind {
    const char *name;
    void      (*print)(const nyx_json *report);
} kinds[] = { { "data", print_data }, { "train", print_train }, { "quantize", print_quantize }, { "eval", NULL } };

static const struct kind *kind_of(const nyx_json *report)
{
    const char *text = nyx_json_text(nyx_json_get(report, "schema"), "");
    char        schema[32];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(schema, sizeof schema, "nyx.%s/1", kinds[i].name);
        if (!strcmp(text, schema))
            return &kinds[i];
    }
    return NULL;
}

/* A run that failed or only planned has no answers to show. */
static const char *why_no_result(const nyx_json *report)
{
    const char *status = nyx_json_text(nyx_json_get(report, "status"), "");

    if (!strcmp(status, "error") || !strcmp(status, "stopped"))
        return status;
    if (nyx_json_kind_of(nyx_json_get(report, "error")) == NYX_JSON_TEXT)
        return "failed";
    if (kind_of(report)->print == print_train && !nyx_json_get(report, "result.test"))
        return "only planned";
    return nyx_json_count(nyx_json_get(report, "result")) ? NULL : "no result";
}

/* Whether the report goes into the table. */
static bool is_row(const nyx_json *report)
{
    return !kind_of(report)->print && !why_no_result(report);
}

static void print_line(const char *path, const nyx_json *report)
{
    const char *why = why_no_result(report), *sentence = nyx_json_text(nyx_json_get(report, "error"), NULL);

    nyx_cli_print("%-22s ", base_name(path));
    if (why)
        nyx_cli_print("%s, %s%s%s", nyx_json_text(nyx_json_get(report, "run.tool"), "?"), why, sentence ? ": " : "",
                      sentence ? sentence : "");
    else
        kind_of(report)->print(report);
    nyx_cli_print("\n");
}

/* ---- naked singles ---------------------------------------------------------------------------- */

/* The share of its test puzzles that naked singles alone solve, out of the
 * report of the dataset that `eval` read; NULL when that is not there. */
static const nyx_json *singles_of(nyx_json *const reports[], const nyx_json *eval)
{
    const nyx_json *inputs = nyx_json_get(eval, "inputs");

    for (int i = 0; i < REPORTS_MOST && reports[i]; i++) {
        const nyx_json *share = nyx_json_get(reports[i], "result.test.naked_singles.share");
        const char     *made = nyx_json_text(nyx_json_get(nyx_json_item(nyx_json_get(reports[i], "outputs"), 0),
                                                          "sha256"), "");

        for (int64_t k = 0; share && k < nyx_json_count(inputs); k++)
            if (!strcmp(made, nyx_json_text(nyx_json_get(nyx_json_item(inputs, k), "sha256"), "?")))
                return share;
    }
    return NULL;
}

/* Whether the models that stand on their own beat them: the whole interval
 * lies above. */
static void print_singles(nyx_json *const reports[])
{
    bool first = true;

    for (int i = 0; i < REPORTS_MOST && reports[i]; i++) {
        const nyx_json *exact = nyx_json_get(reports[i], "result.model.exact_accuracy");
        const nyx_json *share = is_row(reports[i]) ? singles_of(reports, reports[i]) : NULL;
        const double    singles = nyx_json_real(share, 0.0), low = nyx_json_real(nyx_json_get(exact, "low"), 0.0);
        const double    high = nyx_json_real(nyx_json_get(exact, "high"), 1.0);

        if (!share || nyx_json_count(nyx_json_get(reports[i], "result.reference")))
            continue;
        nyx_cli_print("%s%-22s %s naked singles: %.1f (%.1f-%.1f) %% against %.1f %%\n", first ? "\n" : "",
                      base_name(args.reports[i]),
                      low > singles ? "beats" : high < singles ? "does not beat" : "is level with",
                      100.0 * nyx_json_real(nyx_json_get(exact, "value"), 0.0), 100.0 * low, 100.0 * high,
                      100.0 * singles);
        first = false;
    }
}

/* ---- run ----------------------------------------------------------------------------------- */

static int read_report(nyx_json **out, nyx_report *report, const char *path)
{
    int status;

    if ((status = nyx_json_read(out, path)) < 0 || (status = nyx_schema_check("report", *out, path)) < 0)
        return status;
    if (!kind_of(*out))
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has the schema '%.64s'; reports of nyx-data, nyx-train, nyx-quantize "
                             "and nyx-eval can be shown", path, nyx_json_text(nyx_json_get(*out, "schema"), ""));
    if ((status = nyx_schema_check(kind_of(*out)->name, *out, path)) < 0)
        return status;
    return nyx_report_input(report, path);
}

static int run(nyx_report *report)
{
    nyx_json *reports[REPORTS_MOST] = { NULL };
    int64_t   rows = 0, lines = 0;
    int       status = 0;

    for (int i = 0; i < REPORTS_MOST && args.reports[i] && status == 0; i++)
        status = read_report(&reports[i], report, args.reports[i]);
    for (int i = 0; i < REPORTS_MOST && reports[i] && status == 0; i++) {
        rows += is_row(reports[i]);
        if (is_row(reports[i]))
            continue;
        print_line(args.reports[i], reports[i]);
        lines++;
    }
    if (status == 0 && rows) {
        const char     *names[REPORTS_MOST];
        const nyx_json *shown[REPORTS_MOST];
        int             count = 0;

        for (int i = 0; i < REPORTS_MOST && reports[i]; i++) {
            if (!is_row(reports[i]))
                continue;
            names[count] = base_name(args.reports[i]);
            shown[count++] = reports[i];
        }
        nyx_cli_print("%s", lines ? "\n" : "");
        report_tables(names, shown, count);
        print_singles(reports);
    }
    for (int i = 0; i < REPORTS_MOST; i++)
        nyx_json_free(reports[i]);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-report",
        .purpose = "show reports of the other tools to a person",
        .usage = "REPORT.json...",
        .examples = "  nyx-report train.json eval-*.json\n",
        .opts = opts,
        .run = run,
    } };

    return nyx_cli_main(argc, argv, &tool);
}

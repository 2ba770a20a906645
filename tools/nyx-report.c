/* nyx-report -- reports and logs as a page that a person reads.
 *
 * Reads   FILE...  reports that the other tools wrote with --report, logs of nyx-train
 * Writes  text on stdout: a line for each dataset, training, coding and run that
 *         failed, one table with a row for each evaluation, in the order given;
 *         or the same as a page with charts (HTML), Markdown, or one table (CSV)
 */
#include "nyx-report/form.h"

#include <string.h>

static struct {
    const char *files[REPORTS_MOST], *output, *format, *table;
} args;

static const char *const formats[] = { "text", "html", "markdown", "csv", NULL };

static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT,
      .value = args.files,
      .arg = "FILE...",
      .help = "reports of nyx-data, nyx-train, nyx-quantize, nyx-eval, nyx-bench, nyx-convert; logs of nyx-train",
      .required = true,
      .most = REPORTS_MOST },
    { .kind = NYX_OPT_OUTPUT,
      .name = "output",
      .letter = 'o',
      .value = &args.output,
      .arg = "FILE",
      .help = "write this file [standard output]" },
    { .kind = NYX_OPT_CHOICE,
      .name = "format",
      .value = &args.format,
      .arg = "FORMAT",
      .choices = formats,
      .help = "text, html, markdown or csv [by the end of the output's name, else text]" },
    { .kind = NYX_OPT_CHOICE,
      .name = "table",
      .value = &args.table,
      .arg = "TABLE",
      .choices = form_tables,
      .help = "with csv: which table [the first of these that has rows]" },
    { 0 },
};

/* --format, else what the name of the output ends in. */
static enum nyx_page_kind kind_of_page(void)
{
    static const struct {
        const char        *format, *end;
        enum nyx_page_kind kind;
    } kinds[] = {
        { "html", ".html", NYX_PAGE_HTML },
        { "html", ".htm", NYX_PAGE_HTML },
        { "markdown", ".md", NYX_PAGE_MARKDOWN },
        { "csv", ".csv", NYX_PAGE_CSV },
    };
    const char *dot = args.output ? strrchr(args.output, '.') : NULL;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (args.format ? !strcmp(args.format, kinds[i].format) : dot && !strcmp(dot, kinds[i].end))
            return kinds[i].kind;
    return NYX_PAGE_TEXT;
}

static int fill(nyx_page *page, const report_set *set)
{
    switch (nyx_page_kind_of(page)) {
    case NYX_PAGE_HTML: form_html(page, set); break;
    case NYX_PAGE_MARKDOWN: form_markdown(page, set); break;
    case NYX_PAGE_CSV: return form_csv(page, set, args.table);
    case NYX_PAGE_TEXT: form_text(page, set); break;
    }
    return 0;
}

static int put(const nyx_page *page, nyx_report *report)
{
    const char *text;
    int64_t     bytes;
    int         status;

    if ((status = nyx_page_text(&text, &bytes, page)) < 0)
        return status;
    if (!args.output || !strcmp(args.output, "-")) {
        nyx_cli_print("%s", text);
        return 0;
    }
    if (nyx_cli_common->dry_run)
        return 0;
    if ((status = nyx_page_write(page, args.output)) < 0)
        return status;
    return nyx_report_output(report, args.output);
}

static int run(nyx_report *report)
{
    const enum nyx_page_kind kind = kind_of_page();
    report_set               set;
    nyx_page                *page = NULL;
    int                      status;

    if (args.table && kind != NYX_PAGE_CSV)
        return nyx_error_set(NYX_ERR_USAGE, "--table goes with --format=csv only");
    if ((status = set_read(&set, report, args.files)) == 0 && (status = nyx_page_create(&page, kind)) == 0 &&
        (status = fill(page, &set)) == 0)
        status = put(page, report);
    nyx_page_free(page);
    set_release(&set);
    return status;
}

int main(int argc, char **argv)
{
    static const nyx_tool
        tool = { .command = {
                     .name = "nyx-report",
                     .purpose = "show reports and logs of the other tools to a person",
                     .usage = "[OPTIONS] FILE... [-o PAGE]",
                     .examples = "  nyx-report train.json eval-*.json\n"
                                 "  nyx-report train.json train.jsonl quantize-*.json eval-*.json -o report.html\n",
                     .description = "Reads reports and logs in any order and shows what they say: as text, as "
                                    "Markdown, as CSV, or as one "
                                    "page of HTML with its figures inside, that needs neither network nor scripts.",
                     .see_also = "nyx-train(1), nyx-eval(1), nyx-bench(1); docs/report.md",
                     .opts = opts,
                     .run = run,
                 } };

    return nyx_cli_main(argc, argv, &tool);
}

/* provenance -- where every figure comes from: runs, machines, files with their
 * digests, command lines; and what is unknown, and why. */
#include "section.h"
#include "words.h"

#include <math.h>
#include <string.h>

/* ---- runs ------------------------------------------------------------------------------ */

/* A line for each report that is no row of a table. */
static void lines(nyx_page *page, const report_set *set)
{
    bool any = false;

    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];

        if (!words_has(item) || (item->json && why_no_result(item)))
            continue;
        nyx_page_markup(page, any ? "" : "<ul class=\"note\">\n");
        nyx_page_add(page, "<li>%s: ", item->name);
        words_of(page, item);
        nyx_page_markup(page, "</li>\n");
        any = true;
    }
    nyx_page_markup(page, any ? "</ul>\n" : "");
}

static void runs(nyx_page *page, const report_set *set)
{
    static const char *const heads[] = { "report", "program", "version", "status", "seed",
                                         "device", "began",   "took",    "peak" };
    char                     text[NYX_NUMBER];
    nyx_grid                *grid = nyx_grid_create(9);

    for (int i = 0; i < 9; i++)
        nyx_grid_cell(grid, "%s", heads[i]);
    for (int i = 0; i < set->count; i++) {
        const report_item *item = &set->items[i];
        const double       peak = number_at(item->json, "run.peak_memory_bytes");

        if (!item->json)
            continue;
        nyx_grid_cell(grid, "%s", item->name);
        nyx_grid_cell(grid, "%s", item_text(item, "run.tool"));
        nyx_grid_cell(grid, "%s", item_text(item, "run.version"));
        nyx_grid_cell(grid, "%s", item_text(item, "status"));
        if (json_is_number(item_get(item, "run.seed")))
            nyx_grid_cell(grid, "%lld", (long long)nyx_json_int(item_get(item, "run.seed"), 0));
        else
            nyx_grid_cell(grid, "-");
        nyx_grid_cell(grid, "%s", nyx_json_text(item_get(item, "run.device"), "-"));
        nyx_grid_cell(grid, "%s", item_text(item, "run.start"));
        nyx_grid_cell(grid, "%s", nyx_number_time(text, nyx_json_real(item_get(item, "run.duration_s"), 0.0)));
        nyx_grid_cell(grid, "%s", isfinite(peak) ? nyx_number_bytes(text, peak) : "-");
    }
    if (!nyx_grid_empty(grid))
        nyx_grid_put(page, grid, "Runs");
    nyx_grid_free(grid);
}

/* Each machine once. */
static void machines(nyx_page *page, const report_set *set)
{
    char *shown[REPORTS_MOST] = { NULL };
    int   count = 0;

    for (int i = 0; i < set->count; i++) {
        const nyx_json *host = item_get(&set->items[i], "run.host");
        char            memory[NYX_NUMBER], *text = NULL;
        bool            known = false;

        if (host && nyx_text_format(&text, "%s: %s, %lld processors, %s of memory, %s %s",
                                     nyx_json_text(nyx_json_get(host, "name"), "unnamed"),
                                     nyx_json_text(nyx_json_get(host, "processor"), "unknown processor"),
                                     (long long)nyx_json_int(nyx_json_get(host, "processors"), 0),
                                     nyx_number_bytes(memory, nyx_json_real(nyx_json_get(host, "memory_bytes"), 0.0)),
                                     nyx_json_text(nyx_json_get(host, "system"), ""),
                                     nyx_json_text(nyx_json_get(host, "kernel"), "")) < 0)
            nyx_page_lose(page);
        if (!text)
            continue;
        for (int k = 0; k < count; k++)
            known |= !strcmp(shown[k], text);
        if (known) {
            nyx_free(text);
            continue;
        }
        nyx_page_add(page, "<p class=\"note\">%s</p>\n", text);
        shown[count++] = text;
    }
    for (int k = 0; k < count; k++)
        nyx_free(shown[k]);
}

/* ---- files ----------------------------------------------------------------------------- */

typedef struct {
    const char *path, *sha256, *made, *read; /* names of the first reports that wrote or read it */
    double      bytes;
    int         readers;
} file;

enum { FILES_MOST = 512 };

static void add_files(file *files, int *count, const report_item *item, bool made)
{
    const nyx_json *list = item_get(item, made ? "outputs" : "inputs");

    for (int64_t i = 0; i < nyx_json_count(list); i++) {
        const nyx_json *json = nyx_json_item(list, i);
        const char     *path = nyx_json_text(nyx_json_get(json, "path"), ""),
                   *sha256 = nyx_json_text(nyx_json_get(json, "sha256"), "-");
        int at = 0;

        while (at < *count && (strcmp(files[at].path, path) || strcmp(files[at].sha256, sha256)))
            at++;
        if (at == FILES_MOST)
            return;
        if (at == *count)
            files[(*count)++] = (file){ path, sha256, NULL, NULL, number_at(json, "bytes"), 0 };
        if (made)
            files[at].made = item->name;
        else if (!files[at].readers++)
            files[at].read = item->name;
    }
}

static void files(nyx_page *page, const report_set *set)
{
    static file files[FILES_MOST];
    char        size[NYX_NUMBER];
    int         count = 0;

    for (int made = 1; made >= 0; made--)
        for (int i = 0; i < set->count; i++)
            add_files(files, &count, &set->items[i], made);
    if (!count)
        return;
    nyx_page_markup(page,
                    "<div class=\"scroll\" tabindex=\"0\"><table class=\"full\">\n"
                    "<caption>Files, and the SHA-256 of their bytes</caption>\n<thead><tr><th scope=\"col\">file</th>"
                    "<th scope=\"col\" class=\"n\">size</th><th scope=\"col\">written as</th>"
                    "<th scope=\"col\">read by</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < count; i++) {
        nyx_page_add(page, "<tr><th scope=\"row\" class=\"wrap file\">%s<code class=\"sha\">%s</code></th>",
                     files[i].path, files[i].sha256);
        nyx_page_add(page, "<td class=\"n\">%s</td><td>%s</td><td>",
                     isfinite(files[i].bytes) ? nyx_number_bytes(size, files[i].bytes) : "-",
                     files[i].made ? files[i].made : "-");
        if (files[i].readers > 1)
            nyx_page_add(page, "%d reports</td></tr>\n", files[i].readers);
        else
            nyx_page_add(page, "%s</td></tr>\n", files[i].readers ? files[i].read : "-");
    }
    nyx_page_markup(page, "</tbody>\n</table></div>\n");
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(files[i].path, files[k].path))
                nyx_page_add(page,
                             "<p class=\"warn\">%s has other bytes in one report than in another: they do not all "
                             "speak of the same file.</p>\n",
                             files[i].path);
}

/* ---- command lines ------------------------------------------------------------------------ */

/* As a shell takes it. */
static void word(nyx_page *page, const char *text)
{
    const bool plain = *text &&
                       !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%")];

    if (plain) {
        nyx_page_add(page, "%s", text);
        return;
    }
    nyx_page_add(page, "%s", "'");
    while (*text) {
        const int length = (int)strcspn(text, "'");

        nyx_page_add(page, "%.*s", length, text);
        text += length;
        if (*text) { /* an apostrophe stands between two words in apostrophes */
            nyx_page_add(page, "%s", "'\\''");
            text++;
        }
    }
    nyx_page_add(page, "%s", "'");
}

static int by_start(const void *a, const void *b)
{
    const report_item *x = *(const report_item *const *)a, *y = *(const report_item *const *)b;
    const int          order = strcmp(item_text(x, "run.start"), item_text(y, "run.start"));

    return order ? order : x < y ? -1 : x > y;
}

static void commands(nyx_page *page, const report_set *set)
{
    const report_item *items[REPORTS_MOST];
    int                count = 0;

    for (int i = 0; i < set->count; i++)
        if (set->items[i].json)
            items[count++] = &set->items[i];
    if (!count)
        return;
    qsort(items, (size_t)count, sizeof *items, by_start);
    nyx_page_markup(page, "<h3>Command lines, in the order in which they ran</h3>\n<pre class=\"lines\">");
    for (int i = 0; i < count; i++) {
        const nyx_json *argv = item_get(items[i], "run.argv");

        for (int64_t k = 0; k < nyx_json_count(argv); k++) {
            nyx_page_markup(page, k ? " <span>" : "<code><span>");
            word(page, nyx_json_text(nyx_json_item(argv, k), ""));
            nyx_page_markup(page, "</span>");
        }
        nyx_page_markup(page, "</code>\n");
    }
    nyx_page_markup(page, "</pre>\n");
}

void section_provenance(nyx_page *page, const report_set *set)
{
    nyx_page_markup(page, "<section id=\"provenance\">\n<h2>Provenance</h2>\n");
    lines(page, set);
    runs(page, set);
    machines(page, set);
    files(page, set);
    commands(page, set);
    provenance_unknown(page, set);
    nyx_page_markup(page, "</section>\n");
}

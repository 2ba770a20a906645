/* html -- the page: one file that needs nothing else, no script, no network. */
#include "form.h"
#include "section.h"
#include "table.h"
#include "words.h"

#include <string.h>

/* ---- what sections share ------------------------------------------------------------ */

bool has(const report_set *set, const char *kind, const char *path)
{
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], kind) && item_get(&set->items[i], path))
            return true;
    return false;
}

void figure(nyx_page *page, const nyx_chart *chart, void (*draw)(nyx_plot *plot, const void *context),
            const void *context)
{
    static const struct {
        const char *class;
        int width;
    } forms[] = { { "wide", 0 }, { "narrow", 358 } };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        nyx_chart form = *chart;
        nyx_plot  plot;
        char      id[40];

        snprintf(id, sizeof id, "%.30s-%s", chart->id, forms[i].class);
        form.id = id;
        if (forms[i].width) {
            form.height = chart->height < 290 ? chart->height : 290;
            form.width = forms[i].width;
        }
        nyx_page_add(page, "<div class=\"%s\">\n", forms[i].class);
        nyx_plot_open(&plot, page, &form);
        draw(&plot, context);
        nyx_plot_close(&plot);
        nyx_page_markup(page, "</div>\n");
    }
}

/* ---- frame -------------------------------------------------------------------------- */

static void begin(nyx_page *page, const report_set *set)
{
    nyx_page_markup(
        page, "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta "
              "charset=\"utf-8\"/>\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
              "<meta name=\"color-scheme\" content=\"light dark\"/>\n<meta http-equiv=\"Content-Security-Policy\" "
              "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n");
    nyx_page_add(page, "<meta name=\"generator\" content=\"nyx-report %s\"/>\n<title>Nyx report: %s", NYX_VERSION,
                 set->items[0].name);
    if (set->count > 1)
        nyx_page_add(page, " and %d more", set->count - 1);
    nyx_page_markup(page, "</title>\n<style>\n");
    nyx_page_style(page);
    nyx_page_markup(page, "</style>\n</head>\n<body>\n<main>\n");
}

/* Warnings from number `from` on, below number `to`; how many there are in all. */
static int warnings(nyx_page *page, const report_set *set, int from, int to)
{
    int count = 0;

    for (int i = 0; i < set->count; i++) {
        const nyx_json *list = item_get(&set->items[i], "warnings");

        for (int64_t k = 0; k < nyx_json_count(list); k++, count++)
            if (count >= from && count < to)
                nyx_page_add(page, "<p class=\"warn\">%s warned: %s</p>\n", set->items[i].name,
                             nyx_json_text(nyx_json_item(list, k), ""));
    }
    return count;
}

/* What went wrong stands before everything that went right; a crowd of
 * warnings is folded. */
static void trouble(nyx_page *page, const report_set *set)
{
    enum { OPEN = 2 };
    int count;

    for (int i = 0; i < set->count; i++) {
        if (!set->items[i].json || !why_no_result(&set->items[i]))
            continue;
        nyx_page_add(page, "<p class=\"warn\">%s: ", set->items[i].name);
        words_of(page, &set->items[i]);
        nyx_page_markup(page, "</p>\n");
    }
    count = warnings(page, set, 0, OPEN);
    if (count <= OPEN)
        return;
    nyx_page_add(page, "<details><summary>%d more warnings</summary>\n", count - OPEN);
    warnings(page, set, OPEN, count);
    nyx_page_markup(page, "</details>\n");
}

static void contents(nyx_page *page, const report_set *set)
{
    const struct {
        const char *id, *name;
        bool        is;
    } parts[] = {
        { "quality", "Size and quality", has(set, "eval", "result.model") },
        { "training", "Training", has_curves(set) },
        { "tensors", "Tensors", has(set, "quantize", "result.tensors") },
        { "search", "Search", has_search(set) },
        { "texts", "Generated text", has(set, "eval", "result.generation") },
        { "speed", "Speed", has(set, "bench", "run.figures") },
        { "machine", "Machine", has(set, "profile", "result.processor") },
        { "provenance", "Provenance", true },
    };

    nyx_page_markup(page, "<nav aria-label=\"Sections\">");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].is)
            nyx_page_add(page, "<a href=\"#%s\">%s</a> ", parts[i].id, parts[i].name);
    nyx_page_markup(page, "</nav>\n");
}

static void quality(nyx_page *page, const report_set *set, const front *f)
{
    if (!has(set, "eval", "result.model"))
        return;
    nyx_page_markup(page, "<section id=\"quality\">\n<h2>Size and quality</h2>\n");
    report_tables(page, set);
    if (words_singles(page, set, "<ul class=\"note\">\n", "<li>", "</li>\n", false))
        nyx_page_markup(page, "</ul>\n");
    if (f)
        front_figure_kl(page, f);
    nyx_page_markup(page, "</section>\n");
}

void form_html(nyx_page *page, const report_set *set)
{
    front f;
    bool  any = front_find(&f, set);

    begin(page, set);
    section_head(page, set, any ? &f : NULL);
    trouble(page, set);
    contents(page, set);
    quality(page, set, any ? &f : NULL);
    section_curves(page, set);
    section_tensors(page, set);
    section_search(page, set);
    section_texts(page, set);
    section_bench(page, set);
    section_machine(page, set);
    section_provenance(page, set);
    nyx_page_add(
        page,
        "</main>\n<footer>nyx-report %s made this page of %d files. It loads nothing and runs nothing.</footer>\n"
        "</body>\n</html>\n",
        NYX_VERSION, set->count);
}

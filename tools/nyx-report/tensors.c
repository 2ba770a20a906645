/* tensors -- what each tensor became: blocks down, their parts across, so that
 * three hundred tensors fit one view; all figures in a table that folds away. */
#include "matrix.h"
#include "section.h"

#include <math.h>
#include <string.h>

/* ---- heat ------------------------------------------------------------------------------ */

static const double steps[] = { 0.1, 0.3, 1.0, 3.0, 10.0, 30.0 }; /* relative error in percent */

static void cell(nyx_page *page, const matrix *m, const tensor *t)
{
    const double error = tensor_error(t), bits = number_at(t->json, "bits_per_weight");
    const char  *format = nyx_json_text(nyx_json_get(t->json, "format"), "?");
    int          heat = 0;

    if (!tensor_coded(t) || !isfinite(error)) {
        nyx_page_add(page, "<td class=\"kept\">%s</td>", format);
        return;
    }
    while (heat < 6 && error >= steps[heat])
        heat++;
    nyx_page_add(page, "<td class=\"q%d\" title=\"%s, %.3g %%\">", heat, format, error);
    if (m->uniform)
        nyx_page_add(page, "%.2g</td>", error);
    else if (isfinite(bits))
        nyx_page_add(page, "%.2f</td>", bits);
    else
        nyx_page_add(page, "%.*s</td>", (int)strcspn(format, ":"), format);
}

static void key(nyx_page *page)
{
    nyx_page_markup(page, "<p class=\"note key\">Relative error, %: ");
    for (int i = 0; i <= 6; i++) {
        if (i == 0)
            nyx_page_add(page, "<span class=\"q0\">under %g</span>", steps[0]);
        else if (i == 6)
            nyx_page_add(page, "<span class=\"q6\">%g and more</span>", steps[5]);
        else
            nyx_page_add(page, "<span class=\"q%d\">%g\xe2\x80\x93%g</span>", i, steps[i - 1], steps[i]);
    }
    nyx_page_markup(page, "</p>\n");
}

static void row(nyx_page *page, const matrix *m, int64_t from, int64_t to)
{
    nyx_page_add(page, "<tr><th scope=\"row\">%.*s</th>", (int)m->tensors[from].block, m->tensors[from].name);
    for (int p = 0; p < m->part_count; p++) {
        int64_t found = -1;

        for (int64_t i = from; i < to && found < 0; i++)
            found = !strcmp(tensor_part(&m->tensors[i]), m->parts[p]) ? i : -1;
        if (found < 0)
            nyx_page_markup(page, "<td></td>");
        else
            cell(page, m, &m->tensors[found]);
    }
    nyx_page_markup(page, "</tr>\n");
}

static void blocks(nyx_page *page, const matrix *m)
{
    nyx_page_markup(
        page, "<div class=\"scroll\" tabindex=\"0\"><table class=\"heat\">\n<thead><tr><th scope=\"col\">block</th>");
    for (int p = 0; p < m->part_count; p++)
        nyx_page_add(page, "<th scope=\"col\" class=\"n\">%s</th>", m->parts[p]);
    nyx_page_markup(page, "</tr></thead>\n<tbody>\n");
    for (int64_t from = 0, to; from < m->count; from = to) {
        for (to = from + 1; to < m->count && tensor_same_block(&m->tensors[from], &m->tensors[to]); to++)
            continue;
        if (m->tensors[from].block)
            row(page, m, from, to);
    }
    nyx_page_markup(page, "</tbody></table></div>\n");
}

/* Those outside of blocks that were coded, one a row. */
static void others(nyx_page *page, const matrix *m)
{
    bool any = false;

    for (int64_t i = 0; i < m->count; i++) {
        const tensor *t = &m->tensors[i];

        if (t->block || !tensor_coded(t))
            continue;
        if (!any)
            nyx_page_markup(page, "<div class=\"scroll\" tabindex=\"0\"><table class=\"heat\"><tbody>\n");
        any = true;
        nyx_page_add(page, "<tr><th scope=\"row\">%s</th>", t->name);
        cell(page, m, t);
        nyx_page_markup(page, "</tr>\n");
    }
    nyx_page_markup(page, any ? "</tbody></table></div>\n" : "");
}

/* The rest of these in one sentence. */
static void kept(nyx_page *page, const matrix *m)
{
    int64_t count = 0;

    for (int64_t i = 0; i < m->count; i++) {
        const tensor *t = &m->tensors[i];

        if (t->block || tensor_coded(t))
            continue;
        nyx_page_markup(page, count ? ", " : "<p class=\"note\">Kept as they were: ");
        nyx_page_add(page, "%s", t->name);
        count++;
    }
    nyx_page_markup(page, count ? ".</p>\n" : "");
}

/* ---- all figures ------------------------------------------------------------------------- */

static void all(nyx_page *page, const matrix *m)
{
    static const char *const heads[] = { "tensor", "shape",   "format",     "bits",
                                         "bytes",  "error %", "mean error", "largest" };
    char                     text[NYX_NUMBER];
    nyx_grid                *grid = nyx_grid_create(8);

    for (int i = 0; i < 8; i++)
        nyx_grid_cell(grid, "%s", heads[i]);
    for (int64_t i = 0; i < m->count; i++) {
        const nyx_json *t = m->tensors[i].json, *shape = nyx_json_get(t, "shape");
        const bool      coded = tensor_coded(&m->tensors[i]);
        char            sizes[96] = "";

        for (int64_t d = 0; d < nyx_json_count(shape) && strlen(sizes) < 64; d++)
            snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), "%s%lld", d ? "\xc3\x97" : "",
                     (long long)nyx_json_int(nyx_json_item(shape, d), 0));
        nyx_grid_cell(grid, "%s", m->tensors[i].name);
        nyx_grid_cell(grid, "%s", sizes);
        nyx_grid_cell(grid, "%s", nyx_json_text(nyx_json_get(t, "format"), "?"));
        nyx_grid_cell(grid, coded ? "%.2f" : "-", number_at(t, "bits_per_weight"));
        nyx_grid_cell(grid, "%s", nyx_number_count(text, nyx_json_int(nyx_json_get(t, "bytes_after"), 0)));
        nyx_grid_cell(grid, coded ? "%.3g" : "-", tensor_error(&m->tensors[i]));
        nyx_grid_cell(grid, coded ? "%.2g" : "-", number_at(t, "mean_signed_error"));
        nyx_grid_cell(grid, coded ? "%.2g" : "-", number_at(t, "max_error"));
    }
    nyx_page_add(page, "<details class=\"more\"><summary>All figures of %lld tensors</summary>\n", (long long)m->count);
    nyx_grid_put(page, grid, "");
    nyx_page_markup(page, "</details>\n");
    nyx_grid_free(grid);
}

void tensors_heat(nyx_page *page, const nyx_json *tensors)
{
    matrix m;

    if (!matrix_make(&m, tensors)) {
        nyx_page_lose(page);
        return;
    }
    nyx_page_add(page, "<p class=\"note\">The format of each tensor%s; the colour is its error.</p>\n",
                 m.uniform ? " is the same" : "");
    key(page);
    if (m.part_count)
        blocks(page, &m);
    others(page, &m);
    nyx_free(m.tensors);
}

/* One sentence for the whole model. */
static void totals(nyx_page *page, const report_item *item, const matrix *m)
{
    const nyx_json *totals = item_get(item, "result.totals");
    char            before[NYX_NUMBER], after[NYX_NUMBER];
    double          least, most;

    matrix_range(m, &least, &most);
    nyx_page_add(page, "<h3>%s</h3>\n<p class=\"note\">%s: %lld of %lld tensors coded, %s instead of %s",
                 nyx_json_text(item_get(item, "result.format"), "By recipe"), item->name,
                 (long long)nyx_json_int(nyx_json_get(totals, "coded_tensors"), 0), (long long)m->count,
                 nyx_number_bytes(after, nyx_json_real(nyx_json_get(totals, "bytes_after"), 0.0)),
                 nyx_number_bytes(before, nyx_json_real(nyx_json_get(totals, "bytes_before"), 0.0)));
    if (isfinite(least))
        nyx_page_add(page, "; errors from %.3g to %.3g %%, %.3g %% over all", least, most,
                     100.0 * sqrt(nyx_json_real(nyx_json_get(totals, "relative_mse"), 0.0)));
    nyx_page_add(page, ". The number in a field is %s.</p>\n", m->uniform ? "the error" : "bits a weight");
}

/* One format for all is soon said, and folded away where there are several. */
static void put(nyx_page *page, const report_item *item, bool alone)
{
    matrix m;
    bool   fold;

    if (!matrix_make(&m, item_get(item, "result.tensors"))) {
        nyx_page_lose(page);
        return;
    }
    fold = m.uniform && !alone;
    totals(page, item, &m);
    nyx_page_markup(page, fold ? "<details><summary>Tensor by tensor</summary>\n" : "");
    if (m.part_count)
        blocks(page, &m);
    others(page, &m);
    kept(page, &m);
    all(page, &m);
    nyx_page_markup(page, fold ? "</details>\n" : "");
    nyx_free(m.tensors);
}

void section_tensors(nyx_page *page, const report_set *set)
{
    int count = 0;

    if (!has(set, "quantize", "result.tensors"))
        return;
    for (int i = 0; i < set->count; i++)
        count += item_shows(&set->items[i], "quantize");
    nyx_page_markup(
        page, "<section id=\"tensors\">\n<h2>Tensors</h2>\n<p>What each tensor was coded in. The error is the root "
              "of the mean squared error over that of the weights; what stands in grey was kept as it was.</p>\n");
    key(page);
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], "quantize"))
            put(page, &set->items[i], count == 1);
    nyx_page_markup(page, "</section>\n");
}

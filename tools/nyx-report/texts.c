/* texts -- what models went on with. */
#include "section.h"

#include <math.h>

static void one(nyx_page *page, const nyx_json *json)
{
    const char     *text = nyx_json_text(nyx_json_get(json, "text"), NULL);
    const char     *prompt = nyx_json_text(nyx_json_get(json, "prompt"), "");
    const nyx_json *ids = nyx_json_get(json, "ids");

    if (text) {
        nyx_page_add(page, "<blockquote><b>%s</b>%s</blockquote>\n", prompt, text);
        return;
    }
    nyx_page_add(page, "<p class=\"note\">%lld tokens, without their text: %s</p>\n", (long long)nyx_json_count(ids),
                 nyx_json_text(nyx_json_get(json, "text_reason"), "the report is of an earlier nyx-eval"));
}

static void put(nyx_page *page, const report_item *item)
{
    const nyx_json *generation = item_get(item, "result.generation"), *texts = nyx_json_get(generation, "texts");
    const double    rate = number_at(item->json, "run.new_tokens_per_s");

    nyx_page_add(page, "<h3>%s</h3>\n<p class=\"note\">temperature %g, top-k %lld, top-p %g, seed %lld", item->name,
                 nyx_json_real(nyx_json_get(generation, "temperature"), 0.0),
                 (long long)nyx_json_int(nyx_json_get(generation, "top_k"), 0),
                 nyx_json_real(nyx_json_get(generation, "top_p"), 1.0),
                 (long long)nyx_json_int(nyx_json_get(generation, "seed"), 0));
    if (isfinite(rate))
        nyx_page_add(page, "; %.3g tokens a second", rate);
    nyx_page_markup(page, "</p>\n");
    for (int64_t i = 0; i < nyx_json_count(texts); i++)
        one(page, nyx_json_item(texts, i));
}

void section_texts(nyx_page *page, const report_set *set)
{
    if (!has(set, "eval", "result.generation"))
        return;
    nyx_page_markup(page, "<section id=\"texts\">\n<h2>Generated text</h2>\n");
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], "eval") && item_get(&set->items[i], "result.generation"))
            put(page, &set->items[i]);
    nyx_page_markup(page, "</section>\n");
}

/* unknown -- which figures are null, and why. */
#include "section.h"

#include <string.h>

enum { REASONS_MOST = 128, KEYS_MOST = 16 };

typedef struct {
    const char        *reason, *keys[KEYS_MOST];
    int                key_count, items;
    const report_item *first, *last;
} unknown;

typedef struct {
    unknown list[REASONS_MOST];
    int     count;
} unknowns;

static void note(unknowns *u, const report_item *item, const char *key, const char *reason)
{
    unknown *here;
    int      at = 0, k = 0;

    while (at < u->count && strcmp(u->list[at].reason, reason))
        at++;
    if (at == REASONS_MOST)
        return;
    here = &u->list[at];
    if (at == u->count) {
        *here = (unknown){ .reason = reason, .first = item };
        u->count++;
    }
    while (k < here->key_count && strcmp(here->keys[k], key))
        k++;
    if (k == here->key_count && k < KEYS_MOST)
        here->keys[here->key_count++] = key;
    here->items += here->last != item;
    here->last = item;
}

/* Every null in the object, with the reason that stands beside it. */
static void walk(unknowns *u, const report_item *item, const nyx_json *json)
{
    for (int64_t i = 0; i < nyx_json_count(json); i++) {
        const char     *key = nyx_json_kind_of(json) == NYX_JSON_OBJECT ? nyx_json_key(json, i) : NULL;
        const nyx_json *value = nyx_json_item(json, i);
        char            reason[160];

        if (key && nyx_json_kind_of(value) == NYX_JSON_NULL) {
            snprintf(reason, sizeof reason, "%.140s_reason", key);
            note(u, item, key, nyx_json_text(nyx_json_get(json, reason), "no reason was given"));
        }
        walk(u, item, value);
    }
}

void provenance_unknown(nyx_page *page, const report_set *set)
{
    unknowns *u;

    if (nyx_alloc(&u, (int64_t)sizeof *u) < 0) {
        nyx_page_lose(page);
        return;
    }
    for (int i = 0; i < set->count; i++) {
        walk(u, &set->items[i], item_get(&set->items[i], "result"));
        walk(u, &set->items[i], item_get(&set->items[i], "run"));
    }
    if (u->count)
        nyx_page_markup(
            page,
            "<div class=\"scroll\" tabindex=\"0\"><table class=\"full\">\n<caption>What is unknown, and why</caption>"
            "\n<thead><tr><th scope=\"col\">why</th><th scope=\"col\">unknown</th><th scope=\"col\">where</th></tr>"
            "</thead>\n<tbody>\n");
    for (int i = 0; i < u->count; i++) {
        const unknown *here = &u->list[i];

        nyx_page_add(page, "<tr><th scope=\"row\" class=\"wrap\">%s</th><td class=\"wrap\">", here->reason);
        for (int k = 0; k < here->key_count; k++)
            nyx_page_add(page, k ? ", %s" : "%s", here->keys[k]);
        if (here->items > 1)
            nyx_page_add(page, "</td><td>%d reports</td></tr>\n", here->items);
        else
            nyx_page_add(page, "</td><td>%s</td></tr>\n", here->first->name);
    }
    nyx_page_markup(page, u->count ? "</tbody>\n</table></div>\n" : "");
    nyx_free(u);
}

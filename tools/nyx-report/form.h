/* form -- the set as text, HTML, Markdown and CSV. */
#ifndef NYX_REPORT_FORM_H
#define NYX_REPORT_FORM_H

#include "set.h"

void form_text(nyx_page *page, const report_set *set);
void form_html(nyx_page *page, const report_set *set);
void form_markdown(nyx_page *page, const report_set *set);

/* The tables that a set may have, in the order in which one is looked for. */
extern const char *const form_tables[];
/* One of them, NULL: the first that has rows. INPUT when none has. */
int form_csv(nyx_page *page, const report_set *set, const char *table) NYX_CHECKED;

#endif

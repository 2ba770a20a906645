/* form -- the set as text, HTML, Markdown and CSV. Each returns 0 or MEMORY. */
#ifndef NYX_REPORT_FORM_H
#define NYX_REPORT_FORM_H

#include "set.h"

int form_text(nyx_page *page, const report_set *set) NYX_CHECKED;
int form_html(nyx_page *page, const report_set *set) NYX_CHECKED;
int form_markdown(nyx_page *page, const report_set *set) NYX_CHECKED;

/* The tables that a set may have, in the order in which one is looked for. */
extern const char *const form_tables[];
/* One of them, NULL: the first that has rows. INPUT when none has. */
int form_csv(nyx_page *page, const report_set *set, const char *table) NYX_CHECKED;

#endif

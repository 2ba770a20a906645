/* words -- one line for each report, and what can be said of naked singles. */
#ifndef NYX_REPORT_WORDS_H
#define NYX_REPORT_WORDS_H

#include "set.h"

/* What it says in one line: "int4:g32, 24 of 28 tensors coded, ...". */
void words_of(nyx_page *page, const report_item *item);
/* Whether it has a line of its own: an evaluation with answers is a row of a table instead. */
bool words_has(const report_item *item);

/* Of the models that stand on their own, which beat naked singles: a line for
 * each, between `before` and `after`, and `first` before all. Returns how many. */
int words_singles(nyx_page *page, const report_set *set, const char *first, const char *before, const char *after,
                  bool padded);

#endif

/* table -- the evaluations among the reports, side by side. */
#ifndef NYX_REPORT_TABLE_H
#define NYX_REPORT_TABLE_H

#include "set.h"

/* One table of those on rows, one of those on text; an empty one is left out.
 * As CSV a figure is as exact as the report has it, and its interval has
 * columns of its own, all evaluations in one table. Returns how many tables. */
int  report_tables(nyx_page *page, const report_set *set);
bool report_is_row(const report_item *item); /* stands in such a table */

#endif

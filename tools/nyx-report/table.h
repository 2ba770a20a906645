/* table -- the evaluations among the reports, side by side. */
#ifndef NYX_REPORT_TABLE_H
#define NYX_REPORT_TABLE_H

#include "cli/cli.h"

/* One table of those on rows, one of those on text; an empty one is left out. */
void report_tables(const char *const names[], const nyx_json *const reports[], int count);

#endif

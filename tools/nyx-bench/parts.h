/* parts -- of nyx-bench: lists of its command line, tables for people. */
#ifndef NYX_BENCH_PARTS_H
#define NYX_BENCH_PARTS_H

#include "bench/bench.h"

/* What is asked for; lists are parsed into it. */
extern nyx_bench_options bench_options;

/* "all" and the rows, once bench_list_rows was called; ends with NULL. */
extern const char       *bench_row_names[];
extern const char *const bench_modes[], *const bench_types[];
void bench_list_rows(void);

/* Checks of comma-separated lists: USAGE names the word that is wrong. */
int bench_check_rows(const char *list) NYX_CHECKED;
int bench_check_modes(const char *list) NYX_CHECKED;
int bench_check_formats(const char *list) NYX_CHECKED;
int bench_check_sizes(const char *list) NYX_CHECKED;
int bench_check_shapes(const char *list) NYX_CHECKED;

void bench_print(nyx_bench *bench); /* figures, then the limits of the device */

#endif

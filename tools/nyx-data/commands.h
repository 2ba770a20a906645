/* commands -- the parts of nyx-data that have a file of their own, and what
 * they share with the others. */
#ifndef NYX_DATA_COMMANDS_H
#define NYX_DATA_COMMANDS_H

#include "cli/cli.h"
#include "data/data.h"

extern const nyx_command data_maze, data_arc, data_text, data_images, data_sort, data_show;

/* Print what a text dataset holds, and lines of tokens of a split; ends `dataset`. */
int data_text_show(nyx_dataset *dataset, const char *name, int64_t from, int64_t lines);

int  data_test_check(const char *text); /* of --test */
/* A target that cannot be made is told before the work, not after it. */
int  data_output_check(const char *path);
void data_progress(void *context, int64_t done, int64_t total);
/* What import met, into the report; a warning when lines were left out. */
void data_import_describe(nyx_report *report, const nyx_import_counts *counts);

#endif

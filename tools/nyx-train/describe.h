/* describe -- what nyx-train says in its report (schemas/train.schema.json). */
#ifndef NYX_TRAIN_DESCRIBE_H
#define NYX_TRAIN_DESCRIBE_H

#include "cli/cli.h"
#include "train/train.h"

void train_describe_plan(nyx_report *report, const nyx_trainer *trainer, const nyx_train_options *options);
/* before: bytes of this process when it started. */
void train_describe_run(nyx_report *report, const nyx_train_result *r, const nyx_train_options *options,
                        int64_t before);

#endif

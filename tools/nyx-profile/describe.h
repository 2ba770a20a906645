/* describe -- a machine as objects of a report, and as lines: schemas/profile.schema.json. */
#ifndef NYX_PROFILE_DESCRIBE_H
#define NYX_PROFILE_DESCRIBE_H

#include "bench/bench.h"
#include "device/machine.h"

/* What stays goes into `result`, what changes from moment to moment into `run`. */
void profile_describe_machine(nyx_json *result, nyx_json *run, const nyx_machine *machine);
void profile_describe_vulkan(nyx_json *result, nyx_json *run, const nyx_vulkan *vulkan);
void profile_describe_sensors(nyx_json *run, const nyx_sensors *sensors);
/* Operations a second of each type, bytes a second of several sets. */
void profile_describe_speed(nyx_json *run, nyx_bench *bench, const nyx_machine *machine);
/* Free space of `folder`, and the figures of the bench's file row. */
void profile_describe_disk(nyx_json *run, const char *folder, const nyx_bench *bench);

/* The same in lines on stdout; sensors that lie become warnings of the report. */
void profile_print_machine(const nyx_machine *machine);
void profile_print_vulkan(const nyx_vulkan *vulkan);
void profile_print_sensors(nyx_report *report, const nyx_sensors *sensors);

#endif

/* describe -- what a report says of the device that worked. */
#include "run/run.h"

#include "device/tune.h"

#include <string.h>

void nyx_device_describe(nyx_report *report, const nyx_device *device, void (*note)(const char *fmt, ...))
{
    nyx_json *run = nyx_report_run(report), *list = NULL;
    char      names[512] = "";

    if (!device)
        return;
    nyx_json_set_text(run, "device", nyx_device_name(device));
    for (int op = NYX_OP_NONE + 1; op < NYX_OP_COUNT; op++) {
        const char  *name = nyx_op_table((enum nyx_op)op)->name;
        const size_t length = strlen(names);

        if (!nyx_device_substitutes(device, (enum nyx_op)op))
            continue;
        list = list ? list : nyx_json_add_array(run, "on_cpu");
        nyx_json_push_text(list, name);
        snprintf(names + length, sizeof names - length, "%s%s", length ? ", " : "", name);
    }
    if (*nyx_tune_warning(device))
        nyx_report_warn(report, "%s", nyx_tune_warning(device));
    if (*nyx_device_shortage(device))
        nyx_report_warn(report, "%s", nyx_device_shortage(device));
    if (list)
        note("warning: '%s' has no kernel that its driver takes for %s; the processor did them", nyx_device_name(device), names);
}

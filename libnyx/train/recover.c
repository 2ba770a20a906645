/* recover -- a run whose device fails: the device is opened again, and the run
 * goes on from its last checkpoint, or starts again. */
#include "train/internal.h"

#include <string.h>

enum { ATTEMPTS_MOST = 3,    /* without a checkpoint between */
       SECONDS_MOST = 600 }; /* that are lost where there is no checkpoint */

/* As before the first step; what the host wrote is cut back by start. */
static int start_over(nyx_trainer *t)
{
    int status;

    nyx_train__tear_down(t);
    nyx_journal_close(t->journal);
    nyx_json_free(t->trace);
    t->journal = NULL;
    t->trace = NULL;
    t->step = 0;
    t->loss = 0.0;
    t->epoch = -1;
    nyx_sampler_seek(&t->sampler, 0);
    t->options.resume = t->options.resume || t->saved >= 0;
    if ((status = nyx_device_reopen(t->device)) < 0)
        return status;
    return nyx_train__build(t);
}

static bool is_worth_it(const nyx_trainer *t, int attempts)
{
    const double seconds = (double)(nyx_clock_ns() - t->begin_ns) * 1e-9;

    return attempts < ATTEMPTS_MOST && (t->saved >= 0 || !t->begin_ns || seconds < SECONDS_MOST);
}

int nyx_trainer_run(nyx_trainer *t, nyx_train_result *result)
{
    int64_t saved = t->saved;
    int     attempts = 0, status;

    while ((status = nyx_train__attempt(t, result)) == NYX_ERR_DEVICE) {
        char why[256];

        snprintf(why, sizeof why, "%s", nyx_error_text());
        attempts = t->saved > saved ? 0 : attempts;
        saved = t->saved;
        if (!is_worth_it(t, attempts))
            return nyx_error_set(status, "%s", why);
        attempts++;
        t->recoveries++;
        if ((status = start_over(t)) < 0)
            return status;
        if (t->options.recovered)
            t->options.recovered(t->options.context, why);
    }
    result->recoveries = t->recoveries;
    return status;
}

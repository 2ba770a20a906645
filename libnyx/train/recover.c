/* recover -- a run whose device fails: the device is opened again, and the run
 * goes on from its last checkpoint, or starts again. */
#include "train/internal.h"

enum { SECONDS_MOST = 600 }; /* that are lost where there is no checkpoint */

/* As before the first step; what the host wrote is cut back by start, which also
 * compares the identity of what was built with the checkpoint's: where another
 * device stands now, or its constants are others, it is refused. */
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
    nyx_json_free(t->identity);
    t->identity = NULL;
    if ((status = nyx_device_reopen(t->device)) < 0 || (status = nyx_train__build(t)) < 0)
        return status;
    return nyx_train__identity(&t->identity, t);
}

static bool is_worth_it(const nyx_trainer *t)
{
    return t->saved >= 0 || !t->begin_ns || (double)(nyx_clock_ns() - t->begin_ns) * 1e-9 < SECONDS_MOST;
}

int nyx_trainer_run(nyx_trainer *t, nyx_train_result *result)
{
    nyx_recovery *r = &t->recovery;
    int64_t       saved = t->saved;
    int           status;

    while ((status = nyx_train__attempt(t, result)) < 0) {
        r->attempts = t->saved > saved ? 0 : r->attempts;
        saved = t->saved;
        if (!is_worth_it(t) || (status = nyx_recovery_begin(r, status)) < 0 || (status = start_over(t)) < 0)
            return status;
        if (t->options.recovered)
            t->options.recovered(t->options.context, r->why);
    }
    result->recoveries = r->count;
    return status;
}

/* plan -- what fits as a document, and back. */
#include "run/run.h"

#include "device/machine.h"

#include <string.h>

nyx_json *nyx_fit_json(const nyx_fit *fit)
{
    nyx_json  *plan = nyx_json_object(), *assumed;
    nyx_config config = fit->config;

    if (fit->assumed)
        config.data.vocabulary = 0; /* unbound */
    nyx_json_set_text(plan, "schema", "nyx.plan/1");
    nyx_json_set_text(plan, "machine", fit->machine);
    nyx_json_set_text(plan, "config_sha256", fit->config_sha256);
    nyx_json_set_text(plan, "device", fit->device);
    nyx_json_set_int(plan, "threads", fit->threads);
    nyx_json_set_text(plan, "precision", "f32");
    nyx_json_set_int(plan, "memory_bytes", fit->budget);
    nyx_json_set_int(plan, "predicted_peak_bytes", fit->bytes);
    nyx_json_set_real(plan, "flops_per_step", fit->flops);
    nyx_json_set_int(plan, "candidates", fit->candidates);
    nyx_json_set_int(plan, "rung", fit->rung);
    nyx_json_set_take(plan, "passes", nyx_passes_json(&fit->passes));
    nyx_json_set_take(plan, "config", nyx_config_json(&config));
    if (fit->assumed) {
        assumed = nyx_json_add_object(plan, "assumed");
        nyx_json_set_int(assumed, "vocabulary", fit->config.data.vocabulary);
        nyx_json_set_int(assumed, "length", fit->config.data.length);
    } else {
        nyx_json_set_null(plan, "assumed", "it was made for a dataset");
    }
    return plan;
}

static void text_into(char *out, size_t room, const nyx_json *plan, const char *key)
{
    snprintf(out, room, "%s", nyx_json_text(nyx_json_get(plan, key), ""));
}

static int check_machine(const char *said, const char *kind, const char *path, const char *option)
{
    nyx_machine machine;

    nyx_machine_probe(&machine, "");
    if (!strcmp(machine.identity, said))
        return 0;
    return nyx_error_set(NYX_ERR_UNSUPPORTED, "%s '%s' was made on another machine; make one here with nyx-profile %s",
                         kind, path, option);
}

static int fit_parse(nyx_fit *out, const nyx_json *plan, const char *path)
{
    int status = nyx_schema_check("plan", plan, path);

    if (status < 0)
        return nyx_error_set(status, "%s; make the plan again with nyx-profile --plan", nyx_error_text());
    memset(out, 0, sizeof *out);
    if ((status = nyx_config_parse(&out->config, nyx_json_get(plan, "config"), path)) < 0 ||
        (status = nyx_passes_read(&out->passes, nyx_json_get(plan, "passes"), path)) < 0)
        return status;
    out->bytes = nyx_json_int(nyx_json_get(plan, "predicted_peak_bytes"), 0);
    out->flops = nyx_json_real(nyx_json_get(plan, "flops_per_step"), 0.0);
    out->candidates = nyx_json_int(nyx_json_get(plan, "candidates"), 0);
    out->rung = (int)nyx_json_int(nyx_json_get(plan, "rung"), 0);
    out->budget = nyx_json_int(nyx_json_get(plan, "memory_bytes"), 0);
    out->threads = (int)nyx_json_int(nyx_json_get(plan, "threads"), 0);
    out->assumed = nyx_json_kind_of(nyx_json_get(plan, "assumed")) == NYX_JSON_OBJECT;
    text_into(out->device, sizeof out->device, plan, "device");
    text_into(out->machine, sizeof out->machine, plan, "machine");
    text_into(out->config_sha256, sizeof out->config_sha256, plan, "config_sha256");
    return check_machine(out->machine, "plan", path, "--plan");
}

int nyx_fit_read(nyx_fit *out, const char *path)
{
    nyx_json *plan;
    int       status = nyx_json_read(&plan, path);

    if (status < 0)
        return status;
    status = fit_parse(out, plan, path);
    nyx_json_free(plan);
    return status;
}

/* ---- a profile ------------------------------------------------------------------ */

int64_t nyx_fit_memory(int64_t available)
{
    return available / 10 * 9;
}

int nyx_profile_memory(int64_t *out, const char *path)
{
    const nyx_json *available;
    nyx_json       *profile;
    int             status = nyx_json_read(&profile, path);

    if (status < 0)
        return status;
    if ((status = nyx_schema_check("profile", profile, path)) < 0) {
        status = nyx_error_set(status, "%s; make the profile with nyx-profile --parts=memory --report",
                               nyx_error_text());
        goto done;
    }
    status = check_machine(nyx_json_text(nyx_json_get(nyx_json_get(profile, "result"), "machine"), ""), "profile", path,
                           "--parts=memory --report");
    available = nyx_json_get(nyx_json_get(nyx_json_get(profile, "run"), "memory"), "available_bytes");
    if (status == 0 && nyx_json_kind_of(available) != NYX_JSON_INT)
        status = nyx_error_set(NYX_ERR_UNSUPPORTED, "profile '%s' does not say how much memory is available", path);
    *out = nyx_fit_memory(nyx_json_int(available, 0));
done:
    nyx_json_free(profile);
    return status;
}

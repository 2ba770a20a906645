/* machine -- what nyx-profile found out, and how a model fits. */
#include "section.h"

#include <math.h>
#include <string.h>

/* ---- one row each -------------------------------------------------------------------------- */

static void row(nyx_grid *grid, const char *what, const char *value)
{
    nyx_grid_cell(grid, "%s", what);
    nyx_grid_cell(grid, "%s", value);
}

/* The figure, or why there is none. */
static void rate(nyx_grid *grid, const char *what, const nyx_json *object, const char *key, const char *unit)
{
    char text[NYX_NUMBER], reason[64];

    nyx_grid_cell(grid, "%s", what);
    snprintf(reason, sizeof reason, "%s_reason", key);
    if (isfinite(number_at(object, key)))
        nyx_grid_cell(grid, "%s", nyx_number_rate(text, number_at(object, key), unit));
    else
        nyx_grid_cell(grid, "unknown: %s", nyx_json_text(nyx_json_get(object, reason), "not measured"));
}

static void caches(nyx_grid *grid, const nyx_json *caches)
{
    char size[NYX_NUMBER], text[200] = "";

    for (int64_t i = 0; i < nyx_json_count(caches); i++) {
        const nyx_json *cache = nyx_json_item(caches, i);

        snprintf(text + strlen(text), sizeof text - strlen(text), "%sL%lld %.12s %s", *text ? ", " : "",
                 (long long)nyx_json_int(nyx_json_get(cache, "level"), 0),
                 nyx_json_text(nyx_json_get(cache, "kind"), ""),
                 nyx_number_bytes(size, nyx_json_real(nyx_json_get(cache, "bytes"), 0.0)));
    }
    if (*text)
        row(grid, "caches", text);
}

static void processor(nyx_grid *grid, const nyx_json *result)
{
    const nyx_json *isa = nyx_json_get(result, "processor.isa");
    char            text[200] = "", size[NYX_NUMBER];

    row(grid, "processor", nyx_json_text(nyx_json_get(result, "processor.name"), "unknown"));
    nyx_grid_cell(grid, "threads");
    nyx_grid_cell(grid, "%lld, usable %lld", (long long)nyx_json_int(nyx_json_get(result, "processor.threads"), 0),
                  (long long)nyx_json_int(nyx_json_get(result, "processor.usable"), 0));
    for (int64_t i = 0; i < nyx_json_count(isa); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
                 nyx_json_text(nyx_json_item(isa, i), ""));
    if (*text)
        row(grid, "instructions", text);
    caches(grid, nyx_json_get(result, "processor.caches"));
    row(grid, "memory",
        isfinite(number_at(result, "memory.bytes")) ? nyx_number_bytes(size, number_at(result, "memory.bytes"))
                                                    : "unknown");
}

static void measured(nyx_grid *grid, const nyx_json *run)
{
    static const char *const types[] = { "f32", "f64", "f16", "bf16", "int8" };
    const nyx_json *speed = nyx_json_get(run, "measured.operations_per_s"), *read = nyx_json_get(run, "measured.read");
    const nyx_json *disk = nyx_json_get(run, "disk.bytes_per_s");
    char            what[80], size[NYX_NUMBER];

    for (size_t i = 0; i < sizeof types / sizeof *types && speed; i++)
        rate(grid, types[i], speed, types[i], "op");
    for (int64_t i = 0; i < nyx_json_count(read); i++) {
        snprintf(what, sizeof what, "reading %s", nyx_number_bytes(size, number_at(nyx_json_item(read, i), "bytes")));
        rate(grid, what, nyx_json_item(read, i), "bytes_per_s", "B");
    }
    for (int64_t i = 0; i < nyx_json_count(disk); i++) {
        const char  *key = nyx_json_key(disk, i);
        const size_t length = strlen(key);

        if (length > 7 && !strcmp(key + length - 7, "_reason"))
            continue;
        snprintf(what, sizeof what, "disk, %.60s", key);
        rate(grid, what, disk, key, "B");
    }
}

/* A quantity and its unit, in words. */
static const char *words_of_quantity(const char *quantity)
{
    static const struct {
        const char *quantity, *words;
    } all[] = {
        { "temperature_c", "temperature in \xc2\xb0"
                           "C" },
        { "power_w", "power in W" },
        { "energy_j", "energy in J" },
        { "utilisation_percent", "busy, %" },
        { "clock_mhz", "clock in MHz" },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(quantity, all[i].quantity))
            return all[i].words;
    return quantity;
}

static void sensors(nyx_grid *grid, const nyx_json *sensors)
{
    for (int64_t s = 0; s < nyx_json_count(sensors); s++) {
        const nyx_json *source = nyx_json_item(sensors, s);

        for (int64_t i = 0; i < nyx_json_count(source); i++) {
            const nyx_json *one = nyx_json_item(source, i);

            if (nyx_json_kind_of(one) != NYX_JSON_OBJECT)
                continue;
            nyx_grid_cell(grid, "%s %s: %s", nyx_json_text(nyx_json_get(one, "device"), ""),
                          nyx_json_text(nyx_json_get(one, "label"), ""),
                          words_of_quantity(nyx_json_text(nyx_json_get(one, "quantity"), "?")));
            if (isfinite(number_at(one, "value")))
                nyx_grid_cell(grid, "%.4g", number_at(one, "value"));
            else
                nyx_grid_cell(grid, "unknown: %s",
                              nyx_json_text(nyx_json_get(one, "value_reason"), "no reason was given"));
        }
    }
}

/* Rates of an object: "51.2 TFLOP/s f32, ..."; those that are null are left out. */
static void rates(char *out, size_t room, const nyx_json *object, const char *unit)
{
    char text[NYX_NUMBER];

    out[0] = '\0';
    for (int64_t i = 0; i < nyx_json_count(object); i++) {
        const size_t length = strlen(out);

        if (json_is_number(nyx_json_item(object, i)))
            snprintf(out + length, room - length, "%s%s %s", length ? ", " : "",
                     nyx_number_rate(text, nyx_json_real(nyx_json_item(object, i), 0.0), unit),
                     nyx_json_key(object, i));
    }
}

/* What it was measured to do at most. */
static void at_most(nyx_grid *grid, const nyx_json *measured, int64_t device)
{
    const double submit = number_at(measured, "submit_s"), clock = number_at(measured, "clock_mhz");
    char         text[256], time[NYX_NUMBER];

    if (!isfinite(number_at(measured, "operations_per_s.f32")))
        return;
    rates(text, sizeof text, nyx_json_get(measured, "operations_per_s"), "FLOP");
    nyx_grid_cell(grid, "Vulkan device %lld, arithmetic at most", (long long)device);
    if (isfinite(clock))
        nyx_grid_cell(grid, "%s, at %.0f MHz", text, clock);
    else
        nyx_grid_cell(grid, "%s", text);
    rates(text, sizeof text, nyx_json_get(measured, "bytes_per_s"), "B");
    nyx_grid_cell(grid, "Vulkan device %lld, bytes at most", (long long)device);
    nyx_grid_cell(grid, "%s%s%s", text, isfinite(submit) ? "; an empty submit takes " : "",
                  isfinite(submit) ? nyx_number_time(time, submit) : "");
}

static void vulkan(nyx_grid *grid, const nyx_json *devices, const nyx_json *measured)
{
    for (int64_t i = 0; i < nyx_json_count(devices); i++) {
        const nyx_json *device = nyx_json_item(devices, i);

        nyx_grid_cell(grid, "Vulkan device %lld", (long long)i);
        nyx_grid_cell(grid, "%s, %s, driver %s", nyx_json_text(nyx_json_get(device, "name"), "?"),
                      nyx_json_text(nyx_json_get(device, "type"), "?"),
                      nyx_json_text(nyx_json_get(device, "driver"), "?"));
        if (i < nyx_json_count(measured))
            at_most(grid, nyx_json_item(measured, i), i);
    }
}

/* ---- the plan -------------------------------------------------------------------------------- */

static void plan(nyx_page *page, const nyx_json *plan)
{
    const nyx_json *passes = nyx_json_get(plan, "passes");
    char            peak[NYX_NUMBER], room[NYX_NUMBER];

    if (!json_is_number(nyx_json_get(plan, "predicted_peak_bytes")))
        return;
    nyx_page_add(page, "<p>The plan takes %s of %s: %s on %s, batch %lld",
                 nyx_number_bytes(peak, number_at(plan, "predicted_peak_bytes")),
                 nyx_number_bytes(room, number_at(plan, "memory_bytes")),
                 nyx_json_text(nyx_json_get(plan, "precision"), "?"), nyx_json_text(nyx_json_get(plan, "device"), "?"),
                 (long long)nyx_json_int(nyx_json_get(plan, "config.training.batch"), 0));
    for (int64_t i = 0; i < nyx_json_count(passes); i++)
        nyx_page_add(page, ", %s: %s", nyx_json_key(passes, i), nyx_json_text(nyx_json_item(passes, i), "?"));
    nyx_page_add(page, ". %lld candidates were planned, none was run",
                 (long long)nyx_json_int(nyx_json_get(plan, "candidates"), 0));
    if (nyx_json_int(nyx_json_get(plan, "rung"), 0) > 0)
        nyx_page_add(page, "; the model was made smaller %lld times",
                     (long long)nyx_json_int(nyx_json_get(plan, "rung"), 0));
    nyx_page_markup(page, ".</p>\n");
}

static void put(nyx_page *page, const report_item *item)
{
    nyx_grid *grid = nyx_grid_create(2);

    nyx_page_add(page, "<h3>%s</h3>\n", item->name);
    plan(page, item_get(item, "result.plan"));
    row(grid, "what", "how much");
    processor(grid, item_get(item, "result"));
    measured(grid, item_get(item, "run"));
    vulkan(grid, item_get(item, "result.vulkan"), item_get(item, "run.vulkan_measured"));
    sensors(grid, item_get(item, "run.sensors"));
    nyx_grid_put(page, grid, "");
    nyx_grid_free(grid);
}

void section_machine(nyx_page *page, const report_set *set)
{
    if (!has(set, "profile", "result.processor"))
        return;
    nyx_page_markup(page, "<section id=\"machine\">\n<h2>Machine</h2>\n");
    for (int i = 0; i < set->count; i++)
        if (item_shows(&set->items[i], "profile"))
            put(page, &set->items[i]);
    nyx_page_markup(page, "</section>\n");
}

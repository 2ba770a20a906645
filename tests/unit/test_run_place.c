/* place: of the devices that might do some work the fastest is opened, and what
 * was tried is written down. */
#include "run/run.h"
#include "vulkan_device.h"

/* What a device is said to take. */
typedef struct {
    double cpu_s, gpu_s, pair_s; /* below 0: it fails */
    double flops; /* 0: not known */
    bool   stops;
    int    asked;
} speeds;

static int flops_of(void *context, double *flops)
{
    *flops = ((const speeds *)context)->flops;
    return 0;
}

static int measure(void *context, nyx_device *device, nyx_placement *place, int *share, double *seconds)
{
    speeds     *s = context;
    const char *name = nyx_device_name(device);
    const bool  pair = nyx_device_is_pair(name);

    s->asked++;
    if (s->stops)
        return nyx_error_set(NYX_ERR_STOPPED, "stopped");
    *seconds = pair ? s->pair_s : strncmp(name, "cpu", 3) ? s->gpu_s : s->cpu_s;
    if (*seconds < 0.0)
        return nyx_error_set(NYX_ERR_MEMORY, "no room on %s", name);
    *share = pair ? 3 : 0;
    nyx_placement_add(place, name)->seconds = *seconds;
    return 0;
}

/* Returns how many were asked; `wanted`: what the name of the chosen one begins with. */
static int chosen_is(const char *wanted, const char *name, speeds s, double flops, int64_t parts, nyx_placement *place)
{
    const nyx_work work = { flops > 0 ? flops_of : NULL, parts, measure, &s };
    nyx_device    *device;

    s.flops = flops;
    ok(nyx_place_open(&device, place, name, 1, &work));
    if (strncmp(nyx_device_name(device), wanted, strlen(wanted)))
        fail_msg("%s was chosen, not %s", nyx_device_name(device), wanted);
    nyx_device_close(device);
    return s.asked;
}

static void a_named_device_is_opened_without_trying(void **state)
{
    nyx_placement place;

    (void)state;
    assert_int_equal(chosen_is("cpu:reference", "cpu:reference", (speeds){ 1, 1, 1, 0, false, 0 }, 1e15, 4, &place), 0);
    assert_int_equal(place.count, 0);
    assert_true(nyx_place_is_auto("auto") && nyx_place_is_auto("auto,software"));
    assert_false(nyx_place_is_auto("cpu") || nyx_place_is_auto("auto,hardware") || nyx_place_is_auto("automatic"));
}

static void the_fastest_is_taken(void **state)
{
    const double  little = 1e6, much = 1e15;
    nyx_placement place;
    int           asked;

    (void)state;
    if (!has_device())
        return;
    chosen_is("vulkan:", "auto,software", (speeds){ 2, 1, 9, 0, false, 0 }, 0, 0, &place);
    assert_int_equal(place.share, 0);
    assert_true(place.count >= 2 && place.seconds > 0);
    chosen_is("cpu:", "auto,software", (speeds){ 1, 2, 9, 0, false, 0 }, little, 0, &place);
    /* nothing to share out */
    chosen_is("cpu:", "auto,software", (speeds){ 1, 2, 0.5, 0, false, 0 }, little, 1, &place);
    chosen_is("cpu:", "auto,software", (speeds){ 2, 3, 2.5, 0, false, 0 }, little, 4, &place);
    chosen_is("cpu:", "auto,software", (speeds){ 1, -1, 0.5, 0, false, 0 }, little, 4, &place); /* the GPU cannot */
    assert_string_equal(place.trials[0].reason, "no room on vulkan:0");
    chosen_is("vulkan:", "auto,software", (speeds){ -1, 5, 6, 0, false, 0 }, 0, 0, &place);
    assert_int_equal(place.share, 0);
    /* Both together; share and device of the pair. */
    chosen_is("cpu:", "auto,software", (speeds){ 2000, 1000, 500, 0, false, 0 }, little, 4, &place);
    assert_int_equal(place.share, 3);
    /* What both together could save does not pay for trying. */
    asked = chosen_is("vulkan:", "auto,software", (speeds){ 2e-5, 1e-5, 5e-6, 0, false, 0 }, little, 4, &place);
    assert_int_equal(asked, 2);
    /* The processor cannot be faster than this, and is not tried, nor the pair. */
    asked = chosen_is("vulkan:", "auto,software", (speeds){ 0.1, 1, 0.1, 0, false, 0 }, much, 4, &place);
    assert_int_equal(asked, place.count - 1);
    assert_true(place.trials[place.count - 1].seconds < 0 && strstr(place.trials[place.count - 1].reason, "more than"));
}

static void a_wish_to_stop_is_passed_on(void **state)
{
    speeds         s = { .stops = true };
    const nyx_work work = { NULL, 0, measure, &s };
    nyx_placement  place;
    nyx_device    *device;

    (void)state;
    if (!has_device())
        return;
    assert_int_equal(nyx_place_open(&device, &place, "auto,software", 1, &work), NYX_ERR_STOPPED);
    assert_null(device);
    assert_int_equal(s.asked, 1);
}

static void trials_become_a_part_of_the_report(void **state)
{
    nyx_placement place = { .seconds = 1.5 };
    nyx_json     *run = nyx_json_object(), *empty = nyx_json_object();
    char         *text;

    (void)state;
    nyx_placement_describe(&place, empty);
    assert_int_equal(nyx_json_count(empty), 0);
    nyx_placement_add(&place, "cpu:base")->seconds = 0.25;
    nyx_placement_add(&place, "cpu:base+vulkan:0")->share = 2;
    snprintf(place.trials[1].reason, sizeof place.trials[1].reason, "no room");
    nyx_placement_describe(&place, run);
    ok(nyx_json_print(&text, nyx_json_get(run, "placement"), 0));
    assert_string_equal(text, "{\"seconds\":1.5,\"trials\":[{\"device\":\"cpu:base\",\"seconds\":0.25},"
                              "{\"device\":\"cpu:base+vulkan:0\",\"seconds\":null,\"seconds_reason\":\"no room\","
                              "\"share\":2}]}");
    nyx_free(text);
    nyx_json_free(run);
    nyx_json_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_device_is_opened_without_trying),
        cmocka_unit_test(the_fastest_is_taken),
        cmocka_unit_test(a_wish_to_stop_is_passed_on),
        cmocka_unit_test(trials_become_a_part_of_the_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

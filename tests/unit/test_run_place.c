/* place: of the devices that might do some work the fastest is opened, and what
 * was tried is written down. */
#include "run/run.h"
#include "vulkan_device.h"

/* What a device is said to take and to multiply; the first by name. */
typedef struct {
    double  cpu_s, gpu_s, pair_s; /* below 0: it fails */
    double  cpu_rate, gpu_rate;
    double  flops;    /* 0: not known */
    int64_t steps;
    int     share;    /* that the pair finds best; 0: 3 */
    bool    stops;
    int     timed, checked;
    double  best_s, most_s; /* as the last one was told */
} speeds;

static int amount_of(void *context, nyx_amount *out)
{
    const speeds *s = context;

    *out = (nyx_amount){ .flops = s->flops, .launches = 0.0, .steps = s->steps, .type = NYX_F32 };
    return 0;
}

static double rate_of(void *context, nyx_device *device)
{
    const speeds *s = context;

    return strncmp(nyx_device_name(device), "cpu", 3) ? s->gpu_rate : s->cpu_rate;
}

static int measure(void *context, nyx_device *device, nyx_placement *place, nyx_measuring *m)
{
    speeds     *s = context;
    const char *name = nyx_device_name(device);
    const bool  pair = nyx_device_is_pair(name);

    s->timed += !m->check;
    s->checked += m->check;
    s->best_s = m->best_s;
    s->most_s = m->most_s;
    if (s->stops)
        return nyx_error_set(NYX_ERR_STOPPED, "stopped");
    m->seconds = pair ? s->pair_s : strncmp(name, "cpu", 3) ? s->gpu_s : s->cpu_s;
    if (m->seconds < 0.0)
        return nyx_error_set(NYX_ERR_MEMORY, "no room on %s", name);
    m->share = pair ? s->share ? s->share : 3 : 0;
    if (!m->check)
        nyx_placement_add(place, name)->seconds = m->seconds;
    return 0;
}

/* `wanted`: what the name of the chosen one begins with. */
static void chosen_is(const char *wanted, const char *name, speeds *s, int64_t parts, nyx_placement *place)
{
    const nyx_work work = { s->flops > 0 ? amount_of : NULL, parts, measure, rate_of, s };
    nyx_device    *device;

    s->timed = s->checked = 0;
    ok(nyx_place_open(&device, place, name, 1, &work));
    if (strncmp(nyx_device_name(device), wanted, strlen(wanted)))
        fail_msg("%s was chosen, not %s: %s", nyx_device_name(device), wanted, place->why);
    nyx_device_close(device);
}

static void a_named_device_is_opened_without_trying(void **state)
{
    speeds        s = { .cpu_s = 1, .gpu_s = 1, .pair_s = 1, .flops = 1e15 };
    nyx_placement place;

    (void)state;
    chosen_is("cpu:reference", "cpu:reference", &s, 4, &place);
    assert_int_equal(s.timed, 0);
    assert_int_equal(place.count, 0);
    assert_true(nyx_place_is_auto("auto") && nyx_place_is_auto("auto,software") && nyx_place_is_auto("auto,software,all"));
    assert_false(nyx_place_is_auto("cpu") || nyx_place_is_auto("auto,hardware") || nyx_place_is_auto("automatic"));
}

/* Of work that nobody can count, and where all are to be tried, the fastest is taken. */
static void the_fastest_is_taken(void **state)
{
    speeds        gpu = { .cpu_s = 2, .gpu_s = 1, .pair_s = 9 }, cpu = { .cpu_s = 1, .gpu_s = 2, .pair_s = 0.5 };
    speeds        none = { .cpu_s = -1, .gpu_s = 5 };
    nyx_placement place;

    (void)state;
    if (!has_device())
        return;
    for (int known = 0; known < 2; known++) {
        gpu.flops = cpu.flops = none.flops = known * 1e9;
        gpu.cpu_rate = gpu.gpu_rate = cpu.cpu_rate = cpu.gpu_rate = none.cpu_rate = none.gpu_rate = 1e9;
        chosen_is("vulkan:", "auto,software,all", &gpu, 0, &place);
        assert_true(place.share == 0 && place.count >= 2 && place.seconds > place.open_s && place.open_s > 0);
        chosen_is("cpu:", "auto,software,all", &cpu, 1, &place); /* nothing to share out */
        chosen_is("vulkan:", "auto,software,all", &none, 0, &place);
        assert_true(none.timed >= 2);
        assert_string_equal(place.why, "the fastest of those that were tried");
    }
    cpu.gpu_s = -1; /* the GPU cannot */
    chosen_is("cpu:", "auto,software,all", &cpu, 4, &place);
    assert_string_equal(place.trials[0].reason, "no room on vulkan:0");
}

/* Twenty times slower by its arithmetic: nothing is tried, but whether there is room. */
static void arithmetic_alone_decides_what_is_clear(void **state)
{
    speeds        s = { .cpu_s = 1000, .gpu_s = 30, .pair_s = 1, .flops = 1e12, .steps = 60,
                        .cpu_rate = 1e9, .gpu_rate = 100e9 };
    nyx_placement place;

    (void)state;
    if (!has_device())
        return;
    chosen_is("vulkan:", "auto,software", &s, 0, &place);
    assert_true(s.timed == 0 && s.checked == 1);
    assert_int_equal(place.count, 2);
    assert_true(place.trials[0].seconds < 0 && strstr(place.trials[0].reason, "it would take more than"));
    assert_true(place.trials[0].predicted_s > place.trials[1].predicted_s);
    assert_non_null(strstr(place.why, "nothing was tried"));
    s.cpu_rate = 3000e9;
    s.gpu_rate = 1e9;
    chosen_is("cpu:", "auto,software", &s, 0, &place);
    assert_int_equal(s.timed, 0);
    s.gpu_s = -1; /* clear, but it has no room */
    s.cpu_rate = 1e9;
    s.gpu_rate = 100e9;
    chosen_is("cpu:", "auto,software", &s, 0, &place);
    assert_non_null(strstr(place.trials[1].reason, "no room"));
}

static void trials_cost_a_twentieth_of_the_work_at_most(void **state)
{
    /* Alike by their arithmetic, 2,000 s and more; the GPU is the likelier one. */
    speeds        s = { .cpu_s = 3000, .gpu_s = 2500, .flops = 2e12, .steps = 100, .cpu_rate = 1e9, .gpu_rate = 1e9 };
    nyx_placement place;

    (void)state;
    if (!has_device())
        return;
    chosen_is("vulkan:", "auto,software", &s, 0, &place);
    assert_int_equal(s.timed, 2);
    assert_true(s.best_s == 2500 && s.most_s < 0.05 * 2500 && s.most_s > 0.04 * 2500);
    assert_string_equal(place.why, "the fastest of those that were tried");
    s.cpu_s = 100; /* which its arithmetic did not say */
    chosen_is("cpu:", "auto,software", &s, 0, &place);
    /* Of fifty steps there is room to try one device; the other is as fast as is likely. */
    s.cpu_s = 3000;
    s.steps = 50;
    chosen_is("vulkan:", "auto,software", &s, 0, &place);
    assert_int_equal(s.timed, 1);
    assert_non_null(strstr(place.trials[1].reason, "a twentieth"));
    /* Of thirty not even one: the likelier. */
    s.steps = 30;
    chosen_is("vulkan:", "auto,software", &s, 0, &place);
    assert_true(s.timed == 0 && s.checked == 1);
    assert_non_null(strstr(place.why, "likely"));
    s.gpu_s = -1; /* has no room */
    chosen_is("cpu:", "auto,software", &s, 0, &place);
    assert_int_equal(s.checked, 2);
    /* What was timed shows that another cannot be as fast. */
    s = (speeds){ .cpu_s = 1, .gpu_s = 500, .flops = 1e12, .steps = 1000, .cpu_rate = 1e9, .gpu_rate = 1e9 };
    chosen_is("vulkan:", "auto,software", &s, 0, &place);
    assert_int_equal(s.timed, 1);
    assert_non_null(strstr(place.trials[1].reason, "by its arithmetic it would take more than"));
}

static void both_are_taken_where_they_share_the_work(void **state)
{
    speeds        s = { .cpu_s = 3000, .gpu_s = 2500, .pair_s = 1500, .flops = 2e12, .steps = 2000,
                        .cpu_rate = 1e9, .gpu_rate = 1e9 };
    nyx_placement place;

    (void)state;
    if (!has_device())
        return;
    chosen_is("cpu:", "auto,software", &s, 4, &place);
    assert_int_equal(place.share, 3);
    assert_int_equal(s.timed, 3);
    s.share = 4; /* everything on the GPU: that is the GPU alone */
    chosen_is("vulkan:", "auto,software", &s, 4, &place);
    assert_int_equal(place.share, 0);
    assert_int_equal(s.timed, 3);
    s.share = 3;
    s.pair_s = 2600;
    chosen_is("vulkan:", "auto,software", &s, 4, &place);
    assert_int_equal(place.share, 0);
    s.steps = 60; /* too short to try shares */
    s.pair_s = 1500;
    chosen_is("vulkan:", "auto,software", &s, 4, &place);
    assert_true(s.timed < 3);
}

static void a_device_is_timed_by_a_product(void **state)
{
    nyx_device *device;
    double      f32, bf16;

    (void)state;
    ok(nyx_device_open(&device, "cpu", 1));
    f32 = nyx_rate_of(device, NYX_F32, 1e9);
    bf16 = nyx_rate_of(device, NYX_BF16, 1e9);
    nyx_device_close(device);
    assert_true(f32 > 1e8 && f32 < 1e13 && bf16 > 1e7 && bf16 < 1e14);
    if (has_device()) {
        ok(nyx_device_open(&device, "vulkan", 1));
        f32 = nyx_rate_of(device, NYX_F32, 1e9);
        nyx_device_close(device);
        assert_true(f32 > 1e7 && f32 < 1e15);
    }
}

static void a_wish_to_stop_is_passed_on(void **state)
{
    speeds         s = { .stops = true };
    const nyx_work work = { NULL, 0, measure, NULL, &s };
    nyx_placement  place;
    nyx_device    *device;

    (void)state;
    if (!has_device())
        return;
    assert_int_equal(nyx_place_open(&device, &place, "auto,software", 1, &work), NYX_ERR_STOPPED);
    assert_null(device);
    assert_int_equal(s.timed, 1);
}

static void trials_become_a_part_of_the_report(void **state)
{
    nyx_placement place = { .seconds = 1.5, .open_s = 0.5, .why = "lucky" };
    nyx_json     *run = nyx_json_object(), *empty = nyx_json_object();
    char         *text;

    (void)state;
    nyx_placement_describe(&place, empty);
    assert_int_equal(nyx_json_count(empty), 0);
    nyx_placement_add(&place, "cpu:base")->seconds = 0.25;
    place.trials[0].predicted_s = 0.5;
    nyx_placement_add(&place, "cpu:base+vulkan:0")->share = 2;
    snprintf(place.trials[1].reason, sizeof place.trials[1].reason, "no room");
    nyx_placement_describe(&place, run);
    ok(nyx_json_print(&text, nyx_json_get(run, "placement"), 0));
    assert_string_equal(text, "{\"open_s\":0.5,\"seconds\":1.5,\"trials\":[{\"device\":\"cpu:base\",\"predicted_s\":0.5,\"seconds\":0.25},"
                              "{\"device\":\"cpu:base+vulkan:0\",\"seconds\":null,\"seconds_reason\":\"no room\","
                              "\"share\":2}],\"why\":\"lucky\"}");
    nyx_free(text);
    nyx_json_free(run);
    nyx_json_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_device_is_opened_without_trying),
        cmocka_unit_test(the_fastest_is_taken),
        cmocka_unit_test(arithmetic_alone_decides_what_is_clear),
        cmocka_unit_test(trials_cost_a_twentieth_of_the_work_at_most),
        cmocka_unit_test(both_are_taken_where_they_share_the_work),
        cmocka_unit_test(a_device_is_timed_by_a_product),
        cmocka_unit_test(a_wish_to_stop_is_passed_on),
        cmocka_unit_test(trials_become_a_part_of_the_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

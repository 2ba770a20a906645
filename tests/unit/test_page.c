/* page: escaping, numbers, tables, ticks and scales, charts. */
#include "page/page.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REPLACED "\xef\xbf\xbd"

static const char *text_of(const nyx_page *page)
{
    const char *text;
    int64_t     bytes;

    assert_int_equal(nyx_page_text(&text, &bytes, page), 0);
    assert_int_equal(bytes, strlen(text));
    return text;
}

static void text_is_escaped_and_markup_is_not(void **state)
{
    static const struct { enum nyx_page_kind kind; const char *in, *out;
    } rows[] = {
        { NYX_PAGE_HTML, "plain", "plain" },
        { NYX_PAGE_HTML, "<script>\"&'</script>", "&lt;script&gt;&quot;&amp;&#39;&lt;/script&gt;" },
        { NYX_PAGE_HTML, "\x1b[31m\x01\x7f", REPLACED "[31m" REPLACED REPLACED },
        { NYX_PAGE_HTML, "\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", /* broken, overlong, surrogate, too large */
          REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED },
        { NYX_PAGE_HTML, "\xc3", REPLACED },
        { NYX_PAGE_HTML, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { NYX_PAGE_HTML,
          "a\xe2\x80\xae"
          "b\xe2\x81\xa6\xef\xbf\xbf",
          "a" REPLACED "b" REPLACED REPLACED }, /* turned around; no character */
        { NYX_PAGE_TEXT, "<b>\x1b]0;x\x07\xc2\x9b", "<b>" REPLACED "]0;x" REPLACED REPLACED },
        { NYX_PAGE_TEXT, "two\nlines\t.", "two\nlines\t." },
        { NYX_PAGE_MARKDOWN, "a|b\n[x](y) <i> `c` @me #1", "a\\|b \\[x\\](y) \\<i\\> \\`c\\` &#64;me \\#1" },
        { NYX_PAGE_CSV, "plain", "plain" },
        { NYX_PAGE_CSV, "a,b", "\"a,b\"" },
        { NYX_PAGE_CSV, "say \"x\"\n", "\"say \"\"x\"\"\n\"" },
        { NYX_PAGE_CSV, "=1+1", "\"'=1+1\"" },
        { NYX_PAGE_CSV, "@x", "\"'@x\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_page *page;

        assert_int_equal(nyx_page_create(&page, rows[i].kind), 0);
        nyx_page_add(page, "<%s>%% %d %lld %.2f %c", rows[i].in, -3, 1LL << 40, 0.125, 'x');
        assert_memory_equal(text_of(page), "<", 1);
        assert_memory_equal(text_of(page) + 1, rows[i].out, strlen(rows[i].out));
        assert_string_equal(text_of(page) + 1 + strlen(rows[i].out), ">% -3 1099511627776 0.12 x");
        nyx_page_free(page);
    }
}

static void numbers_read_as_people_write_them(void **state)
{
    char text[NYX_NUMBER];

    (void)state;
    assert_string_equal(nyx_number_count(text, 0), "0");
    assert_string_equal(nyx_number_count(text, 999), "999");
    assert_string_equal(nyx_number_count(text, 214914), "214,914");
    assert_string_equal(nyx_number_count(text, -1234567), "-1,234,567");
    assert_string_equal(nyx_number_count(text, INT64_MIN), "-9,223,372,036,854,775,808");
    assert_string_equal(nyx_number_bytes(text, 1023.0), "1023 bytes");
    assert_string_equal(nyx_number_bytes(text, 128008.0), "125.0 KiB");
    assert_string_equal(nyx_number_bytes(text, 3.5 * 1073741824.0), "3.5 GiB");
    assert_string_equal(nyx_number_time(text, 35.15), "35.1 s");
    assert_string_equal(nyx_number_time(text, 143.2), "2 min 23 s");
    assert_string_equal(nyx_number_time(text, 7260.0), "2 h 01 min");
    assert_string_equal(nyx_number_time(text, 0.0041), "4.1 ms");
    assert_string_equal(nyx_number_time(text, 2.5e-6), "2.5 \xc2\xb5s");
    assert_string_equal(nyx_number_rate(text, 1.38e11, "FLOP"), "138 GFLOP/s");
    assert_string_equal(nyx_number_rate(text, 999.7, "B"), "1 kB/s");
    assert_string_equal(nyx_number_short(text, 0.04044), "0.0404");
    assert_string_equal(nyx_number_short(text, 12345.6), "12,346");
    assert_string_equal(nyx_number_exact(text, 0.965), "0.965");
    assert_string_equal(nyx_number_exact(text, 128008.0), "128008");
    assert_string_equal(nyx_number_exact(text, 1500.0), "1500");
    assert_string_equal(nyx_number_exact(text, 1e300), "1e+300");
    assert_string_equal(nyx_number_exact(text, 1.0 / 3.0), "0.3333333333333333");
}

/* ---- ticks ------------------------------------------------------------------------- */

static void check_ticks(double low, double high, bool is_log, int count, const char *expected)
{
    const nyx_scale scale = { .low = low, .high = high, .log = is_log };
    double          ticks[NYX_TICKS];
    const int       found = nyx_scale_ticks(ticks, &scale, count);
    char            line[600] = "", label[NYX_NUMBER];

    for (int i = 0; i < found; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", i ? " " : "",
                 nyx_scale_label(label, ticks[i], is_log || found < 2 ? 0.0 : ticks[1] - ticks[0]));
    assert_string_equal(line, expected);
}

static void ticks_are_round(void **state)
{
    (void)state;
    check_ticks(0.0, 100.0, false, 5, "0 20 40 60 80 100");
    check_ticks(0.0, 1500.0, false, 4, "0 500 1,000 1,500");
    check_ticks(64.1, 105.0, false, 4, "80 100");
    check_ticks(60.0, 105.0, false, 5, "60 70 80 90 100");
    check_ticks(0.0, 0.3, false, 3, "0.0 0.1 0.2 0.3");
    check_ticks(-0.02, 0.02, false, 4, "-0.02 -0.01 0.00 0.01 0.02");
    check_ticks(1e-7, 4e-7, false, 3, "1e-07 2e-07 3e-07 4e-07");
    check_ticks(86.0, 840.0, true, 6, "100 200 500");
    check_ticks(1e-4, 1.0, true, 5, "0.0001 0.001 0.01 0.1 1");
    check_ticks(1e-4, 1.0, true, 2, "0.0001 0.01 1");
    check_ticks(0.2, 5.0, true, 5, "0.2 0.5 1 2 5");
    check_ticks(110.0, 140.0, true, 3, "110 120 130 140");
    check_ticks(1e-12, 1e12, true, 5, "1e-12 1e-08 0.0001 1 10,000 100,000,000 1e+12");
}

/* Every range of many magnitudes: ticks lie inside, rise, are neither too few
 * nor too many, and are as far apart as they say. */
static void ticks_are_sane_everywhere(void **state)
{
    nyx_random random;

    (void)state;
    nyx_random_init(&random, 1, 7);
    for (int i = 0; i < 20000; i++) {
        const int    count = 2 + (int)nyx_random_below(&random, 8);
        const double size = pow(10.0, 40.0 * nyx_random_uniform(&random) - 20.0);
        const double middle = size * (20.0 * nyx_random_uniform(&random) - 10.0);
        nyx_scale    scale = { .low = middle - size, .high = middle + size, .from = 0.0, .to = 1.0 }, wide;
        double       ticks[NYX_TICKS];
        int          found = nyx_scale_ticks(ticks, &scale, count);

        assert_true(found >= count / 3 && found <= count + 1);
        for (int t = 0; t < found; t++) {
            assert_true(ticks[t] >= scale.low - 1e-9 * size && ticks[t] <= scale.high + 1e-9 * size);
            assert_true(t == 0 || ticks[t] > ticks[t - 1]);
        }
        wide = scale;
        nyx_scale_widen(&wide, count);
        assert_true(wide.low <= scale.low + 1e-9 * size && wide.high >= scale.high - 1e-9 * size);
        assert_true(wide.high - wide.low <= 2.0 * size * (1.0 + 2.0 * 7.0 / count + 1e-9));
        found = nyx_scale_ticks(ticks, &wide, count);
        assert_true(found >= 2 && fabs(ticks[0] - wide.low) <= 1e-9 * size);
    }
}

static void scales_meet_their_ends_and_middle(void **state)
{
    const nyx_scale linear = { .low = 2.0, .high = 4.0, .from = 100.0, .to = 0.0 };
    const nyx_scale logs = { .low = 1e-4, .high = 1.0, .log = true, .from = 0.0, .to = 400.0 };

    (void)state;
    assert_float_equal(nyx_scale_at(&linear, 2.0), 100.0, 0.0);
    assert_float_equal(nyx_scale_at(&linear, 4.0), 0.0, 0.0);
    assert_float_equal(nyx_scale_at(&linear, 2.5), 75.0, 1e-12);
    assert_float_equal(nyx_scale_at(&linear, -9.0), 100.0, 0.0);
    assert_float_equal(nyx_scale_at(&linear, 9.0), 0.0, 0.0);
    assert_float_equal(nyx_scale_at(&logs, 1e-4), 0.0, 0.0);
    assert_float_equal(nyx_scale_at(&logs, 1e-2), 200.0, 1e-9);
    assert_float_equal(nyx_scale_at(&logs, 0.0), 0.0, 0.0);
}

/* ---- tables and charts ------------------------------------------------------------- */

static void tables_take_the_form_of_their_page(void **state)
{
    static const char *const expected[] = {
        "name   KiB  what\n"
        "a     12.5  x<y\n"
        "b<c      -  \xc3\xa9\n",
        "<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>cap</caption>\n"
        "<thead><tr><th scope=\"col\">name</th><th scope=\"col\" class=\"n\">KiB</th><th "
        "scope=\"col\">what</th></tr></thead>\n"
        "<tbody>\n<tr><th scope=\"row\">a</th><td class=\"n\">12.5</td><td>x&lt;y</td></tr>\n"
        "<tr><th scope=\"row\">b&lt;c</th><td class=\"n\">-</td><td>\xc3\xa9</td></tr>\n</tbody>\n</table></div>\n",
        "| name | KiB | what |\n| --- | ---: | --- |\n| a | 12.5 | x\\<y |\n| b\\<c | - | \xc3\xa9 |\n\n",
        "name,KiB,what\r\na,12.5,x<y\r\nb<c,\"'-\",\xc3\xa9\r\n",
    };

    (void)state;
    for (int kind = NYX_PAGE_TEXT; kind <= NYX_PAGE_CSV; kind++) {
        nyx_page *page;
        nyx_grid *grid;

        assert_int_equal(nyx_page_create(&page, (enum nyx_page_kind)kind), 0);
        grid = nyx_grid_create(3);
        for (int i = 0; i < 3; i++)
            nyx_grid_cell(grid, "%s", i == 0 ? "name" : i == 1 ? "KiB" : "what");
        assert_true(nyx_grid_empty(grid));
        nyx_grid_cell(grid, "a");
        nyx_grid_cell(grid, "%.1f", 12.5);
        nyx_grid_cell(grid, "x<y");
        nyx_grid_cell(grid, "b<c");
        nyx_grid_cell(grid, "-");
        nyx_grid_cell(grid, "\xc3\xa9");
        assert_false(nyx_grid_empty(grid));
        nyx_grid_put(page, grid, "cap");
        assert_string_equal(text_of(page), expected[kind]);
        nyx_grid_free(grid);
        nyx_page_free(page);
    }
}

static const nyx_chart chart = {
    .id = "id", .title = "T<", .desc = "D&", .width = 400, .height = 240,
    .x = { "size", 0.0, 10.0, false, false }, .y = { "good", 0.0, 1.0, false, false },
};

static void charts_hold_what_was_drawn(void **state)
{
    const double x[] = { 0.0, 5.0, 10.0 }, y[] = { 0.0, NAN, 1.0 };
    nyx_page    *page;
    nyx_plot     plot;

    (void)state;
    assert_int_equal(nyx_page_create(&page, NYX_PAGE_HTML), 0);
    nyx_plot_open(&plot, page, &chart);
    nyx_plot_line(&plot, "a", x, y, 3);
    nyx_plot_band(&plot, "a", x, y, y, 3);
    nyx_plot_steps(&plot, "c", x, x, 3);
    nyx_plot_point(&plot, "b", 5.0, 0.5, 0.25, 0.75);
    nyx_plot_dots(&plot, "c", x, y, 3);
    nyx_plot_rule(&plot, "c", 1.0, "all");
    nyx_plot_label(&plot, "b", 5.0, 0.5, "half <1>", false);
    nyx_plot_close(&plot);
    assert_non_null(strstr(text_of(page), "aria-labelledby=\"id-t id-d\""));
    assert_non_null(strstr(text_of(page), "<title id=\"id-t\">T&lt;</title><desc id=\"id-d\">D&amp;</desc>"));
    assert_non_null(strstr(text_of(page), ">half &lt;1&gt;</text>"));
    assert_non_null(strstr(text_of(page), "M31.0 198.0M390.0 32.0\"/>")); /* the NaN interrupts the line */
    assert_non_null(strstr(text_of(page), "M31.0 198.0h0M390.0 32.0h0\"/>"));
    assert_null(strstr(text_of(page), "nan"));
    assert_memory_equal(text_of(page) + strlen(text_of(page)) - 7, "</svg>\n", 7);
    nyx_page_free(page);
}

/* A label goes where nothing is, and is left out where everything is taken. */
static void labels_cover_nothing(void **state)
{
    nyx_page *page;
    nyx_plot  plot;

    (void)state;
    assert_int_equal(nyx_page_create(&page, NYX_PAGE_HTML), 0);
    nyx_plot_open(&plot, page, &chart);
    for (int i = 0; i <= 60; i++)
        for (int k = 0; k < 15; k++)
            nyx_plot_point(&plot, "a", i / 6.0, k / 14.0, 1.0, 0.0);
    nyx_plot_label(&plot, "a", 5.0, 0.5, "crowded", false);
    nyx_plot_label(&plot, "a", 5.0, 0.5, "demanded", true);
    nyx_plot_close(&plot);
    assert_null(strstr(text_of(page), "crowded"));
    assert_non_null(strstr(text_of(page), "demanded"));
    nyx_page_free(page);
}

/* One value, none, or one that is no size for an axis: still a chart. */
static void axes_take_any_values(void **state)
{
    static const double ends[][2] = { { 1.0, 1.0 },      { 0.0, 0.0 },    { NAN, NAN },
                                      { -1e308, 1e308 }, { 0.0, 5e-324 }, { 1e17, 1e17 + 16.0 } };

    (void)state;
    for (size_t i = 0; i < 2 * (sizeof ends / sizeof *ends); i++) {
        nyx_chart odd = chart;
        nyx_page *page;
        nyx_plot  plot;

        odd.x.low = odd.y.low = ends[i / 2][0];
        odd.x.high = odd.y.high = ends[i / 2][1];
        odd.x.log = odd.y.log = i % 2;
        assert_int_equal(nyx_page_create(&page, NYX_PAGE_HTML), 0);
        nyx_plot_open(&plot, page, &odd);
        nyx_plot_point(&plot, "a", odd.x.low, odd.y.high, odd.y.low, odd.y.high);
        nyx_plot_close(&plot);
        assert_null(strstr(text_of(page), "nan"));
        assert_null(strstr(text_of(page), "inf"));
        assert_true(strlen(text_of(page)) < 8000);
        nyx_page_free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_and_markup_is_not),
        cmocka_unit_test(numbers_read_as_people_write_them),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(ticks_are_sane_everywhere),
        cmocka_unit_test(scales_meet_their_ends_and_middle),
        cmocka_unit_test(tables_take_the_form_of_their_page),
        cmocka_unit_test(charts_hold_what_was_drawn),
        cmocka_unit_test(labels_cover_nothing),
        cmocka_unit_test(axes_take_any_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* report: JSON documents, the schema checker, the envelope. */
#include "report/report.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static nyx_json *parse(const char *text)
{
    nyx_json *json;

    assert_int_equal(nyx_json_parse(&json, text, (int64_t)strlen(text), "test"), 0);
    return json;
}

static void assert_prints(const nyx_json *json, int indent, const char *expected)
{
    char *text;

    assert_int_equal(nyx_json_print(&text, json, indent), 0);
    assert_string_equal(text, expected);
    nyx_free(text);
}

static void documents_print_sorted_and_exact(void **state)
{
    static const struct { const char *in, *out; } rows[] = {
        { "{\"b\": 1, \"a\": [true, null, \"x\"]}", "{\"a\":[true,null,\"x\"],\"b\":1}" },
        { "[0.1, 1e300, -0.0, 3.0, 1e16, 5e-324]",
          "[0.10000000000000001,1.0000000000000001e+300,-0.0,3.0,10000000000000000.0,"
          "4.9406564584124654e-324]" },
        { "[9223372036854775807, -9223372036854775808]",
          "[9223372036854775807,-9223372036854775808]" },
        { "\"\\u0001\\n\\\"\\\\/\\u00e9\\ud83d\\ude00\"",
          "\"\\u0001\\n\\\"\\\\/\xc3\xa9\xf0\x9f\x98\x80\"" },
        { "{}", "{}" },
        { "[[], {}]", "[[],{}]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_json *json = parse(rows[i].in), *copy = nyx_json_copy(json);

        assert_prints(json, 0, rows[i].out);
        nyx_json_free(json);
        assert_prints(copy, 0, rows[i].out);
        nyx_json_free(copy);
    }
    nyx_json *json = parse("{\"a\": [1, {}], \"b\": {\"c\": 2}}");

    assert_prints(json, 2, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": 2\n  }\n}");
    nyx_json_free(json);
}

static void malformed_documents_are_refused_with_their_place(void **state)
{
    static const struct { const char *text, *place; } rows[] = {
        { "", "line 1" },
        { "{\"a\": 1", "line 1" },
        { "{\n\"a\": 1,\n}", "line 3" },
        { "{\"a\": 1, \"a\": 2}", "duplicate" },
        { "[1] x", "end of file expected" },
        { "[NaN]", "line 1" },
        { "[1e999]", "line 1" },
        { "[9223372036854775808]", "too big integer" },
        { "[\"\xff\"]", "unable to decode byte 0xff" },
        { "\xef\xbb\xbf[]", "line 1" },
    };
    nyx_json *json;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t bytes = (int64_t)strlen(rows[i].text);

        assert_int_equal(nyx_json_parse(&json, rows[i].text, bytes, "bad.json"), NYX_ERR_INPUT);
        assert_null(json);
        assert_non_null(strstr(nyx_error_text(), "cannot read 'bad.json': line"));
        if (!strstr(nyx_error_text(), rows[i].place))
            fail_msg("%s", nyx_error_text());
    }
    assert_int_equal(nyx_json_read(&json, "/no/such/file"), NYX_ERR_MISSING);
}

static void values_are_found_by_path(void **state)
{
    nyx_json *json = parse("{\"a\": {\"b\": [10, {\"c\": \"text\"}], \"x.y\": 5}, \"r\": 2.5,"
                           " \"w\": 3.0, \"t\": true, \"n\": null}");

    (void)state;
    assert_int_equal(nyx_json_int(nyx_json_get(json, "a.b.0"), -1), 10);
    assert_string_equal(nyx_json_text(nyx_json_get(json, "a.b.1.c"), ""), "text");
    assert_int_equal(nyx_json_int(nyx_json_get(json, "a.x.y"), -1), 5);
    assert_true(nyx_json_real(nyx_json_get(json, "r"), 0.0) == 2.5);
    assert_true(nyx_json_real(nyx_json_get(json, "a.b.0"), 0.0) == 10.0);
    assert_int_equal(nyx_json_int(nyx_json_get(json, "w"), -1), 3);
    assert_int_equal(nyx_json_int(nyx_json_get(json, "r"), -1), -1);
    assert_true(nyx_json_bool(nyx_json_get(json, "t"), false));
    assert_int_equal(nyx_json_kind_of(nyx_json_get(json, "n")), NYX_JSON_NULL);
    static const char *const absent[] = { "z", "a.z", "a.b.2", "a.b.-1", "a.b.0.c", "a.b.1x", "", "a." };

    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_null(nyx_json_get(json, absent[i]));
    assert_null(nyx_json_get(NULL, "a"));
    assert_string_equal(nyx_json_text(NULL, "otherwise"), "otherwise");
    assert_string_equal(nyx_json_key(json, 0), "a");
    assert_string_equal(nyx_json_key(json, 4), "w");
    assert_null(nyx_json_key(json, 5));
    assert_int_equal(nyx_json_count(json), 5);
    nyx_json_free(json);
}

static void setters_build_what_they_say(void **state)
{
    nyx_json *json = nyx_json_object(), *list, *inner;

    (void)state;
    nyx_json_set_int(json, "z", 1);
    nyx_json_set_int(json, "z", 2);
    nyx_json_set_real(json, "nan", NAN);
    nyx_json_set_real(json, "inf", -INFINITY);
    nyx_json_set_text(json, "path", "a\xff\xc0\x80/b\xc3\xa9");
    nyx_json_set_null(json, "none", NULL);
    list = nyx_json_add_array(json, "list");
    nyx_json_push_real(list, INFINITY);
    nyx_json_push_text(list, "x");
    nyx_json_push_int(list, 7);
    inner = nyx_json_push_object(list);
    nyx_json_set_bool(inner, "yes", true);
    nyx_json_set_take(json, "taken", nyx_json_array());
    nyx_json_push_take(list, nyx_json_object());
    assert_prints(json, 0, "{\"inf\":null,\"inf_reason\":\"minus infinite\",\"list\":[null,\"x\",7,"
                           "{\"yes\":true},{}],\"nan\":null,\"nan_reason\":\"not a number\","
                           "\"none\":null,\"path\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd/b\xc3\xa9\","
                           "\"taken\":[],\"z\":2}");
    nyx_json_free(json);
}

static void many_keys_stay_sorted(void **state)
{
    nyx_json  *json = nyx_json_object();
    nyx_random random;

    (void)state;
    nyx_random_init(&random, 5, 0);
    for (int i = 0; i < 3000; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%d", (int)nyx_random_below(&random, 2000));
        nyx_json_set_int(json, key, i);
    }
    for (int64_t i = 1; i < nyx_json_count(json); i++)
        assert_true(strcmp(nyx_json_key(json, i - 1), nyx_json_key(json, i)) < 0);
    nyx_json_free(json);
}

static void a_lost_value_spoils_the_document(void **state)
{
    nyx_json *json = nyx_json_object(), *inner = nyx_json_add_object(json, "inner");
    char     *text;

    (void)state;
    nyx_json_set_take(inner, "lost", NULL); /* what running out of memory looks like */
    nyx_json_push_int(nyx_json_add_array(inner, "gone"), 1);
    assert_int_equal(nyx_json_print(&text, json, 0), NYX_ERR_MEMORY);
    assert_null(text);
    nyx_json_free(json);
}

/* A whole valid report, and one change to it. */
static const char *const good_report =
    "{\"schema\":\"nyx.eval/1\",\"status\":\"ok\",\"error\":null,\"run\":{\"tool\":\"nyx-eval\","
    "\"version\":\"1\",\"argv\":[\"nyx-eval\"],\"seed\":0,\"device\":null,"
    "\"start\":\"2026-01-01T00:00:00Z\",\"duration_s\":1.5,\"host\":{\"processor\":\"x\","
    "\"processors\":2,\"memory_bytes\":5}},\"inputs\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":null}],"
    "\"outputs\":[],\"warnings\":[\"w\"],\"result\":{}}";

static void schema_complaints_name_the_path_and_the_remedy(void **state)
{
    static const struct { const char *cut, *paste, *complaint; } rows[] = {
        { "\"status\":\"ok\"", "\"status\":\"fine\"", "'status' is \"fine\", one of [\"ok\",\"no\"" },
        { "\"status\":\"ok\",", "", "key 'status' is missing" },
        { "\"warnings\"", "\"warning\"", "unknown key 'warning'; did you mean 'warnings'?" },
        { "\"processors\":2", "\"processors\":0", "'run.host.processors' is 0, at least 1 expected" },
        { "\"processors\":2", "\"processors\":2.5", "'run.host.processors' is 2.5, integer expected" },
        { "\"bytes\":1", "\"byte\":1", "unknown key 'inputs.0.byte'; did you mean 'bytes'?" },
        { "\"bytes\":1", "\"bytes\":\"1\"", "'inputs.0.bytes' is \"1\", integer or null expected" },
        { "\"argv\":[\"nyx-eval\"]", "\"argv\":[]", "a number of elements of at least 1 expected" },
        { "\"version\":\"1\"", "\"version\":\"\"", "'run.version' is \"\", a length of at least 1" },
        { "\"result\":{}", "\"result\":[]", "'result' is [], object expected" },
        { "\"result\":{}", "\"result\":{},\"zzzzzzzzzz\":1", "unknown key 'zzzzzzzzzz'" },
    };
    char text[2048];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = strstr(good_report, rows[i].cut);
        nyx_json   *json;

        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good_report), good_report, rows[i].paste,
                 at + strlen(rows[i].cut));
        json = parse(text);
        assert_int_equal(nyx_schema_check("report", json, "r.json"), NYX_ERR_INPUT);
        assert_non_null(strstr(nyx_error_text(), "cannot use 'r.json': "));
        if (!strstr(nyx_error_text(), rows[i].complaint))
            fail_msg("%s", nyx_error_text());
        nyx_json_free(json);
    }
    nyx_json *json = parse(good_report);

    assert_int_equal(nyx_schema_check("report", json, "r.json"), 0);
    nyx_json_free(json);
}

/* Unknown keywords abort, so judging anything at all proves that a schema is
 * inside the subset. The table is the one that the build embeds. */
extern const struct nyx_schema_source { const char *name, *text; } nyx_schema_sources[];

static void every_schema_is_inside_the_subset(void **state)
{
    nyx_json *json = nyx_json_object();

    (void)state;
    for (int i = 0; nyx_schema_sources[i].name; i++) {
        int status = nyx_schema_check(nyx_schema_sources[i].name, json, "{}");

        assert_true(status == 0 || status == NYX_ERR_INPUT);
    }
    nyx_json_free(json);
}

static void a_report_is_valid_and_lists_its_files(void **state)
{
    char        folder[] = "/tmp/nyx-test-report-XXXXXX", input[64], path[64];
    char       *argv[] = { "nyx-eval", "--x=\xff" };
    nyx_report *report;
    nyx_json   *json;
    FILE       *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(input, sizeof input, "%s/in", folder);
    snprintf(path, sizeof path, "%s/report.json", folder);
    file = fopen(input, "w");
    assert_non_null(file);
    fputs("abc", file);
    fclose(file);
    assert_int_equal(nyx_report_create(&report, "nyx-eval", 2, argv), 0);
    assert_int_equal(nyx_report_input(report, input), 0);
    assert_int_equal(nyx_report_output(report, "/dev/null"), 0);
    assert_int_equal(nyx_report_input(report, "/no/such"), NYX_ERR_MISSING);
    assert_memory_equal(nyx_report_input_sha256(report, input), "ba7816bf", 8);
    assert_null(nyx_report_input_sha256(report, "other"));
    nyx_report_warn(report, "%d is odd", 3);
    nyx_json_set_real(nyx_report_result(report), "loss", 0.5);
    assert_int_equal(nyx_report_write(report, path, "error", "cannot see"), 0);
    nyx_report_free(report);

    assert_int_equal(nyx_json_read(&json, path), 0);
    assert_int_equal(nyx_schema_check("report", json, path), 0);
    assert_string_equal(nyx_json_text(nyx_json_get(json, "schema"), ""), "nyx.eval/1");
    assert_string_equal(nyx_json_text(nyx_json_get(json, "status"), ""), "error");
    assert_string_equal(nyx_json_text(nyx_json_get(json, "error"), ""), "cannot see");
    assert_string_equal(nyx_json_text(nyx_json_get(json, "warnings.0"), ""), "3 is odd");
    assert_int_equal(nyx_json_int(nyx_json_get(json, "inputs.0.bytes"), 0), 3);
    assert_string_equal(nyx_json_text(nyx_json_get(json, "outputs.0.bytes_reason"), ""),
                        "not a regular file");
    nyx_json_free(json);
    unlink(input);
    unlink(path);
    rmdir(folder);
}

static void a_report_that_cannot_be_written_says_so(void **state)
{
    char       *argv[] = { "nyx-eval" };
    nyx_report *report;

    (void)state;
    assert_int_equal(nyx_report_create(&report, "nyx-eval", 1, argv), 0);
    assert_int_equal(nyx_report_write(report, "/no/such/report.json", "ok", NULL), NYX_ERR_CREATE);
    assert_int_equal(nyx_report_write(report, "/dev/full", "ok", NULL), NYX_ERR_OUTPUT);
    nyx_report_free(report);
    nyx_report_free(NULL);
}

static void schemas_are_known_by_name(void **state)
{
    (void)state;
    assert_true(nyx_schema_exists("report"));
    assert_true(nyx_schema_exists("eval"));
    assert_false(nyx_schema_exists("eval.schema.json"));
    assert_false(nyx_schema_exists(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_print_sorted_and_exact),
        cmocka_unit_test(schemas_are_known_by_name),
        cmocka_unit_test(malformed_documents_are_refused_with_their_place),
        cmocka_unit_test(values_are_found_by_path),
        cmocka_unit_test(setters_build_what_they_say),
        cmocka_unit_test(many_keys_stay_sorted),
        cmocka_unit_test(a_lost_value_spoils_the_document),
        cmocka_unit_test(schema_complaints_name_the_path_and_the_remedy),
        cmocka_unit_test(every_schema_is_inside_the_subset),
        cmocka_unit_test(a_report_is_valid_and_lists_its_files),
        cmocka_unit_test(a_report_that_cannot_be_written_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

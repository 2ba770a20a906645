/* bundle: names, headers and the packed stream below it. */
#include "bundle/bundle.h"
#include "bundle/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- names ---------------------------------------------------------------------- */

static void good_names_have_no_fault(void **state)
{
    static const char *const names[] = {"a",
                                        "a/b",
                                        "..a",
                                        "a..",
                                        "...",
                                        ".hidden",
                                        "na\xc3\xafve",
                                        "\xe6\x97\xa5\xe6\x9c\xac",
                                        "a b",
                                        "\xf0\x9f\x98\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(nyx_bundle__name_fault(names[i]));
}

static void bad_names_have_one(void **state)
{
    static const char *const names[] = {
        "",
        "/",
        "/a",
        ".",
        "..",
        "a/..",
        "../a",
        "a/./b",
        "a//b",
        "a/",
        "a\x1f",
        "a\x7f",
        "\xc2\x85",
        "\xe2\x80\xae",
        "\xff",
        "\xc0\xaf",
        "\xe0\x80\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xe6\x97",
        "\xc3",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(nyx_bundle__name_fault(names[i]));
}

static void shown_names_have_no_controls_and_an_end(void **state)
{
    char shown[NYX_BUNDLE__SHOWN], name[2000];

    (void)state;
    assert_string_equal(nyx_bundle__shown(shown, "na\xc3\xafve"), "na\xc3\xafve");
    assert_string_equal(nyx_bundle__shown(shown, "a\n\x1b[m\xff"), "a\\x0a\\x1b[m\\xff");
    memset(name, '\n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(strlen(nyx_bundle__shown(shown, name)), 128 * 4 + 3);
}

static int check(const char *const *names)
{
    nyx_bundle_file files[8] = { 0 };
    nyx_bundle      bundle = { .files = files };

    for (; names[bundle.count]; bundle.count++)
        files[bundle.count].name = names[bundle.count];
    return nyx_bundle__check_names(&bundle, "try");
}

static void names_that_collide_are_found_wherever_they_stand(void **state)
{
    (void)state;
    assert_int_equal(check((const char *const[]){ "a", "a-b", "a.b", "b/a", "b/c/d", NULL }), 0);
    assert_int_equal(check((const char *const[]){ "A", "B", "a", NULL }), NYX_ERR_INPUT);
    assert_int_equal(check((const char *const[]){ "a", "a!b", "a-b", "a/b", NULL }), NYX_ERR_INPUT);
    assert_int_equal(check((const char *const[]){ "A/z", "B", "a/b", NULL }), NYX_ERR_INPUT);
    assert_int_equal(check((const char *const[]){ "x/A/z", "x/B", "x/a/b", NULL }), NYX_ERR_INPUT);
    assert_int_equal(check((const char *const[]){ "A", "B", "a/b", NULL }), NYX_ERR_INPUT);
    assert_int_equal(check((const char *const[]){ "a", "a", NULL }), NYX_ERR_INPUT);
}

/* ---- headers ---------------------------------------------------------------------- */

/* The fields of POSIX.1-1988 ustar, by their offsets. */
static void a_header_is_what_posix_says(void **state)
{
    uint8_t  h[NYX_BUNDLE__BLOCK];
    unsigned sum = 0, told;

    (void)state;
    assert_true(nyx_bundle__header(h, "dir/name", 1234));
    assert_string_equal((char *)h, "dir/name");
    assert_string_equal((char *)h + 100, "0000644");
    assert_string_equal((char *)h + 124, "00000002322");
    assert_string_equal((char *)h + 136, "00000000000");
    assert_int_equal(h[156], '0');
    assert_memory_equal(h + 257, "ustar\0" "00", 8);
    for (int i = 0; i < NYX_BUNDLE__BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : h[i];
    assert_int_equal(sscanf((char *)h + 148, "%o", &told), 1);
    assert_int_equal(told, sum);
}

static void headers_give_names_and_sizes_back(void **state)
{
    static const int64_t sizes[] = { 0, 1, 511, 512, 077777777777, 0100000000000, (int64_t)1 << 40, INT64_MAX };
    char                 name[NYX_BUNDLE_NAME], back[NYX_BUNDLE_NAME + 2];
    uint8_t              h[NYX_BUNDLE__BLOCK];
    int64_t              bytes;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int length = 1; length < NYX_BUNDLE_NAME; length++) {
            for (int k = 0; k < length; k++)
                name[k] = k % 9 == 8 && k + 1 < length ? '/' : 'x';
            name[length] = '\0';
            assert_int_equal(nyx_bundle__header(h, name, sizes[i]), nyx_bundle__name_fault(name) == NULL);
            if (nyx_bundle__name_fault(name))
                continue;
            assert_null(nyx_bundle__header_read(back, &bytes, h));
            assert_string_equal(back, name);
            assert_int_equal(bytes, sizes[i]);
        }
}

/* Whatever bit of a header is turned, its sum or its form is wrong. */
static void no_bit_of_a_header_is_free(void **state)
{
    uint8_t h[NYX_BUNDLE__BLOCK];
    char    name[NYX_BUNDLE_NAME + 2];
    int64_t bytes;

    (void)state;
    assert_true(nyx_bundle__header(h, "folder/name", 4711));
    for (int bit = 0; bit < NYX_BUNDLE__BLOCK * 8; bit++) {
        h[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_non_null(nyx_bundle__header_read(name, &bytes, h));
        h[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* ---- the packed stream -------------------------------------------------------------- */

static void packed_bytes_come_back_in_any_pieces(void **state)
{
    static char   data[300000], back[300000];
    char          path[] = "/tmp/nyx-test-bundle-XXXXXX", first[NYX_SHA256_HEX] = "", sha256[NYX_SHA256_HEX];
    nyx_packer   *packer;
    nyx_unpacker *unpacker;
    nyx_random    random;
    int64_t       bytes, got, all = 0;

    (void)state;
    close(mkstemp(path));
    nyx_random_init(&random, 1, 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(nyx_random_u32(&random) & (i < 100000 ? 0xff : 3));
    for (int64_t piece = 1000; piece < 200000; piece *= 7) {
        assert_int_equal(nyx_packer_open(&packer, path), 0);
        for (int64_t at = 0; at < (int64_t)sizeof data; at += piece)
            assert_int_equal(nyx_packer_write(packer, data + at,
                                              at + piece < (int64_t)sizeof data ? piece : (int64_t)sizeof data - at),
                             0);
        assert_int_equal(nyx_packer_commit(packer, &bytes, sha256), 0);
        assert_true(!*first || !strcmp(first, sha256));
        memcpy(first, sha256, sizeof first);
    }
    assert_int_equal(nyx_sha256_file(sha256, &got, path), 0);
    assert_string_equal(sha256, first);
    assert_int_equal(got, bytes);
    assert_int_equal(nyx_unpacker_open(&unpacker, path), 0);
    assert_string_equal(nyx_unpacker_sha256(unpacker), first);
    assert_int_equal(nyx_unpacker_bytes(unpacker), bytes);
    for (int64_t piece = 1; all < (int64_t)sizeof data; all += got, piece = piece * 3 % 70001) {
        const int64_t most = piece < (int64_t)sizeof data - all ? piece : (int64_t)sizeof data - all;

        assert_int_equal(nyx_unpacker_read(unpacker, back + all, most, &got), 0);
        assert_int_equal(got, most);
    }
    assert_memory_equal(data, back, sizeof data);
    assert_int_equal(nyx_unpacker_read(unpacker, back, 1, &got), 0);
    assert_int_equal(got, 0);
    nyx_unpacker_close(unpacker);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_have_no_fault),
        cmocka_unit_test(bad_names_have_one),
        cmocka_unit_test(shown_names_have_no_controls_and_an_end),
        cmocka_unit_test(names_that_collide_are_found_wherever_they_stand),
        cmocka_unit_test(a_header_is_what_posix_says),
        cmocka_unit_test(headers_give_names_and_sizes_back),
        cmocka_unit_test(no_bit_of_a_header_is_free),
        cmocka_unit_test(packed_bytes_come_back_in_any_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base, SHA-256 of two at once. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sha256_of_two_at_once_is_each_alone(void **state)
{
    static char data[700];
    char        alone[NYX_SHA256_HEX], hex[NYX_SHA256_HEX];

    (void)state;
    for (int i = 0; i < 700; i++)
        data[i] = (char)(i * 31 % 251);
    for (int a = 0; a < 130; a += 13)
        for (int b = 0; b < 130; b += 9)
            for (int length = 0; length < 570; length += 63) {
                nyx_sha256 left, right;

                nyx_sha256_init(&left);
                nyx_sha256_init(&right);
                nyx_sha256_update(&left, data + 130 - a, a);
                nyx_sha256_update(&right, data + 130 - b, b);
                nyx_sha256_update_both(&left, &right, data + 130, length);
                nyx_sha256_final(&left, hex);
                nyx_sha256_bytes(alone, data + 130 - a, a + length);
                assert_string_equal(hex, alone);
                nyx_sha256_final(&right, hex);
                nyx_sha256_bytes(alone, data + 130 - b, b + length);
                assert_string_equal(hex, alone);
            }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_two_at_once_is_each_alone),
    };

    return cmocka_run_group_tests_name("base_sha256", tests, NULL, NULL);
}

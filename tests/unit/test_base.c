/* base: memory, random numbers, SHA-256, threads, files. */
#include "base/base.h"
#include "base/internal.h"
#include "scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_file_is(const char *path, const char *text)
{
    char   *data;
    int64_t bytes;

    assert_int_equal(nyx_file_read(&data, &bytes, path, 1 << 20), 0);
    assert_string_equal(data, text);
    assert_int_equal(bytes, strlen(text));
    nyx_free(data);
}

/* ---- errors and memory -------------------------------------------------- */

static void wrapped_errors_read_from_outside_to_inside(void **state)
{
    (void)state;
    assert_int_equal(nyx_error_set(NYX_ERR_INPUT, "size is %d", 3), NYX_ERR_INPUT);
    assert_int_equal(nyx_error_wrap(NYX_ERR_INPUT, "cannot read '%s'", "a"), NYX_ERR_INPUT);
    assert_string_equal(nyx_error_text(), "cannot read 'a': size is 3");
    nyx_error_set(NYX_ERR_INPUT, "again: %s", nyx_error_text());
    assert_string_equal(nyx_error_text(), "again: cannot read 'a': size is 3");
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    static const struct { int64_t a, b; bool mul, add; } rows[] = {
        { 0, 0, true, true },
        { INT64_MAX, 1, true, false },
        { INT64_MAX, 0, true, true },
        { 3037000499, 3037000499, true, true },
        { 3037000500, 3037000500, false, true },
        { INT64_MAX / 2 + 1, INT64_MAX / 2 + 1, false, false },
    };
    int64_t out;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(nyx_size_mul(&out, rows[i].a, rows[i].b), rows[i].mul);
        if (rows[i].mul)
            assert_true(out == rows[i].a * rows[i].b);
        assert_int_equal(nyx_size_add(&out, rows[i].a, rows[i].b), rows[i].add);
        if (rows[i].add)
            assert_true(out == rows[i].a + rows[i].b);
    }
}

static void memory_is_zeroed_and_aligned(void **state)
{
    static const int64_t sizes[] = { 0, 1, 63, 64, 65, 4096, 1 << 20 };
    char                *memory;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(nyx_alloc(&memory, sizes[i]), 0);
        assert_int_equal((uintptr_t)memory % 64, 0);
        for (int64_t k = 0; k < sizes[i]; k++)
            assert_int_equal(memory[k], 0);
        memset(memory, 0xff, (size_t)sizes[i]);
        nyx_free(memory);
    }
    nyx_free(NULL);
    assert_int_equal(nyx_alloc(&memory, INT64_MAX), NYX_ERR_MEMORY);
    assert_null(memory);
    assert_non_null(strstr(nyx_error_text(), "9223372036854775807"));
}

static void blocks_and_arrays_grow_and_keep_what_they_hold(void **state)
{
    int32_t *block = NULL, *array = NULL;
    int64_t  room = 0;

    (void)state;
    assert_int_equal(nyx_realloc(&block, 0, 8), 0);
    assert_int_equal(block[0] | block[1], 0);
    block[0] = 5;
    block[1] = 6;
    assert_int_equal(nyx_realloc(&block, 4, 4096), 0);
    assert_int_equal(block[0], 5);
    for (int i = 1; i < 1024; i++)
        assert_int_equal(block[i], 0);
    assert_int_equal(nyx_realloc(&block, 4, INT64_MAX), NYX_ERR_MEMORY);
    assert_int_equal(block[0], 5);
    for (int64_t count = 0; count < 100; count++) {
        assert_int_equal(nyx_array_grow(&array, &room, count, (int64_t)sizeof *array, 3), 0);
        assert_int_equal(room, count < 3 ? 3 : count < 6 ? 6 : count < 12 ? 12 : count < 24 ? 24 : count < 48 ? 48 :
                               count < 96 ? 96 : 192);
        array[count] = (int32_t)count;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(array[i], i);
    assert_int_equal(nyx_array_grow(&array, &(int64_t){ 100 }, 100, INT64_MAX / 150, 3), NYX_ERR_MEMORY);
    assert_int_equal(array[99], 99);
    nyx_free(array);
    nyx_free(block);
}

static void texts_are_copied_and_formatted(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(nyx_text_copy(&text, "abc"), 0);
    assert_string_equal(text, "abc");
    nyx_free(text);
    assert_int_equal(nyx_text_format(&text, "%300d|%s", 7, "x"), 0);
    assert_int_equal(strlen(text), 302);
    nyx_free(text);
}

static void arena_pieces_are_zeroed_apart_and_aligned(void **state)
{
    nyx_arena   arena = { 0 };
    char       *piece[300];
    const char *text;

    (void)state;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(nyx_arena_alloc(&arena, &piece[i], i * 7), 0);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        for (int k = 0; k < i * 7; k++)
            assert_int_equal(piece[i][k], 0);
        memset(piece[i], i, (size_t)i * 7);
    }
    for (int i = 0; i < 300; i++)
        for (int k = 0; k < i * 7; k++)
            assert_int_equal((unsigned char)piece[i][k], i & 255);
    assert_int_equal(nyx_arena_text(&arena, &text, "name"), 0);
    assert_string_equal(text, "name");
    nyx_arena_release(&arena);
    assert_null(arena.blocks);
}

/* ---- random numbers ------------------------------------------------------ */

/* Known answers for philox4x32 with 10 rounds, from the kat_vectors file of
 * the Random123 distribution. */
static void philox_gives_the_published_answers(void **state)
{
    static const struct { uint32_t counter[4]; uint64_t key; uint32_t out[4]; } rows[] = {
        { { 0, 0, 0, 0 }, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u }, ~0ull, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, 0x299f31d0a4093822,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    uint32_t out[4];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_philox(out, rows[i].counter, rows[i].key);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void a_random_reader_is_philox_in_order(void **state)
{
    nyx_random random;
    uint32_t   out[4];

    (void)state;
    nyx_random_init(&random, 0x123456789abcdef0, 0xfedcba9876543210);
    for (uint32_t block = 0; block < 3; block++) {
        nyx_philox(out, (uint32_t[]){ block, 0, 0x76543210, 0xfedcba98 }, 0x123456789abcdef0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(nyx_random_u32(&random), out[i]);
    }
}

static void random_numbers_below_have_no_bias(void **state)
{
    enum { DRAWS = 60000, END = 6 };
    int64_t    count[END] = { 0 };
    double     chi = 0.0, sum = 0.0;
    nyx_random random;

    (void)state;
    nyx_random_init(&random, 1, 2);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t draw = nyx_random_below(&random, END);
        double   uniform = nyx_random_uniform(&random);

        assert_true(draw < END);
        assert_true(uniform >= 0.0 && uniform < 1.0);
        count[draw]++;
        sum += uniform;
    }
    for (int i = 0; i < END; i++) {
        double off = (double)count[i] - DRAWS / END;

        chi += off * off / (DRAWS / END);
    }
    assert_true(chi < 15.09); /* 99 % of chi-squared with 5 degrees of freedom */
    assert_true(sum / DRAWS > 0.497 && sum / DRAWS < 0.503);
    /* 2^63 + 1 is the worst case: half of all draws are refused. */
    for (int i = 0; i < 1000; i++)
        assert_true(nyx_random_below(&random, (1ull << 63) + 1) <= 1ull << 63);
    assert_int_equal(nyx_random_below(&random, 1), 0);
}

/* ---- SHA-256 --------------------------------------------------------------- */

/* FIPS 180-4 examples as published by NIST, and RFC 6234 test 3. */
static void sha256_gives_the_published_answers(void **state)
{
    static const struct { const char *text; int64_t times; const char *hex; } rows[] = {
        { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
          "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", 1,
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
        { "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    char hex[NYX_SHA256_HEX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nyx_sha256 hash;

        nyx_sha256_init(&hash);
        for (int64_t k = 0; k < rows[i].times; k++)
            nyx_sha256_update(&hash, rows[i].text, (int64_t)strlen(rows[i].text));
        nyx_sha256_final(&hash, hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

/* The other tests see only the one of the two that this processor uses. */
static void sha256_is_the_same_with_and_without_instructions(void **state)
{
    static uint8_t data[7 * 64];
    nyx_random     random;

    (void)state;
    if (!nyx_base__sha256_is_fast()) {
        print_message("skipped: this processor has no SHA instructions\n");
        skip();
    }
    nyx_random_init(&random, 3, 0);
    for (int round = 0; round < 200; round++) {
        uint32_t plain[8], fast[8];

        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)nyx_random_u32(&random);
        for (int i = 0; i < 8; i++)
            plain[i] = fast[i] = nyx_random_u32(&random);
        nyx_base__sha256_plain(plain, data, round % 8);
        nyx_base__sha256_fast(fast, data, round % 8);
        assert_memory_equal(plain, fast, sizeof plain);
    }
}

static void sha256_does_not_depend_on_the_pieces(void **state)
{
    static char data[1001]; /* ends like a string */
    char        whole[NYX_SHA256_HEX], hex[NYX_SHA256_HEX], of_file[NYX_SHA256_HEX];
    int64_t     bytes;

    (void)state;
    for (int i = 0; i < 1000; i++)
        data[i] = (char)('a' + i % 23);
    for (int length = 0; length < 999; length += 37) {
        nyx_sha256_bytes(whole, data, length);
        for (int cut = 0; cut <= length; cut += 5) {
            nyx_sha256 hash;

            nyx_sha256_init(&hash);
            nyx_sha256_update(&hash, data, cut);
            nyx_sha256_update(&hash, data + cut, length - cut);
            nyx_sha256_final(&hash, hex);
            assert_string_equal(hex, whole);
        }
    }
    write_file(in_folder("hashed"), data);
    nyx_sha256_bytes(whole, data, (int64_t)strlen(data));
    assert_int_equal(nyx_sha256_file(of_file, &bytes, in_folder("hashed")), 0);
    assert_string_equal(of_file, whole);
    assert_int_equal(bytes, strlen(data));
    assert_int_equal(nyx_sha256_file(of_file, &bytes, in_folder("none")), NYX_ERR_MISSING);
    assert_true(nyx_stream_of("abc") == 0xba7816bf8f01cfea);
}

/* ---- threads ---------------------------------------------------------------- */

enum { ROUNDS = 2000, MOST_PARTS = 5 };
struct relay { nyx_pool *pool; int at[MOST_PARTS]; atomic_int torn; };

/* After each barrier every part must see that every other part came as far. */
static void relay_rounds(void *context, int part, int parts)
{
    struct relay *relay = context;

    for (int round = 1; round <= ROUNDS; round++) {
        relay->at[part] = round;
        nyx_pool_barrier(relay->pool);
        for (int i = 0; i < parts; i++)
            if (relay->at[i] != round)
                atomic_fetch_add(&relay->torn, 1);
        nyx_pool_barrier(relay->pool);
    }
}

static void threads_meet_at_barriers(void **state)
{
    (void)state;
    for (int parts = 1; parts <= MOST_PARTS; parts++) {
        struct relay relay = { 0 };

        assert_int_equal(nyx_pool_create(&relay.pool, parts), 0);
        assert_int_equal(nyx_pool_parts(relay.pool), parts);
        for (int run = 0; run < 3; run++)
            nyx_pool_run(relay.pool, relay_rounds, &relay);
        assert_int_equal(relay.torn, 0);
        nyx_pool_free(relay.pool);
    }
    nyx_pool_free(NULL);
}

static void a_pool_of_zero_parts_takes_every_processor(void **state)
{
    nyx_pool *pool;

    (void)state;
    assert_int_equal(nyx_pool_create(&pool, 0), 0);
    assert_int_equal(nyx_pool_parts(pool), nyx_cpu_count());
    nyx_pool_free(pool);
}

/* ---- files -------------------------------------------------------------------- */

static void files_are_read_whole_or_not_at_all(void **state)
{
    char   *data;
    int64_t bytes;

    (void)state;
    write_file(in_folder("ten"), "0123456789");
    assert_file_is(in_folder("ten"), "0123456789");
    assert_int_equal(nyx_file_read(&data, &bytes, in_folder("ten"), 10), 0);
    nyx_free(data);
    assert_int_equal(nyx_file_read(&data, &bytes, in_folder("ten"), 9), NYX_ERR_INPUT);
    assert_null(data);
    assert_int_equal(nyx_file_read(&data, &bytes, in_folder("none"), 9), NYX_ERR_MISSING);
    assert_int_equal(nyx_file_read(&data, &bytes, folder, 9), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "it is a folder"));
    assert_int_equal(nyx_file_read(&data, &bytes, "/proc/self/status", 1 << 20), 0);
    assert_true(bytes > 100); /* its size is announced as 0 */
    nyx_free(data);
}

static void two_names_of_one_file_are_the_same(void **state)
{
    (void)state;
    write_file(in_folder("one"), "1");
    write_file(in_folder("other"), "1");
    assert_int_equal(link(in_folder("one"), in_folder("hard")), 0);
    assert_int_equal(symlink("one", in_folder("soft")), 0);
    assert_true(nyx_file_same(in_folder("one"), in_folder("hard")));
    assert_true(nyx_file_same(in_folder("one"), in_folder("soft")));
    assert_false(nyx_file_same(in_folder("one"), in_folder("other")));
    assert_false(nyx_file_same(in_folder("none"), in_folder("none")));
}

static void an_output_appears_only_when_committed(void **state)
{
    const char *path = in_folder("out");
    nyx_output *out;
    char        temporary[PATH_MAX];

    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        write_file(path, "old");
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(nyx_output_open(&out, path), 0);
        strcpy(temporary, nyx_output_path(out));
        assert_int_equal(access(temporary, F_OK), 0);
        assert_int_equal(nyx_output_write(out, "new", 3), 0);
        assert_file_is(path, "old");
        if (commit)
            assert_int_equal(nyx_output_commit(out), 0);
        else
            nyx_output_discard(out);
        assert_file_is(path, commit ? "new" : "old");
        assert_int_equal(access(temporary, F_OK), -1);
    }
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    nyx_output_discard(NULL);
}

static void large_and_small_writes_keep_their_order(void **state)
{
    enum { BIG = 200000 };
    static char big[BIG], all[BIG * 3];
    nyx_output *out;
    char       *data;
    int64_t     bytes, end = 0;

    (void)state;
    assert_int_equal(nyx_output_open(&out, in_folder("mixed")), 0);
    for (int i = 0; end + BIG <= (int64_t)sizeof all; i++) {
        int64_t length = i % 7 == 6 ? BIG / (i + 1) * 5 : i * 3;

        memset(big, 'a' + i % 26, (size_t)length);
        memcpy(all + end, big, (size_t)length);
        end += length;
        assert_int_equal(nyx_output_write(out, big, length), 0);
    }
    assert_int_equal(nyx_output_commit(out), 0);
    assert_int_equal(nyx_file_read(&data, &bytes, in_folder("mixed"), sizeof all), 0);
    assert_int_equal(bytes, end);
    assert_memory_equal(data, all, (size_t)end);
    nyx_free(data);
}

static void an_output_through_a_link_keeps_the_link(void **state)
{
    nyx_output *out;
    struct stat info;

    (void)state;
    write_file(in_folder("linked"), "old");
    assert_int_equal(symlink("linked", in_folder("link")), 0);
    assert_int_equal(nyx_output_open(&out, in_folder("link")), 0);
    assert_int_equal(nyx_output_write(out, "new", 3), 0);
    assert_int_equal(nyx_output_commit(out), 0);
    assert_file_is(in_folder("linked"), "new");
    assert_int_equal(lstat(in_folder("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void targets_that_cannot_be_made_are_refused(void **state)
{
    static const struct { const char *name, *why; } rows[] = {
        { ".", "it is a folder" },
        { "none/out", "No such file or directory" },
        { "none/", "it does not name a file" },
        { "dangling", "it is a link to nothing" },
    };
    nyx_output *out;

    (void)state;
    assert_int_equal(symlink("nothing", in_folder("dangling")), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(nyx_output_open(&out, in_folder(rows[i].name)), NYX_ERR_CREATE);
        assert_null(out);
        assert_non_null(strstr(nyx_error_text(), rows[i].why));
    }
    assert_int_equal(nyx_output_open(&out, ""), NYX_ERR_CREATE);
}

static void a_trial_leaves_everything_as_it_was(void **state)
{
    (void)state;
    write_file(in_folder("old"), "old");
    assert_int_equal(nyx_output_try(in_folder("old")), 0);
    assert_file_is(in_folder("old"), "old");
    assert_int_equal(nyx_output_try(in_folder("new")), 0);
    assert_int_equal(access(in_folder("new"), F_OK), -1);
    assert_int_equal(nyx_output_try(in_folder("none/out")), NYX_ERR_CREATE);
}

static void a_full_device_is_an_output_error(void **state)
{
    nyx_output *out;

    (void)state;
    assert_int_equal(nyx_output_open(&out, "/dev/full"), 0);
    assert_int_equal(nyx_output_write(out, "x", 1), 0);
    assert_int_equal(nyx_output_commit(out), NYX_ERR_OUTPUT);
    assert_non_null(strstr(nyx_error_text(), "No space left on device; free some space"));
}

/* A child opens the target and is gone without a word: its temporary stays
 * until the next open. The temporary of a living process is left alone. */
static void leftovers_of_dead_processes_are_removed(void **state)
{
    const char *path = in_folder("left.h5");
    nyx_output *living, *out;
    char        dead[PATH_MAX] = "";
    int         ends[2];
    pid_t       child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        int status = nyx_output_open(&out, path);

        if (status == 0 && write(ends[1], nyx_output_path(out), strlen(nyx_output_path(out))) > 0)
            _exit(0);
        _exit(1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(read(ends[0], dead, sizeof dead - 1) > 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(access(dead, F_OK), 0);
    assert_int_equal(nyx_output_open(&living, path), 0);
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(nyx_output_open(&out, path), 0);
    assert_int_equal(access(nyx_output_path(living), F_OK), 0);
    nyx_output_discard(living);
    nyx_output_discard(out);
}

/* ---- folders ----------------------------------------------------------- */

static void put(nyx_folder *into, const char *name, const char *text)
{
    assert_int_equal(nyx_folder_begin(into, name), 0);
    assert_int_equal(nyx_folder_write(into, text, (int64_t)strlen(text)), 0);
    assert_int_equal(nyx_folder_end(into), 0);
}

static void a_folder_appears_only_when_committed(void **state)
{
    nyx_folder *made;

    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        assert_int_equal(nyx_folder_open(&made, in_folder("made/")), 0);
        put(made, "a/b/c", "deep");
        put(made, "a/d", "less");
        assert_int_equal(access(in_folder("made"), F_OK), -1);
        if (commit)
            assert_int_equal(nyx_folder_commit(made), 0);
        else
            nyx_folder_discard(made);
    }
    assert_file_is(in_folder("made/a/b/c"), "deep");
    assert_file_is(in_folder("made/a/d"), "less");
    assert_int_equal(nyx_folder_open(&made, in_folder("made")), NYX_ERR_CREATE);
    assert_null(made);
    nyx_folder_discard(NULL);
}

static void a_folder_never_replaces_or_leaves_itself(void **state)
{
    nyx_folder *made;

    (void)state;
    assert_int_equal(nyx_folder_open(&made, in_folder("none/made")), NYX_ERR_CREATE);
    assert_int_equal(nyx_folder_open(&made, ""), NYX_ERR_CREATE);
    assert_int_equal(nyx_folder_open(&made, in_folder("late")), 0);
    put(made, "a", "once");
    assert_int_equal(nyx_folder_begin(made, "a"), NYX_ERR_OUTPUT);
    assert_int_equal(nyx_folder_begin(made, "a/b"), NYX_ERR_OUTPUT);
    write_file(in_folder("late"), "another's");
    assert_int_equal(nyx_folder_commit(made), NYX_ERR_CREATE);
    assert_file_is(in_folder("late"), "another's");
}

/* What a dead process left of a folder goes with all in it; what links in it
 * lead to stays. */
static void leftovers_of_folders_are_removed(void **state)
{
    nyx_folder *made;
    char        dead[PATH_MAX], inside[PATH_MAX + 16], *name;

    (void)state;
    write_file(in_folder("precious"), "kept");
    assert_int_equal(nyx_base__temporary_name(&name, in_folder("left")), 0);
    /* this host and boot, and a process that cannot be */
    snprintf(dead, sizeof dead, "%.*s999999999-1-0",
             (int)(strstr(name, ".nyx-") + strlen(".nyx-HHHHHHHH-BBBBBBBB-") - name), name);
    nyx_free(name);
    assert_int_equal(mkdir(dead, 0777), 0);
    snprintf(inside, sizeof inside, "%s/link", dead);
    assert_int_equal(symlink(in_folder("precious"), inside), 0);
    snprintf(inside, sizeof inside, "%s/deep", dead);
    assert_int_equal(mkdir(inside, 0777), 0);
    for (int i = 0; i < 500; i++) {
        snprintf(inside, sizeof inside, "%s/deep/file%d", dead, i);
        write_file(inside, "half");
    }
    assert_int_equal(nyx_folder_open(&made, in_folder("left")), 0);
    assert_int_equal(access(dead, F_OK), -1);
    nyx_folder_discard(made);
    assert_file_is(in_folder("precious"), "kept");
}

static void a_journal_is_cut_back_when_continued(void **state)
{
    const char  *path = in_folder("log");
    nyx_journal *journal;
    int64_t      offset;

    (void)state;
    write_file(path, "older run\n");
    assert_int_equal(nyx_journal_open(&journal, path, 0), 0);
    assert_int_equal(nyx_journal_line(journal, "one"), 0);
    offset = nyx_journal_offset(journal);
    assert_int_equal(offset, 4);
    assert_int_equal(nyx_journal_line(journal, "lost"), 0);
    assert_int_equal(nyx_journal_sync(journal), 0);
    nyx_journal_close(journal);
    assert_file_is(path, "one\nlost\n");
    assert_int_equal(nyx_journal_open(&journal, path, offset), 0);
    assert_int_equal(nyx_journal_line(journal, "two"), 0);
    nyx_journal_close(journal);
    assert_file_is(path, "one\ntwo\n");
    assert_int_equal(nyx_journal_open(&journal, path, 100), NYX_ERR_INPUT);
    assert_file_is(path, "one\ntwo\n");
    assert_int_equal(nyx_journal_open(&journal, in_folder("no-log"), 1), NYX_ERR_INPUT);
    assert_int_equal(access(in_folder("no-log"), F_OK), -1);
    assert_int_equal(nyx_journal_open(&journal, folder, 0), NYX_ERR_CREATE);
    nyx_journal_close(NULL);
}

static void a_wish_to_stop_is_remembered(void **state)
{
    (void)state;
    assert_false(nyx_stop_requested());
    nyx_stop_request();
    assert_true(nyx_stop_requested());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapped_errors_read_from_outside_to_inside),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(blocks_and_arrays_grow_and_keep_what_they_hold),
        cmocka_unit_test(texts_are_copied_and_formatted),
        cmocka_unit_test(arena_pieces_are_zeroed_apart_and_aligned),
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(a_random_reader_is_philox_in_order),
        cmocka_unit_test(random_numbers_below_have_no_bias),
        cmocka_unit_test(sha256_gives_the_published_answers),
        cmocka_unit_test(sha256_is_the_same_with_and_without_instructions),
        cmocka_unit_test(sha256_does_not_depend_on_the_pieces),
        cmocka_unit_test(threads_meet_at_barriers),
        cmocka_unit_test(a_pool_of_zero_parts_takes_every_processor),
        cmocka_unit_test(files_are_read_whole_or_not_at_all),
        cmocka_unit_test(two_names_of_one_file_are_the_same),
        cmocka_unit_test(an_output_appears_only_when_committed),
        cmocka_unit_test(large_and_small_writes_keep_their_order),
        cmocka_unit_test(an_output_through_a_link_keeps_the_link),
        cmocka_unit_test(targets_that_cannot_be_made_are_refused),
        cmocka_unit_test(a_trial_leaves_everything_as_it_was),
        cmocka_unit_test(a_full_device_is_an_output_error),
        cmocka_unit_test(leftovers_of_dead_processes_are_removed),
        cmocka_unit_test(a_folder_appears_only_when_committed),
        cmocka_unit_test(a_folder_never_replaces_or_leaves_itself),
        cmocka_unit_test(leftovers_of_folders_are_removed),
        cmocka_unit_test(a_journal_is_cut_back_when_continued),
        cmocka_unit_test(a_wish_to_stop_is_remembered),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

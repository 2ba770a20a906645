/* vulkan cache: what a driver compiled, in a file (device/vulkan/cache.c). */
#include "base/caches.h"
#include "device/vulkan/vulkan.h"
#include "scratch.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const nyx_vulkan__version version = {
    0x10de, 0x2331, 7, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }
};
static const char                text[] = "what a driver compiled";

/* Is there a cache of `text`? Anything else must be no cache at all. */
static bool is_there(const char *path, const nyx_vulkan__version *of)
{
    char   *data;
    int64_t bytes;

    nyx_vulkan__cache_read(&data, &bytes, path, of);
    const bool found = data != NULL;
    if (found) {
        assert_int_equal(bytes, sizeof text);
        assert_memory_equal(data, text, sizeof text);
    } else {
        assert_int_equal(bytes, 0);
    }
    nyx_free(data);
    return found;
}

static void put(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static int matches(const char *pattern)
{
    glob_t    found;
    const int status = glob(in_folder(pattern), 0, NULL, &found);
    const int count = status == 0 ? (int)found.gl_pathc : 0;

    globfree(&found);
    return count;
}

static void what_was_written_is_read(void **state)
{
    const char *path = in_folder("a/b/c.cache");

    (void)state;
    assert_false(is_there(path, &version));
    nyx_vulkan__cache_write(path, &version, "old", 4);
    nyx_vulkan__cache_write(path, &version, text, sizeof text);
    assert_true(is_there(path, &version));
    assert_int_equal(matches("a/b/*"), 1);
}

/* Every byte changed, every length cut, one byte too many. */
static void a_damaged_file_is_no_file(void **state)
{
    const char *path = in_folder("damaged.cache");
    char       *file;
    int64_t     bytes;

    (void)state;
    nyx_vulkan__cache_write(path, &version, text, sizeof text);
    assert_int_equal(nyx_file_read(&file, &bytes, path, 4096), 0);
    assert_int_equal(bytes, 112 + sizeof text);
    for (int64_t i = 0; i < bytes; i++) {
        file[i] ^= 4;
        put(path, file, (size_t)bytes);
        assert_false(is_there(path, &version));
        file[i] ^= 4;
        put(path, file, (size_t)i);
        assert_false(is_there(path, &version));
    }
    put(path, file, (size_t)bytes + 1);
    assert_false(is_there(path, &version));
    put(path, file, (size_t)bytes);
    assert_true(is_there(path, &version));
    nyx_free(file);
}

static void another_driver_reads_nothing(void **state)
{
    const char          *path = in_folder("driver.cache");
    nyx_vulkan__version others[4] = { version, version, version, version };

    (void)state;
    nyx_vulkan__cache_write(path, &version, text, sizeof text);
    others[0].vendor++;
    others[1].device++;
    others[2].driver++;
    others[3].uuid[15]++;
    for (int i = 0; i < 4; i++)
        assert_false(is_there(path, &others[i]));
    assert_true(is_there(path, &version));
}

static void where_nothing_can_be_written_nothing_happens(void **state)
{
    (void)state;
    put(in_folder("file"), "x", 1);
    nyx_vulkan__cache_write(in_folder("file/below.cache"), &version, text, sizeof text);
    assert_false(is_there(in_folder("file/below.cache"), &version));
    assert_int_equal(mkdir(in_folder("taken.cache"), 0700), 0);
    assert_int_equal(mkdir(in_folder("taken.cache/full"), 0700), 0);
    nyx_vulkan__cache_write(in_folder("taken.cache"), &version, text, sizeof text);
    assert_false(is_there(in_folder("taken.cache"), &version));
    assert_int_equal(matches("taken.cache*"), 1);
}

/* x + x on a GPU; false: there is none. */
static bool doubles(void)
{
    nyx_device  *device;
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;
    float        x = 1.5f;

    if (nyx_device_open(&device, "vulkan", 1) < 0)
        return false;
    assert_int_equal(nyx_graph_create(&g, NYX_F32), 0);
    const nyx_value v = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(1, (int64_t)1), NYX_ROLE_INPUT);
    nyx_graph_assign(g, "x", NYX_ROLE_INPUT, nyx_graph_add(g, v, v));
    assert_int_equal(nyx_store_create(&store, device, 1), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    assert_int_equal(nyx_store_allocate(store), 0);
    nyx_store_write(store, "x", &x);
    nyx_program_run(program, &(nyx_run){ .step = 0 });
    nyx_store_read(store, "x", &x);
    assert_int_equal(nyx_device_check(device), 0);
    assert_true(x == 3.0f);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
    nyx_device_close(device);
    return true;
}

static void a_device_keeps_what_it_compiled(void **state)
{
    static char caches[PATH_MAX], path[PATH_MAX];
    glob_t      found;

    (void)state;
    snprintf(caches, sizeof caches, "%s", in_folder("home/caches"));
    nyx_cache_folder_set(caches);
    if (!doubles()) {
        print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
        nyx_cache_folder_set("");
        return;
    }
    assert_int_equal(glob(in_folder("home/caches/vulkan-*.cache"), 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    globfree(&found);
    assert_true(doubles());
    put(path, "no cache", 8);
    assert_true(doubles());
    struct stat whole;
    assert_int_equal(stat(path, &whole), 0);
    assert_true(whole.st_size > 112);
    assert_int_equal(matches("home/caches/*"), 1);
    nyx_cache_folder_set("");
    assert_int_equal(remove(path), 0);
    assert_true(doubles());
    assert_int_equal(matches("home/caches/*"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_damaged_file_is_no_file),
        cmocka_unit_test(another_driver_reads_nothing),
        cmocka_unit_test(where_nothing_can_be_written_nothing_happens),
        cmocka_unit_test(a_device_keeps_what_it_compiled),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

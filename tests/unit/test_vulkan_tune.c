/* vulkan tune: the table of constants that were measured (device/vulkan/tune*.c). */
#include "device/vulkan/tune.h"

#include "base/caches.h"
#include "vulkan_device.h"

#include "scratch.h"

#include <glob.h>
#include <sys/wait.h>
#include <unistd.h>

static const nyx_vulkan__tune_owner owner = { 0x10de, 0x2331, 7, "A \"GPU\"\n" };

static nyx_vulkan__tune_entry entry_of(int m, int32_t gene)
{
    return (nyx_vulkan__tune_entry){ .kernel = "matmul",
                                     .source = "0123456789abcdef",
                                     .date = "2026-11-26",
                                     .type = "bf16",
                                     .variant = 2,
                                     .bucket = { m, 11, 12 },
                                     .genome = { { gene, 128, 64, 8, 4, 2, 8, 1, 4 } },
                                     .found = { 1.25e-4, 0.0125, 2.5e-4, 9 } };
}

static void put(const char *path, const char *text, size_t bytes)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static void what_was_written_is_read(void **state)
{
    nyx_vulkan__tune_table table = { 0 }, again;
    const char            *path = in_folder("table");

    (void)state;
    for (int m = 3; m < 40; m++) {
        const nyx_vulkan__tune_entry entry = entry_of(m, 128);

        ok(nyx_vulkan__tune_put(&table, &entry));
    }
    const nyx_vulkan__tune_entry better = entry_of(7, 64);
    ok(nyx_vulkan__tune_put(&table, &better));
    assert_int_equal(table.count, 37);
    ok(nyx_vulkan__tune_write(&table, path, &owner));
    ok(nyx_vulkan__tune_read(&again, path, &owner));
    assert_int_equal(again.count, 37);
    for (int i = 0; i < 37; i++)
        assert_int_equal(nyx_vulkan__tune_distance(&again.entries[i], &table.entries[i]), 0);
    assert_memory_equal(&again.entries[36].genome, &better.genome, sizeof better.genome);
    assert_true(again.entries[36].found.median_s == 1.25e-4 && again.entries[36].found.spread == 0.0125);
    assert_true(again.entries[36].found.usual_s == 2.5e-4 && again.entries[36].found.samples == 9);
    nyx_free(again.entries);
    ok(nyx_vulkan__tune_read(&again, in_folder("none"), &owner));
    assert_int_equal(again.count, 0);
    nyx_vulkan__tune_entry newer = entry_of(9, 32); /* the kernel is another one: the rest is void */
    newer.source[0] = 'f';
    ok(nyx_vulkan__tune_put(&table, &newer));
    assert_int_equal(table.count, 1);
    nyx_free(table.entries);
}

static void a_damaged_table_and_a_foreign_one_are_refused(void **state)
{
    const nyx_vulkan__tune_owner other = { 0x10de, 0x2331, 8, "A \"GPU\"\n" };
    nyx_vulkan__tune_table       table = { 0 }, again;
    const nyx_vulkan__tune_entry entry = entry_of(5, 128);
    const char                  *path = in_folder("damaged");
    char                        *text;
    int64_t                      bytes;
    int                          refused = 0;

    (void)state;
    ok(nyx_vulkan__tune_put(&table, &entry));
    ok(nyx_vulkan__tune_write(&table, path, &owner));
    nyx_free(table.entries);
    assert_int_equal(nyx_vulkan__tune_read(&again, path, &other), NYX_ERR_UNSUPPORTED);
    assert_null(again.entries);
    ok(nyx_file_read(&text, &bytes, path, 1 << 20));
    for (int64_t i = 0; i < bytes; i++) { /* each byte another one, and an end there */
        const char was = text[i];

        text[i] = (char)(was ^ 0x15);
        put(path, text, (size_t)bytes);
        if (nyx_vulkan__tune_read(&again, path, &owner) < 0)
            refused++;
        else
            assert_int_equal(again.count, 1); /* a digit: still a genome, that is checked when it is taken */
        nyx_free(again.entries);
        text[i] = was;
        put(path, text, (size_t)i);
        if (nyx_vulkan__tune_read(&again, path, &owner) == 0)
            assert_int_equal(again.count, 0); /* the first line alone */
        nyx_free(again.entries);
    }
    assert_true(refused > bytes * 8 / 10);
    nyx_free(text);
}

static void two_processes_at_once_lose_nothing(void **state)
{
    enum { EACH = 30 };
    nyx_vulkan__tune_table table;
    const char            *path = in_folder("shared");
    pid_t                  children[2];

    (void)state;
    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        assert_true(children[c] >= 0);
        if (children[c] == 0) {
            int status = 0;

            for (int i = 0; i < EACH && status == 0; i++) {
                const nyx_vulkan__tune_entry entry = entry_of(2 * i + c, 128);

                status = nyx_vulkan__tune_add(path, &owner, &entry);
            }
            _exit(status < 0);
        }
    }
    for (int c = 0; c < 2; c++) {
        int how;

        assert_int_equal(waitpid(children[c], &how, 0), children[c]);
        assert_int_equal(how, 0);
    }
    ok(nyx_vulkan__tune_read(&table, path, &owner));
    assert_int_equal(table.count, 2 * EACH);
    nyx_free(table.entries);
    put(path, "no table", 8); /* begun anew */
    const nyx_vulkan__tune_entry entry = entry_of(1, 128);
    ok(nyx_vulkan__tune_add(path, &owner, &entry));
    ok(nyx_vulkan__tune_read(&table, path, &owner));
    assert_int_equal(table.count, 1);
    nyx_free(table.entries);
}

/* The digest of a product of 64 x 96 x 128 in this process' caches. */
static void digest_of(char hex[NYX_SHA256_HEX], nyx_device *device)
{
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;

    ok(nyx_graph_create(&g, NYX_F32));
    const nyx_value x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)64, (int64_t)128), NYX_ROLE_INPUT);
    const nyx_value w = nyx_graph_variable(g, "w", NYX_F32, nyx_shape_of(2, (int64_t)96, (int64_t)128), NYX_ROLE_INPUT);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    nyx_program_digest(program, hex);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
}

static void fresh_digest(char hex[NYX_SHA256_HEX], const char *warning)
{
    for (int pair = 1; pair >= 0; pair--) { /* which warns of its leader's */
        nyx_device *device;

        ok(pair ? nyx_device_open_pair(&device, "cpu+vulkan", 1) : nyx_device_open(&device, "vulkan", 1));
        digest_of(hex, device);
        assert_non_null(strstr(nyx_tune_warning(device), warning));
        assert_true(*warning || !*nyx_tune_warning(device));
        nyx_device_close(device);
    }
}

static bool takes(nyx_device *device, int64_t m, int64_t n, int64_t k, int32_t *gene)
{
    const nyx_tune_problem problem = { "matmul", NYX_F32, NYX_MATMUL_NT, { m, n, k } };
    nyx_genome             genome;
    const bool             found = nyx_vulkan__tuned(&genome, device->own, &nyx_vulkan__tune_matmul, &problem);

    *gene = found ? genome.genes[0] : 0;
    return found;
}

static void what_was_kept_is_taken_by_the_next_run(void **state)
{
    static const nyx_genome genome = { { 16, 32, 4, 4, 4, 1, 8, 0 } }, other = { { 32, 64, 4, 4, 4, 1, 8, 0 } };
    static const nyx_genome wild = { { 512, 512, 512, 512, 512, 2, 8, 0 } };
    const nyx_tune_problem  problem = { "matmul", NYX_F32, NYX_MATMUL_NT, { 64, 96, 128 } };
    const nyx_tune_found    found = { 1e-3, 0.01, 2e-3, 5 };
    char                    usual[NYX_SHA256_HEX], tuned[NYX_SHA256_HEX], hex[NYX_SHA256_HEX];
    static char             caches[PATH_MAX], path[PATH_MAX];
    nyx_device             *device;
    glob_t                  files;
    int32_t                 gene;

    (void)state;
    if (!has_device())
        return;
    fresh_digest(usual, "");
    ok(nyx_device_open(&device, "vulkan", 1));
    assert_int_equal(nyx_tune_keep(device, &problem, &genome, &found), NYX_ERR_UNSUPPORTED); /* nowhere */
    nyx_device_close(device);
    snprintf(caches, sizeof caches, "%s", in_folder("home/caches"));
    nyx_cache_folder_set(caches);
    ok(nyx_device_open(&device, "vulkan", 1));
    ok(nyx_tune_keep(device, &problem, &genome, &found));
    digest_of(hex, device);
    nyx_device_close(device);
    fresh_digest(tuned, "");
    assert_string_equal(hex, tuned);
    assert_string_not_equal(usual, tuned);
    ok(nyx_device_open(&device, "vulkan", 1));
    assert_true(takes(device, 64, 90, 128, &gene) && gene == 16);    /* the same bucket */
    assert_true(takes(device, 128, 192, 128, &gene) && gene == 16);  /* the nearest */
    assert_false(takes(device, 128, 192, 256, &gene));               /* too far */
    ok(nyx_tune_keep(device, &(nyx_tune_problem){ "matmul", NYX_F32, NYX_MATMUL_NT, { 128, 96, 128 } }, &other,
                     &found));
    assert_true(takes(device, 128, 96, 128, &gene) && gene == 32);
    assert_true(takes(device, 256, 96, 128, &gene) && gene == 32);   /* of two, the nearer */
    assert_true(takes(device, 64, 96, 128, &gene) && gene == 16);
    ok(nyx_tune_keep(device, &problem, &wild, &found));              /* what does not fit is passed over */
    assert_true(takes(device, 64, 96, 128, &gene) && gene == 32);
    nyx_tune_force(device, "matmul", &genome);
    assert_true(takes(device, 64, 96, 128, &gene) && gene == 16);
    nyx_tune_force(device, NULL, NULL);
    nyx_device_close(device);
    assert_int_equal(glob(in_folder("home/caches/vulkan-*.tune.jsonl"), 0, NULL, &files), 0);
    assert_int_equal(files.gl_pathc, 1);
    snprintf(path, sizeof path, "%s", files.gl_pathv[0]);
    globfree(&files);
    put(path, "no table", 8);
    fresh_digest(hex, "is no table of this device and driver; nyx-bench --tune makes one");
    assert_string_equal(hex, usual);
    put(path, "{\"schema\":\"nyx.tune/1\",\"vendor\":1,\"device\":1,\"driver\":1,\"name\":\"another\"}\n", 73);
    fresh_digest(hex, "is no table of this device");
    assert_string_equal(hex, usual);
    nyx_cache_folder_set("");
}

static void only_products_on_gpus_are_tuned(void **state)
{
    nyx_device      *device;
    nyx_graph       *g;
    nyx_tune_problem problem;
    int              node = 0;

    (void)state;
    ok(nyx_device_open(&device, "cpu", 1));
    ok(nyx_graph_create(&g, NYX_F32));
    const nyx_value x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)16, (int64_t)16), NYX_ROLE_INPUT);
    nyx_graph_assign(g, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, x, x, 0, NYX_MATMUL_NT));
    while (nyx_graph_node(g, node)->op != NYX_OP_MATMUL)
        node++;
    assert_int_equal(nyx_tune_problem_of(&problem, device, g, nyx_graph_node(g, node)), NYX_ERR_UNSUPPORTED);
    assert_string_equal(nyx_tune_warning(device), "");
    nyx_device_close(device);
    if (has_device()) {
        ok(nyx_device_open(&device, "vulkan", 1));
        ok(nyx_tune_problem_of(&problem, device, g, nyx_graph_node(g, node)));
        assert_string_equal(problem.kernel, "matmul");
        nyx_device_close(device);
    }
    nyx_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_damaged_table_and_a_foreign_one_are_refused),
        cmocka_unit_test(two_processes_at_once_lose_nothing),
        cmocka_unit_test(what_was_kept_is_taken_by_the_next_run),
        cmocka_unit_test(only_products_on_gpus_are_tuned),
    };

    return cmocka_run_group_tests_name("vulkan tune", tests, make_folder, remove_folder);
}

/* vulkan coded: every code of the small floats, and every scale, gives the
 * number that the CPU reads there, subnormals, infinities and NaN included:
 * decoded, and multiplied with one. */
#include "device/device.h"
#include "graph/inference.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ok(int status)
{
    if (status < 0)
        fail_msg("%s", nyx_error_text());
}

/* Row r of a tensor [rows, 1]: code r % codes, scale r / codes. */
typedef struct {
    const char *format;
    int64_t     codes, scales;
} table;

static void fill(nyx_coded *coded, const table *t)
{
    nyx_layout layout;

    ok(nyx_format_layout(&layout, &coded->format, &coded->shape));
    for (int64_t r = 0; r < layout.rows; r++) {
        const uint16_t code = (uint16_t)(r % t->codes), scale = (uint16_t)(r / t->codes);

        memcpy((char *)coded->codes + r * layout.codes_row_bytes, &code, layout.bits == 16 ? 2 : 1);
        if (coded->format.scale == NYX_SCALE_F16)
            memcpy((char *)coded->scales + 2 * r, &scale, 2);
        else if (layout.row_groups)
            ((uint8_t *)coded->scales)[r] = (uint8_t)scale;
    }
    coded->global = coded->format.scale == NYX_SCALE_E4M3 ? 0x1.5p-3f : 1.0f;
}

static void run(nyx_device *device, const nyx_coded *coded, float *decoded, float *product)
{
    const float  one = 1.0f;
    nyx_graph   *g;
    nyx_store   *store;
    nyx_program *program;
    nyx_value    x, w;

    ok(nyx_graph_create(&g, NYX_F32));
    x = nyx_graph_variable(g, "x", NYX_F32, nyx_shape_of(2, (int64_t)1, (int64_t)1), NYX_ROLE_INPUT);
    w = nyx_graph_coded(g, "w", &coded->format, coded->shape, NYX_ROLE_PARAMETER);
    nyx_graph_assign(g, "decoded", NYX_ROLE_OUTPUT, w);
    nyx_graph_assign(g, "product", NYX_ROLE_OUTPUT, nyx_graph_matmul(g, x, w, 0, NYX_MATMUL_NT));
    ok(nyx_store_create(&store, device, 1));
    ok(nyx_program_compile(&program, store, g));
    ok(nyx_store_allocate(store));
    nyx_store_write_coded(store, "w", coded);
    nyx_store_write(store, "x", &one);
    nyx_program_run(program, &(nyx_run){ 0 });
    nyx_store_read(store, "decoded", decoded);
    nyx_store_read(store, "product", product);
    ok(nyx_device_check(device));
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_graph_free(g);
}

static void every_code_and_scale_is_read_as_the_cpu_reads_it(void **state)
{
    static const table tables[] = {
        { "f16", 65536, 1 },   { "bf16", 65536, 1 },   { "fp8-e4m3", 256, 1 }, { "fp8-e5m2", 256, 1 },
        { "mxfp4", 16, 256 },  { "mxfp8", 256, 256 },  { "nvfp4", 16, 256 },   { "nf4:g64", 1, 65536 },
        { "int4:g32", 1, 65536 },
    };
    nyx_device *device;

    (void)state;
    if (nyx_device_open(&device, "vulkan", 1) < 0) {
        print_message("skipped: no Vulkan device; package mesa-vulkan-drivers\n");
        skip();
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const nyx_shape shape = nyx_shape_of(2, tables[i].codes * tables[i].scales, (int64_t)1);
        const int64_t   rows = shape.dims[0];
        nyx_format      format;
        nyx_coded       coded;
        float          *exact, *decoded, *product;

        ok(nyx_format_parse(&format, tables[i].format));
        ok(nyx_coded_create(&coded, &format, &shape));
        ok(nyx_alloc(&exact, rows * 4));
        ok(nyx_alloc(&decoded, rows * 4));
        ok(nyx_alloc(&product, rows * 4));
        fill(&coded, &tables[i]);
        nyx_decode_rows(exact, &coded, 0, rows);
        run(device, &coded, decoded, product);
        for (int64_t r = 0; r < rows; r++) {
            const bool none = isnan(exact[r]), tiny = fabsf(exact[r]) < FLT_MIN; /* a GPU may have no subnormals */

            if (none ? !isnan(decoded[r]) : tiny ? !(fabsf(decoded[r]) <= FLT_MIN) : decoded[r] != exact[r])
                fail_msg("%s, row %d: decoded %a, not %a", tables[i].format, (int)r, (double)decoded[r],
                         (double)exact[r]);
            if (none ? !isnan(product[r]) : tiny ? !(fabsf(product[r]) <= FLT_MIN) : product[r] != exact[r])
                fail_msg("%s, row %d: times one %a, not %a", tables[i].format, (int)r, (double)product[r],
                         (double)exact[r]);
        }
        nyx_free(exact);
        nyx_free(decoded);
        nyx_free(product);
        nyx_coded_release(&coded);
    }
    nyx_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_code_and_scale_is_read_as_the_cpu_reads_it) };

    return cmocka_run_group_tests_name("vulkan coded", tests, NULL, NULL);
}

/* coding -- quantize and dequantize, rows shared by all threads. */
#include "bench/internal.h"

#include "quant/quant.h"

#include <string.h>

enum { ROWS = 1024, COLS = 1024 };

struct coding {
    nyx_pool       *pool;
    nyx_coded       coded;
    enum nyx_method method;
    float          *weights, *decoded;
    bool            decode;
};

static void code_part(void *context, int part, int parts)
{
    struct coding *c = context;
    const int64_t  first = (int64_t)ROWS * part / parts, rows = (int64_t)ROWS * (part + 1) / parts - first;

    if (c->decode)
        nyx_decode_rows(c->decoded + first * COLS, &c->coded, first, rows);
    else
        nyx_encode_rows(&c->coded, c->method, c->weights + first * COLS, NULL, first, rows);
}

static int64_t sample(void *context)
{
    struct coding *c = context;
    int64_t        start = nyx_clock_ns();

    nyx_pool_run(c->pool, code_part, c);
    return nyx_clock_ns() - start;
}

/* Sums of four uniforms are near enough to normal weights. */
static void fill(float *weights)
{
    nyx_random random;

    nyx_random_init(&random, 1, 2);
    for (int64_t i = 0; i < (int64_t)ROWS * COLS; i++) {
        const uint32_t a = nyx_random_u32(&random), b = nyx_random_u32(&random);

        weights[i] = ((float)(a & 0xffff) + (float)(a >> 16) + (float)(b & 0xffff) + (float)(b >> 16) - 131072.0f) *
                     0x1p-20f;
    }
}

/* One look at all weights, where the format needs it, is not part of the time. */
static void survey(struct coding *c, nyx_survey *seen)
{
    nyx_survey_init(seen);
    nyx_survey_add(seen, c->weights, (int64_t)ROWS * COLS);
    nyx_encode_prepare(&c->coded, c->method, seen);
    nyx_encode_rows(&c->coded, c->method, c->weights, NULL, 0, ROWS);
}

static int measure(nyx_bench *bench, struct coding *c, nyx_survey *seen, const char *text)
{
    const nyx_shape  shape = nyx_shape_of(2, (int64_t)ROWS, (int64_t)COLS);
    nyx_bench_figure figure = { 0 };
    nyx_format       format;
    char             name[NYX_FORMAT_TEXT];
    int              status;

    if ((status = nyx_format_parse(&format, text)) < 0 || (status = nyx_coded_create(&c->coded, &format, &shape)) < 0)
        return status;
    c->method = nyx_method_default(&format);
    nyx_format_text(name, &format);
    snprintf(figure.op, sizeof figure.op, "%s", c->decode ? "dequantize" : "quantize");
    snprintf(figure.what, sizeof figure.what, c->decode ? "%s" : "%s %s", name, nyx_method_name(c->method));
    figure.bytes = (4.0 + nyx_format_bits(&format, &shape) / 8.0) * ROWS * COLS;
    if (nyx_bench_on_gpu(bench))
        figure.limit_reason = "the processor does it, the limits are a GPU's";
    else
        nyx_bench__limit(bench, &figure, NYX_F32);
    survey(c, seen);
    status = nyx_bench__measure(bench, &figure, sample, c);
    nyx_coded_release(&c->coded);
    return status;
}

static int each_format(nyx_bench *bench, struct coding *c, nyx_survey *seen)
{
    char *list, *rest = NULL;
    int   status = 0;

    if (!bench->options.formats) {
        for (int i = 0; nyx_format_examples[i] && status == 0; i++)
            status = measure(bench, c, seen, nyx_format_examples[i]);
        return status;
    }
    if ((status = nyx_text_copy(&list, bench->options.formats)) < 0)
        return status;
    for (char *text = strtok_r(list, ",", &rest); text && status == 0; text = strtok_r(NULL, ",", &rest))
        status = measure(bench, c, seen, text);
    nyx_free(list);
    return status;
}

static int measure_all(nyx_bench *bench, bool decode)
{
    struct coding c = { .pool = nyx_device_pool(bench->device), .decode = decode };
    nyx_survey   *seen = NULL;
    int           status;

    if ((status = nyx_alloc(&c.weights, (int64_t)ROWS * COLS * 4)) == 0 &&
        (status = nyx_alloc(&c.decoded, (int64_t)ROWS * COLS * 4)) == 0 &&
        (status = nyx_alloc(&seen, sizeof *seen)) == 0) {
        fill(c.weights);
        status = each_format(bench, &c, seen);
    }
    nyx_free(seen);
    nyx_free(c.decoded);
    nyx_free(c.weights);
    return status;
}

int nyx_bench__quantize(nyx_bench *bench)
{
    return measure_all(bench, false);
}

int nyx_bench__dequantize(nyx_bench *bench)
{
    return measure_all(bench, true);
}

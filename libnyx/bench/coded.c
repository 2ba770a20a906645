/* coded -- products with weights that stay coded, and texts that grow. */
#include "bench/internal.h"

#include "graph/inference.h"
#include "run/run.h"

#include <string.h>

enum { MANY_ROWS = 256, PROMPT = 512 };

/* Weights and rows near N(0, 1), the weights coded. */
static int fill(nyx_store *store, const nyx_format *format, nyx_bench_size s)
{
    const nyx_shape shape = nyx_shape_of(2, s.n, s.k);
    const int64_t   most = s.n > s.m ? s.n : s.m;
    nyx_coded       coded = { 0 };
    nyx_random      random;
    float          *values = NULL;
    int             status;

    if ((status = nyx_coded_create(&coded, format, &shape)) == 0 &&
        (status = nyx_alloc(&values, most * s.k * (int64_t)sizeof *values)) == 0) {
        nyx_random_init(&random, 1, 3);
        for (int64_t i = 0; i < most * s.k; i++)
            values[i] = (float)(nyx_random_u32(&random) >> 8) * 0x1p-23f - 1.0f;
        nyx_coded_encode(&coded, NYX_METHOD_ABSMAX, values);
        nyx_store_write_coded(store, "w", &coded);
        nyx_store_write(store, "x", values);
    }
    nyx_free(values);
    nyx_coded_release(&coded);
    return status;
}

/* What weights of `format` multiply. */
static enum nyx_activations seen(const nyx_bench *bench, const nyx_format *format)
{
    return nyx_format_multiplies_int8(format) ? bench->options.activations : NYX_ACTIVATIONS_REAL;
}

struct asked {
    nyx_bench     *bench;
    nyx_format     format;
    nyx_bench_size size;
};

static int prepare(nyx_bench__product *p, void *context)
{
    const struct asked  *asked = context;
    const nyx_format    *format = &asked->format;
    const nyx_bench_size s = asked->size;
    nyx_bench           *bench = asked->bench;
    nyx_value            x, w;
    int                  status;

    *p = (nyx_bench__product){ .op = NYX_OP_MATMUL_CODED };
    if ((status = nyx_graph_create(&p->graph, NYX_F32)) < 0)
        return status;
    x = nyx_graph_variable(p->graph, "x", NYX_F32, nyx_shape_of(2, s.m, s.k), NYX_ROLE_INPUT);
    w = nyx_graph_coded(p->graph, "w", format, nyx_shape_of(2, s.n, s.k), NYX_ROLE_PARAMETER);
    nyx_graph_assign(p->graph, "y", NYX_ROLE_OUTPUT, nyx_graph_matmul(p->graph, x, w, 0, NYX_MATMUL_NT));
    if ((status = nyx_pass_activations(p->graph, seen(bench, format))) < 0 ||
        (status = nyx_store_create(&p->store, bench->device, 1)) < 0 ||
        (status = nyx_program_compile(&p->program, p->store, p->graph)) < 0 ||
        (status = nyx_store_allocate(p->store)) < 0)
        return status;
    return fill(p->store, format, s);
}

static int measure(nyx_bench *bench, const char *text, bool one_row, nyx_bench_size s)
{
    const nyx_shape    shape = nyx_shape_of(2, s.n, s.k);
    struct asked       asked = { .bench = bench, .size = s };
    nyx_bench__product product = { 0 };
    nyx_bench_figure   figure = { .flops = 2.0 * (double)s.m * (double)s.n * (double)s.k };
    char               name[NYX_FORMAT_TEXT + 16];
    enum nyx_activations how;
    int                status;

    if ((status = nyx_format_parse(&asked.format, text)) < 0)
        return status;
    nyx_format_text(name, &asked.format);
    snprintf(figure.op, sizeof figure.op, "%s", one_row ? "matvec_coded" : "matmul_coded");
    how = seen(bench, &asked.format);
    if (how != NYX_ACTIVATIONS_REAL)
        snprintf(name + strlen(name), sizeof name - strlen(name), ", x %s", nyx_activations_names[how]);
    if (one_row)
        snprintf(figure.what, sizeof figure.what, "%s %lldx%lld", name, (long long)s.n, (long long)s.k);
    else
        snprintf(figure.what, sizeof figure.what, "%s %lldx%lldx%lld", name, (long long)s.m, (long long)s.n,
                 (long long)s.k);
    figure.bytes = nyx_format_bits(&asked.format, &shape) / 8.0 * (double)s.n * (double)s.k +
                   4.0 * (double)s.m * (double)(s.n + s.k);
    nyx_bench__limit(bench, &figure, how != NYX_ACTIVATIONS_REAL ? NYX_I8 : NYX_F32);
    if (bench->options.tune && (status = nyx_bench__tune(bench, figure.op, figure.what, prepare, &asked)) < 0)
        return status;
    if ((status = prepare(&product, &asked)) == 0)
        status = nyx_bench__product_measure(bench, &figure, &product);
    nyx_bench__product_release(&product);
    return status;
}

/* The formats that were asked for, or the usual ones. */
static int each_format(nyx_bench *bench, bool one_row, nyx_bench_size size)
{
    static const char usual[] = "f16,bf16,fp8-e4m3:channel,int8:g32,int4:g32,int3:g32,int2:g32,nf4,mxfp4";
    char             *list, *rest = NULL;
    int               status = nyx_text_copy(&list, bench->options.formats ? bench->options.formats : usual);

    for (char *text = status < 0 ? NULL : strtok_r(list, ",", &rest); text && status == 0;
         text = strtok_r(NULL, ",", &rest))
        status = measure(bench, text, one_row, size);
    nyx_free(list);
    return status;
}

/* A square layer, and those of a model of 135 million parameters. */
static int each_size(nyx_bench *bench, bool one_row)
{
    static const nyx_bench_size usual[] = { { MANY_ROWS, 4096, 4096 }, { MANY_ROWS, 576, 576 },
                                            { MANY_ROWS, 576, 1536 },  { MANY_ROWS, 49152, 576 } };
    const bool                  given = bench->options.size_count > 0;
    const int                   count = given ? bench->options.size_count : one_row ? 4 : 1;
    int                         status = 0;

    for (int i = 0; i < count && status == 0; i++) {
        nyx_bench_size size = given ? bench->options.sizes[i] : usual[i];

        size.m = one_row ? 1 : size.m;
        status = each_format(bench, one_row, size);
    }
    return status;
}

int nyx_bench__matvec_coded(nyx_bench *bench)
{
    return each_size(bench, true);
}

int nyx_bench__matmul_coded(nyx_bench *bench)
{
    return each_size(bench, false);
}

/* ---- texts that grow --------------------------------------------------------------- */

struct text {
    nyx_generator *generator;
    int32_t        prompt[PROMPT];
    int64_t        count;
};

/* A sequence starts anew where its context is full. */
static int64_t token_sample(void *context)
{
    struct text *t = context;
    int64_t      start = nyx_clock_ns();

    if (nyx_generator_length(t->generator, 0) >= nyx_generator_context(t->generator))
        nyx_generator_rewind(t->generator, 0, t->count / 2);
    if (nyx_generator_step(t->generator, t->prompt) < 0)
        return 0;
    return nyx_clock_ns() - start;
}

static int64_t prompt_sample(void *context)
{
    struct text *t = context;
    int64_t      start = nyx_clock_ns();

    nyx_generator_rewind(t->generator, 0, 0);
    if (nyx_generator_feed(t->generator, 0, t->prompt, t->count) < 0)
        return 0;
    return nyx_clock_ns() - start;
}

int nyx_bench__generate(nyx_bench *bench)
{
    struct text       text = { 0 };
    const enum nyx_activations seen_as = bench->options.activations;
    const bool        coded = seen_as != NYX_ACTIVATIONS_REAL;
    const char       *how = coded ? ", x " : "", *which = coded ? nyx_activations_names[seen_as] : "";
    nyx_bench_figure  token = { .op = "generate" }, prompt = { .op = "generate" };
    const nyx_config *config;
    double            elems = 0;
    int               status;

    if (!bench->options.model)
        return nyx_bench__add(bench, &(nyx_bench_figure){ .op = "generate", .what = "no model",
                                                          .reason = "no --model=MODEL.h5 was given",
                                                          .limit_reason = "nothing was run" });
    if ((status = nyx_generator_open(
             &text.generator, bench->device, bench->options.model,
             &(nyx_generator_options){ .sequences = 1, .activations = seen_as })) < 0)
        return status;
    config = nyx_generator_config(text.generator);
    text.count = nyx_generator_context(text.generator) < PROMPT ? nyx_generator_context(text.generator) : PROMPT;
    for (int64_t i = 0; i < text.count; i++)
        text.prompt[i] = (int32_t)(i * 37 % config->data.vocabulary);
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);

        elems += p.shape.rank == 2 && strcmp(p.name, "position") != 0 ? (double)nyx_shape_count(&p.shape) : 0.0;
    }
    token.bytes = (double)nyx_generator_weight_bytes(text.generator);
    token.flops = 2.0 * elems;
    prompt.flops = 2.0 * elems * (double)text.count;
    prompt.bytes = token.bytes;
    snprintf(token.what, sizeof token.what, "one token%s%s", how, which);
    snprintf(prompt.what, sizeof prompt.what, "prompt of %lld%s%s", (long long)text.count, how, which);
    nyx_bench__limit(bench, &token, coded ? NYX_I8 : NYX_F32);
    nyx_bench__limit(bench, &prompt, coded ? NYX_I8 : NYX_F32);
    if ((status = nyx_bench__measure(bench, &token, token_sample, &text)) == 0) /* a text that begins */
        status = nyx_bench__measure(bench, &prompt, prompt_sample, &text);
    if (status == 0)
        status = nyx_device_check(bench->device);
    nyx_generator_close(text.generator);
    return status;
}

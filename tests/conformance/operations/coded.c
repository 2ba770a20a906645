/* coded -- cases of the operations on coded weights: every format of
 * nyx_format_examples on shapes around blocks, groups and tiles. */
#include "operations.h"

#include "graph/inference.h"

#include <math.h>
#include <string.h>

/* Rows of x, rows and columns of the weights. */
static const int64_t shapes[][3] = {
    { 1, 1, 1 },   { 1, 7, 31 },   { 2, 5, 32 },  { 1, 13, 257 },  { 3, 9, 576 },
    { 8, 33, 65 }, { 9, 31, 129 }, { 5, 40, 33 }, { 70, 67, 300 }, { 33, 97, 640 },
};

/* The weights of the case that is being tried, decoded: judged by it. */
static float *weights;

static void set_bytes(spec *s, const void *bytes, int64_t count)
{
    operand *in = &s->in[s->input_count];

    *in = (operand){ .kind = count ? 'u' : '-', .fixed = true, .shape = nyx_shape_of(1, count) };
    if (count && nyx_alloc(&s->values[s->input_count], count * (int64_t)sizeof(double)) == 0)
        for (int64_t i = 0; i < count; i++)
            s->values[s->input_count][i] = ((const uint8_t *)bytes)[i];
    s->input_count++;
}

static void set_reals(spec *s, char kind, nyx_shape shape, const float *from)
{
    const int64_t count = nyx_shape_count(&shape);

    s->in[s->input_count] = (operand){ .kind = kind, .fixed = true, .shape = shape };
    if (nyx_alloc(&s->values[s->input_count], count * (int64_t)sizeof(double)) == 0)
        for (int64_t i = 0; i < count; i++)
            s->values[s->input_count][i] = (double)from[i];
    s->input_count++;
}

static void set_planes(spec *s, const nyx_coded *coded)
{
    nyx_plane_bytes bytes;

    NYX_BUG_IF(nyx_format_planes(&bytes, &coded->format, &coded->shape) < 0);
    set_bytes(s, coded->codes, bytes.codes);
    set_bytes(s, coded->scales, bytes.scales);
    set_bytes(s, coded->zeros, bytes.zeros);
    if (bytes.globals)
        set_reals(s, 'g', nyx_shape_of(1, (int64_t)1), &coded->global);
    else
        set_bytes(s, NULL, 0);
}

/* Numbers like a layer's, with a mean: zero points have something to do. */
static void draw(float *to, int64_t count, uint64_t seed, double mean)
{
    nyx_random random;

    nyx_random_init(&random, seed, 17);
    for (int64_t i = 0; i < count; i++) {
        double sum = mean;

        for (int j = 0; j < 4; j++)
            sum += nyx_random_uniform(&random) - 0.5;
        to[i] = (float)sum;
    }
}

static void try_matmul(const nyx_coded *coded, const float *x, const float *bias, int64_t rows,
                       enum nyx_activations activations, const char *text, visitor visit, void *context)
{
    static const char *const how[] = { "", ", x int8", ", x int8-row" };
    char result[96], named[192];
    spec s = { .op = NYX_OP_MATMUL_CODED, .text = named, .result = result, .shape = coded->shape };

    snprintf(named, sizeof named, "%s%s", text, how[activations]);

    snprintf(result, sizeof result, "[%lld, %lld]", (long long)rows, (long long)coded->shape.dims[0]);
    nyx_format_numbers(s.ints, &coded->format);
    s.ints[NYX_INT_ACTIVATIONS] = activations;
    set_reals(&s, 'f', nyx_shape_of(2, rows, coded->shape.dims[1]), x);
    set_planes(&s, coded);
    if (bias)
        set_reals(&s, 'f', nyx_shape_of(1, coded->shape.dims[0]), bias);
    visit(&s, context);
    spec_release(&s);
}

/* decode and embedding_coded: exact. */
static void try_rows(const nyx_coded *coded, const char *text, visitor visit, void *context)
{
    static const float ids[] = { 0, 3, 0, 2, 1 };
    char               result[96];
    spec               s = { .op = NYX_OP_DECODE, .text = text, .result = result, .shape = coded->shape };

    nyx_shape_text(result, &coded->shape);
    nyx_format_numbers(s.ints, &coded->format);
    set_planes(&s, coded);
    visit(&s, context);
    spec_release(&s);
    s = (spec){ .op = NYX_OP_EMBEDDING_CODED, .text = text, .result = result, .shape = coded->shape };
    nyx_format_numbers(s.ints, &coded->format);
    set_reals(&s, 'i', nyx_shape_of(1, (int64_t)(coded->shape.dims[0] > 3 ? 5 : 1)), ids);
    set_planes(&s, coded);
    snprintf(result, sizeof result, "[%lld, %lld]", (long long)s.in[0].shape.dims[0],
             (long long)coded->shape.dims[1]);
    visit(&s, context);
    spec_release(&s);
}

static int try_format(const char *name, const int64_t shape[3], visitor visit, void *context)
{
    const int64_t   rows = shape[0], n = shape[1], k = shape[2];
    int             most = NYX_ACTIVATIONS_REAL;
    const nyx_shape of = nyx_shape_of(2, n, k);
    nyx_format      format;
    nyx_coded       coded = { 0 };
    float          *x = NULL;
    char            text[160];
    int             status;

    if ((status = nyx_format_parse(&format, name)) < 0 || (status = nyx_coded_create(&coded, &format, &of)) < 0 ||
        (status = nyx_alloc(&weights, n * k * (int64_t)sizeof *weights)) < 0 ||
        (status = nyx_alloc(&x, (rows * k + n) * (int64_t)sizeof *x)) < 0)
        goto done;
    snprintf(text, sizeof text, "%s [%lld, %lld] x [%lld, %lld]", name, (long long)rows, (long long)k, (long long)n,
             (long long)k);
    draw(weights, n * k, (uint64_t)(n * 1000 + k), 0.3);
    nyx_coded_encode(&coded, nyx_method_default(&format), weights);
    nyx_decode_rows(weights, &coded, 0, n);
    draw(x, rows * k + n, 5, 0);
    if (nyx_format_multiplies_int8(&format))
        most = NYX_ACTIVATIONS_INT8_ROW;
    for (int a = NYX_ACTIVATIONS_REAL; a <= most; a++)
        try_matmul(&coded, x, n % 2 ? x + rows * k : NULL, rows, (enum nyx_activations)a, text, visit, context);
    if (rows < 9)
        try_rows(&coded, text, visit, context);
done:
    nyx_free(x);
    nyx_free(weights);
    weights = NULL;
    nyx_coded_release(&coded);
    return status;
}

int visit_coded(visitor visit, void *context)
{
    int status = NYX_OK;

    for (int i = 0; nyx_format_examples[i] && status == NYX_OK; i++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes && status == NYX_OK; j++)
            status = try_format(nyx_format_examples[i], shapes[j], visit, context);
    return status;
}

/* sum |x| |w| + |bias|, x as it is multiplied */
double coded_terms(const spec *s, const outcome *y64, int64_t index)
{
    enum { MOST = 1024 };
    const int64_t n = s->shape.dims[0], k = s->shape.dims[1], row = index / n, column = index % n;
    const int64_t block = nyx_activations_block((enum nyx_activations)s->ints[NYX_INT_ACTIVATIONS], k);
    double        sum = s->input_count > 5 ? fabs(s->values[5][column]) : 0;
    float         x[MOST] = { 0 };

    (void)y64;
    NYX_BUG_IF(k > MOST);
    for (int64_t i = 0; i < k; i++)
        x[i] = (float)s->values[0][row * k + i];
    if (block)
        nyx_activation_round(x, x, k, block);
    for (int64_t i = 0; i < k; i++)
        sum += fabs((double)x[i] * (double)weights[column * k + i]);
    return sum;
}

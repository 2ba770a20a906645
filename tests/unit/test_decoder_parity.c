/* decoder beside other programs: logits of stories260K as llama2.c gives them,
 * activations and logits of gpt-nano-sort as minGPT gives them, and all inputs
 * that this model can be asked to sort. Files are read here, plainly. */
#include "machine.h"
#include "worse.h"
#include "model/model.h"

#include <math.h>
#include <stdlib.h>

static char *shared_file(const char *name, int64_t *bytes)
{
    const char *root = getenv("NYX_SHARED") ? getenv("NYX_SHARED") : "../shared";
    char        path[512], *data;
    FILE       *file;

    snprintf(path, sizeof path, "%s/data/%s", root, name);
    if (!(file = fopen(path, "rb"))) {
        print_message("skipped: no data %s; set NYX_SHARED\n", path);
        skip();
    }
    fseek(file, 0, SEEK_END);
    *bytes = ftell(file);
    rewind(file);
    ok(nyx_alloc(&data, *bytes + 1));
    assert_int_equal(fread(data, 1, (size_t)*bytes, file), *bytes);
    fclose(file);
    return data;
}

static nyx_config config_of(const char *text)
{
    nyx_config config;
    nyx_json  *json;

    ok(nyx_json_parse(&json, text, (int64_t)strlen(text), "c"));
    ok(nyx_config_parse(&config, json, "c"));
    nyx_json_free(json);
    return config;
}

#define TRAINING "\"training\":{\"batch\":1,\"steps\":1,\"optimizer\":{\"learning_rate\":1}}"

/* ---- stories260K -------------------------------------------------------------------- */

enum { D = 64, INNER = 172, LAYERS = 5, HEADS = 8, KV_HEADS = 4, V = 512, SEEN = 32 };

/* Rows of interleaved pairs (2i, 2i + 1), head by head, to halves (i, i + d/2). */
static void write_halves(machine *m, const char *name, const float *x, int heads)
{
    const int d = D / HEADS;
    float    *rows;

    ok(nyx_alloc(&rows, heads * d * D * 4));
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < d; i++)
            memcpy(rows + (h * d + i % 2 * d / 2 + i / 2) * D, x + (h * d + i) * D, D * 4);
    nyx_store_write(m->store, name, rows);
    nyx_free(rows);
}

static const float *take(const float **at, int layer, int elems)
{
    const float *mine = *at + (int64_t)layer * elems;

    if (layer == LAYERS - 1)
        *at += (int64_t)LAYERS * elems;
    return mine;
}

/* Tensor after tensor, each for all layers. */
static void load_llama2c(machine *m, const float *at)
{
    static const struct { const char *name; int elems, heads; } tensors[] = {
        { "attn_norm", D, 0 },      { "attn.q", D * D, HEADS },
        { "attn.k", D * D / 2, KV_HEADS }, { "attn.v", D * D / 2, 0 },
        { "attn.out", D * D, 0 },   { "mlp_norm", D, 0 },
        { "mlp.gate", INNER * D, 0 }, { "mlp.down", INNER * D, 0 },
        { "mlp.up", INNER * D, 0 },
    };
    char name[40];

    nyx_store_write(m->store, "embed", at);
    at += V * D;
    for (size_t t = 0; t < sizeof tensors / sizeof *tensors; t++) {
        for (int layer = 0; layer < LAYERS; layer++) {
            const float *x = take(&at, layer, tensors[t].elems);

            snprintf(name, sizeof name, "blocks.%d.%s", layer, tensors[t].name);
            if (tensors[t].heads)
                write_halves(m, name, x, tensors[t].heads);
            else
                nyx_store_write(m->store, name, x);
        }
    }
    nyx_store_write(m->store, "norm", at);
}

/* The ids of a line of greedy.jsonl: "ids":[1,403,...]. */
static void read_ids(int32_t *ids, const char **text)
{
    const char *at = strstr(*text, "\"ids\":[");
    char       *end;

    assert_non_null(at);
    at += strlen("\"ids\":[");
    for (int i = 0; i < SEEN; i++, at = end + 1)
        ids[i] = (int32_t)strtol(at, &end, 10);
    *text = strchr(at, '\n') + 1;
}

static void stories260K_has_the_logits_of_llama2c(void **state)
{
    int64_t      bytes;
    char        *greedy = shared_file("vectors/stories260K/greedy.jsonl", &bytes);
    char        *expected = shared_file("vectors/stories260K/logits-2x32x512.f32", &bytes);
    char        *weights = shared_file("weights/stories260K/stories260K.bin", &bytes);
    const char  *text = greedy;
    nyx_config config = config_of("{\"model\":{\"kind\":\"decoder\",\"width\":64,\"heads\":8,\"kv_heads\":4,\"layers\":"
                                  "5,\"inner\":172,\"context\":512,\"tied\":true}," TRAINING "}");
    int32_t      ids[2 * SEEN];
    float       *logits, *wanted;
    double       worst = 0;
    machine      m;

    (void)state;
    read_ids(ids, &text);
    read_ids(ids + SEEN, &text);
    ok(nyx_config_bind(&config, V, SEEN, -1, 1, "d"));
    machine_open(&m, 1);
    nyx_model_build_eval(machine_graph(&m, NYX_F32), &config, 2, false);
    machine_compile(&m);
    ok(nyx_alloc(&wanted, bytes));
    memcpy(wanted, weights + 28, (size_t)bytes - 28); /* behind seven numbers */
    load_llama2c(&m, wanted);
    nyx_store_write(m.store, "eval.inputs", ids);
    machine_run(&m, 0, 0, 0);
    logits = machine_copy(&m, "eval.logits");
    memcpy(wanted, expected, 2 * SEEN * V * 4);
    for (int i = 0; i < 2 * SEEN * V; i++)
        worst = worse(worst, fabs((double)logits[i] - (double)wanted[i]));
    print_message("largest difference of a logit: %.2g\n", worst);
    assert_true(worst < 1e-4);
    nyx_free(wanted);
    nyx_free(logits);
    nyx_free(weights);
    nyx_free(expected);
    nyx_free(greedy);
    machine_close(&m);
}

/* ---- gpt-nano-sort -------------------------------------------------------------------- */

enum { BLOCK = 11, WIDTH = 48, WORDS = 3, GPT_LAYERS = 3 };

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base 64 of f32; returns memory for nyx_free. */
static float *decode(const nyx_json *json, const char *name, int64_t elems)
{
    const nyx_json *entry = NULL;
    const char     *text;
    unsigned char  *bytes;
    uint32_t        bits = 0;
    int64_t         have = 0;
    int             count = 0;
    float          *out;

    for (int64_t i = 0; i < nyx_json_count(json) && !entry; i++) /* names have dots */
        entry = strcmp(nyx_json_key(json, i), name) ? NULL : nyx_json_item(json, i);
    text = nyx_json_text(nyx_json_get(entry, "data"), NULL);
    if (!text)
        fail_msg("no '%s'", name);
    ok(nyx_alloc(&bytes, elems * 4 + 3));
    for (; *text && digit_of(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)digit_of(*text);
        if (++count % 4 == 0 && have + 3 <= elems * 4 + 3)
            for (int k = 2; k >= 0; k--)
                bytes[have++] = (unsigned char)(bits >> 8 * k);
    }
    for (int k = 0; k < count % 4 - 1; k++)
        bytes[have++] = (unsigned char)(bits << (4 - count % 4) * 6 >> (16 - 8 * k));
    assert_int_equal(have, elems * 4);
    ok(nyx_alloc(&out, elems * 4));
    memcpy(out, bytes, (size_t)elems * 4);
    nyx_free(bytes);
    return out;
}

static void load(machine *m, const nyx_json *json, const char *theirs, const char *ours)
{
    float *x = decode(json, theirs, machine_bytes(m, ours) / 4);

    nyx_store_write(m->store, ours, x);
    nyx_free(x);
}

/* c_attn holds q, k and v, one behind the other. */
static void load_attention(machine *m, const nyx_json *json, int layer, const char *theirs, const char *tail, int each)
{
    static const char *const ours[] = { "q", "k", "v" };
    char                     name[64];
    float                   *x;

    snprintf(name, sizeof name, "transformer.h.%d.attn.c_attn.%s", layer, theirs);
    x = decode(json, name, 3 * each);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "blocks.%d.attn.%s%s", layer, ours[i], tail);
        nyx_store_write(m->store, name, x + i * each);
    }
    nyx_free(x);
}

static void load_mingpt(machine *m, const nyx_json *json)
{
    static const struct { const char *theirs, *ours; } pairs[] = {
        { "ln_1", "attn_norm" }, { "attn.c_proj", "attn.out" }, { "ln_2", "mlp_norm" }, { "mlp.c_fc", "mlp.up" },
        { "mlp.c_proj", "mlp.down" },
    };
    char theirs[80], ours[64];

    load(m, json, "transformer.wte.weight", "embed");
    load(m, json, "transformer.wpe.weight", "position");
    load(m, json, "transformer.ln_f.weight", "norm");
    load(m, json, "transformer.ln_f.bias", "norm.bias");
    load(m, json, "lm_head.weight", "head");
    for (int layer = 0; layer < GPT_LAYERS; layer++) {
        load_attention(m, json, layer, "weight", "", WIDTH * WIDTH);
        load_attention(m, json, layer, "bias", ".bias", WIDTH);
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
            snprintf(theirs, sizeof theirs, "transformer.h.%d.%s.weight", layer, pairs[i].theirs);
            snprintf(ours, sizeof ours, "blocks.%d.%s", layer, pairs[i].ours);
            load(m, json, theirs, ours);
            snprintf(theirs, sizeof theirs, "transformer.h.%d.%s.bias", layer, pairs[i].theirs);
            snprintf(ours, sizeof ours, "blocks.%d.%s.bias", layer, pairs[i].ours);
            load(m, json, theirs, ours);
        }
    }
}

static nyx_json *shared_json(const char *name)
{
    int64_t   bytes;
    char     *text = shared_file(name, &bytes);
    nyx_json *json;

    ok(nyx_json_parse(&json, text, bytes, name));
    nyx_free(text);
    return json;
}

static nyx_config mingpt_config(void)
{
    nyx_config config = config_of(
        "{\"model\":{\"kind\":\"decoder\",\"width\":48,\"heads\":3,\"layers\":3,\"inner\":192,\"context\":11,\"norm\":"
        "\"layernorm\",\"activation\":\"gelu\",\"position\":\"learned\",\"bias\":true}," TRAINING "}");

    ok(nyx_config_bind(&config, WORDS, BLOCK, -1, 1, "d"));
    return config;
}

static void gpt_nano_sort_has_the_activations_of_mingpt(void **state)
{
    static const struct { const char *theirs, *ours; } values[] = {
        { "x", "trace.embed" },               { "ln1", "trace.blocks.0.attn_norm" },
        { "yProj", "trace.blocks.0.attn.out" }, { "ln2", "trace.blocks.0.mlp_norm" },
        { "fc", "trace.blocks.0.mlp.up" },    { "gelu", "trace.blocks.0.mlp.act" },
        { "mlp", "trace.blocks.0.mlp.down" }, { "block0", "trace.blocks.0" },
        { "block1", "trace.blocks.1" },       { "block2", "trace.blocks.2" },
        { "ln_f", "trace.norm" },             { "lm_head", "out.logits" },
    };
    const nyx_config config = mingpt_config();
    nyx_json        *weights = shared_json("weights/gpt-nano-sort/gpt-nano-sort-model.json");
    nyx_json        *partials = shared_json("weights/gpt-nano-sort/gpt-nano-sort-t0-partials.json");
    int32_t          tokens[3 * BLOCK];
    float           *idx;
    machine          m;

    (void)state;
    machine_open(&m, 1);
    nyx_model_build_step(machine_graph(&m, NYX_F32), &config,
                         &(nyx_step_options){ .slots = 3, .batch = 3, .inspect = true });
    machine_compile(&m);
    load_mingpt(&m, weights);
    idx = decode(partials, "idx", 3 * BLOCK);
    for (int i = 0; i < 3 * BLOCK; i++)
        tokens[i] = (int32_t)idx[i];
    nyx_store_write(m.store, "batch.inputs", tokens);
    machine_run(&m, 0, 0, 0);
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        const int64_t elems = machine_bytes(&m, values[k].ours) / 4;
        float        *wanted = decode(partials, values[k].theirs, elems), *x = machine_copy(&m, values[k].ours);
        double        worst = 0;

        for (int64_t i = 0; i < elems; i++)
            worst = worse(worst, fabs((double)x[i] - (double)wanted[i]));
        if (!(worst < 2e-5))
            fail_msg("%s differs from %s by %.3g", values[k].ours, values[k].theirs, worst);
        nyx_free(x);
        nyx_free(wanted);
    }
    nyx_free(idx);
    nyx_json_free(partials);
    nyx_json_free(weights);
    machine_close(&m);
}

/* The prediction behind the last of six digits is the least of them, and so on:
 * each of 3^6 inputs, followed by its sorted digits but the last. */
static void gpt_nano_sort_sorts_everything(void **state)
{
    enum { INPUTS = 729, DIGITS = 6 };
    const nyx_config config = mingpt_config();
    nyx_json        *weights = shared_json("weights/gpt-nano-sort/gpt-nano-sort-model.json");
    int32_t         *tokens, *targets, *correct, sorted = 0;
    machine          m;

    (void)state;
    ok(nyx_alloc(&tokens, INPUTS * BLOCK * 4));
    ok(nyx_alloc(&targets, INPUTS * BLOCK * 4));
    for (int n = 0; n < INPUTS; n++) {
        int counts[WORDS] = { 0 }, at = 0, rest = n;

        for (int i = 0; i < DIGITS; i++, rest /= WORDS) {
            tokens[n * BLOCK + i] = rest % WORDS;
            counts[rest % WORDS]++;
            targets[n * BLOCK + i] = -1;
        }
        for (int word = 0; word < WORDS; word++)
            for (int i = 0; i < counts[word]; i++, at++) {
                targets[n * BLOCK + DIGITS - 1 + at] = word;
                if (at < DIGITS - 1)
                    tokens[n * BLOCK + DIGITS + at] = word;
            }
    }
    machine_open(&m, 1);
    nyx_model_build_eval(machine_graph(&m, NYX_F32), &config, INPUTS, false);
    machine_compile(&m);
    load_mingpt(&m, weights);
    nyx_store_write(m.store, "eval.inputs", tokens);
    nyx_store_write(m.store, "eval.targets", targets);
    machine_run(&m, 0, 0, 0);
    correct = machine_copy(&m, "eval.correct");
    for (int n = 0; n < INPUTS; n++)
        sorted += correct[n];
    assert_int_equal(sorted, INPUTS);
    nyx_free(correct);
    nyx_free(tokens);
    nyx_free(targets);
    nyx_json_free(weights);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stories260K_has_the_logits_of_llama2c),
        cmocka_unit_test(gpt_nano_sort_has_the_activations_of_mingpt),
        cmocka_unit_test(gpt_nano_sort_sorts_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

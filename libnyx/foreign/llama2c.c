/* llama2c -- checkpoints of llama2.c, version 0: seven numbers, then f32.
 *
 *     i32: width, inner, layers, heads, kv heads, vocabulary (negative: the
 *     head has weights of its own), positions; then by matrix, not by layer:
 *     embed | att norms | q | k | v | out | ffn norms | gate | down | up |
 *     norm | rotary tables, 2 x [positions, head width / 2] | head if untied
 *
 * Listed under GGUF's names and keys, because rows of q and k stand in the
 * same order there: pairs of neighbours turn.
 */
#include "foreign/internal.h"

#include <string.h>

enum { WIDTH, INNER, LAYERS, HEADS, KV_HEADS, VOCABULARY, POSITIONS, NUMBERS };
enum { HEAD_BYTES = 4 * NUMBERS };

/* Matrices that every layer has, in the order of the file. */
typedef struct { const char *name; int64_t rows, cols; } layered; /* rows 0: a vector */

static int64_t read_i32(const uint8_t *bytes)
{
    return (int32_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                     (uint32_t)bytes[3] << 24);
}

/* All plausible, and a head is whole pairs. */
static bool plausible(const int64_t n[NUMBERS])
{
    const int64_t vocabulary = n[VOCABULARY] < 0 ? -n[VOCABULARY] : n[VOCABULARY];

    for (int i = 0; i < NUMBERS; i++) {
        if (i != VOCABULARY && (n[i] < 1 || n[i] > 1 << 20))
            return false;
    }
    return vocabulary >= 1 && vocabulary <= 1 << 24 && n[LAYERS] <= 256 && n[HEADS] <= 4096 &&
           n[WIDTH] <= 65536 && n[WIDTH] % n[HEADS] == 0 && n[HEADS] % n[KV_HEADS] == 0 &&
           n[WIDTH] / n[HEADS] % 2 == 0;
}

static void numbers_of(int64_t n[NUMBERS], const uint8_t head[HEAD_BYTES])
{
    for (int i = 0; i < NUMBERS; i++)
        n[i] = read_i32(head + 4 * i);
}

/* What the seven numbers say the file's size is; everything is below 2^63. */
static int64_t bytes_of(const int64_t n[NUMBERS])
{
    const int64_t vocabulary = n[VOCABULARY] < 0 ? -n[VOCABULARY] : n[VOCABULARY], width = n[WIDTH];
    const int64_t kv = width / n[HEADS] * n[KV_HEADS];
    const int64_t layer = 2 * width + 2 * width * width + 2 * kv * width + 3 * n[INNER] * width;

    return HEAD_BYTES + 4 * (vocabulary * width * (n[VOCABULARY] < 0 ? 2 : 1) + n[LAYERS] * layer + width +
                             n[POSITIONS] * (width / n[HEADS]));
}

bool nyx_foreign__is_llama2c(const uint8_t *head, int64_t bytes, int64_t file_bytes)
{
    int64_t n[NUMBERS];

    if (bytes < HEAD_BYTES)
        return false;
    numbers_of(n, head);
    return plausible(n) && bytes_of(n) == file_bytes;
}

static int add(nyx_foreign *f, int64_t *at, const char *name, int64_t rows, int64_t cols)
{
    const nyx_shape shape = rows ? nyx_shape_of(2, rows, cols) : nyx_shape_of(1, cols);
    int             status = nyx_foreign__add_tensor(f, 0, name, nyx_block_find("F32"), &shape, *at);

    if (status == 0)
        *at += f->tensors[f->count - 1].bytes;
    return status;
}

static int add_layers(nyx_foreign *f, int64_t *at, int64_t layers, const layered *matrix)
{
    char name[64];
    int  status = 0;

    for (int64_t i = 0; i < layers && status == 0; i++) {
        snprintf(name, sizeof name, "blk.%d.%s.weight", (int)i, matrix->name);
        status = add(f, at, name, matrix->rows, matrix->cols);
    }
    return status;
}

static int list_tensors(nyx_foreign *f, const int64_t n[NUMBERS])
{
    const int64_t width = n[WIDTH], inner = n[INNER], kv = width / n[HEADS] * n[KV_HEADS];
    const int64_t vocabulary = n[VOCABULARY] < 0 ? -n[VOCABULARY] : n[VOCABULARY];
    const layered matrices[] = {
        { "attn_norm", 0, width },    { "attn_q", width, width },      { "attn_k", kv, width },
        { "attn_v", kv, width },      { "attn_output", width, width }, { "ffn_norm", 0, width },
        { "ffn_gate", inner, width }, { "ffn_down", width, inner },    { "ffn_up", inner, width },
    };
    int64_t at = HEAD_BYTES;
    int     status = add(f, &at, "token_embd.weight", vocabulary, width);

    for (size_t i = 0; i < sizeof matrices / sizeof *matrices && status == 0; i++)
        status = add_layers(f, &at, n[LAYERS], &matrices[i]);
    if (status == 0)
        status = add(f, &at, "output_norm.weight", 0, width);
    at += n[POSITIONS] * (width / n[HEADS]) * 4;
    if (status == 0 && n[VOCABULARY] < 0)
        status = add(f, &at, "output.weight", vocabulary, width);
    return status;
}

int nyx_foreign__read_llama2c(nyx_foreign *f)
{
    const struct nyx_foreign__file *in = &f->files[0];
    uint8_t                         head[HEAD_BYTES];
    int64_t                         n[NUMBERS];
    int                             status;

    if (in->bytes < HEAD_BYTES)
        return nyx_foreign__bad(in->path, "%lld bytes are too few for the header of llama2.c", (long long)in->bytes);
    if ((status = nyx_foreign__pread(in, head, HEAD_BYTES, 0)) < 0)
        return status;
    numbers_of(n, head);
    if (!plausible(n))
        return nyx_foreign__bad(in->path, "its header is none of llama2.c: width %lld, inner %lld, layers %lld, heads "
                                "%lld, kv heads %lld, vocabulary %lld, positions %lld", (long long)n[WIDTH],
                                (long long)n[INNER], (long long)n[LAYERS], (long long)n[HEADS],
                                (long long)n[KV_HEADS], (long long)n[VOCABULARY], (long long)n[POSITIONS]);
    if (bytes_of(n) != in->bytes)
        return nyx_foreign__bad(in->path, "its header asks for %lld bytes, the file has %lld", (long long)bytes_of(n),
                                (long long)in->bytes);
    if (!(f->metadata = nyx_json_object()))
        return nyx_error_set(NYX_ERR_MEMORY, "no memory to read '%s'", in->path);
    nyx_json_set_text(f->metadata, "general.architecture", "llama");
    nyx_json_set_int(f->metadata, "llama.embedding_length", n[WIDTH]);
    nyx_json_set_int(f->metadata, "llama.feed_forward_length", n[INNER]);
    nyx_json_set_int(f->metadata, "llama.block_count", n[LAYERS]);
    nyx_json_set_int(f->metadata, "llama.attention.head_count", n[HEADS]);
    nyx_json_set_int(f->metadata, "llama.attention.head_count_kv", n[KV_HEADS]);
    nyx_json_set_int(f->metadata, "llama.context_length", n[POSITIONS]);
    nyx_json_set_real(f->metadata, "llama.attention.layer_norm_rms_epsilon", 1e-5);
    return list_tensors(f, n);
}

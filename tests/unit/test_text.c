/* text: words, tokens and merges against what other programs make of them,
 * and against plain loops; any bytes come back. */
#include "text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[80];

static bool shared(char out[512], const char *file)
{
    const char *root = getenv("NYX_SHARED") ? getenv("NYX_SHARED") : "../shared";

    snprintf(out, 512, "%s/data/%s", root, file);
    return access(out, R_OK) == 0;
}

static bool read_gpt2(nyx_tokenizer **out)
{
    char vocab[512], merges[512];

    if (!shared(vocab, "tokenizer/gpt2_vocab.json.xz") || !shared(merges, "tokenizer/gpt2_merges.txt.xz"))
        return false;
    assert_int_equal(nyx_tokenizer_read_gpt2(out, vocab, merges), 0);
    return true;
}

static void assert_ids(const nyx_tokenizer *t, const char *text, int64_t bytes, const int32_t *want, int64_t want_count)
{
    int32_t *ids;
    int64_t  count;

    assert_int_equal(nyx_tokenizer_encode(t, text, bytes, &ids, &count), 0);
    for (int64_t i = 0; i < count && i < want_count; i++)
        if (ids[i] != want[i])
            fail_msg("\"%s\": token %d is %d, %d expected", text, (int)i, ids[i], want[i]);
    assert_int_equal(count, want_count);
    nyx_free(ids);
}

/* ---- published tokens -------------------------------------------------------------- */

/* Made with tokenizers 0.23.3 from the same two files. */
static void gpt2_ids_are_those_of_others(void **state)
{
    static const struct { const char *text; int count; int32_t ids[16]; } rows[] = {
        { "Hello world", 2, { 15496, 995 } },
        { "Hello, I'm a language model,", 8, { 15496, 11, 314, 1101, 257, 3303, 2746, 11 } },
        { "  two spaces", 3, { 220, 734, 9029 } },
        { "1234567", 3, { 10163, 2231, 3134 } },
        { "na\xc3\xafve caf\xc3\xa9", 3, { 2616, 38776, 40304 } },
        { "don't  stop\n\n", 5, { 9099, 470, 220, 2245, 628 } },
        { "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x98\x80", 8,
          { 33768, 98, 17312, 105, 45739, 252, 30325, 222 } },
        { "a<|endoftext|>b", 3, { 64, 50256, 65 } },
    };
    nyx_tokenizer *t;

    (void)state;
    if (!read_gpt2(&t)) {
        print_message("no data: GPT-2's vocabulary\n");
        skip();
    }
    assert_int_equal(nyx_tokenizer_vocabulary(t), 50257);
    assert_int_equal(nyx_tokenizer_merge_count(t), 50000);
    assert_true(nyx_tokenizer_eos(t) == 50256 && nyx_tokenizer_bos(t) == -1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ids(t, rows[i].text, (int64_t)strlen(rows[i].text), rows[i].ids, rows[i].count);
    nyx_tokenizer_free(t);
}

/* The first token ids of the vectors made by llama2.c (greedy.jsonl). */
static void llama2c_ids_and_pieces_are_those_of_others(void **state)
{
    static const int32_t prompt[] = { 403, 407, 261, 378 };
    static const int32_t story[] = { 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338,
                                     401, 396, 267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433, 426 };
    static const char    text[] =
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";
    char           file[512], *back;
    nyx_tokenizer *t;
    int64_t        bytes;

    (void)state;
    if (!shared(file, "weights/stories260K/tok512.bin")) {
        print_message("no data: the tokenizer of stories260K\n");
        skip();
    }
    assert_int_equal(nyx_tokenizer_read(&t, file), 0);
    assert_true(nyx_tokenizer_vocabulary(t) == 512 && nyx_tokenizer_bos(t) == 1 && nyx_tokenizer_eos(t) == 2);
    assert_ids(t, "Once upon a time", 16, prompt, 4);
    assert_int_equal(nyx_tokenizer_decode(t, story, sizeof story / sizeof *story, &back, &bytes), 0);
    assert_string_equal(back, text);
    assert_ids(t, text, (int64_t)strlen(text), story, sizeof story / sizeof *story);
    nyx_free(back);
    assert_memory_equal(nyx_tokenizer_piece(t, 13, &bytes), "\n", 1);
    assert_int_equal(bytes, 1);
    nyx_tokenizer_piece(t, 1, &bytes);
    assert_int_equal(bytes, 0);
    nyx_tokenizer_free(t);
}

/* ---- words ---------------------------------------------------------------------------- */

static nyx_tokenizer *trained(const char *pattern, const char *text, int64_t bytes, int64_t vocabulary)
{
    nyx_bpe_trainer *trainer;
    nyx_tokenizer   *t;

    assert_int_equal(nyx_bpe_trainer_create(&trainer, pattern), 0);
    assert_int_equal(nyx_bpe_trainer_feed(trainer, text, bytes, true), 0);
    assert_int_equal(nyx_bpe_trainer_run(&t, trainer, vocabulary, NULL, NULL), 0);
    nyx_bpe_trainer_free(trainer);
    return t;
}

/* Merged until nothing is left, each word is a token. What the expressions
 * make of the texts is by tokenizers 0.23.3. */
static void patterns_split_as_their_expressions(void **state)
{
    static const struct { const char *pattern, *text, *words;
    } rows[] = {
        { "gpt2", "it's  it's 'S", "it|'s| | it|'s| '|S|" },
        { "gpt2", "a1 b22  c", "a|1| b|22| | c|" },
        { "gpt2",
          "\xc3\xa9t\xc3\xa9 \xce\xa9"
          "9\t\t!\xc2\xa0 x \xc2\xbd",
          "\xc3\xa9t\xc3\xa9| \xce\xa9|9|\t|\t|!|\xc2\xa0| x| \xc2\xbd|" },
        { "gpt2-digits", "1 22  3 x", "1| |2|2|  |3| x|" },
        { "llama3", "12345 IT'S\n\n  x", "123|45| IT|'S|\n\n| | x|" },
        { "llama3", "(word) _x ...\n\ny", "(word|)| _|x| ...\n\n|y|" },
        { "llama3",
          " \n \n  a\tb\xe3\x80\x80"
          "c",
          " \n \n| | a|\tb|\xe3\x80\x80"
          "c|" },
        { "qwen2", "12 3", "1|2| |3|" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t        bytes = (int64_t)strlen(rows[i].text), count, n;
        nyx_tokenizer *t = trained(rows[i].pattern, rows[i].text, bytes, 1000);
        char           words[256] = "";
        int32_t       *ids;

        assert_int_equal(nyx_tokenizer_encode(t, rows[i].text, bytes, &ids, &count), 0);
        for (int64_t k = 0; k < count; k++) {
            const char *piece = nyx_tokenizer_piece(t, ids[k], &n);

            strncat(words, piece, (size_t)n);
            strcat(words, "|");
        }
        assert_string_equal(words, rows[i].words);
        nyx_free(ids);
        nyx_tokenizer_free(t);
    }
}

/* ---- merges ---------------------------------------------------------------------------- */

enum { LETTERS = 6000, MERGES = 300 };

/* Words of few letters, so that pairs tie and letters repeat. */
static void draw_text(char *text, int64_t bytes, uint64_t seed)
{
    nyx_random random;

    nyx_random_init(&random, seed, 1);
    for (int64_t i = 0; i < bytes; i++) {
        uint64_t r = nyx_random_below(&random, 9);

        text[i] = r < 5 ? 'a' : r < 7 ? 'b' : r < 8 ? 'c' : ' ';
    }
}

struct plain { int32_t id[LETTERS]; int count; };

/* The definition: count all pairs, join the best one everywhere, again. Words
 * begin at a space that a letter follows; runs of spaces keep their last for
 * it. A literal that is there already keeps its id. */
static int plain_merges(int32_t (*out)[2], const char *text, int bytes, const int32_t id_of[256])
{
    static struct plain word[LETTERS];
    static char         literal[256 + MERGES][64];
    static int          length[256 + MERGES];
    int                 words = 0, known = 256, merges = 0;

    for (int i = 0; i < bytes; i++) {
        if (i == 0 || (text[i] == ' ' && text[i - 1] != ' ') || (text[i] == ' ' && i + 1 < bytes && text[i + 1] != ' '))
            word[words++].count = 0;
        word[words - 1].id[word[words - 1].count++] = id_of[(uint8_t)text[i]];
    }
    for (int b = 0; b < 256; b++) {
        literal[id_of[b]][0] = (char)b;
        length[id_of[b]] = 1;
    }
    while (known < 256 + MERGES) {
        static int count[256 + MERGES][256 + MERGES];
        int        best = 0, l = 0, r = 0, id;
        char       joined[64];
        bool       again = false;

        memset(count, 0, sizeof count);
        for (int w = 0; w < words; w++)
            for (int i = 0; i + 1 < word[w].count; i++)
                count[word[w].id[i]][word[w].id[i + 1]]++;
        for (int x = 0; x < known; x++)
            for (int y = 0; y < known; y++)
                if (count[x][y] > best) {
                    best = count[x][y];
                    l = x;
                    r = y;
                }
        if (!best || length[l] + length[r] > 63)
            break;
        memcpy(joined, literal[l], (size_t)length[l]);
        memcpy(joined + length[l], literal[r], (size_t)length[r]);
        for (id = 0; id < known; id++)
            if (length[id] == length[l] + length[r] && memcmp(literal[id], joined, (size_t)length[id]) == 0)
                break;
        memcpy(literal[id], joined, (size_t)(length[l] + length[r]));
        length[id] = length[l] + length[r];
        known += id == known;
        for (int m = 0; m < merges; m++)
            again |= out[m][0] == l && out[m][1] == r;
        if (!again) {
            out[merges][0] = l;
            out[merges++][1] = r;
        }
        for (int w = 0; w < words; w++) {
            int to = 0;

            for (int i = 0; i < word[w].count; i++) {
                bool pair = i + 1 < word[w].count && word[w].id[i] == l && word[w].id[i + 1] == r;

                word[w].id[to++] = pair ? id : word[w].id[i];
                i += pair;
            }
            word[w].count = to;
        }
    }
    return merges;
}

static void merges_are_those_of_the_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        static char    text[LETTERS];
        static int32_t want[4 * MERGES][2];
        int32_t        id_of[256];
        int64_t        n;
        nyx_tokenizer *t;
        int            count;

        draw_text(text, LETTERS, seed);
        t = trained("gpt2", text, LETTERS, 257 + MERGES);
        for (int32_t id = 0; id < 256; id++)
            id_of[(uint8_t)*nyx_tokenizer_piece(t, id, &n)] = id;
        count = plain_merges(want, text, LETTERS, id_of);
        assert_int_equal(nyx_tokenizer_merge_count(t), count);
        for (int i = 0; i < count; i++) {
            int32_t left, right;

            nyx_tokenizer_merge(t, i, &left, &right);
            if (left != want[i][0] || right != want[i][1])
                fail_msg("seed %d, merge %d: %d %d, %d %d expected", (int)seed, i, left, right, want[i][0], want[i][1]);
        }
        nyx_tokenizer_free(t);
    }
}

/* The parts in which a text comes and the bounds of memory change nothing. */
static void training_depends_on_the_text_alone(void **state)
{
    enum { BYTES = 300000 };
    char            *text;
    nyx_bpe_trainer *trainer;
    nyx_tokenizer   *a, *b;

    (void)state;
    assert_int_equal(nyx_alloc(&text, BYTES), 0);
    draw_text(text, BYTES, 9);
    a = trained("llama3", text, BYTES, 700);
    assert_int_equal(nyx_bpe_trainer_create(&trainer, "llama3"), 0);
    for (int64_t at = 0, step = 1; at < BYTES; at += step, step = step * 5 % 7001 + 1)
        assert_int_equal(nyx_bpe_trainer_feed(trainer, text + at, step < BYTES - at ? step : BYTES - at,
                                              at + step >= BYTES), 0);
    assert_int_equal(nyx_bpe_trainer_run(&b, trainer, 700, NULL, NULL), 0);
    assert_int_equal(nyx_bpe_trainer_forgotten(trainer), 0);
    assert_int_equal(nyx_tokenizer_merge_count(a), nyx_tokenizer_merge_count(b));
    for (int64_t i = 0; i < nyx_tokenizer_merge_count(a); i++) {
        int32_t al, ar, bl, br;

        nyx_tokenizer_merge(a, i, &al, &ar);
        nyx_tokenizer_merge(b, i, &bl, &br);
        assert_true(al == bl && ar == br);
    }
    nyx_bpe_trainer_free(trainer);
    nyx_tokenizer_free(a);
    nyx_tokenizer_free(b);
    nyx_free(text);
}

/* ---- there and back ---------------------------------------------------------------------- */

enum { NOISE = 200000 };

/* Bytes of any value, but often enough letters and spaces. */
static char *noise(void)
{
    static const char common[] = "  the and e \n\n\t12'sn't\xc3\xa9\xe4\xb8\xad<|endoftext|>";
    char             *text;
    nyx_random        random;

    assert_int_equal(nyx_alloc(&text, NOISE), 0);
    nyx_random_init(&random, 3, 3);
    for (int64_t i = 0; i < NOISE;) {
        int64_t n = 1 + (int64_t)nyx_random_below(&random, 12),
                from = (int64_t)nyx_random_below(&random, sizeof common - 13);

        if (nyx_random_below(&random, 4) == 0)
            for (; n > 0 && i < NOISE; n--)
                text[i++] = (char)nyx_random_u32(&random);
        else
            for (; n > 0 && i < NOISE; n--)
                text[i++] = common[from++];
    }
    return text;
}

/* Encoded whole and in parts, decoded. */
static void assert_returns(const nyx_tokenizer *t, const char *text, int64_t bytes)
{
    nyx_encoder *e;
    int32_t     *ids;
    char        *back;
    int64_t      count, back_bytes, seen = 0;

    assert_int_equal(nyx_tokenizer_encode(t, text, bytes, &ids, &count), 0);
    assert_int_equal(nyx_tokenizer_decode(t, ids, count, &back, &back_bytes), 0);
    assert_int_equal(back_bytes, bytes);
    assert_memory_equal(back, text, (size_t)bytes);
    assert_int_equal(nyx_encoder_create(&e, t), 0);
    for (int round = 0; round < 2; round++, seen = 0)
        for (int64_t at = 0, step = 1; at < bytes; at += step, step = step * 3 % 9001 + 1) {
            int64_t        n = step < bytes - at ? step : bytes - at, got;
            const int32_t *part;

            assert_int_equal(nyx_encoder_feed(e, text + at, n, at + n == bytes, &part, &got), 0);
            assert_true(seen + got <= count);
            assert_memory_equal(part, ids + seen, (size_t)got * 4);
            seen += got;
            if (at + n == bytes)
                assert_int_equal(seen, count);
        }
    nyx_encoder_free(e);
    nyx_free(back);
    nyx_free(ids);
}

static nyx_tokenizer *through_json(const nyx_tokenizer *t)
{
    nyx_json      *json = nyx_tokenizer_json(t), *again;
    nyx_tokenizer *back;
    char          *a, *b;

    assert_int_equal(nyx_tokenizer_parse(&back, json, "test"), 0);
    again = nyx_tokenizer_json(back);
    assert_int_equal(nyx_json_print(&a, json, 0), 0);
    assert_int_equal(nyx_json_print(&b, again, 0), 0);
    assert_string_equal(a, b);
    nyx_free(a);
    nyx_free(b);
    nyx_json_free(json);
    nyx_json_free(again);
    return back;
}

static void any_bytes_come_back(void **state)
{
    char          *text = noise(), file[512];
    bool           all[256];
    nyx_tokenizer *list[6] = { NULL };
    int            count = 0;

    (void)state;
    memset(all, true, sizeof all);
    assert_int_equal(nyx_tokenizer_from_bytes(&list[count++], all, true), 0);
    list[count++] = trained("gpt2", text, NOISE, 600);
    list[count++] = trained("gpt2-digits", text, NOISE, 257);
    list[count++] = trained("llama3", text, NOISE, 3000);
    list[count++] = trained("qwen2", text, NOISE, 400);
    if (shared(file, "weights/stories260K/tok512.bin"))
        assert_int_equal(nyx_tokenizer_read(&list[count++], file), 0);
    for (int i = 0; i < count; i++) {
        nyx_tokenizer *back = through_json(list[i]);

        assert_returns(back, text, NOISE);
        assert_returns(back, text, 1);
        assert_returns(back, " ", 1);
        nyx_tokenizer_free(back);
        nyx_tokenizer_free(list[i]);
    }
    nyx_free(text);
}

/* A word without end is cut, so that memory stays bounded. */
static void long_words_are_cut(void **state)
{
    enum { LONG = 5 << 20 };
    nyx_tokenizer *t = trained("gpt2", "aaaa", 4, 259);
    char          *text;

    (void)state;
    assert_int_equal(nyx_alloc(&text, LONG), 0);
    memset(text, 'a', LONG);
    assert_returns(t, text, 300000);
    memset(text, ' ', 300000);
    assert_returns(t, text, 300000);
    nyx_tokenizer_free(t);
    nyx_free(text);
}

/* ---- pieces of others ---------------------------------------------------------------------- */

static void scores_and_spaces_follow_sentencepiece(void **state)
{
    static const char *const pieces[] = { "<unk>",
                                          "<s>",
                                          "</s>",
                                          "<0x0A>",
                                          "\xe2\x96\x81",
                                          "a",
                                          "b",
                                          "ab",
                                          "\xe2\x96\x81"
                                          "a",
                                          "\xe2\x96\x81"
                                          "ab",
                                          "[END]" };
    static const float   scores[] = { 0, 0, 0, 0, -9, -8, -8, -2, -1, -5, 0 };
    static const int32_t types[] = { 2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 4 };
    nyx_tokenizer_pieces in = { .subject = "x.gguf", .model = "llama", .count = 11, .pieces = pieces, .scores = scores,
                                .types = types, .bos = 1, .eos = 2, .unknown = 0, .leading_space = true };
    nyx_tokenizer       *t;
    int64_t              bytes;

    (void)state;
    assert_int_equal(nyx_tokenizer_from_pieces(&t, &in), 0);
    assert_ids(t, "ab", 2, (int32_t[]){ 9 }, 1);               /* " a" first: -1, then " ab": -5 */
    assert_ids(t, "b ab", 4, (int32_t[]){ 4, 6, 9 }, 3);
    assert_ids(t, "a\nq", 3, (int32_t[]){ 8, 3, 0 }, 3);       /* a byte; nothing at all: unknown */
    assert_ids(t, "a[END]ab", 8, (int32_t[]){ 8, 10, 7 }, 3);  /* a user token; no space behind it */
    assert_ids(t, "</s>", 4, (int32_t[]){ 4, 0, 0, 0, 0 }, 5); /* a control token is no text */
    assert_memory_equal(nyx_tokenizer_piece(t, 9, &bytes), " ab", 3);
    assert_memory_equal(nyx_tokenizer_literal(t, 3, &bytes), "<0x0A>", 6);
    assert_int_equal(nyx_tokenizer_type(t, 3), NYX_TOKEN_BYTE);
    assert_memory_equal(nyx_tokenizer_literal(t, 2, &bytes), "</s>", 4);
    assert_true(nyx_tokenizer_score(t, 7) == -2.0f && nyx_tokenizer_find(t, "ab", 2) == 7);
    assert_int_equal(nyx_tokenizer_find(t, "</s>", 4), -1); /* no word becomes it */
    nyx_tokenizer_free(t);
    in.scores = NULL;
    assert_int_equal(nyx_tokenizer_from_pieces(&t, &in), NYX_ERR_INPUT);
    in.model = "t5";
    assert_int_equal(nyx_tokenizer_from_pieces(&t, &in), NYX_ERR_UNSUPPORTED);
}

/* GPT-2 taken apart as GGUF has it is GPT-2. */
static void lettered_pieces_make_the_same_tokenizer(void **state)
{
    nyx_tokenizer       *t, *again;
    nyx_tokenizer_pieces in = {
        .subject = "x.gguf", .model = "gpt2", .pre = "gpt-2", .bos = -1, .eos = 50256, .unknown = -1
    };
    char               **pieces, **merges, *text = noise();
    int32_t             *types, *ids;
    int64_t              count;

    (void)state;
    if (!read_gpt2(&t)) {
        nyx_free(text);
        print_message("no data: GPT-2's vocabulary\n");
        skip();
    }
    in.count = nyx_tokenizer_vocabulary(t);
    in.merge_count = nyx_tokenizer_merge_count(t);
    assert_int_equal(nyx_alloc(&pieces, in.count * 8), 0);
    assert_int_equal(nyx_alloc(&types, in.count * 4), 0);
    assert_int_equal(nyx_alloc(&merges, in.merge_count * 8), 0);
    for (int32_t id = 0; id < in.count; id++) {
        int64_t     n;
        const char *literal = nyx_tokenizer_literal(t, id, &n);

        types[id] = (int32_t)nyx_tokenizer_type(t, id);
        assert_int_equal(nyx_tokenizer_letters(&pieces[id], literal, n), 0);
    }
    for (int64_t i = 0; i < in.merge_count; i++) {
        int32_t left, right;

        nyx_tokenizer_merge(t, i, &left, &right);
        assert_int_equal(nyx_text_format(&merges[i], "%s %s", pieces[left], pieces[right]), 0);
    }
    in.pieces = (const char *const *)pieces;
    in.merges = (const char *const *)merges;
    in.types = types;
    assert_int_equal(nyx_tokenizer_from_pieces(&again, &in), 0);
    assert_int_equal(nyx_tokenizer_encode(t, text, NOISE, &ids, &count), 0);
    assert_ids(again, text, NOISE, ids, count);
    for (int64_t id = 0; id < in.count; id++)
        nyx_free(pieces[id]);
    for (int64_t i = 0; i < in.merge_count; i++)
        nyx_free(merges[i]);
    nyx_free(pieces);
    nyx_free(merges);
    nyx_free(types);
    nyx_free(ids);
    nyx_free(text);
    nyx_tokenizer_free(t);
    nyx_tokenizer_free(again);
}

/* ---- what is refused -------------------------------------------------------------------------- */

static void assert_refused(const char *json, int status, const char *part)
{
    FILE          *file = fopen(path, "w");
    nyx_tokenizer *t;

    fputs(json, file);
    fclose(file);
    assert_int_equal(nyx_tokenizer_read(&t, path), status);
    assert_null(t);
    if (!strstr(nyx_error_text(), part))
        fail_msg("sentence \"%s\", part \"%s\" expected", nyx_error_text(), part);
}

#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]"
#define LEVEL "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"

static void malformed_tokenizers_are_refused(void **state)
{
    static const struct { const char *json; int status; const char *part;
    } rows[] = {
        { "{}", NYX_ERR_INPUT, "has no model" },
        { "{\"kind\":\"words\",\"vocabulary\":[\"a\"]}", NYX_ERR_INPUT, "'kind'" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[]}", NYX_ERR_INPUT, "'vocabulary'" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"ab\"]}", NYX_ERR_INPUT, "token 0 has 2 bytes" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a\",\"a\"]}", NYX_ERR_INPUT, "tokens 0 and 1 are the same" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a b\"]}", NYX_ERR_INPUT, "is not written in letters" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a\"],\"eos\":1}", NYX_ERR_INPUT,
          "eos is token 1, but the last one is 0" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a\"],\"merges\":[]}", NYX_ERR_INPUT, "have no merges" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a\"],\"control\":[3]}", NYX_ERR_INPUT, "token 3, which is not there" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a\"],\"control\":[0,0]}", NYX_ERR_INPUT, "listed twice" },
        { "{\"kind\":\"bytes\",\"vocabulary\":[\"a\"],\"unknown\":4294967296}", NYX_ERR_INPUT, "'unknown'" },
        { "{\"kind\":\"bpe-bytes\",\"vocabulary\":[\"a\"]}", NYX_ERR_INPUT, "'pattern'" },
        { "{\"kind\":\"bpe-bytes\",\"pattern\":\"gpt2\",\"vocabulary\":[\"a\"],\"merges\":[[0,1]]}", NYX_ERR_INPUT,
          "merge 0 joins" },
        { "{\"kind\":\"bpe-bytes\",\"pattern\":\"gpt2\",\"vocabulary\":[\"a\"],\"merges\":[[0,0]]}", NYX_ERR_INPUT,
          "the vocabulary lacks" },
        { "{\"kind\":\"bpe-bytes\",\"pattern\":\"gpt2\",\"vocabulary\":[\"a\",\"aa\"],\"merges\":[[0,0],[0,0]]}",
          NYX_ERR_INPUT, "there twice" },
        { "{\"kind\":\"bpe-scores\",\"vocabulary\":[\"a\"]}", NYX_ERR_INPUT, "0 scores for 1 tokens" },
        { "{\"kind\":\"bpe-scores\",\"vocabulary\":[\"a\"],\"scores\":[1e300]}", NYX_ERR_INPUT, "is no number" },
        { "{\"kind\":\"bpe-scores\",\"vocabulary\":[\"a\"],\"scores\":[1],\"byte\":[0]}", NYX_ERR_INPUT,
          "should be a byte" },
        { "{" MODEL "}}", NYX_ERR_UNSUPPORTED, "pre-tokenizer" },
        { "{" LEVEL "," MODEL ",\"dropout\":0.1}}", NYX_ERR_UNSUPPORTED, "dropout 0.1" },
        { "{" LEVEL "," MODEL ",\"byte_fallback\":true}}", NYX_ERR_UNSUPPORTED, "byte_fallback" },
        { "{" LEVEL "," MODEL ",\"end_of_word_suffix\":\"</w>\"}}", NYX_ERR_UNSUPPORTED, "end_of_word_suffix" },
        { "{" LEVEL ",\"normalizer\":{\"type\":\"Lowercase\"}," MODEL "}}", NYX_ERR_UNSUPPORTED,
          "normalizer {\"type\":\"Lowercase\"}" },
        { "{" LEVEL ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}", NYX_ERR_UNSUPPORTED, "\"WordPiece\"" },
        { "{" LEVEL ",\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", NYX_ERR_INPUT, "has no vocabulary" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":0}}}", NYX_ERR_INPUT, "has no merges" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", NYX_ERR_INPUT, "have the same id" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", NYX_ERR_INPUT, "the id -1" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":99999999},\"merges\":[]}}", NYX_ERR_INPUT, "the id 99999999" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", NYX_ERR_INPUT, "is no pair" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a z\"]}}", NYX_ERR_INPUT, "no tokens both" },
        { "{" LEVEL ",\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", NYX_ERR_INPUT,
          "the vocabulary lacks" },
        { "{" LEVEL ",\"added_tokens\":[{\"id\":0,\"content\":\"x\"}]," MODEL "}}", NYX_ERR_INPUT, "have the same id" },
        { "{" LEVEL ",\"added_tokens\":[{\"id\":3,\"content\":\"x\",\"lstrip\":true}]," MODEL "}}", NYX_ERR_UNSUPPORTED,
          "lstrip" },
        { "{\"model\":", NYX_ERR_INPUT, "line 1" },
        { "", NYX_ERR_INPUT, "breaks off at byte 0" },
        { "abcdefghijklmnopqrstuvwxyz", NYX_ERR_INPUT, "breaks off at byte 4" },
    };
    nyx_tokenizer *t;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(rows[i].json, rows[i].status, rows[i].part);
    assert_int_equal(nyx_tokenizer_read(&t, "/no/file"), NYX_ERR_MISSING);
}

static void bytes_without_token_are_named(void **state)
{
    bool           used[256] = { ['a'] = true };
    nyx_tokenizer *t;
    int32_t       *ids;
    int64_t        count;

    (void)state;
    assert_int_equal(nyx_tokenizer_from_bytes(&t, used, false), 0);
    assert_true(nyx_tokenizer_vocabulary(t) == 1 && nyx_tokenizer_eos(t) == -1);
    assert_int_equal(nyx_tokenizer_encode(t, "ab", 2, &ids, &count), NYX_ERR_INPUT);
    assert_non_null(strstr(nyx_error_text(), "no token for byte 0x62, 'b'"));
    nyx_tokenizer_free(t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2_ids_are_those_of_others),
        cmocka_unit_test(llama2c_ids_and_pieces_are_those_of_others),
        cmocka_unit_test(patterns_split_as_their_expressions),
        cmocka_unit_test(merges_are_those_of_the_definition),
        cmocka_unit_test(training_depends_on_the_text_alone),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(scores_and_spaces_follow_sentencepiece),
        cmocka_unit_test(lettered_pieces_make_the_same_tokenizer),
        cmocka_unit_test(malformed_tokenizers_are_refused),
        cmocka_unit_test(bytes_without_token_are_named),
    };
    int failed;

    snprintf(path, sizeof path, "/tmp/nyx-test-text-%ld.json", (long)getpid());
    failed = cmocka_run_group_tests_name("text", tests, NULL, NULL);
    unlink(path);
    return failed;
}

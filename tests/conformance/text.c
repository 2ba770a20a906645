/* text -- a window on libnyx/text for the tests that need another program.
 *
 *     text encode TOKENIZER [MERGES] < TEXT   a line of ids for all of it
 *     text decode TOKENIZER [MERGES] < TEXT   TEXT encoded and decoded
 *     text lines TOKENIZER [MERGES] < TEXT    a line of ids a line
 *     text train PATTERN VOCABULARY < TEXT    the tokenizer, as JSON
 *     text json TOKENIZER [MERGES]            the tokenizer, as JSON
 *
 * TOKENIZER and MERGES are GPT-2's pair of files when both are given. Errors:
 * one line on stderr, the exit status of the tools. */
#include "text/text.h"

#include <string.h>

/* Standard input, a megabyte at a time. */
static int64_t get(char *block)
{
    return (int64_t)fread(block, 1, 1 << 20, stdin);
}

static int encode(const nyx_tokenizer *t, bool decode)
{
    static char    block[1 << 20];
    nyx_encoder   *e;
    const int32_t *ids;
    int64_t        bytes, count;
    int            status = nyx_encoder_create(&e, t);
    bool           first = true;

    do {
        bytes = get(block);
        if (status == 0)
            status = nyx_encoder_feed(e, block, bytes, bytes == 0, &ids, &count);
        for (int64_t i = 0; i < count && status == 0; i++) {
            int64_t     n;
            const char *piece = nyx_tokenizer_piece(t, ids[i], &n);
            bool        strip = decode && first && n && nyx_tokenizer_leading_space(t) && *piece == ' ';

            if (decode)
                fwrite(piece + strip, 1, (size_t)(n - strip), stdout);
            else
                printf("%s%d", first ? "" : " ", ids[i]);
            first = false;
        }
    } while (bytes && status == 0);
    if (!decode)
        puts("");
    nyx_encoder_free(e);
    return status;
}

static int encode_lines(const nyx_tokenizer *t)
{
    char   *line = NULL;
    size_t  room = 0;
    ssize_t bytes;
    int     status = 0;

    while (status == 0 && (bytes = getline(&line, &room, stdin)) >= 0) {
        int32_t *ids;
        int64_t  count;

        status = nyx_tokenizer_encode(t, line, bytes - (line[bytes - 1] == '\n'), &ids, &count);
        for (int64_t i = 0; i < count && status == 0; i++)
            printf("%s%d", i ? " " : "", ids[i]);
        puts("");
        nyx_free(ids);
    }
    free(line);
    return status;
}

static int print_json(const nyx_tokenizer *t)
{
    nyx_json *json = nyx_tokenizer_json(t);
    char     *text;
    int       status = nyx_json_print(&text, json, 0);

    if (status == 0)
        puts(text);
    nyx_free(text);
    nyx_json_free(json);
    return status;
}

static int train(nyx_tokenizer **out, const char *pattern, int64_t vocabulary)
{
    static char      block[1 << 20];
    nyx_bpe_trainer *trainer;
    int64_t          bytes;
    int              status = nyx_bpe_trainer_create(&trainer, pattern);

    do {
        bytes = get(block);
        if (status == 0)
            status = nyx_bpe_trainer_feed(trainer, block, bytes, bytes == 0);
    } while (bytes && status == 0);
    if (status == 0)
        status = nyx_bpe_trainer_run(out, trainer, vocabulary, NULL, NULL);
    nyx_bpe_trainer_free(trainer);
    return status;
}

int main(int argc, char **argv)
{
    static const int exits[] = { 0, 65, 74, 69, 71, 75, 1, 75, 64, 66, 73 };
    const char      *what = argc > 2 ? argv[1] : "";
    nyx_tokenizer   *t = NULL;
    int              status;

    if (strcmp(what, "train") == 0 && argc == 4)
        status = train(&t, argv[2], atoll(argv[3]));
    else if (argc == 4)
        status = nyx_tokenizer_read_gpt2(&t, argv[2], argv[3]);
    else
        status = nyx_tokenizer_read(&t, argc > 2 ? argv[2] : "");
    if (status == 0)
        status = strcmp(what, "encode") == 0   ? encode(t, false)
                 : strcmp(what, "decode") == 0 ? encode(t, true)
                 : strcmp(what, "lines") == 0  ? encode_lines(t)
                                               : print_json(t);
    nyx_tokenizer_free(t);
    if (status < 0)
        fprintf(stderr, "text: %s\n", nyx_error_text());
    return exits[-status];
}

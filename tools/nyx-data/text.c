/* nyx-data text -- make a dataset for language models out of text. */
#include "commands.h"

#include "data/corpus/corpus.h"

#include <string.h>

enum { INPUTS_MOST = 256, LINE_TOKENS = 64 };

static struct {
    const char *inputs[INPUTS_MOST + 1];
    const char *document, *split, *tokenizer, *merges, *pattern, *output;
    double      test_share;
    int64_t     vocabulary;
} args = { .document = "file", .split = "documents", .pattern = "gpt2", .test_share = 0.1, .vocabulary = -1 };

static const char *const splits[] = { "documents", "tail", NULL };
static const char *const patterns[] = { "gpt2", "gpt2-digits", "llama3", "qwen2", NULL };

static int check_document(const char *text)
{
    nyx_corpus_options options;
    return nyx_corpus_document_parse(&options, text);
}

static const nyx_opt opts[] = {
    { NYX_OPT_INPUT, .value = args.inputs, .arg = "INPUT...", .most = INPUTS_MOST, .required = true,
      .help = "files, folders (all files below), archives (.gz .bz2 .xz .zst .zip .7z .tar.*), or -" },
    { NYX_OPT_GROUP, .help = "Documents" },
    { NYX_OPT_CHECK, "document", .value = &args.document, .arg = "END", .check = check_document,
      .help = "where documents end: file, line, blank-line, or a marker such as '<|endoftext|>' [file]" },
    { NYX_OPT_CHOICE, "split", .value = &args.split, .arg = "HOW", .choices = splits,
      .help = "documents: whole ones are set aside for testing, by hash; tail: the last part of all text [documents]" },
    { NYX_OPT_REAL, "test-share", .value = &args.test_share, .arg = "SHARE", .help = "how much is set aside [0.1]" },
    { NYX_OPT_GROUP, .help = "Tokens" },
    { NYX_OPT_TEXT, "tokenizer", .value = &args.tokenizer, .arg = "FILE|NAME",
      .help = "bytes; characters: the bytes in use; or a file: tokenizer.json, a dataset or model of ours, llama2.c's, "
              "GPT-2's vocab.json [learnt from the training side]" },
    { NYX_OPT_INPUT, "merges", .value = &args.merges, .arg = "FILE",
      .help = "merges.txt of GPT-2, with its vocab.json [none]" },
    { NYX_OPT_INT, "vocabulary", .value = &args.vocabulary, .arg = "N", .least = 257,
      .help = "tokens to learn by byte-pair encoding [4096]" },
    { NYX_OPT_CHOICE, "pattern", .value = &args.pattern, .arg = "NAME", .choices = patterns,
      .help = "how text becomes words before it is learnt [gpt2]" },
    { NYX_OPT_OUTPUT, "output", 'o', &args.output, "FILE", .required = true, .help = "dataset to write (HDF5)" },
    { .kind = NYX_OPT_END },
};

static void show_progress(const char *what, int64_t done, int64_t total)
{
    static int64_t calls;

    if (calls++ % 64 == 0) /* parts may be as short as a line */
        nyx_cli_progress(what, done, total, "");
}

static void warn(const char *sentence)
{
    nyx_cli_note("warning: %s", sentence);
}

static int options_of(nyx_corpus_options *o)
{
    if (args.test_share < 0 || args.test_share >= 1)
        return nyx_error_set(NYX_ERR_USAGE, "--test-share=%g is no share: at least 0 and below 1 expected",
                             args.test_share);
    if (args.tokenizer && args.vocabulary >= 0)
        return nyx_error_set(NYX_ERR_USAGE, "--vocabulary is for learning; the tokens of '%s' are what they are",
                             args.tokenizer);
    if (args.merges && !args.tokenizer)
        return nyx_error_set(NYX_ERR_USAGE, "--merges goes with --tokenizer=vocab.json");
    if (args.vocabulary > NYX_VOCABULARY_MOST)
        return nyx_error_set(NYX_ERR_USAGE, "--vocabulary=%lld is too large: %d is the most",
                             (long long)args.vocabulary, NYX_VOCABULARY_MOST);
    *o = (nyx_corpus_options){ .inputs = args.inputs, .tail = strcmp(args.split, "tail") == 0,
                               .test_share = args.test_share, .tokenizer = args.tokenizer, .merges = args.merges,
                               .pattern = args.pattern, .vocabulary = args.vocabulary < 0 ? 4096 : args.vocabulary };
    return nyx_corpus_document_parse(o, args.document);
}

static int run(nyx_report *report)
{
    nyx_corpus_options options;
    nyx_corpus_job     job = { .output = args.output, .dry_run = nyx_cli_common->dry_run, .report = report,
                               .progress = show_progress, .warn = warn };
    const nyx_json    *result = nyx_report_result(report);
    int                status;

    if ((status = options_of(&options)) < 0 || (status = data_output_check(args.output)) < 0)
        return status;
    status = nyx_corpus_make(&options, &job);
    nyx_cli_progress_end();
    if (status == 0 && job.dry_run)
        nyx_cli_print("would write %lld documents, %lld bytes of text, to '%s'\n",
                      (long long)nyx_json_int(nyx_json_get(result, "documents"), 0),
                      (long long)nyx_json_int(nyx_json_get(result, "bytes"), 0), args.output);
    return status;
}

const nyx_command data_text = {
    .name = "text",
    .purpose = "make a dataset of text for language models",
    .usage = "[OPTIONS] INPUT... -o OUT.h5",
    .examples = "nyx-data text shakespeare.txt --split=tail --tokenizer=characters -o shakespeare.h5\n"
                "nyx-data text stories.tar.gz --document='<|endoftext|>' --vocabulary=10000 -o stories.h5",
    .description = "Reads text out of files, folders and archives, splits it into documents, sets some aside for "
                   "testing, and codes it with a tokenizer that is learnt from the training side or read from a file. "
                   "The tokenizer is kept inside the dataset.",
    .opts = opts,
    .run = run,
};

/* ---- nyx-data show, of a text ------------------------------------------------------- */

/* Pieces apart by '|'; what is not visible ASCII or UTF-8 as \xHH. */
static void print_piece(const char *piece, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)piece[i];

        if (c == '\n')
            nyx_cli_print("\\n");
        else if (c == '\\' || c == '|')
            nyx_cli_print("\\%c", c);
        else if (c < ' ' || c == 0x7f)
            nyx_cli_print("\\x%02x", c);
        else
            nyx_cli_print("%c", c);
    }
    nyx_cli_print("|");
}

static void print_tokens(const nyx_tokenizer *t, const struct nyx_split *split, int64_t from, int64_t lines)
{
    for (int64_t i = from; i < split->token_count && i - from < lines * LINE_TOKENS; i++) {
        int32_t id = split->tokens[i];

        if ((i - from) % LINE_TOKENS == 0)
            nyx_cli_print("%s", i == from ? "" : "\n");
        if (t && id < nyx_tokenizer_vocabulary(t)) {
            int64_t     bytes;
            const char *piece = nyx_tokenizer_literal(t, id, &bytes);

            print_piece(piece, bytes);
        } else {
            nyx_cli_print("%d ", id);
        }
    }
    nyx_cli_print("\n");
}

static void print_splits(const nyx_dataset *dataset)
{
    static const char *const head[] = { "split", "documents", "bytes", "words", "tokens", "bytes a token" };
    const struct { const char *name; const struct nyx_split *split; } rows[] = { { "train", &dataset->train },
                                                                                 { "test", &dataset->test } };
    nyx_table *table = nyx_table_create(6);

    for (int i = 0; i < 6; i++)
        nyx_table_cell(table, "%s", head[i]);
    for (int i = 0; i < 2; i++) {
        const struct nyx_split *split = rows[i].split;

        nyx_table_cell(table, "%s", rows[i].name);
        nyx_table_cell(table, "%lld", (long long)split->documents);
        nyx_table_cell(table, "%lld", (long long)split->bytes);
        nyx_table_cell(table, "%lld", (long long)split->words);
        nyx_table_cell(table, "%lld", (long long)split->token_count);
        nyx_table_cell(table, "%.3f", nyx_share(split->bytes, split->token_count));
    }
    nyx_table_print(table);
}

int data_text_show(nyx_dataset *dataset, const char *name, int64_t from, int64_t lines)
{
    const struct nyx_split *split = strcmp(name, "test") == 0 ? &dataset->test : &dataset->train;
    nyx_tokenizer          *t = NULL;
    int                     status = 0;

    if (dataset->tokenizer)
        status = nyx_tokenizer_parse(&t, dataset->tokenizer, "/tokenizer");
    if (status == 0 && from && from >= split->token_count)
        status = nyx_error_set(NYX_ERR_USAGE, "--row=%lld is not there: %s has %lld tokens", (long long)from, name,
                               (long long)split->token_count);
    if (status == 0) {
        nyx_cli_print("text: vocabulary of %lld, %s\n\n", (long long)dataset->vocabulary,
                      t ? nyx_tokenizer_kind_name(nyx_tokenizer_kind_of(t)) : "without tokenizer");
        print_splits(dataset);
        nyx_cli_print("\n%s, tokens from %lld on:\n", name, (long long)from);
        print_tokens(t, split, from, lines);
    }
    nyx_tokenizer_free(t);
    nyx_dataset_release(dataset);
    return status;
}

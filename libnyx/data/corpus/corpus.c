/* corpus -- the passes: survey (how much, which bytes, the split), learn,
 * encode. */
#include "data/corpus/internal.h"

#include <math.h>
#include <string.h>

enum { HEAD_BYTES = 1 << 16, INPUTS_LISTED = 1000 };

struct side { int64_t documents, bytes, words; };

struct corpus {
    const nyx_corpus_options *options;
    const nyx_corpus_job     *job;
    struct nyx_corpus__files  files;

    /* survey */
    int64_t    documents, bytes;
    bool       used[256];
    uint64_t   lowest, highest; /* of the documents' hashes */
    nyx_sha256 all;
    char       sha256[NYX_SHA256_HEX];

    /* the split */
    uint64_t threshold; /* documents with a smaller hash are for testing */
    int64_t  cut;       /* tail: bytes for training */

    /* a document on its way */
    char   *head;
    int64_t head_bytes, position, seen;
    bool    decided, open;
    int     side;

    /* who gets it */
    const char *what;
    int (*text)(struct corpus *c, const char *data, int64_t bytes);
    int (*end)(struct corpus *c, bool whole);

    nyx_bpe_trainer  *trainer;
    nyx_tokenizer    *tokenizer;
    nyx_encoder      *encoder;
    nyx_token_writer *writer;
    struct side       sides[NYX_SIDES];
    bool              begun, in_word;
    double            learn_s, encode_s;
};

/* ---- the split ------------------------------------------------------------------------- */

static uint64_t hash_head(const struct corpus *c)
{
    char hex[NYX_SHA256_HEX];

    nyx_sha256_bytes(hex, c->head, c->head_bytes);
    hex[16] = '\0';
    return strtoull(hex, NULL, 16);
}

static void take_head(struct corpus *c, const char *data, int64_t bytes)
{
    int64_t room = HEAD_BYTES - c->head_bytes, n = bytes < room ? bytes : room;

    memcpy(c->head + c->head_bytes, data, (size_t)n);
    c->head_bytes += n;
}

static int survey_text(void *context, const char *data, int64_t bytes)
{
    struct corpus *c = context;

    take_head(c, data, bytes);
    nyx_sha256_update(&c->all, data, bytes);
    for (int64_t i = 0; i < bytes; i++)
        c->used[(uint8_t)data[i]] = true;
    c->bytes += bytes;
    if (c->job->progress)
        c->job->progress("bytes read", c->bytes, 0);
    return 0;
}

static int survey_end(void *context)
{
    struct corpus *c = context;
    uint64_t       hash = hash_head(c);

    nyx_sha256_update(&c->all, "", 1);
    if (!c->documents || hash < c->lowest)
        c->lowest = hash;
    if (!c->documents || hash > c->highest)
        c->highest = hash;
    c->documents++;
    c->head_bytes = 0;
    return 0;
}

/* Both sides get a document: if need be the one with the lowest or highest
 * hash. */
static int decide_documents(struct corpus *c)
{
    const double share = c->options->test_share;

    c->threshold = (uint64_t)ldexp(share, 64);
    if (share <= 0)
        return 0;
    if (c->documents == 1 || c->lowest == c->highest)
        return nyx_error_set(NYX_ERR_USAGE, "cannot set documents aside for testing: %s; --split=tail splits the text "
                                            "by position, --document says where documents end, --test-share=0 trains "
                                            "on all",
                             c->documents == 1 ? "there is one" : "all are the same");
    if (c->lowest >= c->threshold)
        c->threshold = c->lowest + 1;
    if (c->highest < c->threshold)
        c->threshold = c->highest;
    return 0;
}

static int survey(struct corpus *c)
{
    const struct nyx_corpus__sink sink = { survey_text, survey_end, c };
    int                           status;

    nyx_sha256_init(&c->all);
    if ((status = nyx_corpus__walk(&c->files, c->options, &sink)) < 0)
        return status;
    nyx_sha256_final(&c->all, c->sha256);
    if (c->bytes == 0)
        return nyx_error_set(NYX_ERR_INPUT, "there is no text in '%s'%s", c->options->inputs[0],
                             c->options->inputs[1] ? " and the other inputs" : "");
    if (!c->options->tail)
        return decide_documents(c);
    c->cut = (int64_t)floor((1 - c->options->test_share) * (double)c->bytes);
    if (c->cut == 0)
        return nyx_error_set(NYX_ERR_USAGE, "nothing would be left to train on; ask for a smaller --test-share");
    return 0;
}

/* ---- documents to their sides --------------------------------------------------------------- */

static int pass_on(struct corpus *c, const char *data, int64_t bytes)
{
    c->open = true;
    c->seen += bytes;
    if (c->job->progress)
        c->job->progress(c->what, c->seen, c->bytes);
    return bytes ? c->text(c, data, bytes) : 0;
}

/* The tail begins with a whole character. */
static int route_tail(struct corpus *c, const char *data, int64_t bytes)
{
    int64_t n = c->side == NYX_SIDE_TEST ? bytes : c->cut - c->position;
    int     status = 0;

    if (n < 0)
        n = 0;
    if (n > bytes)
        n = bytes;
    while (c->side == NYX_SIDE_TRAIN && n < bytes && ((uint8_t)data[n] & 0xc0) == 0x80)
        n++;
    c->position += bytes;
    if (n)
        status = pass_on(c, data, n);
    if (status < 0 || n == bytes)
        return status;
    if (c->open && (status = c->end(c, false)) < 0)
        return status;
    c->side = NYX_SIDE_TEST;
    return pass_on(c, data + n, bytes - n);
}

static int decide(struct corpus *c)
{
    int64_t n = c->head_bytes;

    c->side = hash_head(c) < c->threshold ? NYX_SIDE_TEST : NYX_SIDE_TRAIN;
    c->decided = true;
    c->head_bytes = 0;
    return pass_on(c, c->head, n);
}

static int route_text(void *context, const char *data, int64_t bytes)
{
    struct corpus *c = context;
    int64_t        had = c->head_bytes;
    int            status;

    if (c->options->tail)
        return route_tail(c, data, bytes);
    if (c->decided)
        return pass_on(c, data, bytes);
    take_head(c, data, bytes);
    if (c->head_bytes < HEAD_BYTES)
        return 0;
    if ((status = decide(c)) < 0)
        return status;
    had = HEAD_BYTES - had; /* taken of this part */
    return pass_on(c, data + had, bytes - had);
}

static int route_end(void *context)
{
    struct corpus *c = context;
    int            status;

    if (!c->options->tail && !c->decided && (status = decide(c)) < 0)
        return status;
    c->decided = c->open = false;
    return c->end(c, true);
}

static int route(struct corpus *c, const char *what)
{
    const struct nyx_corpus__sink sink = { route_text, route_end, c };

    c->what = what;
    c->head_bytes = c->position = c->seen = 0;
    c->decided = c->open = false;
    c->side = NYX_SIDE_TRAIN;
    return nyx_corpus__walk(&c->files, c->options, &sink);
}

/* ---- the tokenizer --------------------------------------------------------------------------- */

static int learn_text(struct corpus *c, const char *data, int64_t bytes)
{
    return c->side == NYX_SIDE_TRAIN ? nyx_bpe_trainer_feed(c->trainer, data, bytes, false) : 0;
}

static int learn_end(struct corpus *c, bool whole)
{
    (void)whole;
    return c->side == NYX_SIDE_TRAIN ? nyx_bpe_trainer_feed(c->trainer, NULL, 0, true) : 0;
}

static void learn_progress(void *context, int64_t done, int64_t total)
{
    const struct corpus *c = context;

    if (c->job->progress)
        c->job->progress("tokens learnt", done, total);
}

static int learn(struct corpus *c)
{
    const nyx_corpus_options *o = c->options;
    nyx_json                 *json = nyx_json_add_object(nyx_report_result(c->job->report), "learnt");
    int64_t                   start = nyx_clock_ns();
    char                      sentence[200];
    int                       status;

    c->text = learn_text;
    c->end = learn_end;
    if ((status = nyx_bpe_trainer_create(&c->trainer, o->pattern)) < 0 || (status = route(c, "words counted")) < 0 ||
        (status = nyx_bpe_trainer_run(&c->tokenizer, c->trainer, o->vocabulary, learn_progress, c)) < 0)
        return status;
    c->learn_s = (double)(nyx_clock_ns() - start) * 1e-9;
    nyx_json_set_int(json, "merges", nyx_tokenizer_merge_count(c->tokenizer));
    nyx_json_set_int(json, "words_distinct", nyx_bpe_trainer_words(c->trainer));
    nyx_json_set_int(json, "words_forgotten", nyx_bpe_trainer_forgotten(c->trainer));
    nyx_bpe_trainer_free(c->trainer);
    c->trainer = NULL;
    if (nyx_tokenizer_vocabulary(c->tokenizer) < o->vocabulary) {
        snprintf(sentence, sizeof sentence, "%lld tokens instead of %lld: nothing is left to merge",
                 (long long)nyx_tokenizer_vocabulary(c->tokenizer), (long long)o->vocabulary);
        c->job->warn(sentence);
    }
    return 0;
}

static int make_tokenizer(struct corpus *c)
{
    const nyx_corpus_options *o = c->options;
    bool                      all[256];
    int                       status;

    if (!o->tokenizer)
        return learn(c);
    if (strcmp(o->tokenizer, "bytes") == 0) {
        memset(all, true, sizeof all);
        return nyx_tokenizer_from_bytes(&c->tokenizer, all, true);
    }
    if (strcmp(o->tokenizer, "characters") == 0) /* one document needs no end */
        return nyx_tokenizer_from_bytes(&c->tokenizer, c->used, c->documents > 1);
    if ((status = nyx_report_input(c->job->report, o->tokenizer)) < 0 ||
        (o->merges && (status = nyx_report_input(c->job->report, o->merges)) < 0))
        return status;
    return o->merges ? nyx_tokenizer_read_gpt2(&c->tokenizer, o->tokenizer, o->merges)
                     : nyx_tokenizer_read(&c->tokenizer, o->tokenizer);
}

/* ---- tokens ------------------------------------------------------------------------------------ */

static void count_words(struct corpus *c, const char *data, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++) {
        bool space = data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r');

        c->sides[c->side].words += !space && !c->in_word;
        c->in_word = !space;
    }
}

static int put(struct corpus *c, const char *data, int64_t bytes, bool last)
{
    const int32_t *ids;
    int64_t        count;
    int            status = nyx_encoder_feed(c->encoder, data, bytes, last, &ids, &count);

    return status < 0 ? status : nyx_token_writer_add(c->writer, c->side, ids, count);
}

static int encode_text(struct corpus *c, const char *data, int64_t bytes)
{
    int32_t bos = nyx_tokenizer_bos(c->tokenizer);
    int     status;

    if (!c->begun) {
        c->begun = true;
        c->in_word = false;
        if (bos >= 0 && (status = nyx_token_writer_add(c->writer, c->side, &bos, 1)) < 0)
            return status;
    }
    c->sides[c->side].bytes += bytes;
    count_words(c, data, bytes);
    return put(c, data, bytes, false);
}

/* A document that the split cuts in two has no end on the first side. */
static int encode_end(struct corpus *c, bool whole)
{
    int32_t eos = nyx_tokenizer_eos(c->tokenizer);
    int     status;

    if (!c->begun)
        return 0;
    c->begun = false;
    c->sides[c->side].documents++;
    if ((status = put(c, NULL, 0, true)) < 0)
        return status;
    if (!whole || eos < 0 || nyx_tokenizer_bos(c->tokenizer) >= 0)
        return 0;
    return nyx_token_writer_add(c->writer, c->side, &eos, 1);
}

static int encode(struct corpus *c)
{
    int64_t start = nyx_clock_ns();
    int     status;

    c->text = encode_text;
    c->end = encode_end;
    if ((status = nyx_encoder_create(&c->encoder, c->tokenizer)) < 0 ||
        (status = nyx_token_writer_open(&c->writer, c->job->output, nyx_tokenizer_vocabulary(c->tokenizer))) < 0 ||
        (status = route(c, "bytes encoded")) < 0)
        return status;
    c->encode_s = (double)(nyx_clock_ns() - start) * 1e-9;
    return 0;
}

/* ---- the file and the report --------------------------------------------------------------------- */

/* What changes the bytes: no paths. */
static int describe(nyx_json *json, const struct corpus *c, const nyx_json *tokenizer)
{
    static const char *const documents[] = { "file", "line", "blank-line", "marker" };
    const nyx_corpus_options *o = c->options;
    char                      digest[NYX_SHA256_HEX], *text;
    int                       status;

    nyx_json_set_text(json, "text_sha256", c->sha256);
    nyx_json_set_text(json, "document", documents[o->document]);
    if (o->marker)
        nyx_json_set_text(json, "marker", o->marker);
    nyx_json_set_text(json, "split", o->tail ? "tail" : "documents");
    nyx_json_set_real(json, "test_share", o->test_share);
    if ((status = nyx_json_print(&text, tokenizer, 0)) < 0)
        return status;
    nyx_sha256_bytes(digest, text, (int64_t)strlen(text));
    nyx_free(text);
    nyx_json_set_text(json, "tokenizer_sha256", digest);
    if (!o->tokenizer) {
        nyx_json_set_int(json, "vocabulary", o->vocabulary);
        nyx_json_set_text(json, "pattern", o->pattern);
    }
    return 0;
}

static int write_dataset(struct corpus *c, nyx_dataset *facts)
{
    nyx_json *provenance = nyx_json_object(), *options = nyx_json_add_object(provenance, "options");
    char     *text = NULL, *line = NULL;
    int       status;

    nyx_json_set_text(provenance, "program", "nyx-data text " NYX_VERSION);
    if ((status = describe(options, c, facts->tokenizer)) == 0 && (status = nyx_json_print(&text, options, 0)) == 0 &&
        (status = nyx_text_format(&line, "nyx-data text %s %s", NYX_VERSION, text)) == 0) {
        status = nyx_token_writer_commit(c->writer, facts, line, provenance);
        c->writer = NULL;
    }
    nyx_free(line);
    nyx_free(text);
    nyx_json_free(provenance);
    return status;
}

static double rate(int64_t bytes, double seconds)
{
    return seconds > 0 ? (double)bytes / 1e6 / seconds : 0;
}

static int finish(struct corpus *c)
{
    nyx_dataset       facts = { .kind = "text", .vocabulary = nyx_tokenizer_vocabulary(c->tokenizer), .ignore = -1,
                                .puzzles = 1, .tokenizer = nyx_tokenizer_json(c->tokenizer) };
    struct nyx_split *splits[NYX_SIDES] = { &facts.train, &facts.test };
    nyx_json         *run = nyx_report_run(c->job->report);
    int               status;

    for (int s = 0; s < NYX_SIDES; s++) {
        splits[s]->documents = c->sides[s].documents;
        splits[s]->bytes = c->sides[s].bytes;
        splits[s]->words = c->sides[s].words;
        splits[s]->token_count = nyx_token_writer_count(c->writer, s);
    }
    nyx_dataset_describe(nyx_report_result(c->job->report), &facts);
    if (!c->options->tokenizer)
        nyx_json_set_real(run, "learn_megabytes_per_s", rate(c->sides[NYX_SIDE_TRAIN].bytes, c->learn_s));
    nyx_json_set_real(run, "encode_megabytes_per_s", rate(c->bytes, c->encode_s));
    status = facts.tokenizer ? write_dataset(c, &facts) : NYX_ERR_MEMORY;
    nyx_json_free(facts.tokenizer);
    return status < 0 ? status : nyx_report_output(c->job->report, c->job->output);
}

/* The digest of a long list of files is that of their text. */
static int list_inputs(struct corpus *c)
{
    int status = 0;

    nyx_json_set_int(nyx_report_result(c->job->report), "files", c->files.count);
    for (int64_t i = 0; i < c->files.count && c->files.count <= INPUTS_LISTED && status == 0; i++)
        if (strcmp(c->files.paths[i], "-") != 0)
            status = nyx_report_input(c->job->report, c->files.paths[i]);
    return status;
}

int nyx_corpus_make(const nyx_corpus_options *options, const nyx_corpus_job *job)
{
    struct corpus c = { .options = options, .job = job, .files.spool = -1 };
    int           status;

    if ((status = nyx_alloc(&c.head, HEAD_BYTES)) < 0 ||
        (status = nyx_corpus__files_list(&c.files, options, job->output)) < 0 || (status = list_inputs(&c)) < 0 ||
        (status = survey(&c)) < 0)
        goto done;
    nyx_json_set_text(nyx_report_result(job->report), "text_sha256", c.sha256);
    if (job->dry_run) {
        nyx_json_set_int(nyx_report_result(job->report), "documents", c.documents);
        nyx_json_set_int(nyx_report_result(job->report), "bytes", c.bytes);
        goto done;
    }
    if ((status = make_tokenizer(&c)) == 0 && (status = encode(&c)) == 0)
        status = finish(&c);
done:
    nyx_token_writer_discard(c.writer);
    nyx_encoder_free(c.encoder);
    nyx_bpe_trainer_free(c.trainer);
    nyx_tokenizer_free(c.tokenizer);
    nyx_corpus__files_release(&c.files);
    nyx_free(c.head);
    return status;
}

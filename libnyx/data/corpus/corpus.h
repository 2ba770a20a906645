/* corpus -- a text dataset out of files, folders, archives and standard input:
 * documents, a train and a test side, a tokenizer, a stream of tokens each.
 *
 * Everything is read in passes and written as it comes. Memory: what a
 * tokenizer needs, a few blocks of 1 MiB, the names of the files; learning
 * merges 64 MiB for the words and at worst 1.2 GiB for the pairs in them (200
 * MB for English of any size). Disk: the tokens twice, for a moment.
 */
#ifndef NYX_CORPUS_H
#define NYX_CORPUS_H

#include "data/data.h"
#include "text/text.h"

enum nyx_document {
    NYX_DOCUMENT_FILE,   /* a file, or a file in an archive, as it is */
    NYX_DOCUMENT_LINE,   /* a line without its end */
    NYX_DOCUMENT_BLANK,  /* up to a blank line; line ends at both ends go */
    NYX_DOCUMENT_MARKER, /* up to a marker; line ends at both ends go */
};

typedef struct {
    const char *const *inputs; /* files, folders (all files below that do not begin with a dot), "-"; NULL ends */
    enum nyx_document  document;
    const char        *marker;
    bool               tail;       /* the last part of the text is the test side, else whole documents by hash */
    double             test_share; /* of the documents, or of the bytes */
    const char        *tokenizer;  /* a file, "bytes", "characters"; NULL: learn merges */
    const char        *merges;     /* GPT-2's second file */
    const char        *pattern;    /* when learning */
    int64_t            vocabulary; /* when learning */
} nyx_corpus_options;

/* "file", "line", "blank-line", or a marker, which has a character that is no
 * letter. USAGE. */
int nyx_corpus_document_parse(nyx_corpus_options *options, const char *text) NYX_CHECKED;

/* What is asked while it runs. */
typedef struct {
    const char *output;
    bool        dry_run; /* stop before tokens are made */
    nyx_report *report;  /* inputs and the result are put here, rates into run */
    void (*progress)(const char *what, int64_t done, int64_t total); /* bytes, or tokens while learning; 0: not known */
    void (*warn)(const char *sentence);
} nyx_corpus_job;

/* Documents of one text lie on one side: by the SHA-256 of their first 64 KiB,
 * which knows neither names nor order; each side has one at least. INPUT (no
 * text, a damaged archive), MISSING, USAGE (one document and no tail), CREATE,
 * OUTPUT, STOPPED. */
int nyx_corpus_make(const nyx_corpus_options *options, const nyx_corpus_job *job) NYX_CHECKED;

#endif

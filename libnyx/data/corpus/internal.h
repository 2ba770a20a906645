/* internal -- what the sources of data/corpus/ share.
 *
 *     files.c     inputs -> a list of files
 *     document.c  bytes of members -> documents
 *     corpus.c    the passes
 */
#ifndef NYX_CORPUS_INTERNAL_H
#define NYX_CORPUS_INTERNAL_H

#include "data/corpus/corpus.h"

/* Files in order; folders in the order of their names, byte by byte. */
struct nyx_corpus__files {
    char  **paths;
    int64_t count, room;
    int     spool; /* what standard input held, -1: it is no input */
};
int  nyx_corpus__files_list(struct nyx_corpus__files *files, const nyx_corpus_options *options,
                            const char *output) NYX_CHECKED;
void nyx_corpus__files_release(struct nyx_corpus__files *files);

/* Who gets documents: text() any number of times, then end(). No document is
 * empty. */
struct nyx_corpus__sink {
    int (*text)(void *context, const char *data, int64_t bytes);
    int (*end)(void *context);
    void *context;
};

/* Once through all files. */
int nyx_corpus__walk(const struct nyx_corpus__files *files, const nyx_corpus_options *options,
                     const struct nyx_corpus__sink *sink) NYX_CHECKED;

#endif

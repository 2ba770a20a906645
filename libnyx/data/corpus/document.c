/* document -- the bytes of files cut into documents. A document never goes on
 * in the next file. */
#include "data/corpus/internal.h"

#include <string.h>

enum { HELD_MOST = 1 << 16 /* line ends held back, then they are text */ };

struct cutter {
    const nyx_corpus_options      *options;
    const struct nyx_corpus__sink *sink;
    bool    open;                /* the document has text */
    char   *held;                /* line ends not yet known to be text */
    int64_t held_bytes, held_lines;
    char   *tail;                /* what may be the beginning of a marker */
    int64_t tail_bytes;
};

static int text(struct cutter *c, const char *data, int64_t bytes)
{
    if (bytes == 0)
        return 0;
    c->open = true;
    return c->sink->text(c->sink->context, data, bytes);
}

static int end(struct cutter *c)
{
    bool was = c->open;

    c->open = false;
    c->held_bytes = c->held_lines = 0;
    return was ? c->sink->end(c->sink->context) : 0;
}

/* Line ends before a document and behind it are no part of it; with `blank`
 * two of them end it. */
static int trimmed(struct cutter *c, const char *data, int64_t bytes, bool blank)
{
    const char *stop = data + bytes;
    int         status = 0;

    while (data < stop && status == 0) {
        const char *from = data;

        while (data < stop && (*data == '\n' || *data == '\r')) {
            if (c->open && c->held_bytes == HELD_MOST) {
                if ((status = text(c, c->held, c->held_bytes)) < 0)
                    return status;
                c->held_bytes = 0;
            }
            if (c->open)
                c->held[c->held_bytes++] = *data;
            c->held_lines += *data++ == '\n';
        }
        if (data == stop)
            break;
        if (c->open && blank && c->held_lines >= 2)
            status = end(c);
        else if (c->held_bytes)
            status = text(c, c->held, c->held_bytes);
        c->held_bytes = c->held_lines = 0;
        for (from = data; data < stop && *data != '\n' && *data != '\r';)
            data++;
        if (status == 0)
            status = text(c, from, data - from);
    }
    return status;
}

/* A line end of "\r\n" may lie across two blocks: "\r" is held. */
static int lines(struct cutter *c, const char *data, int64_t bytes)
{
    const char *stop = data + bytes;
    int         status = 0;

    while (data < stop && status == 0) {
        const char *newline = memchr(data, '\n', (size_t)(stop - data));
        const char *to = newline ? newline : stop;
        bool        carriage = to > data && to[-1] == '\r';

        if (c->held_bytes && data < stop && *data != '\n')
            status = text(c, "\r", 1);
        c->held_bytes = 0;
        if (status == 0)
            status = text(c, data, to - data - carriage);
        if (newline && status == 0)
            status = end(c);
        else
            c->held_bytes = carriage;
        data = newline ? newline + 1 : stop;
    }
    return status;
}

/* The tail of the block before and this block, cut at each marker. */
static int marked(struct cutter *c, const char *data, int64_t bytes)
{
    int64_t     marker_bytes = (int64_t)strlen(c->options->marker), total = c->tail_bytes + bytes, at = 0;
    const char *found;
    char       *joined;
    int         status;

    if ((status = nyx_alloc(&joined, total)) < 0)
        return status;
    memcpy(joined, c->tail, (size_t)c->tail_bytes);
    memcpy(joined + c->tail_bytes, data, (size_t)bytes);
    while (status == 0 &&
           (found = memmem(joined + at, (size_t)(total - at), c->options->marker, (size_t)marker_bytes))) {
        if ((status = trimmed(c, joined + at, found - joined - at, false)) == 0)
            status = end(c);
        at = found - joined + marker_bytes;
    }
    c->tail_bytes = total - at < marker_bytes ? total - at : marker_bytes - 1;
    if (status == 0)
        status = trimmed(c, joined + at, total - at - c->tail_bytes, false);
    memcpy(c->tail, joined + total - c->tail_bytes, (size_t)c->tail_bytes);
    nyx_free(joined);
    return status;
}

static int cut(struct cutter *c, const char *data, int64_t bytes)
{
    switch (c->options->document) {
    case NYX_DOCUMENT_FILE:   return text(c, data, bytes);
    case NYX_DOCUMENT_LINE:   return lines(c, data, bytes);
    case NYX_DOCUMENT_BLANK:  return trimmed(c, data, bytes, true);
    case NYX_DOCUMENT_MARKER: return marked(c, data, bytes);
    }
    return 0;
}

/* What is left of a file ends its last document. */
static int finish(struct cutter *c)
{
    int status = 0;

    if (c->options->document == NYX_DOCUMENT_MARKER)
        status = trimmed(c, c->tail, c->tail_bytes, false);
    c->tail_bytes = 0;
    return status < 0 ? status : end(c);
}

static int walk_file(struct cutter *c, const struct nyx_corpus__files *files, const char *path)
{
    nyx_members *members;
    int          status = strcmp(path, "-") == 0 ? nyx_members_open_fd(&members, files->spool, path)
                                                 : nyx_members_open(&members, path);

    if (status < 0)
        return status;
    while ((status = nyx_members_next(members)) == 1) {
        const char *data;
        int64_t     bytes;
        int         wrong = 0;

        while (wrong == 0 && (status = nyx_members_block(members, &data, &bytes)) == 1) {
            wrong = cut(c, data, bytes);
            if (wrong == 0 && nyx_stop_requested())
                wrong = nyx_error_set(NYX_ERR_STOPPED, "stopped");
        }
        if (wrong == 0 && status == 0)
            wrong = finish(c);
        if (wrong < 0)
            status = nyx_error_wrap(wrong, "'%s'", nyx_members_name(members));
        if (status < 0)
            break;
    }
    nyx_members_close(members);
    return status;
}

int nyx_corpus__walk(const struct nyx_corpus__files *files, const nyx_corpus_options *options,
                     const struct nyx_corpus__sink *sink)
{
    struct cutter c = { .options = options, .sink = sink };
    int           status;

    if ((status = nyx_alloc(&c.held, HELD_MOST)) == 0)
        status = nyx_alloc(&c.tail, options->marker ? (int64_t)strlen(options->marker) : 0);
    for (int64_t i = 0; i < files->count && status == 0; i++)
        status = walk_file(&c, files, files->paths[i]);
    nyx_free(c.held);
    nyx_free(c.tail);
    return status;
}

int nyx_corpus_document_parse(nyx_corpus_options *options, const char *word)
{
    static const char *const names[] = { "file", "line", "blank-line", NULL };
    bool                     is_word = true;

    options->marker = NULL;
    for (int i = 0; names[i]; i++)
        if (strcmp(word, names[i]) == 0) {
            options->document = (enum nyx_document)i;
            return 0;
        }
    for (const char *at = word; *at; at++)
        is_word &= (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
    if (is_word || nyx_text_nearest(word, names))
        return nyx_error_set(NYX_ERR_USAGE, "'%s' says not where documents end; file, line, blank-line, or a marker "
                                            "such as '<|endoftext|>' do", word);
    options->document = NYX_DOCUMENT_MARKER;
    options->marker = word;
    return 0;
}

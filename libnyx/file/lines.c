/* lines -- lines of text out of plain files, standard input and archives. */
#include "file/file.h"

#include <string.h>

enum { LINE_MOST = 1 << 26 };

struct nyx_lines {
    nyx_members *members;
    bool         inside; /* a member is open */
    int64_t      number;
    const char  *block;  /* borrowed until the next read */
    int64_t      block_bytes, block_at;
    char        *line;
    int64_t      line_bytes, line_room;
    char        *place;
};

int nyx_lines_open(nyx_lines **out, const char *path)
{
    nyx_lines *lines;
    int        status;

    *out = NULL;
    if ((status = nyx_alloc(&lines, (int64_t)sizeof *lines)) < 0)
        return status;
    if ((status = nyx_members_open(&lines->members, path)) < 0)
        nyx_lines_close(lines);
    else
        *out = lines;
    return status;
}

void nyx_lines_close(nyx_lines *lines)
{
    if (!lines)
        return;
    nyx_members_close(lines->members);
    nyx_free(lines->line);
    nyx_free(lines->place);
    nyx_free(lines);
}

const char *nyx_lines_place(const nyx_lines *lines)
{
    nyx_lines  *mine = (nyx_lines *)(uintptr_t)lines; /* the text is made when asked for */
    const char *name = nyx_members_name(lines->members);

    nyx_free(mine->place);
    mine->place = NULL;
    if (lines->number == 0)
        return name;
    return nyx_text_format(&mine->place, "%s:%lld", name, (long long)lines->number) < 0 ? name : mine->place;
}

/* The next regular file; 1, 0 at the end, or INPUT. */
static int next_member(nyx_lines *lines)
{
    int result = nyx_members_next(lines->members);

    lines->number = 0;
    lines->block_bytes = lines->block_at = 0;
    lines->inside = result == 1;
    return result;
}

static int keep(nyx_lines *lines, const char *data, int64_t bytes)
{
    int64_t room = lines->line_room ? lines->line_room : 4096;
    int     status;

    if (bytes > LINE_MOST - lines->line_bytes)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has a line of more than %d bytes; is it text?",
                             nyx_lines_place(lines), LINE_MOST);
    while (room < lines->line_bytes + bytes + 1)
        room *= 2;
    if (room > lines->line_room) {
        if ((status = nyx_realloc(&lines->line, lines->line_bytes, room)) < 0)
            return status;
        lines->line_room = room;
    }
    memcpy(lines->line + lines->line_bytes, data, (size_t)bytes);
    lines->line_bytes += bytes;
    lines->line[lines->line_bytes] = '\0';
    return 0;
}

/* Without "\n" or "\r\n", with a NUL behind. */
static int deliver(nyx_lines *lines, const char **line, int64_t *bytes)
{
    if (lines->line_bytes && lines->line[lines->line_bytes - 1] == '\r')
        lines->line[--lines->line_bytes] = '\0';
    *line = lines->line;
    *bytes = lines->line_bytes;
    return 1;
}

int nyx_lines_next(nyx_lines *lines, const char **line, int64_t *bytes)
{
    bool any = false; /* something of this line has been seen */
    int  status;

    lines->line_bytes = 0;
    for (;;) {
        const char *from, *end;
        int64_t     left;

        if (!lines->inside && (status = next_member(lines)) <= 0)
            return status;
        if (lines->block_at == lines->block_bytes) {
            lines->block_at = 0;
            if ((status = nyx_members_block(lines->members, &lines->block, &lines->block_bytes)) < 0)
                return status;
            if (status == 1)
                continue;
            lines->inside = false;
            if (any)
                return deliver(lines, line, bytes); /* the last line may lack its end */
            continue;
        }
        lines->number += !any;
        any = true;
        from = lines->block + lines->block_at;
        left = lines->block_bytes - lines->block_at;
        end = memchr(from, '\n', (size_t)left);
        if ((status = keep(lines, from, end ? end - from : left)) < 0)
            return status;
        lines->block_at += end ? end - from + 1 : left;
        if (end)
            return deliver(lines, line, bytes);
    }
}

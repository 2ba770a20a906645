/* page -- text that grows and is escaped as it does. */
#include "page/internal.h"

#include <stdarg.h>
#include <string.h>

struct nyx_page {
    enum nyx_page_kind kind;
    char              *text;
    int64_t            bytes, room;
    bool               lost; /* memory ran out */
};

int nyx_page_create(nyx_page **out, enum nyx_page_kind kind)
{
    int status = nyx_alloc(out, (int64_t)sizeof **out);

    if (status == 0)
        (*out)->kind = kind;
    return status;
}

void nyx_page_free(nyx_page *page)
{
    if (!page)
        return;
    nyx_free(page->text);
    nyx_free(page);
}

enum nyx_page_kind nyx_page_kind_of(const nyx_page *page)
{
    return page->kind;
}

void nyx_page__bytes(nyx_page *page, const char *text, int64_t bytes)
{
    if (page->lost)
        return;
    if (page->bytes + bytes + 1 > page->room) {
        int64_t room = 2 * (page->bytes + bytes) + 4096;

        if (nyx_realloc(&page->text, page->bytes, room) < 0) {
            page->lost = true;
            return;
        }
        page->room = room;
    }
    memcpy(page->text + page->bytes, text, (size_t)bytes);
    page->bytes += bytes;
    page->text[page->bytes] = '\0';
}

void nyx_page_lose(nyx_page *page)
{
    page->lost = true;
}

void nyx_page_markup(nyx_page *page, const char *markup)
{
    nyx_page__bytes(page, markup, (int64_t)strlen(markup));
}

/* ---- formats --------------------------------------------------------------------- */

/* One conversion, from its % to behind its letter, into `spec`; returns what
 * follows. */
static const char *read_spec(char spec[16], const char *at)
{
    size_t length = 1 + strspn(at + 1, "-+ #0123456789.*");

    length += strspn(at + length, "l");
    length++; /* the letter */
    NYX_BUG_IF(length >= 16);
    memcpy(spec, at, length);
    spec[length] = '\0';
    return at + length;
}

static void add_number(nyx_page *page, const char *spec, va_list *values)
{
    char       text[400]; /* %f of the largest double has 309 digits */
    const char letter = spec[strlen(spec) - 1];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    switch (letter) {
    case 'c':
    case 'd':
        if (strstr(spec, "ll"))
            snprintf(text, sizeof text, spec, va_arg(*values, long long));
        else
            snprintf(text, sizeof text, spec, va_arg(*values, int));
        break;
    case 'e':
    case 'f':
    case 'g': snprintf(text, sizeof text, spec, va_arg(*values, double)); break;
    default: nyx_bug(__FILE__, __LINE__, spec);
    }
#pragma GCC diagnostic pop
    nyx_page_markup(page, text);
}

static void add_piece(nyx_page *page, va_list *values)
{
    const int   bytes = va_arg(*values, int);
    const char *text = va_arg(*values, const char *);
    char       *piece;

    if (nyx_alloc(&piece, bytes + 1) < 0) {
        page->lost = true;
        return;
    }
    memcpy(piece, text, strnlen(text, (size_t)bytes));
    nyx_page__escape(page, piece);
    nyx_free(piece);
}

void nyx_page_add(nyx_page *page, const char *fmt, ...)
{
    va_list values;

    va_start(values, fmt);
    while (*fmt) {
        const size_t plain = strcspn(fmt, "%");
        char         spec[16];

        nyx_page__bytes(page, fmt, (int64_t)plain);
        fmt += plain;
        if (!*fmt)
            break;
        fmt = read_spec(spec, fmt);
        if (!strcmp(spec, "%%"))
            nyx_page__bytes(page, "%", 1);
        else if (!strcmp(spec, "%s"))
            nyx_page__escape(page, va_arg(values, const char *));
        else if (!strcmp(spec, "%.*s"))
            add_piece(page, &values);
        else
            add_number(page, spec, &values);
    }
    va_end(values);
}

/* ---- the end ----------------------------------------------------------------------- */

int nyx_page_text(const char **out, int64_t *bytes, const nyx_page *page)
{
    *out = "";
    *bytes = 0;
    if (page->lost)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot make the page: memory ran out");
    if (page->text)
        *out = page->text;
    *bytes = page->bytes;
    return 0;
}

int nyx_page_write(const nyx_page *page, const char *path)
{
    nyx_output *output;
    const char *text;
    int64_t     bytes;
    int         status;

    if ((status = nyx_page_text(&text, &bytes, page)) < 0 || (status = nyx_output_open(&output, path)) < 0)
        return status;
    if ((status = nyx_output_write(output, text, bytes)) == 0)
        return nyx_output_commit(output);
    nyx_output_discard(output);
    return status;
}

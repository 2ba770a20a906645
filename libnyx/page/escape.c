/* escape -- text as each kind of page wants it, with nothing in it that acts. */
#include "page/internal.h"

#include <string.h>

uint32_t nyx_page__character(const char *text, int *length)
{
    static const struct {
        unsigned char mask, lead;
        int           length;
        uint32_t      least;
    } forms[] = {
        { 0x80, 0x00, 1, 0 },
        { 0xe0, 0xc0, 2, 0x80 },
        { 0xf0, 0xe0, 3, 0x800 },
        { 0xf8, 0xf0, 4, 0x10000 },
    };
    const unsigned char *bytes = (const unsigned char *)text;

    *length = 1;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        uint32_t code = bytes[0] & (uint32_t)(unsigned char)~forms[f].mask;
        int      i = 1;

        if ((bytes[0] & forms[f].mask) != forms[f].lead)
            continue;
        for (; i < forms[f].length && (bytes[i] & 0xc0) == 0x80; i++)
            code = code << 6 | (bytes[i] & 0x3f);
        if (i < forms[f].length || code < forms[f].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            break;
        *length = forms[f].length;
        return code;
    }
    return 0xfffd;
}

/* Characters that do something instead of standing there: controls, turns of
 * direction, and what XML does not hold. */
static bool acts(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e ||
           c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
           (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) || (c >= 0xe0000 && c <= 0xe007f);
}

/* What stands for an ASCII character, or NULL: itself. */
static const char *html(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* A cell of a table is one line: an end of line is a blank there. Any
 * punctuation may have a backslash before it. */
static const char *markdown(char c)
{
    static const char *const escaped[] = { "\\\\", "\\`", "\\*", "\\_", "\\[", "\\]", "\\<",
                                           "\\>",  "\\|", "\\~", "\\&", "\\$", "\\#" };

    if (c == '\n' || c == '\t')
        return " ";
    if (c == '@') /* names nobody */
        return "&#64;";
    for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++)
        if (escaped[i][1] == c)
            return escaped[i];
    return NULL;
}

static void characters(nyx_page *page, const char *text)
{
    const enum nyx_page_kind kind = nyx_page_kind_of(page);

    while (*text) {
        int         length;
        uint32_t    code = nyx_page__character(text, &length);
        const char *instead = code >= 0x80                          ? NULL
                              : kind == NYX_PAGE_HTML               ? html(*text)
                              : kind == NYX_PAGE_MARKDOWN           ? markdown(*text)
                              : kind == NYX_PAGE_CSV && code == '"' ? "\"\""
                                                                    : NULL;

        if (instead)
            nyx_page_markup(page, instead);
        else if (code == 0xfffd || acts(code))
            nyx_page_markup(page, "\xef\xbf\xbd");
        else
            nyx_page__bytes(page, text, length);
        text += length;
    }
}

/* RFC 4180; and a text that a spreadsheet would take for a formula begins with
 * an apostrophe. */
static void csv(nyx_page *page, const char *text)
{
    const bool formula = *text && strchr("=+-@\t\r", *text);
    const bool quoted = formula || text[strcspn(text, "\",\r\n;")] || *text == ' ' ||
                        (*text && text[strlen(text) - 1] == ' ');

    nyx_page_markup(page, quoted ? "\"" : "");
    nyx_page_markup(page, formula ? "'" : "");
    characters(page, text);
    nyx_page_markup(page, quoted ? "\"" : "");
}

void nyx_page__escape(nyx_page *page, const char *text)
{
    if (nyx_page_kind_of(page) == NYX_PAGE_CSV)
        csv(page, text);
    else
        characters(page, text);
}

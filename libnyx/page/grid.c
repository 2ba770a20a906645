/* grid -- rows of cells, put down as each kind of page has its tables. */
#include "page/internal.h"

#include <stdarg.h>
#include <string.h>

enum { WIDE = 48 }; /* letters; a cell with more may break its line */

struct nyx_grid {
    int     columns;
    int64_t count, room;
    char  **cells; /* row after row */
    bool    lost;  /* memory ran out */
};

nyx_grid *nyx_grid_create(int columns)
{
    nyx_grid *grid;

    NYX_BUG_IF(columns < 1);
    if (nyx_alloc(&grid, (int64_t)sizeof *grid) < 0)
        return NULL;
    grid->columns = columns;
    return grid;
}

void nyx_grid_free(nyx_grid *grid)
{
    if (!grid)
        return;
    for (int64_t i = 0; i < grid->count; i++)
        nyx_free(grid->cells[i]);
    nyx_free(grid->cells);
    nyx_free(grid);
}

bool nyx_grid_empty(const nyx_grid *grid)
{
    return grid && !grid->lost && grid->count <= grid->columns;
}

void nyx_grid_cell(nyx_grid *grid, const char *fmt, ...)
{
    va_list args, again;
    char   *text = NULL;
    int     length;

    if (!grid || grid->lost)
        return;
    va_start(args, fmt);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, fmt, args);
    if (nyx_array_grow(&grid->cells, &grid->room, grid->count, (int64_t)sizeof *grid->cells, 64) < 0 ||
        nyx_alloc(&text, length + 1) < 0) {
        grid->lost = true;
    } else {
        vsnprintf(text, (size_t)length + 1, fmt, again);
        for (char *c = text; *c; c++) /* a cell is one line */
            if (*c == '\n' || *c == '\t' || *c == '\r')
                *c = ' ';
        grid->cells[grid->count++] = text;
    }
    va_end(again);
    va_end(args);
}

/* ---- what stands in a column -------------------------------------------------------- */

/* A number, perhaps with a unit behind it: "12", "-0.5", "93.1 %", "1,500". */
static bool is_numeric(const char *cell)
{
    char *end;

    strtod(cell, &end);
    while (end > cell && *end == ',' && end[1] >= '0' && end[1] <= '9')
        end += 1 + strspn(end + 1, "0123456789.");
    return end > cell && (*end == '\0' || *end == ' ' || *end == '%');
}

/* Columns of numbers stand right; "-" and "" say that one is missing. */
static bool stands_right(const nyx_grid *grid, int column)
{
    bool any = false;

    for (int64_t i = grid->columns + column; i < grid->count; i += grid->columns) {
        const char *cell = grid->cells[i];

        if (!*cell || strcmp(cell, "-") == 0)
            continue;
        if (!is_numeric(cell))
            return false;
        any = true;
    }
    return any;
}

static int width_of(const char *text)
{
    int width = 0, length;

    for (; *text; text += length, width++)
        nyx_page__character(text, &length);
    return width;
}

static int widest(const nyx_grid *grid, int column)
{
    int width = 0;

    for (int64_t i = column; i < grid->count; i += grid->columns)
        if (width_of(grid->cells[i]) > width)
            width = width_of(grid->cells[i]);
    return width;
}

/* ---- the kinds ---------------------------------------------------------------------- */

static void blanks(nyx_page *page, int count)
{
    while (count-- > 0)
        nyx_page_markup(page, " ");
}

static void put_text(nyx_page *page, const nyx_grid *grid)
{
    struct { int width; bool right; } *columns;

    if (nyx_alloc(&columns, grid->columns * (int64_t)sizeof *columns) < 0) {
        nyx_page_lose(page);
        return;
    }
    for (int c = 0; c < grid->columns; c++) {
        columns[c].width = widest(grid, c);
        columns[c].right = stands_right(grid, c);
    }
    for (int64_t i = 0; i < grid->count; i++) {
        const int  column = (int)(i % grid->columns), room = columns[column].width - width_of(grid->cells[i]);
        const bool right = columns[column].right, last = column == grid->columns - 1 || i == grid->count - 1;

        blanks(page, right ? room : 0);
        nyx_page_add(page, "%s", grid->cells[i]);
        blanks(page, right || last ? 0 : room);
        nyx_page_markup(page, last ? "\n" : "  ");
    }
    nyx_free(columns);
}

static void put_markdown(nyx_page *page, const nyx_grid *grid)
{
    for (int64_t i = 0; i < grid->count; i++) {
        const bool last = (i + 1) % grid->columns == 0;

        nyx_page_add(page, "| %s ", grid->cells[i]);
        nyx_page_markup(page, last ? "|\n" : "");
        if (i + 1 == grid->columns) {
            for (int c = 0; c < grid->columns; c++)
                nyx_page_markup(page, stands_right(grid, c) ? "| ---: " : "| --- ");
            nyx_page_markup(page, "|\n");
        }
    }
    nyx_page_markup(page, "\n");
}

/* Numbers without words are written bare. */
static void put_csv(nyx_page *page, const nyx_grid *grid)
{
    for (int64_t i = 0; i < grid->count; i++) {
        const char *cell = grid->cells[i], *end = (i + 1) % grid->columns ? "," : "\r\n";

        if (cell[strspn(cell, "0123456789.+-eE")] == '\0' && is_numeric(cell))
            nyx_page_markup(page, cell);
        else
            nyx_page_add(page, "%s", cell);
        nyx_page_markup(page, end);
    }
}

static void put_html(nyx_page *page, const nyx_grid *grid, const char *caption)
{
    nyx_page_markup(page, "<div class=\"scroll\" tabindex=\"0\"><table>\n");
    if (*caption)
        nyx_page_add(page, "<caption>%s</caption>\n", caption);
    nyx_page_markup(page, "<thead><tr>");
    for (int c = 0; c < grid->columns && c < grid->count; c++) {
        nyx_page_markup(page, stands_right(grid, c) ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        nyx_page_add(page, "%s</th>", grid->cells[c]);
    }
    nyx_page_markup(page, "</tr></thead>\n<tbody>\n");
    for (int64_t i = grid->columns; i < grid->count; i++) {
        const int  column = (int)(i % grid->columns);
        const bool head = column == 0;

        nyx_page_markup(page, head ? "<tr><th scope=\"row\"" : "<td");
        nyx_page_markup(page, stands_right(grid, column)          ? " class=\"n\">"
                              : width_of(grid->cells[i]) > WIDE ? " class=\"wrap\">"
                                                                : ">");
        nyx_page_add(page, "%s", grid->cells[i]);
        nyx_page_markup(page, head ? "</th>" : "</td>");
        nyx_page_markup(page, column == grid->columns - 1 ? "</tr>\n" : "");
    }
    nyx_page_markup(page, "</tbody>\n</table></div>\n");
}

void nyx_grid_put(nyx_page *page, const nyx_grid *grid, const char *caption)
{
    if (!grid || grid->lost) {
        nyx_page_lose(page);
        return;
    }
    switch (nyx_page_kind_of(page)) {
    case NYX_PAGE_TEXT: put_text(page, grid); break;
    case NYX_PAGE_HTML: put_html(page, grid, caption); break;
    case NYX_PAGE_MARKDOWN: put_markdown(page, grid); break;
    case NYX_PAGE_CSV: put_csv(page, grid); break;
    }
}

/* table -- rows of cells with aligned columns. */
#include "cli/internal.h"

#include <stdarg.h>
#include <string.h>

struct nyx_table {
    int     columns;
    int64_t count, room;
    char  **cells; /* row after row */
};

nyx_table *nyx_table_create(int columns)
{
    nyx_table *table;

    NYX_BUG_IF(columns < 1);
    if (nyx_alloc(&table, sizeof *table) < 0) {
        nyx_cli__lose();
        return NULL;
    }
    table->columns = columns;
    return table;
}

void nyx_table_cell(nyx_table *table, const char *fmt, ...)
{
    char    text[256];
    va_list args;

    if (!table)
        return;
    if (table->count == table->room) {
        int64_t room = table->room ? 2 * table->room : 64;
        char  **cells;

        if (nyx_alloc(&cells, room * (int64_t)sizeof *cells) < 0) {
            nyx_cli__lose();
            return;
        }
        if (table->count > 0)
            memcpy(cells, table->cells, (size_t)table->count * sizeof *cells);
        nyx_free(table->cells);
        table->cells = cells;
        table->room = room;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (nyx_text_copy(&table->cells[table->count], text) < 0)
        nyx_cli__lose();
    else
        table->count++;
}

/* A number, perhaps with a unit behind it: "12", "-0.5", "93.1 %". */
static bool is_numeric(const char *cell)
{
    char *end;

    strtod(cell, &end);
    return end > cell && (*end == '\0' || *end == ' ' || *end == '%');
}

/* Columns of numbers stand right; "-" and "" say that one is missing. */
static bool stands_right(const nyx_table *table, int column)
{
    bool any = false;

    for (int64_t i = table->columns + column; i < table->count; i += table->columns) {
        const char *cell = table->cells[i];

        if (!*cell || strcmp(cell, "-") == 0)
            continue;
        if (!is_numeric(cell))
            return false;
        any = true;
    }
    return any;
}

static void put_cell(const char *cell, int width, bool right, bool last)
{
    int blanks = width - nyx_cli__width(cell);

    nyx_cli_print("%*s%s%*s%s", right ? blanks : 0, "", cell, right || last ? 0 : blanks, "",
                  last ? "\n" : "  ");
}

static int widest(const nyx_table *table, int column)
{
    int width = 0;

    for (int64_t i = column; i < table->count; i += table->columns)
        if (nyx_cli__width(table->cells[i]) > width)
            width = nyx_cli__width(table->cells[i]);
    return width;
}

void nyx_table_print(nyx_table *table)
{
    if (!table)
        return;
    for (int64_t i = 0; i < table->count; i++) {
        int column = (int)(i % table->columns);

        put_cell(table->cells[i], widest(table, column), stands_right(table, column),
                 column == table->columns - 1 || i == table->count - 1);
    }
    for (int64_t i = 0; i < table->count; i++)
        nyx_free(table->cells[i]);
    nyx_free(table->cells);
    nyx_free(table);
}

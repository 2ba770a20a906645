/* table -- rows of cells with aligned columns, on stdout. */
#include "cli/internal.h"
#include "page/page.h"

#include <stdarg.h>

struct nyx_table {
    nyx_grid *grid;
};

nyx_table *nyx_table_create(int columns)
{
    nyx_table *table;

    if (nyx_alloc(&table, sizeof *table) < 0) {
        nyx_cli__lose();
        return NULL;
    }
    table->grid = nyx_grid_create(columns);
    return table;
}

void nyx_table_cell(nyx_table *table, const char *fmt, ...)
{
    char    text[256];
    va_list args;

    if (!table)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    nyx_grid_cell(table->grid, "%s", text);
}

void nyx_table_print(nyx_table *table)
{
    nyx_page   *page = NULL;
    const char *text;
    int64_t     bytes;

    if (!table)
        return;
    if (nyx_page_create(&page, NYX_PAGE_TEXT) == 0)
        nyx_grid_put(page, table->grid, "");
    if (!page || nyx_page_text(&text, &bytes, page) < 0)
        nyx_cli__lose();
    else
        nyx_cli_print("%s", text);
    nyx_page_free(page);
    nyx_grid_free(table->grid);
    nyx_free(table);
}

/* arc -- grids: images, tokens, pictures. */
#include "data/arc/internal.h"

#include <string.h>

/* ---- images ----------------------------------------------------------------------- */

/* Where cell (row, column) of the image comes from, in a grid of rows x columns. */
static int source_of(int dihedral, int rows, int columns, int row, int column)
{
    const int down = rows - 1, right = columns - 1;

    switch (dihedral) {
    case 1: return column * columns + right - row;
    case 2: return (down - row) * columns + right - column;
    case 3: return (down - column) * columns + row;
    case 4: return row * columns + right - column;
    case 5: return (down - row) * columns + column;
    case 6: return column * columns + row;
    case 7: return (down - column) * columns + right - row;
    default: return row * columns + column;
    }
}

static bool exchanges_sides(int dihedral)
{
    return dihedral == 1 || dihedral == 3 || dihedral >= 6;
}

static void turn(nyx_arc_grid *out, int dihedral, const uint8_t *colour, const nyx_arc_grid *in)
{
    const bool   exchange = exchanges_sides(dihedral);
    nyx_arc_grid image = { .rows = exchange ? in->columns : in->rows, .columns = exchange ? in->rows : in->columns };

    for (int row = 0; row < image.rows; row++)
        for (int column = 0; column < image.columns; column++)
            image.cell[row * image.columns + column] =
                colour[in->cell[source_of(dihedral, in->rows, in->columns, row, column)]];
    *out = image;
}

bool nyx_arc_transform_good(const nyx_arc_transform *transform)
{
    unsigned seen = 0;

    for (int i = 0; i < NYX_ARC_COLOURS; i++)
        if (transform->colour[i] < NYX_ARC_COLOURS)
            seen |= 1u << transform->colour[i];
    return transform->dihedral < NYX_ARC_DIHEDRAL && seen == (1u << NYX_ARC_COLOURS) - 1;
}

void nyx_arc_apply(nyx_arc_grid *out, const nyx_arc_transform *transform, const nyx_arc_grid *in)
{
    turn(out, transform->dihedral, transform->colour, in);
}

/* All images but the quarter turns undo themselves. */
void nyx_arc_undo(nyx_arc_grid *out, const nyx_arc_transform *transform, const nyx_arc_grid *in)
{
    const int back = transform->dihedral == 1 ? 3 : transform->dihedral == 3 ? 1 : transform->dihedral;
    uint8_t   colour[NYX_ARC_COLOURS] = { 0 };

    for (int i = 0; i < NYX_ARC_COLOURS; i++)
        colour[transform->colour[i]] = (uint8_t)i;
    turn(out, back, colour, in);
}

/* ---- tokens ------------------------------------------------------------------------- */

void nyx_arc_encode(int32_t *out, int side, const nyx_arc_grid *grid, int down, int right)
{
    const int below = down + grid->rows, beside = right + grid->columns;

    NYX_BUG_IF(below > side || beside > side);
    memset(out, 0, (size_t)(side * side) * sizeof *out); /* NYX_ARC_PAD */
    for (int row = 0; row < grid->rows; row++)
        for (int column = 0; column < grid->columns; column++)
            out[(down + row) * side + right + column] = NYX_ARC_COLOUR + grid->cell[row * grid->columns + column];
    for (int column = right; below < side && column < beside; column++)
        out[below * side + column] = NYX_ARC_END;
    for (int row = down; beside < side && row < below; row++)
        out[row * side + beside] = NYX_ARC_END;
}

void nyx_arc_crop(nyx_arc_grid *out, const int32_t *tokens, int side)
{
    int rows = 0, columns = 0, wide = side;

    for (int tall = 1; tall <= side; tall++) {
        for (int column = 0; column < wide; column++) {
            const int32_t token = tokens[(tall - 1) * side + column];

            if (token < NYX_ARC_COLOUR || token >= NYX_ARC_VOCABULARY)
                wide = column; /* ends the loop too */
        }
        if (tall * wide > rows * columns) {
            rows = tall;
            columns = wide;
        }
    }
    *out = (nyx_arc_grid){ .rows = (uint8_t)rows, .columns = (uint8_t)columns };
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            out->cell[row * columns + column] = (uint8_t)(tokens[row * side + column] - NYX_ARC_COLOUR);
}

int nyx_arc__side(const nyx_dataset *dataset)
{
    int side = 1;

    while (side < NYX_ARC_SIDE && side * side < dataset->length)
        side++;
    if (strcmp(dataset->kind, "arc") != 0 || dataset->vocabulary != NYX_ARC_VOCABULARY ||
        side * side != dataset->length)
        return nyx_error_set(NYX_ERR_INPUT, "a dataset of kind '%s' with rows of %lld tokens holds no ARC tasks",
                             dataset->kind, (long long)dataset->length);
    return side;
}

/* ---- looking -------------------------------------------------------------------------- */

/* The canvas from where its first colour is. */
static void find(nyx_arc_grid *out, const int32_t *tokens, int side)
{
    int32_t moved[NYX_ARC_CELLS] = { 0 };
    int     at = 0;

    while (at < side * side && tokens[at] < NYX_ARC_COLOUR)
        at++;
    for (int row = at / side; row < side; row++)
        for (int column = at % side; column < side; column++)
            moved[(row - at / side) * side + column - at % side] = tokens[row * side + column];
    nyx_arc_crop(out, moved, side);
}

int nyx_arc_row(nyx_arc_pair *out, const nyx_dataset *dataset, const struct nyx_split *split, int64_t row)
{
    const int side = nyx_arc__side(dataset);

    if (side < 0)
        return side;
    if (row < 0 || row >= split->rows)
        return nyx_error_set(NYX_ERR_USAGE, "row %lld is not there; the split has %lld rows", (long long)row,
                             (long long)split->rows);
    find(&out->input, split->inputs + row * dataset->length, side);
    find(&out->output, split->targets + row * dataset->length, side);
    return NYX_OK;
}

int nyx_arc_picture(char **out, const nyx_arc_pair *pair)
{
    const nyx_arc_grid *const sides[] = { &pair->input, &pair->output };
    const int  rows = pair->input.rows > pair->output.rows ? pair->input.rows : pair->output.rows;
    const int  wide = 2 * (pair->input.columns + pair->output.columns) + 4;
    char      *to;
    int        status = nyx_alloc(out, (int64_t)rows * wide + 1);

    if (status < 0)
        return status;
    to = *out;
    for (int row = 0; row < rows; row++) {
        for (int side = 0; side < 2; side++) {
            *to++ = ' ';
            for (int column = 0; column < sides[side]->columns; column++) {
                *to++ = ' ';
                *to++ = row < sides[side]->rows ? (char)('0' + sides[side]->cell[row * sides[side]->columns + column])
                                                : ' ';
            }
        }
        while (to[-1] == ' ') /* no blanks at the end of a line */
            to--;
        *to++ = '\n';
    }
    *to = '\0';
    return NYX_OK;
}

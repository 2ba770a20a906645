/* emit -- the pieces of work of one node, collected while it is compiled. */
#include "device/vulkan/program.h"

#include <stdarg.h>
#include <string.h>

enum { GRID_MOST = 65535,   /* workgroups along one axis, everywhere */
       TURNS_MOST = 60000,  /* of loops, where 65,535 are the end     */
       WORKSPACE_LEAST = 1 << 20 }; /* that neighbours share */

nyx_vulkan__work nyx_vulkan__shader(const nyx_vulkan__emit *e, const char *name)
{
    nyx_vulkan__work work = { .shader = name, .node = e->node, .groups = { 1, 1, 1 } };

    nyx_vulkan__spec(&work, (uint32_t)e->gpu->group);
    return work;
}

void nyx_vulkan__spec(nyx_vulkan__work *work, uint32_t value)
{
    NYX_BUG_IF(work->spec_count == NYX_VULKAN_SPECS);
    work->spec[work->spec_count++] = value;
}

void nyx_vulkan__spec_aside(nyx_vulkan__work *work, uint32_t value)
{
    work->aside |= 1u << work->spec_count;
    nyx_vulkan__spec(work, value);
}

void nyx_vulkan__decides(nyx_vulkan__emit *e, int64_t value)
{
    nyx_vulkan__program *own = e->program->own;

    if (e->status < 0 || (e->status = nyx_array_grow(&own->decisions, &own->decision_room, own->decision_count,
                                                     sizeof *own->decisions, 64)) < 0)
        return;
    own->decisions[own->decision_count++] = (nyx_vulkan__decision){ e->first, value };
}

void nyx_vulkan__push(nyx_vulkan__work *work, uint32_t word)
{
    NYX_BUG_IF(work->push_count == NYX_VULKAN_PUSH);
    work->push[work->push_count++] = word;
}

void nyx_vulkan__push_real(nyx_vulkan__work *work, double value)
{
    const float narrow = (float)value;
    uint32_t    word;

    memcpy(&word, &narrow, sizeof word);
    nyx_vulkan__push(work, word);
}

void nyx_vulkan__bind(nyx_vulkan__work *work, nyx_vulkan__range range, bool write)
{
    NYX_BUG_IF(work->binding_count == NYX_VULKAN_BINDINGS);
    work->written |= (uint32_t)write << work->binding_count;
    work->bindings[work->binding_count++] = range;
}

void nyx_vulkan__read_in(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int input)
{
    nyx_vulkan__bind(work, e->in[input], false);
}

void nyx_vulkan__write_out(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int output)
{
    nyx_vulkan__bind(work, e->out[output], true);
}

void nyx_vulkan__read_parameters(nyx_vulkan__work *work)
{
    nyx_vulkan__bind(work, (nyx_vulkan__range){ NYX_VULKAN_PARAMETERS, 0, 16 }, false);
}

void nyx_vulkan__grid(nyx_vulkan__work *work, int64_t x, int64_t y, int64_t z)
{
    NYX_BUG_IF(x > GRID_MOST || y > GRID_MOST || z > GRID_MOST);
    work->groups[0] = (uint32_t)x;
    work->groups[1] = (uint32_t)y;
    work->groups[2] = (uint32_t)z;
}

void nyx_vulkan__groups(nyx_vulkan__work *work, int64_t count)
{
    const int64_t folds = (count + GRID_MOST - 1) / GRID_MOST;

    nyx_vulkan__grid(work, folds > 1 ? GRID_MOST : count, folds > 0 ? folds : 1, 1);
}

void nyx_vulkan__elements(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int64_t elems)
{
    nyx_vulkan__groups(work, (elems + e->gpu->group - 1) / e->gpu->group);
}

void nyx_vulkan__fail(nyx_vulkan__emit *e, int status, const char *fmt, ...)
{
    char    text[256];
    va_list arguments;

    if (e->status < 0)
        return;
    va_start(arguments, fmt);
    vsnprintf(text, sizeof text, fmt, arguments);
    va_end(arguments);
    e->status = nyx_error_set(status, "%s", text);
}

void nyx_vulkan__turns(nyx_vulkan__emit *e, int64_t turns)
{
    if (turns > TURNS_MOST && !e->gpu->facts.shaders.long_loops)
        nyx_vulkan__fail(e, NYX_ERR_UNSUPPORTED, "'%s' ends loops after 65,535 turns, %s needs %lld; a newer driver or "
                         "--device=cpu has no such end", e->gpu->facts.name, nyx_op_table(e->node->op)->name,
                         (long long)turns);
}

void nyx_vulkan__add(nyx_vulkan__emit *e, const nyx_vulkan__work *work)
{
    nyx_vulkan__program *own = e->program->own;

    if (e->status < 0 || (work->kind == NYX_VULKAN_DISPATCH && work->groups[0] == 0))
        return;
    for (int i = 0; i < work->binding_count; i++)
        if (work->kind == NYX_VULKAN_DISPATCH && work->bindings[i].bytes > e->gpu->facts.buffer_most)
            nyx_vulkan__fail(e, NYX_ERR_UNSUPPORTED, "'%s' binds at most %lld bytes at once, %s needs %lld; a smaller "
                                                     "batch needs less",
                             e->gpu->facts.name, (long long)e->gpu->facts.buffer_most,
                             nyx_op_table(e->node->op)->name, (long long)work->bindings[i].bytes);
    if (e->status < 0 ||
        (e->status = nyx_array_grow(&own->work, &own->work_room, own->work_count, sizeof *own->work, 256)) < 0)
        return;
    own->work[own->work_count++] = *work;
}

void nyx_vulkan__copy(nyx_vulkan__emit *e, nyx_vulkan__range from, nyx_vulkan__range to)
{
    nyx_vulkan__work work = { .kind = NYX_VULKAN_COPY, .node = e->node };

    if (from.bytes == 0)
        return;
    nyx_vulkan__bind(&work, from, false);
    nyx_vulkan__bind(&work, to, true);
    nyx_vulkan__add(e, &work);
}

void nyx_vulkan__fill(nyx_vulkan__emit *e, nyx_vulkan__range to, uint32_t word)
{
    nyx_vulkan__work work = { .kind = NYX_VULKAN_FILL, .node = e->node };

    if (to.bytes == 0)
        return;
    nyx_vulkan__bind(&work, to, true);
    nyx_vulkan__push(&work, word);
    nyx_vulkan__add(e, &work);
}

nyx_vulkan__range nyx_vulkan__part(nyx_vulkan__range range, int64_t from, int64_t bytes)
{
    return (nyx_vulkan__range){ range.slot, range.offset + from, bytes };
}

nyx_vulkan__range nyx_vulkan__workspace(nyx_vulkan__emit *e, int64_t bytes)
{
    nyx_memory          *memory = &e->program->store->memory;
    nyx_vulkan__program *own = e->program->own;
    const int64_t        whole = (bytes + 255) / 256 * 256;
    const int64_t        room = memory->workspace > WORKSPACE_LEAST ? memory->workspace : WORKSPACE_LEAST;
    const int64_t        at = own->workspace_next + whole <= room ? own->workspace_next : 0;

    own->workspace_next = at + whole;
    if (at + whole > memory->workspace)
        memory->workspace = at + whole;
    return (nyx_vulkan__range){ NYX_VULKAN_WORKSPACE, at, bytes };
}

nyx_vulkan__range nyx_vulkan__constant(nyx_vulkan__emit *e, const void *data, int64_t bytes)
{
    nyx_vulkan__program    *own = e->program->own;
    const nyx_vulkan__range at = { NYX_VULKAN_CONSTANTS, own->constant_bytes, bytes };
    const int64_t           grown = own->constant_bytes + (bytes + 255) / 256 * 256;

    if (e->status < 0 || (e->status = nyx_realloc(&own->constants, own->constant_bytes, grown)) < 0)
        return at;
    memcpy(own->constants + own->constant_bytes, data, (size_t)bytes);
    own->constant_bytes = grown;
    return at;
}

int64_t nyx_vulkan__rows_at_once(const nyx_vulkan__emit *e, int64_t rows, int64_t row_bytes)
{
    const int64_t most = e->gpu->facts.buffer_most / (row_bytes > 0 ? row_bytes : 1);
    int64_t       step = 128;

    if (most >= rows)
        return rows;
    while (step > most && step > 1)
        step /= 2;
    return most > step ? most / step * step : step;
}

int64_t nyx_vulkan__rows_in_time(const nyx_vulkan__emit *e, int64_t rows)
{
    enum { STEP = 128 };
    const double most = 0.4 * nyx_vulkan__patience(e->gpu), seconds = nyx_vulkan__seconds(e->gpu, e->cost);

    if (most <= 0 || seconds <= most)
        return rows;
    const int64_t fit = (int64_t)((double)rows * most / seconds) / STEP * STEP;
    return fit > STEP ? fit : rows < STEP ? rows : STEP;
}

nyx_vulkan__piece nyx_vulkan__pieces_of(int64_t rows, int64_t most)
{
    return (nyx_vulkan__piece){ .rows = rows, .most = most };
}

nyx_vulkan__piece nyx_vulkan__pieces(const nyx_vulkan__emit *e, int64_t rows, int64_t row_bytes)
{
    const int64_t bound = nyx_vulkan__rows_at_once(e, rows, row_bytes), in_time = nyx_vulkan__rows_in_time(e, rows);

    return nyx_vulkan__pieces_of(rows, bound < in_time ? bound : in_time);
}

bool nyx_vulkan__next(nyx_vulkan__piece *piece)
{
    const int64_t first = piece->first + piece->count, left = piece->rows - first;

    piece->first = first;
    piece->count = left < piece->most ? left : piece->most;
    return left > 0;
}

nyx_vulkan__range nyx_vulkan__part_of(nyx_vulkan__range range, const nyx_vulkan__piece *piece, int64_t row_bytes)
{
    return nyx_vulkan__part(range, piece->first * row_bytes, piece->count * row_bytes);
}

void nyx_vulkan__read_piece(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int input,
                            const nyx_vulkan__piece *piece, int64_t row_bytes)
{
    nyx_vulkan__bind(work, nyx_vulkan__part_of(e->in[input], piece, row_bytes), false);
}

void nyx_vulkan__write_piece(nyx_vulkan__work *work, const nyx_vulkan__emit *e, int output,
                             const nyx_vulkan__piece *piece, int64_t row_bytes)
{
    nyx_vulkan__bind(work, nyx_vulkan__part_of(e->out[output], piece, row_bytes), true);
}

int64_t nyx_vulkan__lines_at_once(const nyx_vulkan__gpu *gpu, int64_t count, int64_t step, int64_t bytes,
                                  int64_t others)
{
    const int64_t most = gpu->facts.buffer_most / (bytes > others ? bytes : others);

    while (step * bytes % 256 || step * others % 256)
        step *= 2;
    return most >= count || most < step ? count : most / step * step;
}

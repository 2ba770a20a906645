/* lists -- of nyx-bench's command line: rows, modes, formats, sizes, shapes. */
#include "parts.h"

#include "quant/quant.h"

#include <stdlib.h>
#include <string.h>

/* Calls `each` with every word of a comma-separated list. */
static int each_word(const char *list, int (*each)(const char *word))
{
    char *copy, *rest = NULL;
    int   status = nyx_text_copy(&copy, list), words = 0;

    for (char *word = status < 0 ? NULL : strtok_r(copy, ",", &rest); word && status >= 0;
         word = strtok_r(NULL, ",", &rest)) {
        status = each(word);
        words++;
    }
    nyx_free(copy);
    return status < 0 || words > 0 ? status : nyx_error_set(NYX_ERR_USAGE, "the list is empty");
}

enum { NAMES = 32 };
const char *bench_row_names[NAMES] = { "all" };

void bench_list_rows(void)
{
    NYX_BUG_IF(nyx_bench_row_count() + 2 > NAMES);
    for (int i = 0; i < nyx_bench_row_count(); i++)
        bench_row_names[i + 1] = nyx_bench_row_name(i);
}

static int check_row(const char *name)
{
    const char *near = nyx_text_nearest(name, bench_row_names);

    if (strcmp(name, "all") == 0 || nyx_bench_row_find(name))
        return 0;
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no operation; %s%s%sthey are listed by --help", name,
                         near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
}

int bench_check_rows(const char *list)
{
    return each_word(list, check_row);
}

const char *const bench_modes[] = { "nt", "nn", "tn", NULL };
const char *const bench_types[] = { "f32", "f16", "bf16", NULL };

static int check_mode(const char *mode)
{
    for (int i = 0; bench_modes[i]; i++)
        if (strcmp(mode, bench_modes[i]) == 0)
            return 0;
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no mode; nt, nn and tn are", mode);
}

int bench_check_modes(const char *list)
{
    return each_word(list, check_mode);
}

static int check_format(const char *text)
{
    nyx_format format;

    return nyx_format_parse(&format, text);
}

int bench_check_formats(const char *list)
{
    return each_word(list, check_format);
}

/* Numbers with an x between them: how many, at most `most`; 0: it is no such list. */
static int take_extents(const char *text, int64_t *extents, int most)
{
    int   count = 0;
    char *end = NULL;

    for (const char *at = text; count < most; at = end + 1) {
        extents[count] = strtoll(at, &end, 10);
        if (end == at || extents[count] < 1 || extents[count] > 1 << 20 || (*end && *end != 'x'))
            return 0;
        count++;
        if (!*end)
            return count;
    }
    return 0;
}

/* "1024x64x256", or "1024" for a cube. */
static int take_size(const char *text)
{
    int64_t   extent[3];
    const int count = take_extents(text, extent, 3);

    if (count != 1 && count != 3)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is no size; write MxNxK, or N for NxNxN, up to 1048576", text);
    if (bench_options.size_count == (int)(sizeof bench_options.sizes / sizeof *bench_options.sizes))
        return nyx_error_set(NYX_ERR_USAGE, "there are more than %d sizes", bench_options.size_count);
    bench_options.sizes[bench_options.size_count++] = (nyx_bench_size){ extent[0], extent[count == 1 ? 0 : 1],
                                                                        extent[count == 1 ? 0 : 2] };
    return 0;
}

int bench_check_sizes(const char *list)
{
    bench_options.size_count = 0;
    return each_word(list, take_size);
}

/* "4x8x1024x64": batch, heads, positions, width of a head. */
static int take_shape(const char *text)
{
    int64_t e[4];

    if (take_extents(text, e, 4) != 4 || e[0] * e[1] > 1 << 20 || e[1] * e[3] > 1 << 20)
        return nyx_error_set(NYX_ERR_USAGE, "'%s' is no shape; write BxHxSxD: batch, heads, positions, width of a head",
                             text);
    if (bench_options.heads_count == (int)(sizeof bench_options.heads / sizeof *bench_options.heads))
        return nyx_error_set(NYX_ERR_USAGE, "there are more than %d shapes", bench_options.heads_count);
    bench_options.heads[bench_options.heads_count++] = (nyx_bench_heads){ e[0], e[1], e[2], e[3] };
    return 0;
}

int bench_check_shapes(const char *list)
{
    bench_options.heads_count = 0;
    return each_word(list, take_shape);
}

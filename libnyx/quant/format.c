/* format -- the table of kinds and the textual form of a format. */
#include "quant/internal.h"

#include <inttypes.h>
#include <string.h>

#define OCP8  "OCP 8-bit floating point 1.0"
#define OCPMX "OCP Microscaling formats 1.0"
#define GRID  "uniform integers: Jacob et al. 2018, arXiv:1712.05877"

static const nyx_kind kinds[] = {
    { "f16", "IEEE 754-2019 binary16", NYX_LATTICE_PLAIN, 16, NYX_F16, 0, false, false, NYX_SCALE_NONE },
    { "bf16", "upper half of IEEE 754 binary32", NYX_LATTICE_PLAIN, 16, NYX_BF16, 0, false, false,
      NYX_SCALE_NONE },
    { "fp8-e4m3", OCP8, NYX_LATTICE_E4M3, 8, NYX_FP8_E4M3, 0, false, true, NYX_SCALE_F32 },
    { "fp8-e5m2", OCP8, NYX_LATTICE_E5M2, 8, NYX_FP8_E5M2, 0, false, true, NYX_SCALE_F32 },
    { "int8", GRID, NYX_LATTICE_INT, 8, NYX_DTYPE_COUNT, 32, false, true, NYX_SCALE_F16 },
    { "int4", GRID, NYX_LATTICE_INT, 4, NYX_DTYPE_COUNT, 32, false, true, NYX_SCALE_F16 },
    { "int3", GRID, NYX_LATTICE_INT, 3, NYX_DTYPE_COUNT, 32, false, true, NYX_SCALE_F16 },
    { "int2", GRID, NYX_LATTICE_INT, 2, NYX_DTYPE_COUNT, 32, false, true, NYX_SCALE_F16 },
    { "nf4", "Dettmers et al. 2023, arXiv:2305.14314", NYX_LATTICE_NF4, 4, NYX_DTYPE_COUNT, 64, false, true,
      NYX_SCALE_F16 },
    { "mxfp4", OCPMX, NYX_LATTICE_E2M1, 4, NYX_DTYPE_COUNT, 32, true, true, NYX_SCALE_E8M0 },
    { "mxfp8", OCPMX ", elements e4m3", NYX_LATTICE_E4M3, 8, NYX_DTYPE_COUNT, 32, true, true, NYX_SCALE_E8M0 },
    { "nvfp4", "NVIDIA 2025, arXiv:2509.25149", NYX_LATTICE_E2M1, 4, NYX_DTYPE_COUNT, 16, true, true,
      NYX_SCALE_E4M3 },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *const scale_names[] = {
    [NYX_SCALE_NONE] = "none", [NYX_SCALE_F16] = "f16", [NYX_SCALE_F32] = "f32",
    [NYX_SCALE_E8M0] = "e8m0", [NYX_SCALE_E4M3] = "e4m3",
};

const char *const nyx_format_examples[] = {
    "f16", "bf16", "fp8-e4m3", "fp8-e5m2",
    "fp8-e4m3:tensor", "fp8-e4m3:channel", "fp8-e4m3:g128:scale=f16", "fp8-e5m2:tensor",
    "int8:tensor", "int8:channel", "int8:g32", "int8:g256:scale=f32", "int8:tensor:asym", "int8:channel:asym:zero=f16",
    "int4:tensor", "int4:channel", "int4:g16", "int4:g32", "int4:g64", "int4:g128", "int4:g32:scale=f32",
    "int4:g32:asym", "int4:g32:asym:zero=f16", "int4:channel:asym",
    "int3:g32", "int3:g64", "int3:g64:asym", "int3:g64:asym:zero=f16", "int3:channel",
    "int2:g16:asym", "int2:g32", "int2:g32:asym:zero=f16", "int2:channel",
    "nf4:g32", "nf4:g64", "nf4:channel", "mxfp4", "mxfp8", "nvfp4",
    NULL,
};

int nyx_kind_count(void)
{
    return KINDS;
}

const char *nyx_kind_name(int index)
{
    NYX_BUG_IF(index < 0 || index >= KINDS);
    return kinds[index].name;
}

const char *nyx_kind_source(int index)
{
    NYX_BUG_IF(index < 0 || index >= KINDS);
    return kinds[index].source;
}

/* Insertions, deletions and substitutions that turn one word into the other
 * (Levenshtein), words cut at 31 letters. */
static int word_distance(const char *a, const char *b)
{
    enum { MOST = 31 };
    int row[MOST + 1];
    int m = (int)strnlen(a, MOST), n = (int)strnlen(b, MOST);

    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; i <= m; i++) {
        int corner = row[0];

        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = corner + (a[i - 1] != b[j - 1]);
            int least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

            corner = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[n];
}

static const nyx_kind *nearest_kind(const char *name)
{
    const nyx_kind *best = &kinds[0];

    for (int k = 1; k < KINDS; k++)
        if (word_distance(name, kinds[k].name) < word_distance(name, best->name))
            best = &kinds[k];
    return best;
}

/* The next word up to ':' into `word`; false when it is empty or too long. */
static bool next_word(char word[NYX_FORMAT_TEXT], const char **at)
{
    size_t length = strcspn(*at, ":");

    if (length == 0 || length >= NYX_FORMAT_TEXT)
        return false;
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    return true;
}

static bool parse_group(int64_t *group, const char *word)
{
    static const struct { const char *word; int64_t group; } groups[] = {
        { "tensor", NYX_GROUP_TENSOR }, { "channel", NYX_GROUP_CHANNEL },
        { "g16", 16 }, { "g32", 32 }, { "g64", 64 }, { "g128", 128 }, { "g256", 256 },
    };

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strcmp(word, groups[i].word) == 0) {
            *group = groups[i].group;
            return true;
        }
    return false;
}

static bool parse_scale(enum nyx_scale_type *scale, const char *word)
{
    if (strncmp(word, "scale=", 6) != 0)
        return false;
    for (int s = NYX_SCALE_F16; s <= NYX_SCALE_E4M3; s++)
        if (strcmp(word + 6, scale_names[s]) == 0) {
            *scale = (enum nyx_scale_type)s;
            return true;
        }
    return false;
}

static int check_parts(const nyx_format *f, const char *text)
{
    const nyx_kind *kind = f->kind;
    const char     *name = kind->name;

    if (f->group != 0 && !kind->scaled)
        return nyx_error_set(NYX_ERR_USAGE, "bad format '%s': %s has no groups", text, name);
    if (kind->group_fixed && f->group != kind->group)
        return nyx_error_set(NYX_ERR_USAGE, "bad format '%s': %s has groups of %" PRId64, text, name, kind->group);
    if (f->asym && kind->lattice != NYX_LATTICE_INT)
        return nyx_error_set(NYX_ERR_USAGE, "bad format '%s': only integers can be asymmetric", text);
    if (f->zero != NYX_ZERO_NONE && !f->asym)
        return nyx_error_set(NYX_ERR_USAGE, "bad format '%s': a zero point needs asym", text);
    if (f->group == 0 ? f->scale != NYX_SCALE_NONE
                      : kind->group_fixed ? f->scale != kind->scale
                                          : f->scale != NYX_SCALE_F16 && f->scale != NYX_SCALE_F32)
        return nyx_error_set(NYX_ERR_USAGE, "bad format '%s': %s takes %s", text, name,
                             f->group == 0       ? "no scale without a group"
                             : kind->group_fixed ? "no other scale than its own"
                                                 : "scale=f16 or scale=f32");
    return 0;
}

static int bad_part(const char *text, const char *part, const char *why)
{
    return nyx_error_set(NYX_ERR_USAGE, "bad format '%s': '%s' %s; the form is KIND[:GROUP][:sym|:asym]"
                         "[:scale=f16|f32][:zero=int|f16], GROUP tensor, channel, g16, g32 ... g256",
                         text, part, why);
}

/* Words may come in any order; each of the four at most once. */
static int parse_parts(nyx_format *f, const char *text, const char *at)
{
    bool group = false, symmetry = false, scale = false, zero = false;
    char word[NYX_FORMAT_TEXT];

    while (*at == ':') {
        bool *seen = NULL;

        at++;
        if (!next_word(word, &at))
            return bad_part(text, ":", "is not followed by a word");
        if (parse_group(&f->group, word)) {
            seen = &group;
        } else if (strcmp(word, "sym") == 0 || strcmp(word, "asym") == 0) {
            seen = &symmetry;
            f->asym = word[0] == 'a';
        } else if (parse_scale(&f->scale, word)) {
            seen = &scale;
        } else if (strcmp(word, "zero=int") == 0 || strcmp(word, "zero=f16") == 0) {
            seen = &zero;
            f->zero = word[5] == 'i' ? NYX_ZERO_INT : NYX_ZERO_F16;
        }
        if (!seen)
            return bad_part(text, word, "is not understood");
        if (*seen)
            return bad_part(text, word, "says something twice");
        *seen = true;
    }
    if (!group)
        f->group = f->kind->group;
    if (!scale && f->group != 0)
        f->scale = f->kind->scale;
    if (!zero && f->asym)
        f->zero = NYX_ZERO_INT;
    return check_parts(f, text);
}

int nyx_format_parse(nyx_format *out, const char *text)
{
    char       name[NYX_FORMAT_TEXT];
    const char *at = text;
    nyx_format  format = { 0 };
    int         status;

    *out = format;
    if (strlen(text) >= NYX_FORMAT_TEXT || !next_word(name, &at))
        return nyx_error_set(NYX_ERR_USAGE, "bad format '%.80s'; formats look like int4:g32 or bf16", text);
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            format.kind = &kinds[k];
    if (!format.kind)
        return nyx_error_set(NYX_ERR_USAGE, "unknown format '%s'; did you mean '%s'?", text,
                             nearest_kind(name)->name);
    if ((status = parse_parts(&format, text, at)) < 0)
        return status;
    *out = format;
    return 0;
}

void nyx_format_text(char out[NYX_FORMAT_TEXT], const nyx_format *format)
{
    const nyx_kind *kind = format->kind;
    char            group[16] = "";
    bool            named = format->group != 0 && !kind->group_fixed;

    if (named && format->group == NYX_GROUP_TENSOR)
        strcpy(group, ":tensor");
    else if (named && format->group == NYX_GROUP_CHANNEL)
        strcpy(group, ":channel");
    else if (named)
        snprintf(group, sizeof group, ":g%d", (int)format->group);
    snprintf(out, NYX_FORMAT_TEXT, "%s%s%s%s%s%s", kind->name, group, format->asym ? ":asym" : "",
             format->group != 0 && format->scale != kind->scale ? ":scale=" : "",
             format->group != 0 && format->scale != kind->scale ? scale_names[format->scale] : "",
             format->zero == NYX_ZERO_F16 ? ":zero=f16" : "");
}

bool nyx_format_equal(const nyx_format *a, const nyx_format *b)
{
    return a->kind == b->kind && a->group == b->group && a->asym == b->asym && a->scale == b->scale &&
           a->zero == b->zero;
}

void nyx_format_numbers(int64_t out[4], const nyx_format *format)
{
    out[0] = format->kind - kinds;
    out[1] = format->group;
    out[2] = (int64_t)format->scale;
    out[3] = (int64_t)format->zero;
}

bool nyx_format_of_numbers(nyx_format *out, const int64_t numbers[4])
{
    *out = (nyx_format){ 0 };
    if (numbers[0] < 0 || numbers[0] >= KINDS || numbers[2] < 0 || numbers[2] > NYX_SCALE_E4M3 || numbers[3] < 0 ||
        numbers[3] > NYX_ZERO_F16)
        return false;
    *out = (nyx_format){ &kinds[numbers[0]], numbers[1], numbers[3] != NYX_ZERO_NONE,
                         (enum nyx_scale_type)numbers[2], (enum nyx_zero_type)numbers[3] };
    return check_parts(out, "of an operation") == 0;
}

enum nyx_method nyx_method_default(const nyx_format *format)
{
    return format->kind->lattice == NYX_LATTICE_INT && format->kind->bits <= 4 ? NYX_METHOD_MSE
                                                                               : NYX_METHOD_ABSMAX;
}

static const char *const method_names[] = {
    [NYX_METHOD_ABSMAX] = "absmax", [NYX_METHOD_SIGNED_MAX] = "signed-max", [NYX_METHOD_MSE] = "mse",
};

bool nyx_method_find(enum nyx_method *out, const char *name)
{
    for (int m = NYX_METHOD_ABSMAX; m <= NYX_METHOD_MSE; m++)
        if (strcmp(name, method_names[m]) == 0) {
            *out = (enum nyx_method)m;
            return true;
        }
    return false;
}

const char *nyx_method_name(enum nyx_method method)
{
    NYX_BUG_IF((unsigned)method > NYX_METHOD_MSE);
    return method_names[method];
}

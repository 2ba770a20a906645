/* table -- the passes that may be applied or not, with their choices. */
#include "pass/pass.h"

#include <string.h>

static const char *const   precision_choices[] = { "f32", "bf16", "f16", NULL };
static const enum nyx_dtype precision_dtypes[] = { NYX_F32, NYX_BF16, NYX_F16 };

static int run_precision(nyx_graph *g, int choice)
{
    return choice ? nyx_pass_precision(g, precision_dtypes[choice]) : 0;
}

static int run_recompute(nyx_graph *g, int choice)
{
    return choice ? nyx_pass_recompute(g) : 0;
}

static const char *const recompute_choices[] = { "none", "all", NULL };

/* In the order in which they are applied. */
static const nyx_pass_row table[NYX_PASS_COUNT] = {
    [NYX_PASS_PRECISION] = { "precision", "operands of products and kept activations in 16 bits", precision_choices,
                             run_precision },
    [NYX_PASS_RECOMPUTE] = { "recompute", "activations computed again in the backward pass", recompute_choices,
                             run_recompute },
};

const nyx_pass_row *nyx_pass_table(int index)
{
    NYX_BUG_IF(index < 0 || index >= NYX_PASS_COUNT);
    return &table[index];
}

int nyx_pass_choices(int index)
{
    int count = 0;

    while (nyx_pass_table(index)->choices[count])
        count++;
    return count;
}

int nyx_pass_apply(nyx_graph *g, const nyx_passes *passes)
{
    int status = 0;

    for (int i = 0; i < NYX_PASS_COUNT && status == 0; i++)
        status = table[i].run(g, passes->choice[i]);
    return status;
}

enum nyx_dtype nyx_passes_dtype(const nyx_passes *passes)
{
    return precision_dtypes[passes->choice[NYX_PASS_PRECISION]];
}

/* "recompute=none, recompute=all, .." */
static void list_choices(char *out, size_t room)
{
    size_t used = 0;

    for (int i = 0; i < NYX_PASS_COUNT; i++)
        for (int c = 0; table[i].choices[c] && used < room; c++)
            used += (size_t)snprintf(out + used, room - used, "%s%s=%s", used ? ", " : "", table[i].name,
                                     table[i].choices[c]);
}

/* One "NAME=CHOICE". */
static int take_word(nyx_passes *passes, const char *word)
{
    const char *equals = strchr(word, '=');
    char        choices[256];

    for (int i = 0; i < NYX_PASS_COUNT && equals; i++)
        for (int c = 0; table[i].choices[c]; c++)
            if (strlen(table[i].name) == (size_t)(equals - word) &&
                strncmp(table[i].name, word, (size_t)(equals - word)) == 0 &&
                strcmp(table[i].choices[c], equals + 1) == 0) {
                passes->choice[i] = c;
                return 0;
            }
    list_choices(choices, sizeof choices);
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no choice of a pass; those are %s", word, choices);
}

int nyx_passes_parse(nyx_passes *passes, const char *text)
{
    char *copy, *rest = NULL;
    int   status = nyx_text_copy(&copy, text);

    for (char *word = status < 0 ? NULL : strtok_r(copy, ",", &rest); word && status == 0;
         word = strtok_r(NULL, ",", &rest))
        status = take_word(passes, word);
    nyx_free(copy);
    return status;
}

/* recipe -- which rule a tensor's name meets. */
#include "quant/quant.h"

/* '*' any text, '?' any one character. On a mismatch the last star takes one
 * character more, so the time is at most the product of the lengths. */
static bool name_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;

    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

const nyx_recipe_rule *nyx_recipe_find(const nyx_recipe *recipe, const char *tensor)
{
    for (int i = 0; i < recipe->count; i++)
        if (name_matches(recipe->rules[i].pattern, tensor))
            return &recipe->rules[i];
    return NULL;
}

void nyx_recipe_release(nyx_recipe *recipe)
{
    if (!recipe)
        return;
    for (int i = 0; i < recipe->count; i++)
        nyx_free(recipe->rules[i].pattern);
    nyx_free(recipe->rules);
    *recipe = (nyx_recipe){ 0 };
}

/* text -- how far two words are apart, for "did you mean". */
#include "base/base.h"

#include <string.h>

enum { MOST = 64 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Wagner and Fischer's table (J. ACM 21, 1974) with
 * the swap of two neighbours as one step. */
bool nyx_text_ends(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

int nyx_text_distance(const char *a, const char *b)
{
    int cost[MOST + 1][MOST + 1];
    int rows = (int)strnlen(a, MOST), columns = (int)strnlen(b, MOST);

    for (int i = 0; i <= rows; i++)
        for (int k = 0; k <= columns; k++) {
            if (i == 0 || k == 0) {
                cost[i][k] = i + k;
                continue;
            }
            cost[i][k] = least(least(cost[i - 1][k], cost[i][k - 1]) + 1,
                               cost[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                cost[i][k] = least(cost[i][k], cost[i - 2][k - 2] + 1);
        }
    return cost[rows][columns];
}

const char *nyx_text_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    int         best = (int)strnlen(word, MOST) / 3 + 2; /* further is no misspelling */

    for (; *names; names++) {
        int distance = nyx_text_distance(word, *names);

        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

/* scratch -- a folder of a test program's own, gone when it ends:
 *     cmocka_run_group_tests(tests, make_folder, remove_folder)
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static char folder[] = "/tmp/nyx-test-XXXXXX";

/* A path in it; good until the fourth call after it. */
static inline const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX];
    static int  turn;
    char       *path = paths[turn++ % 4];

    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    char command[sizeof folder + 16];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

#endif

/* caches -- the folder of this user's caches. */
#include "base/caches.h"

static const char *cache_folder = "";

void nyx_cache_folder_set(const char *folder)
{
    cache_folder = folder;
}

const char *nyx_cache_folder(void)
{
    return cache_folder;
}

/* base/caches -- where this user's caches live: what may be lost at any time
 * and is made again. cli/ finds it in the environment, which the library does
 * not read. */
#ifndef NYX_BASE_CACHES_H
#define NYX_BASE_CACHES_H

/* "" until it is set: nothing is kept. Set once, before other threads; borrowed. */
void        nyx_cache_folder_set(const char *folder);
const char *nyx_cache_folder(void);

#endif

/* process -- how much memory this process holds, from the kernel's own count. */
#include "base/base.h"

#include <string.h>

int64_t nyx_process_memory(bool peak)
{
    const char *key = peak ? "VmHWM:" : "VmRSS:";
    FILE       *f = fopen("/proc/self/status", "re");
    char        line[256];
    long long   kib = -1;

    while (f && kib < 0 && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            kib = strtoll(line + strlen(key), NULL, 10);
    if (f)
        fclose(f);
    return kib < 0 ? -1 : kib * 1024;
}

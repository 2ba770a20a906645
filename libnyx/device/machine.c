/* machine -- the processor and the memory, as /proc and /sys tell them. */
#include "device/internal.h"

#include <ctype.h>
#include <glob.h>
#include <stdarg.h>
#include <string.h>

enum { FILE_MOST = 4 << 20 };

int nyx_device__text(char *out, int64_t room, const char *fmt, ...)
{
    char    path[512];
    va_list args;
    FILE   *f;
    size_t  bytes;

    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    out[0] = '\0';
    f = fopen(path, "re");
    if (!f)
        return -1;
    bytes = fread(out, 1, (size_t)room - 1, f);
    fclose(f);
    while (bytes > 0 && isspace((unsigned char)out[bytes - 1]))
        bytes--;
    out[bytes] = '\0';
    return 0;
}

/* A file of one number; -1: absent, or no number ("max"). */
static int64_t number_of(const char *path)
{
    char  text[64], *end;
    int   status = nyx_device__text(text, sizeof text, "%s", path);
    int64_t value = status < 0 ? -1 : strtoll(text, &end, 10);

    return status < 0 || end == text ? -1 : value;
}

/* ---- /proc/cpuinfo -------------------------------------------------------------------- */

static const char *const extensions[] = {
    "sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx_vnni", "avx512f", "avx512bw", "avx512dq", "avx512vl",
    "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
    "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2",
};

/* Words of `flags` that are in the list, in the list's order. */
static void take_extensions(nyx_machine *m, const char *flags)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        const size_t length = strlen(extensions[i]);

        for (const char *at = strstr(flags, extensions[i]); at; at = strstr(at + 1, extensions[i]))
            if ((at == flags || at[-1] == ' ' || at[-1] == '\t') && (!at[length] || at[length] == ' ')) {
                snprintf(m->isa + strlen(m->isa), sizeof m->isa - strlen(m->isa), "%s%s", m->isa[0] ? " " : "",
                         extensions[i]);
                break;
            }
    }
}

static void read_cpuinfo(nyx_machine *m, const char *root)
{
    char *text, path[512], *rest = NULL;

    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    if (nyx_alloc(&text, FILE_MOST) < 0)
        return;
    nyx_device__text(text, FILE_MOST, "%s", path);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, ':');

        if (!value)
            continue;
        value += value[1] == ' ' ? 2 : 1;
        m->processors += strncmp(line, "processor", 9) == 0 && isspace((unsigned char)line[9]);
        if (!m->processor[0] && strncmp(line, "model name", 10) == 0)
            snprintf(m->processor, sizeof m->processor, "%.127s", value);
        if (!m->isa[0] && (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0))
            take_extensions(m, value);
    }
    nyx_free(text);
}

/* ---- /sys/devices/system/cpu ---------------------------------------------------------------- */

/* Numbers in a list like "0-3,8". */
static int list_count(const char *list)
{
    int count = 0;

    while (isdigit((unsigned char)*list)) {
        char *end;
        long  from = strtol(list, &end, 10), to = from;

        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        count += to >= from && to - from < 1 << 16 ? (int)(to - from + 1) : 0;
        list = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void read_caches(nyx_machine *m, const char *root)
{
    for (int i = 0; i < NYX_CACHES_MOST; i++) {
        char       folder[512], text[256], *end;
        nyx_cache *cache = &m->caches[m->cache_count];

        snprintf(folder, sizeof folder, "%.400s/sys/devices/system/cpu/cpu0/cache/index%d", root, i);
        if (nyx_device__text(text, sizeof text, "%s/size", folder) < 0)
            return;
        cache->bytes = strtoll(text, &end, 10);
        cache->bytes <<= *end == 'M' ? 20 : *end == 'K' ? 10 : 0;
        nyx_device__text(text, sizeof text, "%s/type", folder);
        cache->kind = text[0] == 'D' ? 'd' : text[0] == 'I' ? 'i' : 'u';
        nyx_device__text(text, sizeof text, "%s/level", folder);
        cache->level = (int)strtol(text, NULL, 10);
        nyx_device__text(text, sizeof text, "%s/shared_cpu_list", folder);
        cache->shared_by = list_count(text);
        m->cache_count++;
    }
}

/* A core is known by the first of the hardware threads that share it. */
static void count_cores(nyx_machine *m, const char *root)
{
    m->cores = 0;
    for (int cpu = 0; cpu < m->processors; cpu++) {
        char text[256];

        if (nyx_device__text(text, sizeof text, "%.400s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                             root, cpu) == 0)
            m->cores += strtol(text, NULL, 10) == cpu;
    }
    if (m->cores == 0)
        m->cores = -1;
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* "KEY  N kB" in bytes, or "KEY N"; -1: there is no such line. */
static int64_t field_of(const char *text, const char *key, int64_t unit)
{
    for (const char *at = strstr(text, key); at; at = strstr(at + 1, key))
        if (at == text || at[-1] == '\n')
            return strtoll(at + strlen(key), NULL, 10) * unit;
    return -1;
}

static void read_meminfo(nyx_machine *m, const char *root)
{
    char text[8192];

    nyx_device__text(text, sizeof text, "%s/proc/meminfo", root);
    m->memory = field_of(text, "MemTotal:", 1024);
    m->memory_free = field_of(text, "MemAvailable:", 1024);
}

/* One folder of a memory controller. Pages of files that can be dropped are
 * not counted as used. */
static void take_limit(nyx_machine *m, const char *folder, bool second)
{
    char    path[1024], stat[8192];
    int64_t limit, used, files;

    snprintf(path, sizeof path, "%s/%s", folder, second ? "memory.max" : "memory.limit_in_bytes");
    limit = number_of(path);
    if (limit < 0 || (m->memory > 0 && limit >= m->memory) || (m->limit >= 0 && limit >= m->limit))
        return;
    snprintf(path, sizeof path, "%s/%s", folder, second ? "memory.current" : "memory.usage_in_bytes");
    used = number_of(path);
    nyx_device__text(stat, sizeof stat, "%s/memory.stat", folder);
    files = field_of(stat, second ? "inactive_file " : "total_inactive_file ", 1);
    m->limit = limit;
    m->limit_used = used < 0 ? 0 : files > 0 && files < used ? used - files : used;
}

static void take_quota(nyx_machine *m, const char *folder, bool second)
{
    char    path[1024], text[64];
    int64_t quota, period;
    char   *end;

    if (second) {
        if (nyx_device__text(text, sizeof text, "%s/cpu.max", folder) < 0)
            return;
        quota = strtoll(text, &end, 10);
        period = end == text ? 0 : strtoll(end, NULL, 10);
    } else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        quota = number_of(path);
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        period = number_of(path);
    }
    if (quota > 0 && period > 0 && (m->quota < 0.0 || (double)quota / (double)period < m->quota))
        m->quota = (double)quota / (double)period;
}

/* The group and those around it, up to the mount point. A container sees its
 * own group there, whatever its path is called outside. */
static void walk_groups(nyx_machine *m, const char *root, const char *mount, const char *group, bool second,
                        void (*take)(nyx_machine *m, const char *folder, bool second))
{
    char path[512], folder[1024];

    snprintf(path, sizeof path, "%.500s", group);
    for (;;) {
        snprintf(folder, sizeof folder, "%.250s%s%s", root, mount, strcmp(path, "/") ? path : "");
        take(m, folder, second);
        if (!strrchr(path, '/') || !path[0])
            return;
        *strrchr(path, '/') = '\0';
    }
}

static void read_groups(nyx_machine *m, const char *root)
{
    char text[8192], *rest = NULL;

    m->limit = -1;
    m->quota = -1.0;
    nyx_device__text(text, sizeof text, "%s/proc/self/cgroup", root);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

        if (!group)
            continue;
        *group++ = '\0';
        controllers++;
        if (!controllers[0]) {
            walk_groups(m, root, "/sys/fs/cgroup", group, true, take_limit);
            walk_groups(m, root, "/sys/fs/cgroup", group, true, take_quota);
        } else if (strstr(controllers, "memory")) {
            walk_groups(m, root, "/sys/fs/cgroup/memory", group, false, take_limit);
        } else if (strstr(controllers, "cpu") && !strstr(controllers, "cpuset")) {
            walk_groups(m, root, "/sys/fs/cgroup/cpu", group, false, take_quota);
        }
    }
}

void nyx_machine_probe(nyx_machine *m, const char *root)
{
    char text[256];

    memset(m, 0, sizeof *m);
    m->memory = m->memory_free = m->limit = -1;
    read_cpuinfo(m, root);
    if (m->processors == 0)
        m->processors = nyx_cpu_count();
    m->usable = root[0] ? m->processors : nyx_cpu_count();
    read_caches(m, root);
    count_cores(m, root);
    read_meminfo(m, root);
    read_groups(m, root);
    snprintf(text, sizeof text, "%s|%d|%lld", m->processor, m->processors, (long long)(m->memory >> 20));
    nyx_sha256_bytes(m->identity, text, (int64_t)strlen(text));
}

int64_t nyx_machine_available(const nyx_machine *m)
{
    const int64_t within = m->limit >= 0 ? m->limit - m->limit_used : INT64_MAX;
    const int64_t most = m->memory_free >= 0 ? m->memory_free : m->memory;

    if (m->limit >= 0 && (most < 0 || within < most))
        return within > 0 ? within : 0;
    return most;
}

/* DRM, NVIDIA, AMD compute, WSL, Mali and PowerVR, Adreno. */
bool nyx_gpu_is_there(void)
{
    static const char *const patterns[] = { "/dev/dri/renderD*", "/dev/nvidia[0-9]*", "/dev/kfd", "/dev/dxg",
                                            "/dev/mali*", "/dev/pvr*", "/dev/kgsl*" };
    bool                     found = false;

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns && !found; i++) {
        glob_t list;

        found = glob(patterns[i], GLOB_NOSORT, NULL, &list) == 0;
        globfree(&list);
    }
    return found;
}

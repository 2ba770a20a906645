/* names -- what a member may be called. The rules hold for writing and for
 * reading, so that whatever was bundled can be extracted, on file systems too
 * that take "A" and "a" for one name. */
#include "bundle/internal.h"

#include <string.h>

/* The next character; -1 where the bytes are not UTF-8 (RFC 3629). */
static int32_t next_character(const char **text)
{
    static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    const uint8_t       *p = (const uint8_t *)*text;
    const int            more = *p < 0x80                 ? 0
                                : *p >= 0xc2 && *p < 0xe0 ? 1
                                : *p >= 0xe0 && *p < 0xf0 ? 2
                                : *p >= 0xf0 && *p < 0xf5 ? 3
                                                          : -1;
    int32_t              c;

    if (more < 0)
        return -1;
    c = more ? *p & (0x3f >> more) : *p;
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (p[i] & 0x3f);
    }
    *text += more + 1;
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : c;
}

static bool is_control(int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || c == 0xfeff ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool nyx_bundle__is_clean(const char *text)
{
    while (*text)
        if (is_control(next_character(&text)))
            return false;
    return true;
}

const char *nyx_bundle__shown(char out[NYX_BUNDLE__SHOWN], const char *name)
{
    const size_t most = 128;
    size_t       used = 0;

    if (strlen(name) <= most && nyx_bundle__is_clean(name)) {
        snprintf(out, NYX_BUNDLE__SHOWN, "%s", name);
        return out;
    }
    for (size_t i = 0; name[i] && i < most; i++)
        used += (size_t)snprintf(out + used, NYX_BUNDLE__SHOWN - used,
                                 name[i] >= 0x20 && name[i] < 0x7f ? "%c" : "\\x%02x", (uint8_t)name[i]);
    if (strlen(name) > most)
        snprintf(out + used, NYX_BUNDLE__SHOWN - used, "...");
    return out;
}

static const char *part_fault(const char *part, size_t length)
{
    if (length == 0)
        return "has an empty part in its name";
    if (length <= 2 && memcmp(part, "..", length) == 0)
        return length == 1 ? "has a part '.' in its name"
                           : "has a part '..' in its name, which leads out of the folder";
    return NULL;
}

const char *nyx_bundle__name_fault(const char *name)
{
    const char *fault = NULL;
    uint8_t     header[NYX_BUNDLE__BLOCK];
    int         depth = 0;

    if (!*name)
        return "has no name";
    if (*name == '/')
        return "has an absolute name";
    if (strlen(name) >= NYX_BUNDLE_NAME)
        return "has a name of more than 255 bytes";
    if (!nyx_bundle__is_clean(name))
        return "has a name with control characters, or not in UTF-8";
    for (const char *part = name; part && !fault; depth++) {
        const char *slash = strchr(part, '/');

        fault = part_fault(part, slash ? (size_t)(slash - part) : strlen(part));
        part = slash ? slash + 1 : NULL;
    }
    if (!fault && depth > NYX_BUNDLE_DEPTH)
        fault = "lies more than 32 folders deep";
    if (!fault && !nyx_bundle__header(header, name, 0))
        fault = "has a last part of more than 100 bytes, or folders of more than 155, in its name";
    return fault;
}

/* ---- names beside each other ------------------------------------------------------ */

/* For an order in which what lies in a folder follows it at once: '/' first,
 * capital letters as small ones. Beyond ASCII case is left to the file system,
 * where a second file of a name is refused as it is made. */
static int folded(char c)
{
    return c == '/' ? 1 : c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (uint8_t)c;
}

static int by_folded_name(const void *a, const void *b)
{
    const char *left = (*(const nyx_bundle_file *const *)a)->name, *right = (*(const nyx_bundle_file *const *)b)->name;

    while (*left && folded(*left) == folded(*right))
        left++, right++;
    return folded(*left) - folded(*right);
}

/* Of two neighbours in that order: NULL, or why both cannot be extracted.
 * *folders grows by those of `b` that `a` does not lie in. */
static const char *neighbours_fault(const char *a, const char *b, int64_t *folders)
{
    size_t same = 0;
    bool   spelt = true; /* alike, up to here */

    for (; a[same] && folded(a[same]) == folded(b[same]); same++) {
        spelt = spelt && a[same] == b[same];
        if (a[same] == '/' && !spelt)
            return "lie in folders whose names differ only in case";
    }
    if (!a[same] && !b[same])
        return spelt ? "have one name" : "have names that differ only in case";
    if (!a[same] && b[same] == '/')
        return "cannot both be: the first would be a file and a folder";
    for (const char *p = b + same; *p; p++)
        *folders += *p == '/';
    return NULL;
}

int nyx_bundle__check_names(const nyx_bundle *bundle, const char *subject)
{
    const nyx_bundle_file **order;
    char                    one[NYX_BUNDLE__SHOWN], two[NYX_BUNDLE__SHOWN];
    int64_t                 folders = 0;
    int                     status = nyx_alloc(&order, (bundle->count + 1) * (int64_t)sizeof(void *));

    if (status < 0)
        return status;
    for (int64_t i = 0; i < bundle->count; i++)
        order[i] = &bundle->files[i];
    qsort(order, (size_t)bundle->count, sizeof *order, by_folded_name);
    for (int64_t i = 0; i < bundle->count && status == 0; i++) {
        const nyx_bundle_file *a = i ? order[i - 1] : NULL, *b = order[i];
        const char            *fault = neighbours_fault(a ? a->name : "", b->name, &folders);

        if (fault)
            status = nyx_error_set(NYX_ERR_INPUT, "cannot %s: '%s' and '%s' %s", subject,
                                   nyx_bundle__shown(one, a->path ? a->path : a->name),
                                   nyx_bundle__shown(two, b->path ? b->path : b->name), fault);
        else if (folders > NYX_BUNDLE_FILES)
            status = nyx_error_set(NYX_ERR_INPUT, "cannot %s: '%s' is in one folder too many; %d are allowed", subject,
                                   nyx_bundle__shown(one, b->name), NYX_BUNDLE_FILES);
    }
    nyx_free(order);
    return status;
}

/* tar -- POSIX ustar, regular files only, every field with one possible value:
 * mode 644, owner and time 0. Names up to 255 bytes use the prefix field, sizes
 * from 8 GiB on the base-256 form of GNU tar; neither needs an extra header. */
#include "bundle/internal.h"

#include <string.h>

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2],
        uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == NYX_BUNDLE__BLOCK, "a tar header is one block");

static const int64_t octal_most = ((int64_t)1 << 33) - 1; /* eleven digits */

int64_t nyx_bundle__padding(int64_t bytes)
{
    return (NYX_BUNDLE__BLOCK - bytes % NYX_BUNDLE__BLOCK) % NYX_BUNDLE__BLOCK;
}

/* Bytes of all but the sum, which counts as spaces. */
static unsigned checksum(const struct header *h)
{
    const uint8_t *p = (const uint8_t *)h;
    unsigned       sum = 0;

    for (size_t i = 0; i < sizeof *h; i++)
        sum += i >= offsetof(struct header, sum) && i < offsetof(struct header, type) ? ' ' : p[i];
    return sum;
}

/* The first slash behind which at most 100 bytes follow. */
static bool put_name(struct header *h, const char *name)
{
    const size_t length = strlen(name);
    const char  *slash = length <= sizeof h->name ? NULL : strchr(name + length - sizeof h->name - 1, '/');

    if (length > sizeof h->name && (!slash || (size_t)(slash - name) > sizeof h->prefix || !slash[1]))
        return false;
    if (slash)
        memcpy(h->prefix, name, (size_t)(slash - name));
    memcpy(h->name, slash ? slash + 1 : name, slash ? strlen(slash + 1) : length);
    return true;
}

static void put_size(struct header *h, int64_t bytes)
{
    char digits[24];

    if (bytes <= octal_most) {
        snprintf(digits, sizeof digits, "%011llo", (unsigned long long)bytes);
        memcpy(h->size, digits, sizeof h->size);
        return;
    }
    h->size[0] = (char)0x80;
    for (size_t i = 0; i < 8; i++)
        h->size[sizeof h->size - 1 - i] = (char)((bytes >> (8 * i)) & 0xff);
}

bool nyx_bundle__header(uint8_t out[NYX_BUNDLE__BLOCK], const char *name, int64_t bytes)
{
    struct header h = { .mode = "0000644", .uid = "0000000", .gid = "0000000", .mtime = "00000000000", .type = '0',
                        .magic = "ustar", .version = { '0', '0' }, .major = "0000000", .minor = "0000000" };
    char          digits[24];

    if (!put_name(&h, name))
        return false;
    put_size(&h, bytes);
    snprintf(digits, sizeof digits, "%06o", checksum(&h));
    memcpy(h.sum, digits, 7);
    h.sum[7] = ' ';
    memcpy(out, &h, sizeof h);
    return true;
}

/* Octal digits, ended by a space or NUL; -1 for anything else. */
static int64_t octal(const char *digits, size_t length)
{
    int64_t value = 0;
    size_t  i = 0;

    while (i < length && digits[i] >= '0' && digits[i] <= '7' && value <= octal_most)
        value = value * 8 + (digits[i++] - '0');
    return i == 0 || (i < length && digits[i] != ' ' && digits[i] != '\0') ? -1 : value;
}

static int64_t size_of(const struct header *h)
{
    int64_t value = 0;

    if ((uint8_t)h->size[0] != 0x80)
        return octal(h->size, sizeof h->size);
    for (size_t i = 1; i < sizeof h->size; i++) {
        if (value >> 55)
            return -1;
        value = value << 8 | (uint8_t)h->size[i];
    }
    return value;
}

static const char *type_fault(char type)
{
    static const struct { char type; const char *fault; } known[] = {
        { '1', "is a hard link; a bundle holds regular files alone" },
        { '2', "is a symbolic link; a bundle holds regular files alone" },
        { '3', "is a character device; a bundle holds regular files alone" },
        { '4', "is a block device; a bundle holds regular files alone" },
        { '5', "is a folder; a bundle holds regular files alone" },
        { '6', "is a FIFO; a bundle holds regular files alone" },
        { 'S', "is a sparse file; a bundle holds its files whole" },
        { 'x', "is a pax header; a bundle has none" },
        { 'g', "is a pax header; a bundle has none" },
        { 'L', "is a long name of GNU tar; a bundle has none" },
        { 'K', "is a long name of GNU tar; a bundle has none" },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type)
            return known[i].fault;
    return type == '0' ? NULL : "is of an unknown type; a bundle holds regular files alone";
}

const char *nyx_bundle__header_read(char name[NYX_BUNDLE_NAME + 2], int64_t *bytes,
                                    const uint8_t block[NYX_BUNDLE__BLOCK])
{
    struct header h;
    uint8_t       only[NYX_BUNDLE__BLOCK];
    const char   *fault;

    memcpy(&h, block, sizeof h);
    *name = '\0';
    *bytes = 0;
    if (memcmp(h.magic, "ustar", 5) != 0 || octal(h.sum, sizeof h.sum) != checksum(&h))
        return "begins with no tar header";
    if (h.magic[5] == '\0' && h.prefix[0]) /* GNU tar keeps other things there */
        snprintf(name, NYX_BUNDLE_NAME + 2, "%.155s/%.100s", h.prefix, h.name);
    else
        snprintf(name, NYX_BUNDLE_NAME + 2, "%.100s", h.name);
    if ((fault = type_fault(h.type)) || (fault = nyx_bundle__name_fault(name)))
        return fault;
    *bytes = size_of(&h);
    if (*bytes < 0)
        return "has a size that no file can have";
    if (!nyx_bundle__header(only, name, *bytes) || memcmp(only, block, sizeof only) != 0)
        return "has an owner, mode, time or form that a bundle does not have";
    return NULL;
}

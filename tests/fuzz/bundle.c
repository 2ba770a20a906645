/* bundle -- the manifest and the members of bundles, as text NUL members: the
 * header of the manifest, the zstd frame (of raw blocks) and the digest at the
 * end are made right, so that what lies behind them is reached. A bundle that
 * opens has only names that can be extracted. */
#include "fuzz.h"

#include "bundle/internal.h"

#include <string.h>

enum { ROOM = 1 << 16 };

/* RFC 8878, 3.1.1: magic, no flags, a window of 128 KiB, one last raw block. */
static size_t wrap(uint8_t *out, const uint8_t *tar, size_t bytes)
{
    static const uint8_t head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38 };
    const size_t         block = bytes << 3 | 1;
    char                 hex[NYX_SHA256_HEX];
    size_t               used = sizeof head;

    memcpy(out, head, used);
    for (int i = 0; i < 3; i++)
        out[used++] = (uint8_t)(block >> (8 * i));
    memcpy(out + used, tar, bytes);
    used += bytes;
    nyx_sha256_bytes(hex, out, (int64_t)used);
    memcpy(out + used, "\x5e\x2a\x4d\x18\x4c\0\0\0nyx-sha256/1", 20);
    memcpy(out + used + 20, hex, 64);
    return used + 84;
}

static size_t make_tar(uint8_t *tar, const uint8_t *data, size_t bytes)
{
    const uint8_t *end = memchr(data, 0, bytes);
    const size_t   text = end ? (size_t)(end - data) : bytes, padded = (text + 511) / 512 * 512;

    memset(tar, 0, ROOM);
    if (!nyx_bundle__header(tar, NYX_BUNDLE__MANIFEST, (int64_t)text))
        abort();
    memcpy(tar + 512, data, text);
    if (end)
        memcpy(tar + 512 + padded, end + 1, bytes - text - 1);
    return 512 + padded + (end ? bytes - text - 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t tar[ROOM], file[ROOM + 128];
    nyx_bundle    *bundle;
    char           path[64];
    int            fd;

    if (bytes > ROOM / 2)
        return 0;
    fd = fuzz_file(path, file, wrap(file, tar, make_tar(tar, data, bytes)));
    if (nyx_bundle_open(&bundle, path, 1 << 20) == 0) {
        for (int64_t i = 0; i < nyx_bundle_count(bundle); i++)
            if (nyx_bundle__name_fault(nyx_bundle_at(bundle, i)->name))
                abort();
        (void)!nyx_bundle_verify(bundle);
        nyx_bundle_free(bundle);
    }
    close(fd);
    return 0;
}

/* scan -- is this an HDF5 file that libhdf5 may look at? Our own few lines, so
 * that empty, foreign and truncated files give one clear sentence.
 *
 * HDF5 File Format Specification 3.0, section II.A "Format Signature and
 * Superblock". */
#include "file/internal.h"

#include <string.h>
#include <unistd.h>

static uint64_t little(const uint8_t *bytes, int count)
{
    uint64_t value = 0;

    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

int nyx_file__scan(int fd, const char *path, int64_t size)
{
    static const uint8_t signature[8] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };
    /* Where each version keeps the width of offsets, base and end addresses. */
    static const struct { int width_at, base_at, end_at; } versions[] = {
        { 13, 24, 40 }, { 13, 28, 44 }, { 9, 12, 28 }, { 9, 12, 28 },
    };
    uint8_t head[64] = { 0 };
    int64_t end;

    if (size == 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is empty", path);
    if (pread(fd, head, sizeof head, 0) < 9 || memcmp(head, signature, sizeof signature) != 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is not an HDF5 file", path);
    if (size < (int64_t)sizeof head)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is truncated: %lld bytes are less than a superblock", path,
                             (long long)size);
    if (head[8] >= sizeof versions / sizeof *versions)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is damaged: HDF5 superblock version %d, 0 to 3 are known", path,
                             head[8]);
    if (head[versions[head[8]].width_at] != 8 || little(head + versions[head[8]].base_at, 8) != 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has an unusual HDF5 superblock (offsets not of 8 bytes, or moved)",
                             path);
    if (head[8] >= 2 && (head[11] & 5) != 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' was never closed by the program that wrote it", path);
    end = (int64_t)little(head + versions[head[8]].end_at, 8);
    if (end < 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is damaged: its superblock has no sensible end", path);
    if (end > size)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is truncated: it has %lld bytes of %lld", path, (long long)size,
                             (long long)end);
    return 0;
}

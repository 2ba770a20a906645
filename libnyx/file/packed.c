/* packed -- one stream of bytes as a zstd file that knows when it was damaged.
 *
 *     [ one zstd frame ][ skippable frame: magic, 76, "nyx-sha256/1", 64 hexadecimal digits ]
 *
 * The digits are the SHA-256 of the first part. zstd(1) and every other reader
 * pass over the second. One thread, one level, one frame: equal streams give
 * equal files, by one version of libzstd.
 *
 * A file is read twice: once for the digest, so that no damaged byte reaches
 * the decoder, and once for its contents. */
#include "file/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 16, TAG_BYTES = 20, DIGITS = NYX_SHA256_HEX - 1, TRAILER_BYTES = TAG_BYTES + DIGITS };

/* Magic 0x184d2a5e and the length behind it, little-endian; see RFC 8878, 3.1.2. */
static const char tag[TAG_BYTES + 1] = "\x5e\x2a\x4d\x18\x4c\0\0\0nyx-sha256/1";

/* ---- writing -------------------------------------------------------------------- */

struct nyx_packer {
    struct archive *archive;
    nyx_output     *out;
    nyx_sha256      hash;
    int64_t         bytes;
    int             status; /* of the output, where it failed inside libarchive */
};

static la_ssize_t put(struct archive *archive, void *context, const void *data, size_t bytes)
{
    nyx_packer *p = context;

    (void)archive;
    p->status = nyx_output_write(p->out, data, (int64_t)bytes);
    if (p->status < 0)
        return -1;
    nyx_sha256_update(&p->hash, data, (int64_t)bytes);
    p->bytes += (int64_t)bytes;
    return (la_ssize_t)bytes;
}

static int packing_failed(const nyx_packer *p)
{
    const char *why = archive_error_string(p->archive);

    return p->status < 0 ? p->status : nyx_error_set(NYX_ERR_MEMORY, "cannot pack: %s", why ? why : "memory ran out");
}

static int begin(nyx_packer *p, const char *path)
{
    struct archive_entry *entry;
    int                   status = nyx_output_open(&p->out, path);

    if (status < 0)
        return status;
    nyx_sha256_init(&p->hash);
    p->archive = archive_write_new();
    entry = archive_entry_new();
    if (!p->archive || !entry) {
        archive_entry_free(entry);
        return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate a writer for '%s'", path);
    }
    archive_entry_set_pathname(entry, "data");
    archive_entry_set_filetype(entry, AE_IFREG);
    if (archive_write_add_filter_zstd(p->archive) != ARCHIVE_OK) /* it would start a program instead */
        status = archive_errno(p->archive) == ENOMEM ? packing_failed(p)
                                                     : nyx_error_set(NYX_ERR_UNSUPPORTED, "this libarchive lacks zstd");
    else if (archive_write_set_format_raw(p->archive) != ARCHIVE_OK ||
             archive_write_set_filter_option(p->archive, "zstd", "compression-level", "3") != ARCHIVE_OK ||
             archive_write_set_bytes_per_block(p->archive, 0) != ARCHIVE_OK ||
             archive_write_open(p->archive, p, NULL, put, NULL) != ARCHIVE_OK ||
             archive_write_header(p->archive, entry) != ARCHIVE_OK)
        status = packing_failed(p);
    archive_entry_free(entry);
    return status;
}

int nyx_packer_open(nyx_packer **out, const char *path)
{
    nyx_packer *p;
    int         status;

    *out = NULL;
    if ((status = nyx_alloc(&p, (int64_t)sizeof *p)) < 0)
        return status;
    if ((status = begin(p, path)) < 0) {
        nyx_packer_discard(p);
        return status;
    }
    *out = p;
    return 0;
}

int nyx_packer_write(nyx_packer *p, const void *data, int64_t bytes)
{
    if (bytes > 0 && archive_write_data(p->archive, data, (size_t)bytes) != (la_ssize_t)bytes)
        return packing_failed(p);
    return 0;
}

static int finish(nyx_packer *p, int64_t *bytes, char sha256[NYX_SHA256_HEX])
{
    char       trailer[TRAILER_BYTES + 1];
    nyx_sha256 first;
    int        status;

    if (archive_write_close(p->archive) != ARCHIVE_OK)
        return packing_failed(p);
    first = p->hash;
    memcpy(trailer, tag, TAG_BYTES);
    nyx_sha256_final(&first, trailer + TAG_BYTES);
    if ((status = nyx_output_write(p->out, trailer, TRAILER_BYTES)) < 0)
        return status;
    nyx_sha256_update(&p->hash, trailer, TRAILER_BYTES);
    nyx_sha256_final(&p->hash, sha256);
    *bytes = p->bytes + TRAILER_BYTES;
    status = nyx_output_commit(p->out);
    p->out = NULL;
    return status;
}

int nyx_packer_commit(nyx_packer *p, int64_t *bytes, char sha256[NYX_SHA256_HEX])
{
    int status = finish(p, bytes, sha256);

    nyx_packer_discard(p);
    return status;
}

void nyx_packer_discard(nyx_packer *p)
{
    if (!p)
        return;
    if (p->archive) {
        archive_write_fail(p->archive); /* nothing more is written */
        archive_write_free(p->archive);
    }
    nyx_output_discard(p->out);
    nyx_free(p);
}

/* ---- reading -------------------------------------------------------------------- */

struct nyx_unpacker {
    struct archive *archive;
    char           *path;
    int             fd;
    int64_t         bytes, left; /* of the file; of the frame, not read yet */
    char            sha256[NYX_SHA256_HEX];
    char            block[BLOCK_BYTES];
};

static int cannot_read(const nyx_unpacker *u, const char *why)
{
    return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': %s", u->path, why);
}

/* The next part of the frame; 0 at its end, -1 with errno. */
static ssize_t next_block(nyx_unpacker *u)
{
    const size_t most = u->left < BLOCK_BYTES ? (size_t)u->left : (size_t)BLOCK_BYTES;
    ssize_t      got;

    do
        got = read(u->fd, u->block, most);
    while (got < 0 && errno == EINTR);
    if (got == 0 && most > 0) {
        errno = EIO; /* shorter than a moment ago */
        return -1;
    }
    u->left -= got > 0 ? got : 0;
    return got;
}

/* Both digests: of the frame, which the trailer tells, and of the file. */
static int check_digest(nyx_unpacker *u)
{
    char       trailer[TRAILER_BYTES], hex[NYX_SHA256_HEX];
    nyx_sha256 hash, first;
    ssize_t    got;

    if (pread(u->fd, trailer, TRAILER_BYTES, u->left) != TRAILER_BYTES)
        return cannot_read(u, "it changes while it is read");
    if (memcmp(trailer, tag, TAG_BYTES) != 0)
        return cannot_read(u, "it does not end as a bundle ends; it was cut, added to, damaged, or is something else: "
                              "get it again");
    nyx_sha256_init(&hash);
    while ((got = next_block(u)) > 0)
        nyx_sha256_update(&hash, u->block, got);
    if (got < 0)
        return cannot_read(u, strerror(errno));
    first = hash;
    nyx_sha256_final(&first, hex);
    if (memcmp(hex, trailer + TAG_BYTES, DIGITS) != 0)
        return cannot_read(u, "its bytes do not match the SHA-256 at its end; it was damaged, get it again");
    nyx_sha256_update(&hash, trailer, TRAILER_BYTES);
    nyx_sha256_final(&hash, u->sha256);
    return 0;
}

static la_ssize_t get(struct archive *archive, void *context, const void **data)
{
    nyx_unpacker *u = context;
    ssize_t       got = next_block(u);

    if (got < 0)
        archive_set_error(archive, errno, "%s", strerror(errno));
    *data = u->block;
    return got;
}

/* Whether libarchive failed for want of memory, which says nothing about the file. */
static bool without_memory(const nyx_unpacker *u)
{
    return archive_errno(u->archive) == ENOMEM;
}

static int unpacking_failed(const nyx_unpacker *u, const char *otherwise)
{
    const char *why = otherwise ? otherwise : archive_error_string(u->archive);

    if (without_memory(u))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot read '%s': memory ran out", u->path);
    return cannot_read(u, why ? why : "its zstd frame is damaged");
}

/* The one filter is set and not guessed: zstd inside of zstd stays packed. */
static int open_frame(nyx_unpacker *u)
{
    struct archive_entry *entry;

    if (lseek(u->fd, 0, SEEK_SET) < 0)
        return cannot_read(u, strerror(errno));
    u->left = u->bytes - TRAILER_BYTES;
    u->archive = archive_read_new();
    if (!u->archive)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate a reader for '%s'", u->path);
    if (archive_read_support_format_raw(u->archive) != ARCHIVE_OK ||
        archive_read_append_filter(u->archive, ARCHIVE_FILTER_ZSTD) != ARCHIVE_OK)
        return without_memory(u) ? unpacking_failed(u, NULL)
                                 : nyx_error_set(NYX_ERR_UNSUPPORTED, "this libarchive lacks zstd");
    if (!nyx_file__archive_ready(u->archive) || archive_read_open(u->archive, u, NULL, get, NULL) != ARCHIVE_OK ||
        archive_read_next_header(u->archive, &entry) != ARCHIVE_OK) /* its reasons are about formats */
        return unpacking_failed(u, "it holds no whole zstd frame, or one that takes more than 128 MiB to unpack");
    return 0;
}

static int open_file(nyx_unpacker *u)
{
    struct stat about;

    u->fd = open(u->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (u->fd < 0 || fstat(u->fd, &about) < 0)
        return nyx_error_set(NYX_ERR_MISSING, "cannot open '%s': %s", u->path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return cannot_read(u, S_ISDIR(about.st_mode) ? "it is a folder" : "it is no regular file");
    u->bytes = about.st_size;
    if (u->bytes <= TRAILER_BYTES)
        return cannot_read(u, u->bytes ? "it is too short for a bundle; get it again" : "it is empty; get it again");
    u->left = u->bytes - TRAILER_BYTES;
    return 0;
}

int nyx_unpacker_open(nyx_unpacker **out, const char *path)
{
    nyx_unpacker *u;
    int           status;

    *out = NULL;
    if ((status = nyx_alloc(&u, (int64_t)sizeof *u)) < 0)
        return status;
    u->fd = -1;
    if ((status = nyx_text_copy(&u->path, path)) < 0 || (status = open_file(u)) < 0 ||
        (status = check_digest(u)) < 0 || (status = open_frame(u)) < 0) {
        nyx_unpacker_close(u);
        return status;
    }
    *out = u;
    return 0;
}

int64_t nyx_unpacker_bytes(const nyx_unpacker *u)
{
    return u->bytes;
}

const char *nyx_unpacker_sha256(const nyx_unpacker *u)
{
    return u->sha256;
}

int nyx_unpacker_read(nyx_unpacker *u, void *out, int64_t bytes, int64_t *got)
{
    *got = 0;
    while (*got < bytes) {
        la_ssize_t more = archive_read_data(u->archive, (char *)out + *got, (size_t)(bytes - *got));

        if (more < 0)
            return unpacking_failed(u, NULL);
        if (more == 0)
            break;
        *got += more;
    }
    return 0;
}

void nyx_unpacker_close(nyx_unpacker *u)
{
    if (!u)
        return;
    if (u->archive)
        archive_read_free(u->archive);
    if (u->fd >= 0)
        close(u->fd);
    nyx_free(u->path);
    nyx_free(u);
}

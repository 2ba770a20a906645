/* write -- the list as a bundle: manifest, then files, then two empty blocks. */
#include "bundle/internal.h"

#include <string.h>

struct stream {
    nyx_packer       *packer;
    const nyx_bundle *bundle;
    int64_t           done;
};

static const uint8_t zeros[2 * NYX_BUNDLE__BLOCK];

static int put_header(struct stream *s, const char *name, int64_t bytes)
{
    uint8_t header[NYX_BUNDLE__BLOCK];

    if (!nyx_bundle__header(header, name, bytes))
        nyx_bug(__FILE__, __LINE__, "a name that was checked does not fit");
    return nyx_packer_write(s->packer, header, sizeof header);
}

static int put(void *context, const void *data, int64_t bytes)
{
    struct stream *s = context;

    s->done += bytes;
    if (s->bundle->progress)
        s->bundle->progress(s->done, s->bundle->bytes);
    return nyx_packer_write(s->packer, data, bytes);
}

static int put_file(struct stream *s, const nyx_bundle_file *file)
{
    char    sha256[NYX_SHA256_HEX];
    int64_t bytes;
    int     status;

    if ((status = put_header(s, file->name, file->bytes)) < 0 ||
        (status = nyx_bundle__read_file(file, sha256, &bytes, put, s)) < 0)
        return status;
    if (bytes != file->bytes || strcmp(sha256, file->sha256) != 0)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' changes while it is bundled; is a program still writing it?",
                             file->path);
    return nyx_packer_write(s->packer, zeros, nyx_bundle__padding(bytes));
}

static int put_all(struct stream *s, const char *manifest)
{
    const int64_t bytes = (int64_t)strlen(manifest);
    int           status;

    if ((status = put_header(s, NYX_BUNDLE__MANIFEST, bytes)) < 0 ||
        (status = nyx_packer_write(s->packer, manifest, bytes)) < 0 ||
        (status = nyx_packer_write(s->packer, zeros, nyx_bundle__padding(bytes))) < 0)
        return status;
    for (int64_t i = 0; i < s->bundle->count && status == 0; i++)
        status = put_file(s, &s->bundle->files[i]);
    return status < 0 ? status : nyx_packer_write(s->packer, zeros, sizeof zeros);
}

int nyx_bundle_write(nyx_bundle *bundle, const char *path)
{
    struct stream s = { .bundle = bundle };
    char         *manifest = NULL;
    int           status;

    if ((status = nyx_bundle__manifest_print(bundle, &manifest)) < 0 ||
        (status = nyx_packer_open(&s.packer, path)) < 0 || (status = put_all(&s, manifest)) < 0)
        goto done;
    status = nyx_packer_commit(s.packer, &bundle->packed_bytes, bundle->sha256);
    s.packer = NULL;
done:
    nyx_packer_discard(s.packer);
    nyx_free(manifest);
    return status;
}

/* read -- a bundle, member by member, against its manifest. */
#include "bundle/internal.h"

#include <string.h>

static const uint8_t zeros[NYX_BUNDLE__BLOCK];

/* ---- sentences ------------------------------------------------------------------------ */

static int refuse(const nyx_bundle *bundle, const char *name, const char *fault)
{
    char shown[NYX_BUNDLE__SHOWN];

    if (!*name)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': a member %s", bundle->path, fault);
    return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': member '%s' %s", bundle->path,
                         nyx_bundle__shown(shown, name), fault);
}

/* Exactly so many bytes of the tar archive. */
static int take(nyx_bundle *bundle, const char *name, void *out, int64_t bytes)
{
    int64_t got;
    int     status = nyx_unpacker_read(bundle->unpacker, out, bytes, &got);

    return status < 0 ? status : got < bytes ? refuse(bundle, name, "is cut short") : 0;
}

/* ---- members ---------------------------------------------------------------------------- */

static int by_name(const void *key, const void *file)
{
    return strcmp(key, ((const nyx_bundle_file *)file)->name);
}

/* A good header of another name than number `index` has. */
static int refuse_order(const nyx_bundle *bundle, int64_t index, const char *name)
{
    const nyx_bundle_file *found = bsearch(name, bundle->files, (size_t)bundle->count, sizeof *found, by_name);

    if (!found)
        return refuse(bundle, name, "is not in the manifest");
    if (found - bundle->files < index)
        return refuse(bundle, name, "comes twice");
    return refuse(bundle, bundle->files[index].name, "is missing, or not in its place");
}

/* The header of member `index`; behind the last one the end. */
static int check_header(nyx_bundle *bundle, int64_t index)
{
    const nyx_bundle_file *file = index < bundle->count ? &bundle->files[index] : NULL;
    uint8_t                block[NYX_BUNDLE__BLOCK];
    char                   name[NYX_BUNDLE_NAME + 2];
    const char            *fault;
    int64_t                bytes;
    int                    status = take(bundle, file ? file->name : "", block, sizeof block);

    if (status < 0)
        return status;
    if (memcmp(block, zeros, sizeof block) == 0)
        return file ? refuse(bundle, file->name, "is missing") : 0;
    fault = nyx_bundle__header_read(name, &bytes, block);
    if (fault)
        return refuse(bundle, name, fault);
    if (!file || strcmp(name, file->name) != 0)
        return refuse_order(bundle, index, name);
    return bytes == file->bytes ? 0 : refuse(bundle, name, "has another size than the manifest says");
}

static int check_padding(nyx_bundle *bundle, const char *name, int64_t bytes)
{
    uint8_t       rest[NYX_BUNDLE__BLOCK];
    const int64_t padding = nyx_bundle__padding(bytes);
    int           status = take(bundle, name, rest, padding);

    if (status == 0 && memcmp(rest, zeros, (size_t)padding) != 0)
        status = refuse(bundle, name, "is followed by bytes that are not zero");
    return status;
}

static int check_contents(nyx_bundle *bundle, const nyx_bundle_file *file, nyx_folder *folder, int64_t *done)
{
    char       data[NYX_BUNDLE__MOVED], sha256[NYX_SHA256_HEX];
    nyx_sha256 hash;
    int        status = 0;

    nyx_sha256_init(&hash);
    for (int64_t left = file->bytes; left > 0 && status == 0;) {
        const int64_t bytes = left < (int64_t)sizeof data ? left : (int64_t)sizeof data;

        if (nyx_stop_requested())
            return nyx_error_set(NYX_ERR_STOPPED, "stopped at member '%s' of '%s'; nothing was extracted", file->name,
                                 bundle->path);
        if ((status = take(bundle, file->name, data, bytes)) < 0)
            return status;
        nyx_sha256_update(&hash, data, bytes);
        if (folder)
            status = nyx_folder_write(folder, data, bytes);
        left -= bytes;
        *done += bytes;
        if (bundle->progress)
            bundle->progress(*done, bundle->bytes);
    }
    nyx_sha256_final(&hash, sha256);
    if (status == 0 && strcmp(sha256, file->sha256) != 0)
        status = refuse(bundle, file->name, "has another SHA-256 than the manifest says");
    return status < 0 ? status : check_padding(bundle, file->name, file->bytes);
}

static int check_end(nyx_bundle *bundle)
{
    uint8_t block[NYX_BUNDLE__BLOCK];
    int64_t got;
    int     status = check_header(bundle, bundle->count);

    if (status < 0 || (status = take(bundle, "", block, sizeof block)) < 0)
        return status;
    if (memcmp(block, zeros, sizeof block) != 0)
        return refuse(bundle, "", "comes behind the end");
    if ((status = nyx_unpacker_read(bundle->unpacker, block, 1, &got)) == 0 && got > 0)
        status = refuse(bundle, "", "comes behind the end");
    return status;
}

/* `folder` NULL: only compare. */
static int check_all(nyx_bundle *bundle, nyx_folder *folder)
{
    int64_t done = 0;
    int     status = 0;

    NYX_BUG_IF(!bundle->unpacker);
    for (int64_t i = 0; i < bundle->count && status == 0; i++) {
        const nyx_bundle_file *file = &bundle->files[i];

        if ((status = check_header(bundle, i)) < 0 || (folder && (status = nyx_folder_begin(folder, file->name)) < 0) ||
            (status = check_contents(bundle, file, folder, &done)) < 0)
            break;
        if (folder)
            status = nyx_folder_end(folder);
    }
    if (status == 0)
        status = check_end(bundle);
    nyx_unpacker_close(bundle->unpacker);
    bundle->unpacker = NULL;
    return status;
}

/* ---- the manifest, and how much may follow ------------------------------------------------- */

static int read_manifest(nyx_bundle *bundle)
{
    uint8_t     block[NYX_BUNDLE__BLOCK];
    char        name[NYX_BUNDLE_NAME + 2], *text = NULL;
    const char *fault;
    int64_t     bytes;
    int         status = take(bundle, NYX_BUNDLE__MANIFEST, block, sizeof block);

    if (status < 0)
        return status;
    fault = nyx_bundle__header_read(name, &bytes, block);
    if (!fault && strcmp(name, NYX_BUNDLE__MANIFEST) != 0)
        fault = "comes first, where a bundle has its manifest; was it made by nyx-bundle?";
    if (!fault && bytes > NYX_BUNDLE__MANIFEST_MOST)
        fault = "is longer than 32 MiB";
    if (fault)
        return refuse(bundle, name, fault);
    if ((status = nyx_alloc(&text, bytes + 1)) == 0 && (status = take(bundle, name, text, bytes)) == 0 &&
        (status = check_padding(bundle, name, bytes)) == 0)
        status = nyx_bundle__manifest_read(bundle, text, bytes);
    nyx_free(text);
    return status;
}

static int check_limit(const nyx_bundle *bundle, int64_t most)
{
    const int64_t fair = (bundle->packed_bytes + (16 << 10)) * NYX_BUNDLE_RATIO;

    if (bundle->bytes > (most ? most : NYX_BUNDLE_BYTES))
        return nyx_error_set(NYX_ERR_INPUT,
                             "'%s' holds %lld bytes, at most %lld are allowed; --max-size=BYTES allows more",
                             bundle->path, (long long)bundle->bytes, (long long)(most ? most : NYX_BUNDLE_BYTES));
    if (!most && bundle->bytes > fair)
        return nyx_error_set(NYX_ERR_INPUT,
                             "'%s' holds %lld bytes in %lld, more than %d for each; if that is meant to be, "
                             "--max-size=BYTES allows it",
                             bundle->path, (long long)bundle->bytes, (long long)bundle->packed_bytes, NYX_BUNDLE_RATIO);
    return 0;
}

int nyx_bundle_open(nyx_bundle **out, const char *path, int64_t most_bytes)
{
    nyx_bundle *bundle;
    int         status;

    *out = NULL;
    if ((status = nyx_bundle__create(&bundle)) < 0)
        return status;
    if ((status = nyx_text_copy(&bundle->path, path)) < 0 || (status = nyx_unpacker_open(&bundle->unpacker, path)) < 0)
        goto fail;
    bundle->packed_bytes = nyx_unpacker_bytes(bundle->unpacker);
    memcpy(bundle->sha256, nyx_unpacker_sha256(bundle->unpacker), NYX_SHA256_HEX);
    if ((status = read_manifest(bundle)) < 0 || (status = check_limit(bundle, most_bytes)) < 0)
        goto fail;
    *out = bundle;
    return 0;
fail:
    nyx_bundle_free(bundle);
    return status;
}

int nyx_bundle_verify(nyx_bundle *bundle)
{
    return check_all(bundle, NULL);
}

int nyx_bundle_extract(nyx_bundle *bundle, const char *path)
{
    nyx_folder *folder;
    int         status;

    if ((status = nyx_folder_open(&folder, path)) < 0)
        return status;
    if ((status = check_all(bundle, folder)) == 0)
        return nyx_folder_commit(folder);
    nyx_folder_discard(folder);
    return status;
}

/* ---- facts ---------------------------------------------------------------------------------- */

int64_t nyx_bundle_count(const nyx_bundle *bundle)
{
    return bundle->count;
}

const nyx_bundle_file *nyx_bundle_at(const nyx_bundle *bundle, int64_t index)
{
    NYX_BUG_IF(index < 0 || index >= bundle->count);
    return &bundle->files[index];
}

int64_t nyx_bundle_bytes(const nyx_bundle *bundle)
{
    return bundle->bytes;
}

int64_t nyx_bundle_packed_bytes(const nyx_bundle *bundle)
{
    return bundle->packed_bytes;
}

const char *nyx_bundle_sha256(const nyx_bundle *bundle)
{
    return bundle->sha256;
}

void nyx_bundle_watch(nyx_bundle *bundle, void (*progress)(int64_t done_bytes, int64_t total_bytes))
{
    bundle->progress = progress;
}

void nyx_bundle_free(nyx_bundle *bundle)
{
    if (!bundle)
        return;
    nyx_unpacker_close(bundle->unpacker);
    nyx_json_free(bundle->manifest);
    nyx_arena_release(&bundle->arena);
    nyx_free(bundle->files);
    nyx_free(bundle->path);
    nyx_free(bundle);
}

/* bundle -- a run as one file that can be checked and made again: what was
 * written, packed so that equal files give an equal bundle.
 *
 *     nyx_bundle *bundle;
 *     nyx_bundle_collect(&bundle, paths, count);
 *     nyx_bundle_write(bundle, "run.tar.zst");
 *     nyx_bundle_free(bundle);
 *
 *     nyx_bundle_open(&bundle, "run.tar.zst", 0);
 *     nyx_bundle_extract(bundle, "folder");      or nyx_bundle_verify(bundle)
 *     nyx_bundle_free(bundle);
 *
 * The format is that of docs/bundle.md: a packed stream (file/file.h) of a
 * tar archive whose every header is the only one its name and size can have.
 * The manifest comes first and says all the rest. A reader compares; it never
 * obeys: whatever differs from the manifest or from the one form is refused.
 */
#ifndef NYX_BUNDLE_H
#define NYX_BUNDLE_H

#include "report/report.h"

enum {
    NYX_BUNDLE_NAME = 256,       /* bytes of a name with the NUL */
    NYX_BUNDLE_DEPTH = 32,       /* parts of a name */
    NYX_BUNDLE_FILES = 100000,   /* and as many folders */
    NYX_BUNDLE_RATIO = 1000,     /* contents per byte of the bundle and 16 KiB */
};
#define NYX_BUNDLE_BYTES ((int64_t)64 << 30) /* of contents, unless another limit is given */

typedef struct nyx_bundle nyx_bundle;

typedef struct {
    const char *name; /* in the bundle: parts joined by '/' */
    const char *path; /* on the disk; NULL in a bundle that was opened */
    const char *kind; /* "model" "dataset" "checkpoint" "config" "recipe" "json" "other", or the schema of a report */
    int64_t     bytes;
    char        sha256[NYX_SHA256_HEX];
} nyx_bundle_file;

/* What is to be bundled: files by their last name, folders by what they hold,
 * in an order that only the names decide; and its digests. Anything that is
 * neither is refused. INPUT, MISSING, STOPPED. */
int nyx_bundle_collect(nyx_bundle **out, const char *const *paths, int64_t count) NYX_CHECKED;
/* A file that is no longer what it was is an INPUT error. CREATE, OUTPUT, STOPPED. */
int nyx_bundle_write(nyx_bundle *bundle, const char *path) NYX_CHECKED;

/* Check the digest of the file and read the manifest. `most_bytes` of contents
 * are allowed; 0: NYX_BUNDLE_BYTES, and no more than NYX_BUNDLE_RATIO times
 * the bundle. INPUT, MISSING. */
int nyx_bundle_open(nyx_bundle **out, const char *path, int64_t most_bytes) NYX_CHECKED;
/* Unpack everything and compare; once. INPUT, STOPPED. */
int nyx_bundle_verify(nyx_bundle *bundle) NYX_CHECKED;
/* The same, with the files into a fresh folder that appears when all were good. CREATE, OUTPUT. */
int nyx_bundle_extract(nyx_bundle *bundle, const char *folder) NYX_CHECKED;

int64_t                nyx_bundle_count(const nyx_bundle *bundle);
const nyx_bundle_file *nyx_bundle_at(const nyx_bundle *bundle, int64_t index);
int64_t                nyx_bundle_bytes(const nyx_bundle *bundle);        /* of all contents */
int64_t                nyx_bundle_packed_bytes(const nyx_bundle *bundle); /* of the file; 0 before it is written */
const char            *nyx_bundle_sha256(const nyx_bundle *bundle);       /* of the file; "" before */
/* Files, totals and the digest of the manifest into a report's result. */
void nyx_bundle_describe(const nyx_bundle *bundle, nyx_json *result);
/* Called now and then while bytes are read, written or compared. */
void nyx_bundle_watch(nyx_bundle *bundle, void (*progress)(int64_t done_bytes, int64_t total_bytes));
void nyx_bundle_free(nyx_bundle *bundle); /* NULL is fine */

#endif

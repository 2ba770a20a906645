/* internal -- what the sources of bundle/ share and nobody else sees.
 *
 *     names.c     what a member may be called, and which names collide
 *     tar.c       the one header that a name and a size have
 *     collect.c   folders and files -> a list
 *     manifest.c  the list -> JSON and back
 *     write.c     list -> bundle
 *     read.c      bundle -> list, checked or extracted
 */
#ifndef NYX_BUNDLE_INTERNAL_H
#define NYX_BUNDLE_INTERNAL_H

#include "bundle/bundle.h"
#include "file/file.h"

enum {
    NYX_BUNDLE__BLOCK = 512,               /* of a tar archive */
    NYX_BUNDLE__MOVED = 1 << 16,           /* bytes read at a time */
    NYX_BUNDLE__MANIFEST_MOST = 32 << 20,
    NYX_BUNDLE__SHOWN = 128 * 4 + 4        /* of a name made fit to print */
};
#define NYX_BUNDLE__MANIFEST "nyx-bundle.json"

struct nyx_bundle {
    nyx_arena        arena;
    char            *path; /* of the bundle; NULL while there is none */
    nyx_bundle_file *files; /* sorted by name */
    int64_t          count, room, bytes, packed_bytes;
    nyx_json        *manifest;
    nyx_json        *list; /* "files" of the manifest while it is made; borrowed */
    char             sha256[NYX_SHA256_HEX], manifest_sha256[NYX_SHA256_HEX];
    nyx_unpacker    *unpacker; /* behind the manifest; NULL once all is read */
    void           (*progress)(int64_t done_bytes, int64_t total_bytes);
};

/* ---- names ---------------------------------------------------------------------- */

/* NULL, or what is wrong with the name: "is absolute". */
const char *nyx_bundle__name_fault(const char *name);
/* UTF-8 without controls and without marks that turn the direction of text. */
bool nyx_bundle__is_clean(const char *text);
/* The name as it may stand in a sentence. */
const char *nyx_bundle__shown(char out[NYX_BUNDLE__SHOWN], const char *name);
/* Two files of one name, a file that is a folder too, names that differ only
 * in case, too many folders: INPUT, with both names. `files` are sorted. */
int nyx_bundle__check_names(const nyx_bundle *bundle, const char *subject) NYX_CHECKED;

/* ---- tar ------------------------------------------------------------------------ */

/* False when the name cannot be split to fit. */
bool nyx_bundle__header(uint8_t out[NYX_BUNDLE__BLOCK], const char *name, int64_t bytes);
/* NULL, or what is wrong with a header: "is a symbolic link". The name is what
 * can be told of it, "" where nothing can. */
const char *nyx_bundle__header_read(char name[NYX_BUNDLE_NAME + 2], int64_t *bytes,
                                    const uint8_t block[NYX_BUNDLE__BLOCK]);
/* Bytes up to the next block. */
int64_t nyx_bundle__padding(int64_t bytes);

/* ---- the rest --------------------------------------------------------------------- */

int nyx_bundle__create(nyx_bundle **out) NYX_CHECKED;
int nyx_bundle__add(nyx_bundle *bundle, nyx_bundle_file **out) NYX_CHECKED; /* room for one file more */
/* The manifest of what is collected, a file at a time: what a file is, told by
 * its contents, and the lines of its history if it has any. */
void nyx_bundle__manifest_begin(nyx_bundle *bundle);
int nyx_bundle__manifest_add(nyx_bundle *bundle, nyx_bundle_file *file) NYX_CHECKED;
/* Close it; *text ends with nyx_free. */
int nyx_bundle__manifest_print(nyx_bundle *bundle, char **text) NYX_CHECKED;
/* And back: fills the list. */
int nyx_bundle__manifest_read(nyx_bundle *bundle, const char *text, int64_t bytes) NYX_CHECKED;
/* Read a file that is on the disk and hand its bytes on; INPUT when it is not
 * regular or changes meanwhile, MISSING. `use` NULL: only the digest. */
int nyx_bundle__read_file(const nyx_bundle_file *file, char sha256[NYX_SHA256_HEX], int64_t *bytes,
                          int (*use)(void *context, const void *data, int64_t bytes), void *context) NYX_CHECKED;

#endif

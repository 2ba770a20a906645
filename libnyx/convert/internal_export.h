/* internal_export -- what the sources of an export share: export.c decides and writes
 * tensors, folder.c makes safetensors files and folders of them.
 */
#ifndef NYX_CONVERT_INTERNAL_EXPORT_H
#define NYX_CONVERT_INTERNAL_EXPORT_H

#include "convert/internal.h"

typedef struct {
    const nyx_convert_options *options;
    nyx_convert_report        *report;
    enum nyx_foreign_kind      kind;
    const char                *in;
    nyx_reader                *reader;
    nyx_config                 config;
    enum nyx_convert__family   family;
    nyx_convert__map           map;
    nyx_foreign_writer        *writer;
    nyx_tokenizer             *tokenizer; /* NULL: none */
    nyx_json                  *tokenizer_json;
    const nyx_block_type     **types; /* of each part; parts of one tensor agree */
} nyx_convert__work;

/* Parts, from `first` on, that become one tensor there, and its bytes there. */
int64_t nyx_convert__parts_at(const nyx_convert__work *w, int64_t first);
int64_t nyx_convert__foreign_bytes(const nyx_convert__work *w, int64_t first);
/* Declare and write the tensors that parts [from, to) become to w->writer. */
int nyx_convert__put_tensors(nyx_convert__work *w, int64_t from, int64_t to) NYX_CHECKED;
/* One file, or a folder with config.json (NULL: none) and tokenizer.json. */
int nyx_convert__export_safetensors(nyx_convert__work *w, const char *path, const nyx_json *config) NYX_CHECKED;

#endif

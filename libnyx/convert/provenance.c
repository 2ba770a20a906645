/* provenance -- what a file says about itself beside numbers: its name, its
 * licence, the template of a chat. Texts only.
 */
#include "convert/internal.h"

#include <string.h>

/* Keys that say how the file is made, not what is in it. */
static bool is_technical(const char *key)
{
    static const char *const keys[] = { "general.architecture", "general.alignment", "general.file_type",
                                        "general.quantization_version", "config", "nyx_tokenizer", "format" };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

static bool is_gguf(const char *key)
{
    return strncmp(key, "general.", 8) == 0 || strcmp(key, "tokenizer.chat_template") == 0;
}

int nyx_convert__provenance_write(nyx_writer *writer, const nyx_foreign *file)
{
    const nyx_json *from = nyx_foreign_metadata(file);
    const bool      gguf = nyx_foreign_kind_of(file) == NYX_FOREIGN_GGUF;
    nyx_json       *root = nyx_json_object(), *imported = nyx_json_add_object(root, "imported");
    nyx_json       *metadata = nyx_json_add_object(imported, "metadata");
    int             status;

    nyx_json_set_text(imported, "format", nyx_foreign_kind_name(nyx_foreign_kind_of(file)));
    for (int64_t i = 0; i < nyx_json_count(from); i++) {
        const char *key = nyx_json_key(from, i), *text = nyx_json_text(nyx_json_item(from, i), NULL);

        if (text && !is_technical(key) && (!gguf || is_gguf(key)))
            nyx_json_set_text(metadata, key, text);
    }
    status = nyx_writer_json(writer, "/provenance", root);
    nyx_json_free(root);
    return status;
}

int nyx_convert__provenance_read(nyx_json *metadata, nyx_reader *reader, enum nyx_foreign_kind kind)
{
    const nyx_json *from;
    nyx_json       *root;
    int             status = nyx_reader_json(reader, "/provenance", &root);

    if (status < 0 || !root)
        return status;
    from = nyx_json_get(nyx_json_get(root, "imported"), "metadata");
    for (int64_t i = 0; i < nyx_json_count(from); i++) {
        const char *key = nyx_json_key(from, i), *text = nyx_json_text(nyx_json_item(from, i), NULL);

        if (key && text && !is_technical(key) && (kind != NYX_FOREIGN_GGUF || is_gguf(key)))
            nyx_json_set_text(metadata, key, text);
    }
    nyx_json_free(root);
    return 0;
}

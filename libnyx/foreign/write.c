/* write -- safetensors and GGUF out: tensors declared, then their bytes.
 */
#include "foreign/internal.h"

#include <string.h>

struct nyx_foreign_writer {
    enum nyx_foreign_kind   kind;
    nyx_output             *out;
    nyx_arena               arena;
    nyx_json               *metadata;
    nyx_foreign__declared  *tensors;
    int64_t                 count, room;
    int64_t                 written; /* bytes behind the header, padding too */
    int64_t                 current; /* the tensor that is being written */
    bool                    begun;
};

void nyx_foreign__put(nyx_foreign__buffer *buffer, const void *data, int64_t bytes)
{
    if (buffer->bytes + bytes > buffer->room && !buffer->failed) {
        const int64_t room = 2 * (buffer->bytes + bytes) + 4096;

        buffer->failed = nyx_realloc(&buffer->data, buffer->bytes, room) < 0;
        if (!buffer->failed)
            buffer->room = room;
    }
    if (buffer->failed)
        return;
    memcpy(buffer->data + buffer->bytes, data, (size_t)bytes);
    buffer->bytes += bytes;
}

int nyx_foreign_writer_open(nyx_foreign_writer **out, enum nyx_foreign_kind kind, const char *path)
{
    int status = nyx_alloc(out, sizeof **out);

    NYX_BUG_IF(kind != NYX_FOREIGN_SAFETENSORS && kind != NYX_FOREIGN_GGUF);
    if (status < 0)
        return status;
    (*out)->kind = kind;
    if ((status = nyx_output_open(&(*out)->out, path)) < 0) {
        nyx_foreign_writer_discard(*out);
        *out = NULL;
    }
    return status;
}

int nyx_foreign_writer_metadata(nyx_foreign_writer *file, const nyx_json *metadata)
{
    nyx_json_free(file->metadata);
    file->metadata = nyx_json_copy(metadata);
    return nyx_json_check(file->metadata);
}

static int64_t alignment_of(const nyx_foreign_writer *file)
{
    return file->kind == NYX_FOREIGN_GGUF ? NYX_FOREIGN__ALIGNMENT : 1;
}

static int64_t padded(const nyx_foreign_writer *file, int64_t bytes)
{
    const int64_t alignment = alignment_of(file);

    return (bytes + alignment - 1) / alignment * alignment;
}

int nyx_foreign_writer_declare(nyx_foreign_writer *file, const char *name, const nyx_block_type *type,
                               const nyx_shape *shape)
{
    const nyx_foreign__declared *last;
    nyx_foreign__declared       *tensor;
    int                          status;

    NYX_BUG_IF(file->begun || shape->rank < 1 ||
               (file->kind == NYX_FOREIGN_GGUF ? type->ggml < 0 : !type->safetensors));
    if ((status = nyx_array_grow(&file->tensors, &file->room, file->count, (int64_t)sizeof *file->tensors, 256)) < 0)
        return status;
    last = file->count ? &file->tensors[file->count - 1] : NULL;
    tensor = &file->tensors[file->count++];
    tensor->type = type;
    tensor->shape = *shape;
    tensor->bytes = nyx_shape_count(shape) / type->elems * type->bytes;
    tensor->offset = last ? padded(file, last->offset + last->bytes) : 0;
    return nyx_arena_text(&file->arena, &tensor->name, name);
}

static int write_head(nyx_foreign_writer *file)
{
    static const char   zeros[NYX_FOREIGN__ALIGNMENT];
    nyx_foreign__buffer head = { 0 };
    int                 status;

    file->begun = true;
    status = file->kind == NYX_FOREIGN_GGUF
                 ? nyx_foreign__head_gguf(&head, file->metadata, file->tensors, file->count)
                 : nyx_foreign__head_safetensors(&head, file->metadata, file->tensors, file->count);
    if (file->kind == NYX_FOREIGN_GGUF && !head.failed)
        nyx_foreign__put(&head, zeros, padded(file, head.bytes) - head.bytes);
    if (status == 0 && head.failed)
        status = nyx_error_set(NYX_ERR_MEMORY, "no memory for the header");
    if (status == 0)
        status = nyx_output_write(file->out, head.data, head.bytes);
    nyx_free(head.data);
    return status;
}

int nyx_foreign_writer_append(nyx_foreign_writer *file, const void *data, int64_t bytes)
{
    static const char zeros[NYX_FOREIGN__ALIGNMENT];
    const char       *from = data;
    int               status = file->begun ? 0 : write_head(file);

    while (status == 0 && bytes > 0) {
        const nyx_foreign__declared *tensor = &file->tensors[file->current];
        int64_t                      end, piece;

        NYX_BUG_IF(file->current >= file->count);
        end = tensor->offset + tensor->bytes;
        piece = bytes < end - file->written ? bytes : end - file->written;
        if ((status = nyx_output_write(file->out, from, piece)) < 0)
            break;
        from += piece;
        bytes -= piece;
        file->written += piece;
        if (file->written == end) {
            status = nyx_output_write(file->out, zeros, padded(file, end) - end);
            file->written = padded(file, end);
            file->current++;
        }
    }
    return status;
}

int nyx_foreign_writer_commit(nyx_foreign_writer *file)
{
    int status = file->begun ? 0 : write_head(file);

    while (file->current < file->count && file->tensors[file->current].bytes == 0)
        file->current++;
    NYX_BUG_IF(status == 0 && file->current != file->count);
    if (status == 0) {
        status = nyx_output_commit(file->out);
        file->out = NULL;
    }
    nyx_foreign_writer_discard(file);
    return status;
}

void nyx_foreign_writer_discard(nyx_foreign_writer *file)
{
    if (!file)
        return;
    nyx_output_discard(file->out);
    nyx_arena_release(&file->arena);
    nyx_json_free(file->metadata);
    nyx_free(file->tensors);
    nyx_free(file);
}

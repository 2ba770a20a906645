/* foreign -- what the harnesses of model files share: a file that opens keeps
 * what its listing promises. */
#ifndef FUZZ_FOREIGN_H
#define FUZZ_FOREIGN_H

#include "fuzz.h"

#include "convert/internal.h"

enum { ROW_MOST = 1 << 16 };

/* Two rows of a tensor, as stored and as numbers. */
static inline void fuzz_rows(nyx_foreign *file, const nyx_foreign_tensor *tensor)
{
    static float  numbers[2 * ROW_MOST];
    const int     rank = tensor->shape.rank;
    const int64_t cols = rank ? tensor->shape.dims[rank - 1] : 1, row = nyx_foreign_row_bytes(tensor);
    const int64_t rows = row > 0 ? tensor->bytes / row : 0;

    if (rows < 1 || cols > ROW_MOST || row > (int64_t)sizeof numbers / 2)
        return;
    if (nyx_foreign_read(file, tensor, rows - 1, 1, numbers) < 0)
        abort(); /* it was checked that tensors lie inside the file */
    (void)!nyx_foreign_read_rows(file, tensor, 0, rows < 2 ? rows : 2, numbers);
}

/* Open the bytes as a model file; read what it lists, its tokenizer too. */
static inline void fuzz_model(const uint8_t *data, size_t bytes)
{
    nyx_foreign   *file;
    nyx_tokenizer *tokenizer;
    char           path[64];
    int            fd = fuzz_file(path, data, bytes);

    if (nyx_foreign_open(&file, path, NULL) == 0) {
        for (int64_t i = 0; i < nyx_foreign_count(file); i++)
            fuzz_rows(file, nyx_foreign_tensor_at(file, i));
        if (nyx_convert__tokenizer_find(&tokenizer, file, NULL) == 0)
            nyx_tokenizer_free(tokenizer);
        nyx_foreign_close(file);
    }
    close(fd);
}

#endif

/* tokenizer -- tokenizer files, as tokenizer NUL text: one that is read turns
 * the text into tokens and, where bytes are what it knows, back. */
#include "fuzz.h"

#include "text/text.h"

#include <string.h>

static void go_and_return(const nyx_tokenizer *tokenizer, const char *text, int64_t bytes)
{
    int32_t *ids;
    int64_t  count, back_bytes;
    char    *back;

    if (nyx_tokenizer_encode(tokenizer, text, bytes, &ids, &count) < 0)
        return;
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= nyx_tokenizer_vocabulary(tokenizer))
            abort();
    if (nyx_tokenizer_decode(tokenizer, ids, count, &back, &back_bytes) == 0) {
        if (nyx_tokenizer_kind_of(tokenizer) != NYX_TOKENIZER_BPE_SCORES &&
            (back_bytes != bytes || memcmp(back, text, (size_t)bytes) != 0))
            abort();
        nyx_free(back);
    }
    nyx_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const uint8_t *end = bytes ? memchr(data, 0, bytes) : NULL;
    const size_t   file_bytes = end ? (size_t)(end - data) : bytes;
    nyx_tokenizer *tokenizer;
    char           path[64];
    int            fd = fuzz_file(path, data, file_bytes);

    if (nyx_tokenizer_read(&tokenizer, path) == 0) {
        if (end)
            go_and_return(tokenizer, (const char *)end + 1, (int64_t)(bytes - file_bytes - 1));
        nyx_tokenizer_free(tokenizer);
    }
    close(fd);
    return 0;
}

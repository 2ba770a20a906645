/* safetensors -- files as header NUL tensors: the length in front is made
 * right, so that what lies behind it is reached. */
#include "foreign.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t file[1 << 16];
    const uint8_t *end = memchr(data, 0, bytes);
    const size_t   text = end ? (size_t)(end - data) : bytes, rest = end ? bytes - text - 1 : 0;

    if (bytes + 8 > sizeof file)
        return 0;
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)text >> (8 * i));
    memcpy(file + 8, data, text);
    if (rest)
        memcpy(file + 8 + text, end + 1, rest);
    fuzz_model(file, 8 + text + rest);
    return 0;
}

/* gguf -- keys, values, tensors and the tokenizer of a GGUF file. */
#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_model(data, bytes);
    return 0;
}

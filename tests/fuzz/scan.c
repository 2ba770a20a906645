/* scan -- the look at the first bytes of an HDF5 file before libhdf5 sees it. */
#include "fuzz.h"

#include "file/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    int  fd = fuzz_file(path, data, bytes);

    (void)nyx_file__scan(fd, "fuzz", (int64_t)bytes);
    close(fd);
    return 0;
}

/* fuzz -- what the harnesses share. Each is one function that libFuzzer calls
 * with bytes of its own making; a crash, a leak or a broken promise is a
 * finding. tests/fuzz/run.sh builds seeds and runs them. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A file in memory with these bytes; `path` names it. The caller closes it. */
static inline int fuzz_file(char path[64], const uint8_t *data, size_t bytes)
{
    int fd = memfd_create("fuzz", 0);

    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif

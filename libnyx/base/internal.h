/* base/internal -- what the files of base/ share and nobody else may know. */
#ifndef NYX_BASE_INTERNAL_H
#define NYX_BASE_INTERNAL_H

#include "base/base.h"

/* write(2) until everything is written; 0, or -1 with errno. */
int nyx_base__write_all(int fd, const void *data, int64_t bytes);

/* Make the name of `path` durable: fsync the folder it stands in. 0, or -1
 * with errno; file systems that cannot sync a folder count as success. */
int nyx_base__sync_folder(const char *path);

/* The length of the folder part of `path`, its last slash included; 0 when
 * there is none. */
int nyx_base__folder_length(const char *path);

/* A fresh hidden name beside `target` for what will take its place; what dead
 * processes left of the same target is removed. *out ends with nyx_free. */
int nyx_base__temporary_name(char **out, const char *target) NYX_CHECKED;
/* Remove a file, or a folder with all in it; what cannot be removed stays. */
void nyx_base__remove(int folder, const char *name);

/* Blocks of SHA-256 in plain C, and with the processor's own instructions;
 * the latter only where it has them. */
extern const uint32_t nyx_base__sha256_constants[64];
void nyx_base__sha256_plain(uint32_t state[8], const uint8_t *data, int64_t blocks);
bool nyx_base__sha256_is_fast(void);
void nyx_base__sha256_fast(uint32_t state[8], const uint8_t *data, int64_t blocks);
/* Two at once. */
void nyx_base__sha256_fast_both(uint32_t a[8], const uint8_t *data_a, uint32_t b[8], const uint8_t *data_b,
                                int64_t blocks);

#endif

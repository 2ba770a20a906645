/* base -- what every layer may use: errors, memory, random numbers, hashes,
 * threads, time, and the one way a file is written.
 *
 * Errors.  A function that can fail returns int: 0 on success, one of the
 * negative NYX_ERR_ codes on failure, and leaves one sentence for the user in
 * nyx_error_text().  A function that returns void cannot fail.
 *
 *     int status = nyx_thing_read(&thing, path);
 *     if (status < 0)
 *         return nyx_error_wrap(status, "cannot load '%s'", path);
 *
 * Threads.  The text belongs to the calling thread. Worker threads run only
 * what cannot fail.
 */
#ifndef NYX_BASE_H
#define NYX_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define NYX_CHECKED      __attribute__((warn_unused_result))
#define NYX_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* ---- errors ------------------------------------------------------------ */

enum nyx_status {
    NYX_OK = 0,
    NYX_ERR_INPUT = -1,       /* an input is truncated or malformed    -> 65 */
    NYX_ERR_OUTPUT = -2,      /* writing a file failed half-way        -> 74 */
    NYX_ERR_UNSUPPORTED = -3, /* well formed, not possible here        -> 69 */
    NYX_ERR_MEMORY = -4,      /* host or device memory ran out         -> 71 */
    NYX_ERR_DEVICE = -5,      /* the device failed or was lost         -> 75 */
    NYX_ERR_NUMERIC = -6,     /* a NaN, an infinity or a divergence    ->  1 */
    NYX_ERR_STOPPED = -7,     /* asked to stop; can be resumed         -> 75 */
    NYX_ERR_USAGE = -8,       /* the command line is wrong             -> 64 */
    NYX_ERR_MISSING = -9,     /* an input does not exist or cannot be
                                 opened                                -> 66 */
    NYX_ERR_CREATE = -10,     /* an output cannot be created           -> 73 */
};

/* Record the sentence and return `code`. Never returns 0. */
int nyx_error_set(int code, const char *fmt, ...) NYX_PRINTF(2, 3);

/* Put context in front of the sentence already recorded ("context: old
 * sentence"); return `code`. */
int nyx_error_wrap(int code, const char *fmt, ...) NYX_PRINTF(2, 3);

/* clang-tidy reads one file at a time and would follow a success out of them. */
#ifdef __clang_analyzer__
#define nyx_error_set(code, ...)  ((void)(nyx_error_set)(code, __VA_ARGS__), (code))
#define nyx_error_wrap(code, ...) ((void)(nyx_error_wrap)(code, __VA_ARGS__), (code))
#endif

/* Borrowed; "" when nothing failed on this thread. */
const char *nyx_error_text(void);

/* A broken promise between two parts of Nyx: never the user's fault. */
#define NYX_BUG_IF(cond)                                                    \
    do {                                                                    \
        if (cond)                                                           \
            nyx_bug(__FILE__, __LINE__, #cond);                             \
    } while (0)
_Noreturn void nyx_bug(const char *file, int line, const char *what);

/* ---- sizes and memory -------------------------------------------------- */

/* *out = a * b or a + b for a, b >= 0; false when it does not fit in int64. */
bool nyx_size_mul(int64_t *out, int64_t a, int64_t b) NYX_CHECKED;
bool nyx_size_add(int64_t *out, int64_t a, int64_t b) NYX_CHECKED;

/* Zeroed memory aligned to 64 bytes; *out is NULL on failure (MEMORY).
 * `bytes` 0 gives a valid pointer. End with nyx_free (NULL is fine). */
int nyx_alloc(void *out, int64_t bytes) NYX_CHECKED; /* out: pointer to a pointer */
void nyx_free(void *memory);
/* Move a block to one of `bytes`: its first `kept` bytes stay, what follows is
 * zero. NULL is an empty block. MEMORY, and the block is as it was. */
int nyx_realloc(void *block, int64_t kept, int64_t bytes) NYX_CHECKED; /* block: pointer to a pointer */
/* Room for one element more behind `count`: a full array is doubled, an empty
 * one gets `least` elements. MEMORY, and the array is as it was. */
int nyx_array_grow(void *array, int64_t *room, int64_t count, int64_t element_bytes, int64_t least) NYX_CHECKED;
int nyx_text_copy(char **out, const char *text) NYX_CHECKED;
/* printf into fresh memory. */
int nyx_text_format(char **out, const char *fmt, ...) NYX_PRINTF(2, 3) NYX_CHECKED;

bool nyx_text_ends(const char *text, const char *end); /* does it end so? */

/* Edit distance: letters inserted, deleted, replaced, or swapped with their
 * neighbour; the first 64 letters count. */
int nyx_text_distance(const char *a, const char *b);
/* The name that `word` is probably a misspelling of, or NULL. `names` ends
 * with NULL. */
const char *nyx_text_nearest(const char *word, const char *const *names);

/* Many small allocations that end together. Zero-initialise, then use. */
typedef struct nyx_arena { struct nyx_arena_block *blocks; } nyx_arena;
int  nyx_arena_alloc(nyx_arena *arena, void *out, int64_t bytes) NYX_CHECKED; /* zeroed, 16-aligned */
int  nyx_arena_text(nyx_arena *arena, const char **out, const char *text) NYX_CHECKED;
void nyx_arena_release(nyx_arena *arena);

/* ---- random numbers ----------------------------------------------------- */

/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"): four words from a 128-bit counter and a 64-bit key (low word
 * first). Pure: any element of any stream can be had in any order. */
void nyx_philox(uint32_t out[4], const uint32_t counter[4], uint64_t key);

/* A sequential reader of one stream, for code that is not a kernel.
 * counter = (index low, index high, stream low, stream high). */
typedef struct {
    uint64_t seed, stream, index; /* index counts blocks of four words */
    uint32_t left[4];
    int      left_count;
} nyx_random;
void     nyx_random_init(nyx_random *random, uint64_t seed, uint64_t stream);
uint32_t nyx_random_u32(nyx_random *random);
double   nyx_random_uniform(nyx_random *random);              /* [0, 1), 53 bits */
uint64_t nyx_random_below(nyx_random *random, uint64_t end);  /* [0, end), no bias; end > 0 */

/* A stream number from a name, e.g. a parameter's (first 8 bytes of SHA-256). */
uint64_t nyx_stream_of(const char *name);

/* ---- SHA-256 (FIPS 180-4) ----------------------------------------------- */

typedef struct {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t  block[64];
} nyx_sha256;
enum { NYX_SHA256_HEX = 65 }; /* 64 digits and the final NUL */
void nyx_sha256_init(nyx_sha256 *hash);
void nyx_sha256_update(nyx_sha256 *hash, const void *data, int64_t bytes);
/* The same bytes into two hashes that stand at any two places: faster than one
 * after the other, for one chain of rounds leaves the processor half idle. */
void nyx_sha256_update_both(nyx_sha256 *a, nyx_sha256 *b, const void *data, int64_t bytes);
void nyx_sha256_final(nyx_sha256 *hash, char hex[NYX_SHA256_HEX]);
void nyx_sha256_bytes(char hex[NYX_SHA256_HEX], const void *data, int64_t bytes);
int  nyx_sha256_file(char hex[NYX_SHA256_HEX], int64_t *bytes, const char *path) NYX_CHECKED;

/* ---- threads and time --------------------------------------------------- */

/* A fixed set of threads that run one function together: the caller is part
 * 0. `parts` threads in all; parts 0 means as many as the machine has. */
typedef struct nyx_pool nyx_pool;
typedef void (*nyx_pool_fn)(void *context, int part, int parts);
int  nyx_pool_create(nyx_pool **out, int parts) NYX_CHECKED;
void nyx_pool_free(nyx_pool *pool);
int  nyx_pool_parts(const nyx_pool *pool);
void nyx_pool_run(nyx_pool *pool, nyx_pool_fn fn, void *context);
/* Called by every part inside nyx_pool_run: returns when all have called. */
void nyx_pool_barrier(nyx_pool *pool);

int64_t nyx_clock_ns(void); /* monotonic */
int     nyx_cpu_count(void); /* processors this process may use */
/* Resident memory of this process in bytes, now or at its peak; -1 where the
 * system does not say. */
int64_t nyx_process_memory(bool peak);

/* ---- files --------------------------------------------------------------- */

/* Whole file into fresh memory, NUL added behind the end; at most `most`
 * bytes (INPUT beyond, MISSING when it cannot be opened). */
int nyx_file_read(char **out, int64_t *bytes, const char *path, int64_t most) NYX_CHECKED;

/* True when both paths name one existing file (same device and inode). */
bool nyx_file_same(const char *a, const char *b);

/* The one way to publish a file: a temporary beside the target, fsync,
 * rename, fsync of the folder. A crash leaves the old file or the new one.
 * Temporaries of dead processes are removed by the next open of that target.
 *
 *     nyx_output *out;
 *     if ((status = nyx_output_open(&out, path)) < 0) return status;   CREATE
 *     if ((status = nyx_output_write(out, data, bytes)) < 0) goto fail; OUTPUT
 *     return nyx_output_commit(out);           ends `out` in every case
 * fail:
 *     nyx_output_discard(out);                 NULL is fine
 */
typedef struct nyx_output nyx_output;
int         nyx_output_open(nyx_output **out, const char *path) NYX_CHECKED;
const char *nyx_output_path(const nyx_output *out); /* the temporary, for libraries that open by name */
int         nyx_output_write(nyx_output *out, const void *data, int64_t bytes) NYX_CHECKED;
int         nyx_output_commit(nyx_output *out) NYX_CHECKED;
void        nyx_output_discard(nyx_output *out);
void        nyx_output_abandon(void); /* remove every temporary of this process; from a signal handler, before _exit */
int         nyx_output_try(const char *path) NYX_CHECKED; /* open and discard: asked before long work. CREATE */

/* The same for a folder with its files. Names are parts joined by '/', no part
 * empty, "." or ".."; the folders on the way are made. What is there already
 * is never replaced: neither the target (CREATE) nor a file (OUTPUT). */
typedef struct nyx_folder nyx_folder;
int  nyx_folder_open(nyx_folder **out, const char *path) NYX_CHECKED;
int  nyx_folder_begin(nyx_folder *folder, const char *name) NYX_CHECKED;
int  nyx_folder_write(nyx_folder *folder, const void *data, int64_t bytes) NYX_CHECKED;
int  nyx_folder_end(nyx_folder *folder) NYX_CHECKED;
int  nyx_folder_commit(nyx_folder *folder) NYX_CHECKED; /* ends `folder` in every case */
void nyx_folder_discard(nyx_folder *folder);            /* NULL is fine */

/* An append-only log of lines that survives a kill: one write(2) a line.
 * Opening cuts the file back to `offset` bytes (0 starts afresh) and makes
 * it if it is missing; shorter than `offset` is an INPUT error. */
typedef struct nyx_journal nyx_journal;
int     nyx_journal_open(nyx_journal **out, const char *path, int64_t offset) NYX_CHECKED;
int     nyx_journal_line(nyx_journal *journal, const char *line) NYX_CHECKED; /* adds the newline */
int     nyx_journal_sync(nyx_journal *journal) NYX_CHECKED;
int64_t nyx_journal_offset(const nyx_journal *journal);
void    nyx_journal_close(nyx_journal *journal);

/* ---- stopping ------------------------------------------------------------ */

/* Set by the signal handlers that cli/ installs, polled at step boundaries. */
bool nyx_stop_requested(void);
void nyx_stop_request(void); /* async-signal-safe */

#endif

/* memory -- checked sizes, aligned zeroed memory, texts, the arena. */
#include "base/base.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, ARENA_BLOCK = 64 * 1024 - 128 };

bool nyx_size_mul(int64_t *out, int64_t a, int64_t b)
{
    NYX_BUG_IF(a < 0 || b < 0);
    return !__builtin_mul_overflow(a, b, out);
}

bool nyx_size_add(int64_t *out, int64_t a, int64_t b)
{
    NYX_BUG_IF(a < 0 || b < 0);
    return !__builtin_add_overflow(a, b, out);
}

enum { HUGE_LEAST = 8 << 20, HUGE_PAGE = 2 << 20 };

/* Large blocks are read in order, again and again: weights, buffers. In pages
 * of 2 MiB the processor does not wait for addresses. A hint: it may fail. */
static void hint_huge(char *raw, int64_t bytes)
{
    const uintptr_t begin = ((uintptr_t)raw + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    const uintptr_t end = ((uintptr_t)raw + (uintptr_t)bytes) / HUGE_PAGE * HUGE_PAGE;

    if (bytes >= HUGE_LEAST)
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

/* calloc and not aligned_alloc + memset: fresh pages of a large block come
 * zeroed from the kernel and are touched first by whoever uses them. The
 * pointer that calloc gave stands in the word before the aligned one. */
int nyx_alloc(void *out, int64_t bytes)
{
    int64_t total;
    char   *raw, *memory = NULL;

    NYX_BUG_IF(bytes < 0);
    memcpy(out, &memory, sizeof memory);
    raw = nyx_size_add(&total, bytes, 2 * ALIGN) ? calloc(1, (size_t)total) : NULL;
    if (!raw)
        return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate %lld bytes of memory",
                             (long long)bytes);
    hint_huge(raw, total);
    memory = raw + ALIGN + (ALIGN - (uintptr_t)raw % ALIGN) % ALIGN;
    memcpy(memory - sizeof raw, &raw, sizeof raw);
    memcpy(out, &memory, sizeof memory);
    return 0;
}

void nyx_free(void *memory)
{
    void *raw;

    if (!memory)
        return;
    memcpy(&raw, (char *)memory - sizeof raw, sizeof raw);
    free(raw);
}

int nyx_realloc(void *block, int64_t kept, int64_t bytes)
{
    char *memory, *old;
    int   status;

    NYX_BUG_IF(kept > bytes);
    memcpy(&old, block, sizeof old);
    if ((status = nyx_alloc(&memory, bytes)) < 0)
        return status;
    if (kept)
        memcpy(memory, old, (size_t)kept);
    nyx_free(old);
    memcpy(block, &memory, sizeof memory);
    return 0;
}

int nyx_array_grow(void *array, int64_t *room, int64_t count, int64_t element_bytes, int64_t least)
{
    int64_t wanted, bytes;
    int     status;

    if (count < *room)
        return 0;
    if (!nyx_size_mul(&wanted, *room ? *room : least, *room ? 2 : 1) || !nyx_size_mul(&bytes, wanted, element_bytes))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot hold more than %lld elements", (long long)count);
    if ((status = nyx_realloc(array, count * element_bytes, bytes)) == 0)
        *room = wanted;
    return status;
}

int nyx_text_copy(char **out, const char *text)
{
    size_t bytes = strlen(text) + 1;
    int    status = nyx_alloc(out, (int64_t)bytes);

    if (status == 0)
        memcpy(*out, text, bytes);
    return status;
}

int nyx_text_format(char **out, const char *fmt, ...)
{
    va_list args, again;
    int     length, status;

    *out = NULL;
    va_start(args, fmt);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, fmt, args);
    NYX_BUG_IF(length < 0);
    status = nyx_alloc(out, (int64_t)length + 1);
    if (status == 0)
        vsnprintf(*out, (size_t)length + 1, fmt, again);
    va_end(again);
    va_end(args);
    return status;
}

struct nyx_arena_block {
    struct nyx_arena_block *next;
    int64_t                 used, size;
    _Alignas(16) char data[];
};

int nyx_arena_alloc(nyx_arena *arena, void *out, int64_t bytes)
{
    struct nyx_arena_block *block = arena->blocks;
    char                   *memory = NULL;
    int64_t                 need, total;
    int                     status;

    NYX_BUG_IF(bytes < 0);
    memcpy(out, &memory, sizeof memory);
    if (!nyx_size_add(&need, bytes, 15) || !nyx_size_add(&total, need, sizeof *block))
        return nyx_error_set(NYX_ERR_MEMORY, "cannot allocate %lld bytes of memory",
                             (long long)bytes);
    need = need / 16 * 16;
    if (!block || block->size - block->used < need) {
        int64_t size = need > ARENA_BLOCK ? need : ARENA_BLOCK;

        if ((status = nyx_alloc(&block, (int64_t)sizeof *block + size)) < 0)
            return status;
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    memory = block->data + block->used;
    block->used += need;
    memcpy(out, &memory, sizeof memory);
    return 0;
}

int nyx_arena_text(nyx_arena *arena, const char **out, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char  *copy;
    int    status = nyx_arena_alloc(arena, &copy, (int64_t)bytes);

    *out = status == 0 ? memcpy(copy, text, bytes) : NULL;
    return status;
}

void nyx_arena_release(nyx_arena *arena)
{
    while (arena->blocks) {
        struct nyx_arena_block *next = arena->blocks->next;

        nyx_free(arena->blocks);
        arena->blocks = next;
    }
}

/* pool -- threads that start together, meet at barriers and end together.
 *
 * All waiting is for one word to change: spin for about as long as a sleep
 * and a wake-up cost, then sleep in the kernel (futex). So a barrier between
 * kernels costs well under a microsecond while every thread runs, and a pool
 * with nothing to do, or with fewer processors than threads, burns nothing.
 *
 * When other programs want the processors, too, a thread that spins uses up
 * the share of time that the one it waits for would need. A spin in vain after
 * which the kernel says that threads of this process had to give way is
 * followed by a while of sleeping at once, the longer the sooner it comes again.
 */
#include "base/base.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPIN_NS = 50 * 1000, CALM_NS = 10 * 1000 * 1000, CALM_NS_MOST = 640 * 1000 * 1000 };

/* One cache line each: a thread that polls one word does not slow another. */
struct word {
    _Alignas(64) atomic_uint value;
    atomic_int               sleepers;
};

struct worker {
    struct nyx_pool *pool;
    int              part;
    pthread_t        thread;
};

struct nyx_pool {
    struct word start;   /* counts calls of nyx_pool_run */
    struct word phase;   /* counts barriers passed */
    struct word arrived; /* parts that wait at the barrier */
    int         parts;
    bool        spin;    /* every part can have a processor of its own */
    atomic_llong calm_end, calm_ns; /* no spinning before; how long that was */
    atomic_long  gave_way;          /* switches of threads that were not asked for */
    bool        quit;
    nyx_pool_fn fn;
    void       *context;
    struct worker workers[];
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Times that threads of this process were taken off a processor they wanted. */
static long switches(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/* After a spin in vain. Threads may come here together: each stores something sound. */
static void calm_down(nyx_pool *pool)
{
    const long    count = switches(), before = atomic_exchange(&pool->gave_way, count);
    const int64_t now = nyx_clock_ns(), last = atomic_load(&pool->calm_ns);
    int64_t       next = CALM_NS;

    if (count <= before)
        return;
    if (now - atomic_load(&pool->calm_end) < last)
        next = 2 * last < CALM_NS_MOST ? 2 * last : CALM_NS_MOST;
    atomic_store(&pool->calm_ns, next);
    atomic_store(&pool->calm_end, now + next);
}

/* True: the word is what it was. */
static bool spin_while(nyx_pool *pool, struct word *word, unsigned old)
{
    int64_t now = pool->spin ? nyx_clock_ns() : 0;
    int64_t end = now + SPIN_NS;

    if (!pool->spin || now < atomic_load_explicit(&pool->calm_end, memory_order_relaxed))
        return true;
    for (; now < end; now = nyx_clock_ns())
        for (int i = 0; i < 64; i++) {
            if (atomic_load_explicit(&word->value, memory_order_acquire) != old)
                return false;
            relax();
        }
    calm_down(pool);
    return true;
}

/* The waiter announces itself before the kernel looks at the value again, the
 * waker changes the value before it looks for sleepers: no wake-up is lost. */
static void wait_while(nyx_pool *pool, struct word *word, unsigned old)
{
    if (!spin_while(pool, word, old))
        return;
    atomic_fetch_add(&word->sleepers, 1);
    while (atomic_load(&word->value) == old)
        syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&word->sleepers, 1);
}

static void advance(struct word *word)
{
    atomic_fetch_add(&word->value, 1);
    if (atomic_load(&word->sleepers) > 0)
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void nyx_pool_barrier(nyx_pool *pool)
{
    unsigned phase = atomic_load(&pool->phase.value);

    if (pool->parts == 1)
        return;
    if ((int)atomic_fetch_add(&pool->arrived.value, 1) + 1 < pool->parts) {
        wait_while(pool, &pool->phase, phase);
        return;
    }
    atomic_store(&pool->arrived.value, 0);
    advance(&pool->phase);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    nyx_pool      *pool = worker->pool;

    for (unsigned run = 0;; run++) {
        wait_while(pool, &pool->start, run);
        if (pool->quit)
            return NULL;
        pool->fn(pool->context, worker->part, pool->parts);
        nyx_pool_barrier(pool);
    }
}

void nyx_pool_run(nyx_pool *pool, nyx_pool_fn fn, void *context)
{
    pool->fn = fn;
    pool->context = context;
    if (pool->parts > 1)
        advance(&pool->start);
    fn(context, 0, pool->parts);
    nyx_pool_barrier(pool);
}

/* Let `started` workers go home. */
static void end_workers(nyx_pool *pool, int started)
{
    pool->quit = true;
    advance(&pool->start);
    for (int i = 0; i < started; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

/* Signals are for the thread that called: workers block all of them. */
int nyx_pool_create(nyx_pool **out, int parts)
{
    nyx_pool *pool;
    sigset_t  all, before;
    int       status, failed = 0;

    NYX_BUG_IF(parts < 0);
    *out = NULL;
    if (parts == 0)
        parts = nyx_cpu_count();
    status = nyx_alloc(&pool, (int64_t)sizeof *pool + (parts - 1) * (int64_t)sizeof(struct worker));
    if (status < 0)
        return status;
    pool->parts = parts;
    pool->spin = parts <= nyx_cpu_count();
    pool->gave_way = switches();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < parts - 1 && !failed; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].part = i + 1;
        failed = pthread_create(&pool->workers[i].thread, NULL, work, &pool->workers[i]);
        if (failed) {
            end_workers(pool, i);
            nyx_free(pool);
            status = nyx_error_set(NYX_ERR_MEMORY, "cannot start thread %d of %d: %s; "
                                   "use fewer threads", i + 2, parts, strerror(failed));
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    *out = failed ? NULL : pool;
    return status;
}

void nyx_pool_free(nyx_pool *pool)
{
    if (!pool)
        return;
    end_workers(pool, pool->parts - 1);
    nyx_free(pool);
}

int nyx_pool_parts(const nyx_pool *pool)
{
    return pool->parts;
}

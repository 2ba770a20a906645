/* limits -- what the processor can do at most: multiply-adds in registers,
 * bytes read.
 *
 * The register loops are assembly because a compiler would rather spill or
 * fold them. Each instruction waits for its own register of the round before,
 * and there are enough of them to hide a latency of 4 at two a cycle. */
#include "bench/internal.h"
#include "tensor/clone.h"

#include <string.h>

const char *const nyx_bench__isas[NYX_BENCH__ISAS] = { "base", "avx2", "avx512" };

enum { ROUNDS = 20000, TRIES = 200, PASS_NS = 20000000, PASS_BYTES = 16 << 20 };

#if defined(__x86_64__)
#define FMA512(i) "vfmadd231ps %%zmm31, %%zmm30, %%zmm" #i "\n\t"
#define FMA256(i) "vfmadd231ps %%ymm15, %%ymm14, %%ymm" #i "\n\t"
#define PAIR128(i, j) "mulps %%xmm15, %%xmm" #i "\n\taddps %%xmm14, %%xmm" #j "\n\t"

/* What a register held may be subnormal, and slow: all start at zero. Each loop
 * stands in one statement, so that nothing comes between. */
#define ZERO512(i) "vpxorq %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n\t"
#define ZERO128(i) "xorps %%xmm" #i ", %%xmm" #i "\n\t"
#define ZERO512_HIGH ZERO512(16) ZERO512(17) ZERO512(18) ZERO512(19) ZERO512(20) ZERO512(21) ZERO512(22) ZERO512(23) \
    ZERO512(30) ZERO512(31)
#define ZERO128_ALL ZERO128(0) ZERO128(1) ZERO128(2) ZERO128(3) ZERO128(4) ZERO128(5) ZERO128(6) ZERO128(7) ZERO128(8) \
    ZERO128(9) ZERO128(10) ZERO128(11) ZERO128(14) ZERO128(15)
#define LOOP(zero, body) zero "1:\n\t" body "dec %0\n\tjnz 1b\n\t"
#define LOW_REGISTERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
    "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define HIGH_REGISTERS "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", "xmm31"

__attribute__((target("avx512f"))) static void loop_avx512(void)
{
    int64_t rounds = ROUNDS;

    __asm__ volatile(LOOP("vzeroall\n\t" ZERO512_HIGH,
                          FMA512(0) FMA512(1) FMA512(2) FMA512(3) FMA512(4) FMA512(5) FMA512(6) FMA512(7) FMA512(8)
                          FMA512(9) FMA512(10) FMA512(11) FMA512(12) FMA512(13) FMA512(14) FMA512(15) FMA512(16)
                          FMA512(17) FMA512(18) FMA512(19) FMA512(20) FMA512(21) FMA512(22) FMA512(23))
                     : "+r"(rounds) : : "cc", LOW_REGISTERS, HIGH_REGISTERS);
}

__attribute__((target("avx2,fma"))) static void loop_avx2(void)
{
    int64_t rounds = ROUNDS;

    __asm__ volatile(LOOP("vzeroall\n\t",
                          FMA256(0) FMA256(1) FMA256(2) FMA256(3) FMA256(4) FMA256(5) FMA256(6) FMA256(7) FMA256(8)
                          FMA256(9) FMA256(10) FMA256(11))
                     : "+r"(rounds) : : "cc", LOW_REGISTERS);
}

static void loop_base(void)
{
    int64_t rounds = ROUNDS;

    __asm__ volatile(LOOP(ZERO128_ALL,
                          PAIR128(0, 1) PAIR128(2, 3) PAIR128(4, 5) PAIR128(6, 7) PAIR128(8, 9) PAIR128(10, 11))
                     : "+r"(rounds) : : "cc", LOW_REGISTERS);
}

static const struct {
    void  (*run)(void);
    double flops; /* of one call */
} loops[NYX_BENCH__ISAS] = {
    { loop_base, ROUNDS * 12.0 * 4.0 },
    { loop_avx2, ROUNDS * 12.0 * 8.0 * 2.0 },
    { loop_avx512, ROUNDS * 24.0 * 16.0 * 2.0 },
};

static bool has(int isa)
{
    return isa == 0 || (isa == 1 ? __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                                 : __builtin_cpu_supports("avx512f") != 0);
}
#else
static const struct {
    void  (*run)(void);
    double flops;
} loops[NYX_BENCH__ISAS];

static bool has(int isa)
{
    return loops[isa].run != NULL;
}
#endif

static void run_loop(void *context, int part, int parts)
{
    (void)part;
    (void)parts;
    loops[*(const int *)context].run();
}

/* A limit is the best that was seen. Threads beyond the processors that are
 * free only add noise to it, so many short tries. */
void nyx_bench__measure_peaks(nyx_bench *bench)
{
    nyx_pool *pool = nyx_device_pool(bench->device);

    for (int isa = 0; isa < NYX_BENCH__ISAS; isa++)
        for (int i = 0; has(isa) && i < TRIES; i++) {
            int64_t ns = nyx_clock_ns();
            double  flops;

            nyx_pool_run(pool, run_loop, &isa);
            ns = nyx_clock_ns() - ns;
            flops = loops[isa].flops * nyx_pool_parts(pool) * 1e9 / (double)ns;
            if (flops > bench->peak[isa])
                bench->peak[isa] = flops;
        }
}

double nyx_bench_peak_flops(const nyx_bench *bench)
{
    const char *name = strchr(nyx_device_name(bench->device), ':');

    for (int isa = 0; isa < NYX_BENCH__ISAS; isa++)
        if (name && strcmp(name + 1, nyx_bench__isas[isa]) == 0)
            return bench->peak[isa];
    return bench->peak[0];
}

/* ---- bytes ------------------------------------------------------------------- */

typedef int64_t words __attribute__((vector_size(32)));

static NYX_BODY void add_words_body(int64_t *sum, const words *from, int64_t count)
{
    words s[8] = { 0 };

    for (int64_t i = 0; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; j++)
            s[j] ^= from[i + j];
    for (int j = 1; j < 8; j++)
        s[0] ^= s[j];
    *sum = s[0][0] ^ s[0][1] ^ s[0][2] ^ s[0][3];
}
NYX_CLONES(add_words, (int64_t *sum, const words *from, int64_t count), (sum, from, count))

struct pass {
    nyx_bench *bench;
    int64_t    bytes, repeat;
    bool       copy;
};

static void run_pass(void *context, int part, int parts)
{
    const struct pass *pass = context;
    const int64_t      blocks = pass->bytes / 4096;
    const int64_t      begin = blocks * part / parts * 4096, end = blocks * (part + 1) / parts * 4096;
    char              *from = (char *)pass->bench->from + begin, *to = (char *)pass->bench->to + begin;
    int64_t            sum = 0;

    for (int64_t i = 0; i < pass->repeat; i++) {
        if (pass->copy)
            memcpy(to, from, (size_t)(end - begin));
        else
            add_words(&sum, (const words *)(const void *)from, (end - begin) / (int64_t)sizeof(words));
        __asm__ volatile("" : : "r"(sum) : "memory");
    }
}

/* Small sets are read many times between two looks at the clock: waking the
 * threads is not what is measured. */
static int64_t timed_pass(nyx_bench *bench, int64_t bytes, bool copy)
{
    struct pass pass = { bench, bytes, bytes < PASS_BYTES ? PASS_BYTES / bytes : 1, copy };
    int64_t     start = nyx_clock_ns();

    nyx_pool_run(nyx_device_pool(bench->device), run_pass, &pass);
    return (nyx_clock_ns() - start) / pass.repeat;
}

int64_t nyx_bench__read_pass(nyx_bench *bench, int64_t bytes)
{
    return timed_pass(bench, bytes, false);
}

int64_t nyx_bench__copy_pass(nyx_bench *bench, int64_t bytes)
{
    return timed_pass(bench, bytes, true);
}

/* The set is the largest power of two that is not larger, and fits the buffer. */
double nyx_bench_read_bandwidth(nyx_bench *bench, int64_t bytes)
{
    int     power = 14;
    int64_t end, best = INT64_MAX;

    bytes = bytes < bench->options.memory_bytes ? bytes : bench->options.memory_bytes;
    while (power + 1 < NYX_BENCH__POWERS && (int64_t)2 << power <= bytes)
        power++;
    if (bench->read[power] > 0.0)
        return bench->read[power];
    end = nyx_clock_ns() + PASS_NS;
    for (int i = 0; i < 5 || nyx_clock_ns() < end; i++) {
        const int64_t ns = nyx_bench__read_pass(bench, (int64_t)1 << power);

        best = ns < best ? ns : best;
    }
    bench->read[power] = (double)((int64_t)1 << power) * 1e9 / (double)best;
    return bench->read[power];
}

void nyx_bench__limit(nyx_bench *bench, nyx_bench_figure *figure)
{
    const double peak = nyx_bench_peak_flops(bench);
    const double compute = peak > 0.0 ? figure->flops / peak : 0.0;
    const double bytes = figure->bytes;
    const double memory = bytes > 0.0 ? bytes / nyx_bench_read_bandwidth(bench, (int64_t)bytes) : 0.0;

    figure->limit_s = compute > memory ? compute : memory;
    figure->limited_by = compute > memory ? "compute" : "memory";
    if (!(figure->limit_s > 0.0))
        figure->limit_reason = "no register loop for this processor";
}

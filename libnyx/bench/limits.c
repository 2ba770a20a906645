/* limits -- what the device can do at most: multiply-adds in registers, bytes
 * read; of a GPU what its gauges say (device/gauge.h).
 *
 * The register loops are assembly because a compiler would rather spill or
 * fold them. Each instruction waits for its own register of the round before,
 * and there are enough of them to hide a latency of 4 at two a cycle. */
#include "bench/internal.h"
#include "tensor/clone.h"

#include <string.h>

const char *const nyx_bench__isas[NYX_BENCH__ISAS] = { "base", "neon", "avx2", "avx512" };

enum { ROUNDS = 20000, TRIES = 200, PASS_NS = 20000000, PASS_BYTES = 16 << 20, SET_OF_GPU = 512 << 20 };

#if defined(__x86_64__)
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

/* A loop of one instruction on all registers. */
#define ROW512(name, op) __attribute__((target("avx512f"))) static void name(void) \
{ \
    int64_t rounds = ROUNDS; \
    __asm__ volatile(LOOP("vzeroall\n\t" ZERO512_HIGH, \
                          OP512(op, 0) OP512(op, 1) OP512(op, 2) OP512(op, 3) OP512(op, 4) OP512(op, 5) OP512(op, 6) \
                          OP512(op, 7) OP512(op, 8) OP512(op, 9) OP512(op, 10) OP512(op, 11) OP512(op, 12) \
                          OP512(op, 13) OP512(op, 14) OP512(op, 15) OP512(op, 16) OP512(op, 17) OP512(op, 18) \
                          OP512(op, 19) OP512(op, 20) OP512(op, 21) OP512(op, 22) OP512(op, 23)) \
                     : "+r"(rounds) : : "cc", LOW_REGISTERS, HIGH_REGISTERS); \
}
#define ROW256(name, op) __attribute__((target("avx2"))) static void name(void) \
{ \
    int64_t rounds = ROUNDS; \
    __asm__ volatile(LOOP("vzeroall\n\t", \
                          OP256(op, 0) OP256(op, 1) OP256(op, 2) OP256(op, 3) OP256(op, 4) OP256(op, 5) OP256(op, 6) \
                          OP256(op, 7) OP256(op, 8) OP256(op, 9) OP256(op, 10) OP256(op, 11)) \
                     : "+r"(rounds) : : "cc", LOW_REGISTERS); \
}
#define OP512(op, i) op " %%zmm31, %%zmm30, %%zmm" #i "\n\t"
#define OP256(op, i) op " %%ymm15, %%ymm14, %%ymm" #i "\n\t"
ROW512(loop_avx512, "vfmadd231ps")
ROW256(loop_avx2, "vfmadd231ps")

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
    { NULL, 0.0 },
    { loop_avx2, ROUNDS * 12.0 * 8.0 * 2.0 },
    { loop_avx512, ROUNDS * 24.0 * 16.0 * 2.0 },
};

/* Loops of other types than f32, the fastest instruction first. A dot product
 * counts its multiplications and its additions. */
ROW512(loop_f64_512, "vfmadd231pd")
ROW256(loop_f64_256, "vfmadd231pd")
ROW512(loop_f16_512, "vfmadd231ph")
ROW512(loop_bf16_512, "vdpbf16ps")
ROW512(loop_int8_512, "vpdpbusd")
ROW256(loop_int8_256, "%{vex%} vpdpbusd")

static const struct {
    const char *type, *needs;
    void      (*run)(void);
    double      operations; /* of one call */
} types[] = {
    { "f64", "avx512f", loop_f64_512, ROUNDS * 24.0 * 8.0 * 2.0 },
    { "f64", "fma", loop_f64_256, ROUNDS * 12.0 * 4.0 * 2.0 },
    { "f16", "avx512_fp16", loop_f16_512, ROUNDS * 24.0 * 32.0 * 2.0 },
    { "bf16", "avx512_bf16", loop_bf16_512, ROUNDS * 24.0 * 32.0 * 2.0 },
    { "int8", "avx512_vnni", loop_int8_512, ROUNDS * 24.0 * 64.0 * 2.0 },
    { "int8", "avx_vnni", loop_int8_256, ROUNDS * 12.0 * 32.0 * 2.0 },
    { NULL, NULL, NULL, 0.0 },
};

static bool has(int isa)
{
    if (!strcmp(nyx_bench__isas[isa], "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!strcmp(nyx_bench__isas[isa], "avx512"))
        return __builtin_cpu_supports("avx512f") != 0;
    return loops[isa].run != NULL;
}
#else
#if defined(__aarch64__)
#define LOOP64(body) "1:\n\t" body "subs %0, %0, #1\n\tb.ne 1b\n\t"
#define FUSED(i) "fmla v" #i ".4s, v30.4s, v31.4s\n\t"
#define PAIR(i, j) "fmul v" #i ".4s, v30.4s, v31.4s\n\tfadd v" #j ".4s, v" #j ".4s, v31.4s\n\t"
#define REGISTERS64 "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", "v22", \
    "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"
#define ZERO64 "movi v30.4s, #0\n\tmovi v31.4s, #0\n\t"

static void loop_neon(void)
{
    int64_t rounds = ROUNDS;

    __asm__ volatile(ZERO64 LOOP64(FUSED(0) FUSED(1) FUSED(2) FUSED(3) FUSED(4) FUSED(5) FUSED(6) FUSED(7) FUSED(16)
                                   FUSED(17) FUSED(18) FUSED(19) FUSED(20) FUSED(21) FUSED(22) FUSED(23))
                     : "+r"(rounds) : : "cc", REGISTERS64);
}

static void loop_base(void)
{
    int64_t rounds = ROUNDS;

    __asm__ volatile(ZERO64 LOOP64(PAIR(0, 1) PAIR(2, 3) PAIR(4, 5) PAIR(6, 7) PAIR(16, 17) PAIR(18, 19))
                     : "+r"(rounds) : : "cc", REGISTERS64);
}
#endif

static const struct {
    void  (*run)(void);
    double flops; /* of one call */
} loops[NYX_BENCH__ISAS] = {
#if defined(__aarch64__)
    { loop_base, ROUNDS * 12.0 * 4.0 },
    { loop_neon, ROUNDS * 16.0 * 4.0 * 2.0 },
#endif
};
static const struct {
    const char *type, *needs;
    void      (*run)(void);
    double      operations;
} types[] = { { NULL, NULL, NULL, 0.0 } };

static bool has(int isa)
{
    return loops[isa].run != NULL;
}
#endif

static void run_loop(void *context, int part, int parts)
{
    (void)part;
    (void)parts;
    (*(void (*const *)(void))context)();
}

/* A limit is the best that was seen. Threads beyond the processors that are
 * free only add noise to it, so many short tries. */
static double best_rate(nyx_pool *pool, void (*loop)(void), double operations)
{
    double best = 0.0;

    for (int i = 0; i < TRIES; i++) {
        int64_t ns = nyx_clock_ns();
        double  rate;

        nyx_pool_run(pool, run_loop, &loop);
        ns = nyx_clock_ns() - ns;
        rate = operations * nyx_pool_parts(pool) * 1e9 / (double)ns;
        best = rate > best ? rate : best;
    }
    return best;
}

void nyx_bench__measure_peaks(nyx_bench *bench)
{
    if (nyx_bench_on_gpu(bench))
        return;
    for (int isa = 0; isa < NYX_BENCH__ISAS; isa++)
        if (has(isa))
            bench->peak[isa] = best_rate(nyx_device_pool(bench->device), loops[isa].run, loops[isa].flops);
}

static bool has_word(const char *words, const char *word)
{
    const size_t length = strlen(word);

    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (!at[length] || at[length] == ' '))
            return true;
    return false;
}

double nyx_bench_type_peak(nyx_bench *bench, const char *type, const char *isa)
{
    if (!strcmp(type, "f32"))
        return nyx_bench_peak_flops(bench);
    for (int i = 0; types[i].type; i++)
        if (!strcmp(types[i].type, type) && has_word(isa, types[i].needs))
            return best_rate(nyx_device_pool(bench->device), types[i].run, types[i].operations);
    return 0.0;
}

double nyx_bench_peak_flops(nyx_bench *bench)
{
    const char *name = strchr(nyx_device_name(bench->device), ':');

    if (nyx_bench_on_gpu(bench))
        return nyx_bench_rate(bench, NYX_RATE_F32);
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

static double gauged(nyx_bench *bench, enum nyx_rate rate, int64_t bytes)
{
    nyx_measured found = { 0 };
    nyx_gauge   *gauge;
    char         what[32];

    snprintf(what, sizeof what, "limit %s", nyx_rate_names[rate]);
    if (bench->options.progress)
        bench->options.progress(bench->options.context, what);
    if (nyx_gauge_open(&gauge, bench->device, rate, bytes) == 0)
        found = nyx_gauge_measure(gauge);
    else
        snprintf(bench->no_rate[rate], sizeof bench->no_rate[rate], "%s", nyx_error_text());
    nyx_gauge_close(gauge);
    return found.rate;
}

void nyx_bench__wake(nyx_bench *bench)
{
    (void)gauged(bench, NYX_RATE_F32, 0);
}

double nyx_bench_rate(nyx_bench *bench, enum nyx_rate rate)
{
    if (!bench->gauged[rate])
        bench->rate[rate] = gauged(bench, rate, 0);
    bench->gauged[rate] = true;
    return bench->rate[rate];
}

double nyx_bench_rate_known(const nyx_bench *bench, enum nyx_rate rate)
{
    return bench->rate[rate];
}

/* The set is the largest power of two that is not larger, and fits the buffer. */
double nyx_bench_read_bandwidth(nyx_bench *bench, int64_t bytes)
{
    const bool    gpu = nyx_bench_on_gpu(bench);
    const int64_t most = gpu ? SET_OF_GPU : bench->options.memory_bytes;
    int           power = 14;
    int64_t       end, best = INT64_MAX;

    bytes = bytes < most ? bytes : most;
    while (power + 1 < NYX_BENCH__POWERS && (int64_t)2 << power <= bytes)
        power++;
    if (gpu && bench->read[power] == 0.0)
        bench->read[power] = gauged(bench, NYX_RATE_READ, (int64_t)1 << power);
    if (gpu || bench->read[power] > 0.0)
        return bench->read[power];
    end = nyx_clock_ns() + PASS_NS;
    for (int i = 0; i < 5 || nyx_clock_ns() < end; i++) {
        const int64_t ns = nyx_bench__read_pass(bench, (int64_t)1 << power);

        best = ns < best ? ns : best;
    }
    bench->read[power] = (double)((int64_t)1 << power) * 1e9 / (double)best;
    return bench->read[power];
}

bool nyx_bench_on_gpu(const nyx_bench *bench)
{
    return !strncmp(nyx_device_name(bench->device), "vulkan", 6);
}

/* What is multiplied as `type` at most; without units for it, as f32. */
static double peak_of(nyx_bench *bench, enum nyx_dtype type)
{
    const enum nyx_rate rate = type == NYX_F16    ? NYX_RATE_F16
                               : type == NYX_BF16 ? NYX_RATE_BF16
                               : type == NYX_I8   ? NYX_RATE_INT8
                                                  : NYX_RATE_F32;
    const double        peak = nyx_bench_on_gpu(bench) ? nyx_bench_rate(bench, rate) : 0.0;

    return peak > 0.0 ? peak : nyx_bench_peak_flops(bench);
}

void nyx_bench__limit(nyx_bench *bench, nyx_bench_figure *figure, enum nyx_dtype type)
{
    if (!nyx_bench_on_gpu(bench) && nyx_dtype_bytes(type) == 2) {
        figure->limit_reason = "limits of processors are those in f32";
        return;
    }
    const double peak = figure->flops > 0.0 ? peak_of(bench, type) : 0.0;
    const double compute = peak > 0.0 ? figure->flops / peak : 0.0;
    const double bytes = figure->bytes;
    const double read = bytes > 0.0 ? nyx_bench_read_bandwidth(bench, (int64_t)bytes) : 0.0;
    const double memory = read > 0.0 ? bytes / read : 0.0;

    const char  *unknown = NULL;

    if (bytes > 0.0 && !(read > 0.0)) /* then nobody knows which of the two is the larger */
        unknown = bench->no_rate[NYX_RATE_READ];
    else if (!(compute > 0.0) && (figure->flops > 0.0 || !(bytes > 0.0)))
        unknown = bench->no_rate[NYX_RATE_F32];
    if (unknown) {
        figure->limit_reason = *unknown ? unknown : "its limit could not be measured";
        return;
    }
    figure->limit_s = compute > memory ? compute : memory;
    figure->limited_by = compute > memory ? "compute" : "memory";
}

/* blas -- OpenBLAS as a yardstick, when it is installed: opened at run time,
 * never needed. Only the C interface of the reference BLAS is used. */
#include "bench/internal.h"

#include "graph/graph.h"

#include <dlfcn.h>
#include <stdlib.h>

enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 }; /* CBLAS */

typedef void (*sgemm)(int order, int turn_a, int turn_b, int m, int n, int k, float alpha, const float *a, int lda,
                      const float *b, int ldb, float beta, float *c, int ldc);

struct nyx_bench__blas {
    sgemm       gemm;
    const char *kernels;
};

static nyx_bench__blas found;

/* dlsym gives a data pointer; POSIX says it may be one to a function. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    *(void **)function = symbol;
    return symbol != NULL;
}

/* OpenBLAS takes its oldest kernels for a processor that is younger than it is,
 * which would be no yardstick: unless the user chose some, it is told which
 * ones this processor can run. It looks once, when it is loaded. */
static void choose_kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        setenv("OPENBLAS_CORETYPE", "Haswell", 0);
#endif
}

const nyx_bench__blas *nyx_bench__blas_find(int threads)
{
    void        (*set_threads)(int);
    const char *(*core)(void);
    void         *library;

    if (found.gemm)
        return &found;
    choose_kernels();
    if (!(library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL)) || !find(library, "cblas_sgemm", &found.gemm))
        return NULL;
    if (find(library, "openblas_set_num_threads", &set_threads))
        set_threads(threads);
    found.kernels = find(library, "openblas_get_corename", &core) ? core() : "unknown";
    return &found;
}

const char *nyx_bench_openblas(void)
{
    return found.kernels;
}

/* NT: [m, k] [n, k]; NN: [m, k] [k, n]; TN: [k, m] [k, n]. */
void nyx_bench__blas_matmul(const nyx_bench__blas *blas, int mode, nyx_bench_size size, const float *a, const float *b,
                            float *c)
{
    const int m = (int)size.m, n = (int)size.n, k = (int)size.k;

    blas->gemm(ROW_MAJOR, mode == NYX_MATMUL_TN ? TRANSPOSED : AS_IT_IS, mode == NYX_MATMUL_NT ? TRANSPOSED : AS_IT_IS,
               m, n, k, 1.0f, a, mode == NYX_MATMUL_TN ? m : k, b, mode == NYX_MATMUL_NT ? k : n, 0.0f, c, n);
}

/* tensor/clone -- one loop body, compiled for the baseline and for AVX2.
 *
 * Bodies hold no fused multiply-add and only reductions whose order the source
 * fixes, so both clones give the same bits. Not `target_clones`: it needs
 * ifuncs, which sanitizers and musl do not support.
 *
 *     static NYX_BODY void add_body(float *y, const float *x, int64_t n) { ... }
 *     NYX_CLONES(add, (float *y, const float *x, int64_t n), (y, x, n))
 *
 * defines static void add(float *y, const float *x, int64_t n).
 */
#ifndef NYX_TENSOR_CLONE_H
#define NYX_TENSOR_CLONE_H

#define NYX_BODY inline __attribute__((always_inline))

#if defined(__x86_64__) && !defined(__AVX2__)
#define NYX_CLONES(name, parameters, arguments)                                    \
    static __attribute__((target("avx2"))) void name##_avx2 parameters             \
    {                                                                              \
        name##_body arguments;                                                     \
    }                                                                              \
    static void name##_base parameters                                             \
    {                                                                              \
        name##_body arguments;                                                     \
    }                                                                              \
    static void name parameters                                                    \
    {                                                                              \
        if (__builtin_cpu_supports("avx2"))                                        \
            name##_avx2 arguments;                                                 \
        else                                                                       \
            name##_base arguments;                                                 \
    }
#else
#define NYX_CLONES(name, parameters, arguments)                                    \
    static void name parameters                                                    \
    {                                                                              \
        name##_body arguments;                                                     \
    }
#endif

#endif

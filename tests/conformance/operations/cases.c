/* cases -- which shapes each operation is tried on.
 *
 * Inputs are written KIND[shape], `!` behind an input that has no gradient:
 *
 *     f  real, about N(0, 1)            d  real, 0.5 to 2 with either sign
 *     p  real, 0.5 to 2                 w  real, -30 to 30; W, -80 to 80
 *     e  real, multiples of 1/4         n  i32, -9 to 9
 *     q  i32, -9 to 9 but not 0         iN i32, 0 to N - 1
 *     a  decay, rate, second, spare     c  one half
 *     x  infinity                       -  absent
 *     k  real, fixed fractions          K  the same, positive: both known.py's
 *     jN i32, 0 to N - 1, fixed
 *     u  u8, bytes of a coded plane       g  f32 in f64 graphs too
 *     h  f16, about N(0, 1)              b  bf16, the same
 *     t  real, from 2^-28 to beyond f16's range, ties of f16 and bf16
 *     o  no input: the shape of the result of an operation without inputs
 *
 * Every real value is exact in f32, so f32 and f64 start from the same numbers.
 */
#include "operations.h"

#include <math.h>
#include <string.h>

typedef struct {
    enum nyx_op first, last; /* the row holds for all operations between */
    const char *inputs, *result;
    int64_t     ints[NYX_MAX_INTS];
    double      reals[NYX_MAX_REALS];
} row;

#define ONE(op) NYX_OP_##op, NYX_OP_##op

static const row rows[] = {
    { ONE(FILL), "o[]", "[]", { 0 }, { 0.1 } },
    { ONE(FILL), "o[3, 7]", "[3, 7]", { 0 }, { -2.5 } },
    { ONE(RANDOM), "o[1]", "[1]", { 0 }, { 0 } },
    { ONE(RANDOM), "o[7, 11]", "[7, 11]", { 0 }, { 0 } },
    { ONE(RANDOM), "o[4099]", "[4099]", { 0 }, { 0 } },
    { ONE(ROPE_TABLE), "o[1, 2]", "[1, 2]", { 0 }, { 10000 } },
    { ONE(ROPE_TABLE), "o[97, 64]", "[97, 64]", { 0 }, { 10000 } },
    { ONE(RESHAPE), "f[3, 4] o[2, 6]", "[2, 6]", { 0 }, { 0 } },
    { ONE(STOP), "f[5]!", "[5]", { 0 }, { 0 } },
    { ONE(CAST), "n[5]", "[5]", { -1 }, { 0 } },
    { ONE(CAST), "w[3, 7]!", "[3, 7]", { NYX_I32 }, { 0 } },
    { ONE(CAST), "f[3, 7]", "[3, 7]", { -1 }, { 0 } },
    { ONE(CAST), "t[4099]!", "[4099]", { NYX_F16 }, { 0 } },
    { ONE(CAST), "t[4099]!", "[4099]", { NYX_BF16 }, { 0 } },
    { ONE(CAST), "h[4099]", "[4099]", { -1 }, { 0 } },
    { ONE(CAST), "b[4099]", "[4099]", { -1 }, { 0 } },
    { ONE(CAST), "b[7]", "[7]", { NYX_BF16 }, { 0 } },

    { NYX_OP_ADD, NYX_OP_DIV, "f[] d[]", "[]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[7] d[7]", "[7]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[2, 3, 5] d[]", "[2, 3, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[3, 5] d[5]", "[3, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[3, 5] d[3]", "[3, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[4, 4] d[4]", "[4, 4]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[2, 3, 5] d[3, 5]", "[2, 3, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[2, 3, 5] d[2, 3]", "[2, 3, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[2, 3, 5] d[2]", "[2, 3, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[61, 1, 257] d[61, 1, 257]", "[61, 1, 257]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[67, 257] d[257]", "[67, 257]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[67, 257] d[67]", "[67, 257]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "n[7, 5] q[5]", "[7, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "n[7, 5] q[7]", "[7, 5]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "n[131] q[131]", "[131]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[6, 36] d[36]", "[6, 36]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[6, 36] d[6]", "[6, 36]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "f[6, 36] d[6, 36]", "[6, 36]", { 0 }, { 0 } },
    { NYX_OP_ADD, NYX_OP_DIV, "n[6, 36] q[6]", "[6, 36]", { 0 }, { 0 } },
    { NYX_OP_MIN, NYX_OP_MAX, "f[7]! f[7]!", "[7]", { 0 }, { 0 } },
    { NYX_OP_MIN, NYX_OP_MAX, "f[67, 33]! f[33]!", "[67, 33]", { 0 }, { 0 } },
    { NYX_OP_MIN, NYX_OP_MAX, "f[67, 33]! f[]!", "[67, 33]", { 0 }, { 0 } },
    { NYX_OP_MIN, NYX_OP_MAX, "n[7, 5] n[7]", "[7, 5]", { 0 }, { 0 } },
    { ONE(AFFINE), "f[]", "[]", { 0 }, { 0.5, 0 } },
    { ONE(AFFINE), "f[3, 5]", "[3, 5]", { 0 }, { -1, 1 } },
    { ONE(AFFINE), "f[67, 257]", "[67, 257]", { 0 }, { 0.3, -0.7 } },
    { ONE(AFFINE), "f[6, 36]", "[6, 36]", { 0 }, { 0.3, -0.7 } },
    { ONE(SQRT), "p[]", "[]", { 0 }, { 0 } },
    { ONE(SQRT), "p[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(SQRT), "p[67, 257]", "[67, 257]", { 0 }, { 0 } },
    { ONE(SIGMOID), "f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(SIGMOID), "w[67, 257]", "[67, 257]", { 0 }, { 0 } },
    { ONE(SIGMOID), "w[6, 36]", "[6, 36]", { 0 }, { 0 } },
    { ONE(COMPARE), "e[7, 5]! e[5]!", "[7, 5]", { NYX_EQUAL }, { 0 } },
    { ONE(COMPARE), "e[7, 5]! e[7]!", "[7, 5]", { NYX_GREATER }, { 0 } },
    { ONE(COMPARE), "e[67, 33]! e[67, 33]!", "[67, 33]", { NYX_GREATER_EQUAL }, { 0 } },
    { ONE(COMPARE), "e[131]! e[]!", "[131]", { NYX_GREATER_EQUAL }, { 0 } },
    { ONE(COMPARE), "n[131] n[131]", "[131]", { NYX_EQUAL }, { 0 } },
    { ONE(COMPARE), "n[131] n[]", "[131]", { NYX_GREATER }, { 0 } },
    { ONE(COMPARE), "e[6, 36]! e[]!", "[6, 36]", { NYX_GREATER }, { 0 } },
    { ONE(SELECT), "i2[5] f[5] f[5]", "[5]", { 0 }, { 0 } },
    { ONE(SELECT), "i2[3] f[3, 5] f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(SELECT), "i2[3] f[5] f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(SELECT), "i2[3, 2] f[2, 5] f[3, 2, 5]", "[3, 2, 5]", { 0 }, { 0 } },
    { ONE(SELECT), "i2[67] f[257] f[67, 257]", "[67, 257]", { 0 }, { 0 } },
    { ONE(SELECT), "i2[6] f[36] f[6, 36]", "[6, 36]", { 0 }, { 0 } },
    { ONE(SELECT), "i2[67] n[67, 3] n[67, 3]", "[67, 3]", { 0 }, { 0 } },

    { ONE(REDUCE), "f[7]", "[]", { NYX_SUM, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[2, 3, 5]", "[2, 3]", { NYX_SUM, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[2, 3, 5]", "[2]", { NYX_MEAN, 2, 0 }, { 0 } },
    { ONE(REDUCE), "f[2, 3, 5]", "[3, 5]", { NYX_SUM, 1, 1 }, { 0 } },
    { ONE(REDUCE), "f[2, 3, 5]", "[5]", { NYX_MEAN, 2, 1 }, { 0 } },
    { ONE(REDUCE), "f[3, 5]", "[3]", { NYX_SUM_SQUARES, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[3, 5]", "[]", { NYX_SUM_SQUARES, 2, 0 }, { 0 } },
    { ONE(REDUCE), "f[3, 5]!", "[3]", { NYX_LARGEST, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[3, 5]!", "[5]", { NYX_SMALLEST, 1, 1 }, { 0 } },
    { ONE(REDUCE), "f[67, 257]", "[67]", { NYX_SUM, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[67, 257]", "[257]", { NYX_SUM, 1, 1 }, { 0 } },
    { ONE(REDUCE), "f[67, 257]", "[]", { NYX_SUM_SQUARES, 2, 0 }, { 0 } },
    { ONE(REDUCE), "f[67, 257]", "[]", { NYX_MEAN, 2, 0 }, { 0 } },
    { ONE(REDUCE), "f[67, 257]!", "[67]", { NYX_LARGEST, 1, 0 }, { 0 } },
    { ONE(REDUCE), "n[67, 17]", "[67]", { NYX_SUM, 1, 0 }, { 0 } },
    { ONE(REDUCE), "n[67, 17]", "[]", { NYX_SUM, 2, 0 }, { 0 } },
    { ONE(REDUCE), "n[67, 17]", "[67]", { NYX_LARGEST, 1, 0 }, { 0 } },
    { ONE(REDUCE), "n[67, 17]", "[17]", { NYX_SMALLEST, 1, 1 }, { 0 } },
    /* cut in pieces */
    { ONE(REDUCE), "f[3, 33000]", "[3]", { NYX_SUM, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[2, 16411]!", "[2]", { NYX_LARGEST, 1, 0 }, { 0 } },
    { ONE(REDUCE), "n[3, 16388]", "[3]", { NYX_MEAN, 1, 0 }, { 0 } },
    { ONE(REDUCE), "f[517, 36]", "[36]", { NYX_MEAN, 1, 1 }, { 0 } },
    { ONE(REDUCE), "f[517, 7]!", "[7]", { NYX_LARGEST, 1, 1 }, { 0 } },
    { ONE(REDUCE), "n[517, 36]", "[36]", { NYX_SUM_SQUARES, 1, 1 }, { 0 } },
    { ONE(ARGMAX), "f[5]!", "[]", { 0 }, { 0 } },
    { ONE(ARGMAX), "f[3, 7, 1]!", "[3, 7]", { 0 }, { 0 } },
    { ONE(ARGMAX), "e[3, 7, 13]!", "[3, 7]", { 0 }, { 0 } },
    { ONE(ARGMAX), "e[67, 257]!", "[67]", { 0 }, { 0 } },
    { ONE(ARGMAX), "e[3, 1028]!", "[3]", { 0 }, { 0 } },

    { ONE(SLICE), "f[5]", "[2]", { 0, 3, 2 }, { 0 } },
    { ONE(SLICE), "f[3, 5]", "[3, 1]", { 1, 2, 1 }, { 0 } },
    { ONE(SLICE), "f[2, 5, 3]", "[2, 2, 3]", { 1, 1, 2 }, { 0 } },
    { ONE(SLICE), "f[67, 257]", "[67, 129]", { 1, 64, 129 }, { 0 } },
    { ONE(SLICE), "n[7, 3]", "[2, 3]", { 0, 5, 2 }, { 0 } },
    { ONE(SLICE), "f[67, 24]", "[67, 12]", { 1, 8, 12 }, { 0 } },
    { ONE(PAD), "f[5]", "[8]", { 0, 1, 2 }, { 0 } },
    { ONE(PAD), "f[2, 5, 3]", "[2, 9, 3]", { 1, 4, 0 }, { 0 } },
    { ONE(PAD), "f[67, 129]", "[67, 257]", { 1, 64, 64 }, { 0 } },
    { ONE(PAD), "n[7, 3]", "[10, 3]", { 0, 1, 2 }, { 0 } },
    { ONE(PAD), "f[67, 12]", "[67, 24]", { 1, 8, 4 }, { 0 } },
    { ONE(CONCAT), "f[2] f[3]", "[5]", { 0 }, { 0 } },
    { ONE(CONCAT), "f[2, 1, 3] f[2, 4, 3]", "[2, 5, 3]", { 1 }, { 0 } },
    { ONE(CONCAT), "f[67, 129] f[67, 128]", "[67, 257]", { 1 }, { 0 } },
    { ONE(CONCAT), "n[7, 3] n[2, 3]", "[9, 3]", { 0 }, { 0 } },
    { ONE(CONCAT), "f[67, 12] f[67, 8]", "[67, 20]", { 1 }, { 0 } },
    { ONE(EMBEDDING), "f[7, 3] i7[5]", "[5, 3]", { 0 }, { 0 } },
    { ONE(EMBEDDING), "f[1, 1] i1[1]", "[1, 1]", { 0 }, { 0 } },
    { ONE(EMBEDDING), "f[11, 65] i11[3, 81]", "[3, 81, 65]", { 0 }, { 0 } },
    { ONE(EMBEDDING), "f[11, 68] i11[3, 81]", "[3, 81, 68]", { 0 }, { 0 } },
    { ONE(EMBEDDING_GRAD), "i7[5] f[5, 3]", "[7, 3]", { 7 }, { 0 } },
    { ONE(EMBEDDING_GRAD), "i11[3, 81] f[3, 81, 65]", "[11, 65]", { 11 }, { 0 } },
    { ONE(EMBEDDING_GRAD), "i1009[301] f[301, 140]", "[1009, 140]", { 1009 }, { 0 } },

    { ONE(MATMUL), "f[1, 1] f[1, 1] f[1]", "[1, 1]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[3, 5] f[7, 5] f[7]", "[3, 7]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[2, 3, 5] f[7, 5]", "[2, 3, 7]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[3, 7] f[7, 5]", "[3, 5]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[3, 7] f[3, 5]", "[7, 5]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "f[2, 3, 7] f[2, 3, 5]", "[7, 5]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "f[1, 257] f[13, 257] f[13]", "[1, 13]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[67, 257] f[131, 257] f[131]", "[67, 131]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[67, 257] f[257, 131]", "[67, 131]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[257, 67] f[257, 131]", "[67, 131]", { NYX_MATMUL_TN }, { 0 } },
    /* blocks of terms, sums cut in slices, and sizes around the tiles */
    { ONE(MATMUL), "f[31, 601] f[37, 601] f[37]", "[31, 37]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[31, 601] f[601, 37]", "[31, 37]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[2603, 33] f[2603, 17]", "[33, 17]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "f[601, 199] f[601, 211]", "[199, 211]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "f[5, 601] f[11, 601] f[11]", "[5, 11]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[9, 7] f[13, 7] f[13]", "[9, 13]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[211, 9] f[2, 9] f[2]", "[211, 2]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[211, 2] f[2, 9]", "[211, 9]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[211, 2] f[211, 9]", "[2, 9]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "f[1, 13] f[13, 257]", "[1, 257]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[11, 601] f[601, 70]", "[11, 70]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[24, 301] f[301, 131]", "[24, 131]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[16, 257] f[131, 257] f[131]", "[16, 131]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[1, 13] f[1, 257]", "[13, 257]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "f[162, 128] f[384, 128]", "[162, 384]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "f[162, 384] f[384, 128]", "[162, 128]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "f[162, 384] f[162, 128]", "[384, 128]", { NYX_MATMUL_TN }, { 0 } },
    /* operands of 16 bits, the result real */
    { ONE(MATMUL), "h[1, 1] h[1, 1] f[1]", "[1, 1]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "b[2, 3, 5] b[7, 5] f[7]", "[2, 3, 7]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "h[3, 7] h[7, 5]", "[3, 5]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "b[2, 3, 7] b[2, 3, 5]", "[7, 5]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "h[67, 257] h[131, 257] f[131]", "[67, 131]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "b[67, 257] b[131, 257]", "[67, 131]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "h[31, 601] h[601, 37]", "[31, 37]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "b[11, 601] b[601, 70]", "[11, 70]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "h[2603, 33] h[2603, 17]", "[33, 17]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "b[601, 199] b[601, 211]", "[199, 211]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "h[16, 257] h[131, 257] f[131]", "[16, 131]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "b[211, 9] b[2, 9] f[2]", "[211, 2]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "b[162, 128] b[384, 128]", "[162, 384]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "b[162, 384] b[384, 128]", "[162, 128]", { NYX_MATMUL_NN }, { 0 } },
    { ONE(MATMUL), "h[162, 384] h[162, 128]", "[384, 128]", { NYX_MATMUL_TN }, { 0 } },
    { ONE(MATMUL), "h[203, 64] h[264, 64] f[264]", "[203, 264]", { NYX_MATMUL_NT }, { 0 } },
    { ONE(MATMUL), "b[64, 203] b[203, 264]", "[64, 264]", { NYX_MATMUL_NN }, { 0 } },

    { ONE(RMSNORM), "f[1]", "[1] []", { 0 }, { 0.5 } },
    { ONE(RMSNORM), "f[3, 5]", "[3, 5] [3]", { 0 }, { 1e-5 } },
    { ONE(RMSNORM), "f[2, 3, 5] f[2, 3, 5]", "[2, 3, 5] [2, 3]", { 0 }, { 1e-3 } },
    { ONE(RMSNORM), "f[67, 257] f[67, 257]", "[67, 257] [67]", { 0 }, { 1e-5 } },
    { ONE(RMSNORM), "f[9, 36]", "[9, 36] [9]", { 0 }, { 1e-5 } },
    { ONE(RMSNORM), "f[21, 132] f[21, 132]", "[21, 132] [21]", { 0 }, { 1e-5 } },
    { ONE(RMSNORM_GRAD), "f[3, 5] p[3] f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(RMSNORM_GRAD), "f[2, 67, 257] p[2, 67] f[2, 67, 257]", "[2, 67, 257]", { 0 }, { 0 } },
    { ONE(RMSNORM_GRAD), "f[19, 516] p[19] f[19, 516]", "[19, 516]", { 0 }, { 0 } },
    { ONE(LAYERNORM), "f[1]", "[1] []", { 0 }, { 0.5 } },
    { ONE(LAYERNORM), "f[3, 5]", "[3, 5] [3]", { 0 }, { 1e-5 } },
    { ONE(LAYERNORM), "f[2, 3, 7]", "[2, 3, 7] [2, 3]", { 0 }, { 1e-3 } },
    { ONE(LAYERNORM), "w[67, 257]", "[67, 257] [67]", { 0 }, { 1e-5 } },
    { ONE(LAYERNORM), "w[19, 516]", "[19, 516] [19]", { 0 }, { 1e-5 } },
    { ONE(LAYERNORM_GRAD), "f[3, 5] p[3] f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(LAYERNORM_GRAD), "f[2, 67, 257] p[2, 67] f[2, 67, 257]", "[2, 67, 257]", { 0 }, { 0 } },
    { ONE(LAYERNORM_GRAD), "f[19, 516] p[19] f[19, 516]", "[19, 516]", { 0 }, { 0 } },
    { ONE(ROPE), "f[1, 1, 2] f[1, 2]!", "[1, 1, 2]", { 1, 0 }, { 0 } },
    { ONE(ROPE), "f[2, 3, 12] f[3, 4]!", "[2, 3, 12]", { 2, 0 }, { 0 } },
    { ONE(ROPE), "f[2, 3, 12] f[5, 4]!", "[2, 3, 12]", { 3, 1 }, { 0 } },
    { ONE(ROPE), "f[2, 81, 192] f[81, 32]!", "[2, 81, 192]", { 4, 0 }, { 0 } },
    { ONE(ATTENTION), "f[1, 1, 3]", "[1, 1, 1] [1, 1, 1]", { 1, 1, 0 }, { 0 } },
    { ONE(ATTENTION), "f[2, 5, 12]", "[2, 5, 4] [2, 1, 5]", { 1, 1, 0 }, { 0 } },
    { ONE(ATTENTION), "f[2, 5, 12]", "[2, 5, 6] [2, 2, 5]", { 2, 1, 1 }, { 0 } },
    { ONE(ATTENTION), "f[1, 7, 24]", "[1, 7, 12] [1, 4, 7]", { 4, 2, 0 }, { 0 } },
    { ONE(ATTENTION), "f[2, 81, 384]", "[2, 81, 128] [2, 4, 81]", { 4, 4, 0 }, { 0 } },
    { ONE(ATTENTION), "f[3, 97, 256]", "[3, 97, 128] [3, 4, 97]", { 4, 2, 1 }, { 0 } },
    { ONE(ATTENTION), "f[1, 33, 120]", "[1, 33, 40] [1, 1, 33]", { 1, 1, 1 }, { 0 } },
    { ONE(ATTENTION), "f[1, 301, 384]", "[1, 301, 128] [1, 2, 301]", { 2, 2, 0 }, { 0 } },
    { ONE(ATTENTION_GRAD), "f[1, 33, 120] f[1, 33, 40] p[1, 1, 33] f[1, 33, 40]", "[1, 33, 120]", { 1, 1, 1 },
      { 0 } },
    { ONE(ATTENTION_GRAD), "f[1, 301, 384] f[1, 301, 128] p[1, 2, 301] f[1, 301, 128]", "[1, 301, 384]",
      { 2, 2, 0 }, { 0 } },
    { ONE(ATTENTION_GRAD), "f[2, 5, 12] f[2, 5, 4] p[2, 1, 5] f[2, 5, 4]", "[2, 5, 12]", { 1, 1, 0 }, { 0 } },
    { ONE(ATTENTION_GRAD), "f[1, 7, 24] f[1, 7, 12] p[1, 4, 7] f[1, 7, 12]", "[1, 7, 24]", { 4, 2, 1 }, { 0 } },
    { ONE(ATTENTION_GRAD), "f[2, 81, 384] f[2, 81, 128] p[2, 4, 81] f[2, 81, 128]", "[2, 81, 384]", { 4, 4, 0 },
      { 0 } },
    { ONE(ATTENTION_GRAD), "f[3, 97, 256] f[3, 97, 128] p[3, 4, 97] f[3, 97, 128]", "[3, 97, 256]", { 4, 2, 1 },
      { 0 } },
    { ONE(ATTENTION_CACHED), "f[1, 1, 3] f[1, 1, 1, 1]! f[1, 1, 1, 1]! i1[1] i1[1]", "[1, 1, 1]", { 1, 1 }, { 0 } },
    { ONE(ATTENTION_CACHED), "f[2, 3, 32] f[4, 2, 9, 4]! f[4, 2, 9, 4]! i7[2] j4[2]", "[2, 3, 16]", { 4, 2 }, { 0 } },
    { ONE(ATTENTION_CACHED), "f[5, 1, 320] f[5, 1, 301, 64]! f[5, 1, 301, 64]! i301[5] j5[5]", "[5, 1, 192]", { 3, 1 },
      { 0 } },
    { ONE(ATTENTION_CACHED), "f[1, 37, 96] f[3, 2, 97, 16]! f[3, 2, 97, 16]! i61[1] i3[1]", "[1, 37, 32]", { 2, 2 },
      { 0 } },
    { ONE(CACHE_WRITE), "f[1, 1, 3] f[1, 1, 1, 1] f[1, 1, 1, 1] i1[1] i1[1]", "[1, 1, 1, 1] [1, 1, 1, 1]", { 1, 1 },
      { 0 } },
    { ONE(CACHE_WRITE), "f[2, 3, 32] f[4, 2, 9, 4] f[4, 2, 9, 4] i7[2] j4[2]", "[4, 2, 9, 4] [4, 2, 9, 4]", { 4, 2 },
      { 0 } },
    { ONE(CACHE_WRITE), "f[1, 37, 96] f[3, 2, 97, 16] f[3, 2, 97, 16] i61[1] i3[1]", "[3, 2, 97, 16] [3, 2, 97, 16]",
      { 2, 2 }, { 0 } },
    { ONE(SWIGLU), "f[2]", "[1]", { 0 }, { 0 } },
    { ONE(SWIGLU), "f[2, 3, 10]", "[2, 3, 5]", { 0 }, { 0 } },
    { ONE(SWIGLU), "w[67, 514]", "[67, 257]", { 0 }, { 0 } },
    { ONE(SWIGLU), "w[5, 72]", "[5, 36]", { 0 }, { 0 } },
    { ONE(SWIGLU), "W[67, 514]", "[67, 257]", { 0 }, { 0 } },
    { ONE(SWIGLU_GRAD), "f[2, 3, 10] f[2, 3, 5]", "[2, 3, 10]", { 0 }, { 0 } },
    { ONE(SWIGLU_GRAD), "f[67, 514] f[67, 257]", "[67, 514]", { 0 }, { 0 } },
    { ONE(SWIGLU_GRAD), "f[5, 72] f[5, 36]", "[5, 72]", { 0 }, { 0 } },
    { ONE(SWIGLU_GRAD), "W[67, 514] f[67, 257]", "[67, 514]", { 0 }, { 0 } },
    { ONE(SWIGLU_GRAD), "W[5, 72] f[5, 36]", "[5, 72]", { 0 }, { 0 } },

    { ONE(GELU), "f[]", "[]", { 0 }, { 0 } },
    { ONE(GELU), "f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(GELU), "w[67, 257]", "[67, 257]", { 0 }, { 0 } },
    { ONE(GELU), "w[5, 36]", "[5, 36]", { 0 }, { 0 } },
    { ONE(GELU_GRAD), "f[3, 5] f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(GELU_GRAD), "w[67, 257] f[67, 257]", "[67, 257]", { 0 }, { 0 } },
    { ONE(GELU_GRAD), "w[5, 36] f[5, 36]", "[5, 36]", { 0 }, { 0 } },
    { ONE(CROSS_ENTROPY), "f[1] i1[]", "[]", { NYX_SOFTMAX, -100 }, { 0 } },
    { ONE(CROSS_ENTROPY), "f[5, 7] i7[5]", "[5]", { NYX_SOFTMAX, 3 }, { 0 } },
    { ONE(CROSS_ENTROPY), "f[5, 7] i7[5]", "[5]", { NYX_STABLEMAX, 0 }, { 0 } },
    { ONE(CROSS_ENTROPY), "w[2, 67, 11] i11[2, 67]", "[2, 67]", { NYX_SOFTMAX, 0 }, { 0 } },
    { ONE(CROSS_ENTROPY), "w[2, 67, 11] i11[2, 67]", "[2, 67]", { NYX_STABLEMAX, 0 }, { 0 } },
    { ONE(CROSS_ENTROPY), "f[13, 1009] i1009[13]", "[13]", { NYX_SOFTMAX, -100 }, { 0 } },
    { ONE(CROSS_ENTROPY), "w[5, 2052] i2052[5]", "[5]", { NYX_SOFTMAX, -100 }, { 0 } },
    { ONE(CROSS_ENTROPY), "f[5, 132] i132[5]", "[5]", { NYX_STABLEMAX, -100 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "f[5, 7] i7[5] f[5]", "[5, 7]", { NYX_SOFTMAX, 3 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "f[5, 7] i7[5] f[5]", "[5, 7]", { NYX_STABLEMAX, 3 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "w[67, 11] i11[67] f[67]", "[67, 11]", { NYX_SOFTMAX, 0 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "w[67, 11] i11[67] f[67]", "[67, 11]", { NYX_STABLEMAX, 0 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "f[13, 1009] i1009[13] f[13]", "[13, 1009]", { NYX_SOFTMAX, -100 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "w[5, 2052] i2052[5] f[5]", "[5, 2052]", { NYX_SOFTMAX, -100 }, { 0 } },
    { ONE(CROSS_ENTROPY_GRAD), "f[5, 132] i132[5] f[5]", "[5, 132]", { NYX_STABLEMAX, -100 }, { 0 } },
    { ONE(BCE), "f[] p[]!", "[]", { 0 }, { 0 } },
    { ONE(BCE), "f[13] p[13]!", "[13]", { 0 }, { 0 } },
    { ONE(BCE), "w[131] p[131]!", "[131]", { 0 }, { 0 } },
    { ONE(BCE), "w[65539]! e[65539]!", "[65539]", { 0 }, { 0 } },

    { ONE(ASSIGN), "f[3, 5]", "[3, 5]", { 0 }, { 0 } },
    { ONE(ASSIGN), "f[67, 257]", "[67, 257]", { 0 }, { 0 } },
    { ONE(ASSIGN), "n[7]", "[7]", { 0 }, { 0 } },
    { ONE(ADAM_ATAN2), "f[1] f[1] f[1] p[1] a[4] c[]", "[1] [1] [1]", { 0 }, { 0.9, 0.95 } },
    { ONE(ADAM_ATAN2), "f[67, 257] f[67, 257] f[67, 257] p[67, 257] a[4] c[]", "[67, 257] [67, 257] [67, 257]",
      { 0 }, { 0.9, 0.95 } },
    { ONE(ADAM_ATAN2), "f[7] f[7] f[7] p[7] a[4] x[]", "[7] [7] [7]", { 0 }, { 0.9, 0.95 } },
    { ONE(ADAM_ATAN2), "f[64, 36] f[64, 36] f[64, 36] p[64, 36] a[4] c[]", "[64, 36] [64, 36] [64, 36]",
      { 0 }, { 0.9, 0.95 } },
    { ONE(ADAMW), "f[1] f[1] f[1] p[1] a[4] c[]", "[1] [1] [1]", { 0 }, { 0.9, 0.95, 1e-8 } },
    { ONE(ADAMW), "f[67, 257] f[67, 257] f[67, 257] p[67, 257] a[4] c[]", "[67, 257] [67, 257] [67, 257]", { 0 },
      { 0.9, 0.95, 1e-8 } },
    { ONE(ADAMW), "f[7] f[7] f[7] p[7] a[4] x[]", "[7] [7] [7]", { 0 }, { 0.9, 0.95, 1e-8 } },
    { ONE(ADAMW), "f[64, 36] f[64, 36] f[64, 36] p[64, 36] a[4] c[]", "[64, 36] [64, 36] [64, 36]", { 0 },
      { 0.9, 0.95, 1e-8 } },
    { ONE(SIGN_SGD), "f[7, 3] i7[5] e[5, 3] a[4] c[]", "[7, 3]", { 0 }, { 0 } },
    { ONE(SIGN_SGD), "f[11, 65] i5[97] e[97, 65] a[4] c[]", "[11, 65]", { 0 }, { 0 } },
    { ONE(SIGN_SGD), "f[11, 140] i11[301] e[301, 140] a[4] c[]", "[11, 140]", { 0 }, { 0 } },
    { ONE(SIGN_SGD), "f[7, 3] i7[5] e[5, 3] a[4] x[]", "[7, 3]", { 0 }, { 0 } },
    { ONE(EMA), "f[1] f[1]", "[1]", { 0 }, { 0.999 } },
    { ONE(EMA), "f[67, 257] f[67, 257]", "[67, 257]", { 0 }, { 0.999 } },
    { ONE(EMA), "f[64, 36] f[64, 36]", "[64, 36]", { 0 }, { 0.999 } },
};

/* "[2, 3] ..." -> shape; returns what follows the bracket. */
static const char *parse_shape(nyx_shape *shape, const char *text)
{
    char *end;

    memset(shape, 0, sizeof *shape);
    for (text++; *text != ']'; text = end) {
        shape->dims[shape->rank++] = strtoll(text, &end, 10);
        end += strspn(end, ", ");
    }
    return text + 1;
}

static void parse(spec *s)
{
    for (const char *text = s->text; *text; text += strspn(text, " ")) {
        operand     in = { .kind = *text++ };
        nyx_shape   shape;
        char       *after = (char *)(uintptr_t)text;

        if (in.kind == 'i' || in.kind == 'j')
            in.below = strtoll(text, &after, 10);
        if (in.kind == '-') {
            s->in[s->input_count++] = in;
            continue;
        }
        text = parse_shape(&shape, after);
        in.shape = shape;
        in.fixed = *text == '!';
        text += in.fixed;
        if (in.kind == 'o')
            s->shape = shape;
        else
            s->in[s->input_count++] = in;
    }
}

/* The sum of four uniforms on [-1, 1) has variance 4/3: near enough to N(0, 1). */
static double draw(nyx_random *random, const operand *in, int64_t input, int64_t index)
{
    static const double scalars[4] = { 0.99, 0.1, 1.5, 0 };
    const double        u = nyx_random_uniform(random);
    double              sum = u - 0.5;

    switch (in->kind) {
    case 'd': return u < 0.5 ? -(0.5 + 3 * u) : 0.5 + 3 * (u - 0.5);
    case 'p': return 0.5 + 1.5 * u;
    case 'w': return 60 * (u - 0.5);
    case 'W': return 160 * (u - 0.5);
    case 'e': return (double)((int)(u * 13) - 6) / 4;
    case 'n': return (double)((int)(u * 19) - 9);
    case 'q': return u < 0.5 ? -(double)(1 + (int)(u * 18)) : (double)(1 + (int)((u - 0.5) * 18));
    case 'i': return (double)(int64_t)(u * (double)in->below);
    case 'j': return (double)((3 * index + 1) % in->below);
    case 'k': return (double)((index * 7 + input * 3) % 11 - 5) / 4;
    case 'K': return (double)((index * 7 + input * 3) % 11 + 1) / 8;
    case 'a': return scalars[index];
    case 'c': return 0.5;
    case 'x': return (double)INFINITY;
    case 't': return ldexp(1 + (double)(int)(u * 2048) / (index % 2 ? 2048 : 256), (int)(index % 46) - 28);
    default: break;
    }
    for (int i = 0; i < 3; i++)
        sum += nyx_random_uniform(random) - 0.5;
    return 2 * sum;
}

/* Exact in the operand's type, and so in f32. */
static double rounded(double x, char kind)
{
    if (kind == 'h')
        return (double)nyx_f32_from_f16(nyx_f16_from_f32((float)x));
    if (kind == 'b')
        return (double)nyx_f32_from_bf16(nyx_bf16_from_f32((float)x));
    return (double)(float)x;
}

/* The numbers of a case depend on its operation's name and its text alone: other
 * operations and cases come and go. */
int spec_init(spec *s)
{
    nyx_random random;
    int        status;

    parse(s);
    nyx_random_init(&random, nyx_stream_of(nyx_op_table(s->op)->name), nyx_stream_of(s->text));
    for (int i = 0; i < s->input_count; i++) {
        const int64_t elems = nyx_shape_count(&s->in[i].shape);

        if ((status = nyx_alloc(&s->values[i], elems * (int64_t)sizeof(double))) < 0)
            return status;
        for (int64_t j = 0; j < elems; j++)
            s->values[i][j] = rounded(draw(&random, &s->in[i], i, j), s->in[i].kind);
    }
    return NYX_OK;
}

void spec_release(spec *s)
{
    for (int i = 0; i < s->input_count; i++)
        nyx_free(s->values[i]);
}

int visit_cases(visitor visit, void *context)
{
    int status = NYX_OK;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == NYX_OK; i++) {
        for (int op = (int)rows[i].first; op <= (int)rows[i].last && status == NYX_OK; op++) {
            spec s = { .op = (enum nyx_op)op, .text = rows[i].inputs, .result = rows[i].result };

            memcpy(s.ints, rows[i].ints, sizeof s.ints);
            memcpy(s.reals, rows[i].reals, sizeof s.reals);
            if ((status = spec_init(&s)) == NYX_OK)
                visit(&s, context);
            spec_release(&s);
        }
    }
    return status == NYX_OK ? visit_coded(visit, context) : status;
}

/* matmul -- three loops; every element of the result is one sum in order. */
#include "device/cpu/reference/real.h"

/* y[i, j] = sum over k of a[i, k] b[j, k], with the strides of either. */
typedef struct { int64_t row, term; } strides;

void NYX_REFERENCE(matmul)(const nyx_call *call, int part, int parts)
{
    const enum nyx_matmul_mode mode = (enum nyx_matmul_mode)call->node->ints[0];
    const nyx_operand         *x = &call->in[0], *w = &call->in[1];
    const int64_t              x_width = last_extent(x->shape), w_width = last_extent(w->shape);
    const int64_t              x_rows = x->count / x_width, w_rows = w->count / w_width;
    const bool                 tn = mode == NYX_MATMUL_TN, nt = mode == NYX_MATMUL_NT;
    const int64_t              rows = tn ? x_width : x_rows, columns = nt ? w_rows : w_width;
    const int64_t              terms = tn ? x_rows : x_width;
    const strides              xs = tn ? (strides){ 1, x_width } : (strides){ x_width, 1 };
    const strides              ws = nt ? (strides){ w_width, 1 } : (strides){ 1, w_width };
    const real                *bias = call->in[2].data;
    real                      *y = call->out[0].data;

    (void)parts;
    if (part)
        return;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            real sum = 0;

            for (int64_t k = 0; k < terms; k++)
                sum += real_at(x->dtype, x->data, i * xs.row + k * xs.term) *
                       real_at(w->dtype, w->data, j * ws.row + k * ws.term);
            y[i * columns + j] = bias ? sum + bias[j] : sum;
        }
    }
}

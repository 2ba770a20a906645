/* quant/lattice -- rounding to the points a code can stand for.
 *
 * `lattice` is a constant wherever these are inlined, so each loop holds the
 * code of one lattice only and vectorises.
 */
#ifndef NYX_QUANT_LATTICE_H
#define NYX_QUANT_LATTICE_H

#include "quant/quant.h"
#include "tensor/clone.h"
#include "tensor/float.h"

/* The point nearest to x (ties to even; NF4: to the lower), and its code: a
 * two's complement integer, the index of a level, or the float's bits. */
static NYX_BODY float nyx_quant__round(enum nyx_lattice lattice, float x, float bottom, float top,
                                       uint32_t *code)
{
    NYX_NO_CONTRACT
    float    point;
    uint32_t index = 0;

    switch (lattice) {
    case NYX_LATTICE_INT:
        x = x < bottom ? bottom : x;
        x = x > top ? top : x;
        return nyx_rintf(x, code);
    case NYX_LATTICE_NF4:
        point = nyx_nf4_levels[0];
        for (int k = 0; k < 15; k++) {
            bool above = x > 0.5f * (nyx_nf4_levels[k] + nyx_nf4_levels[k + 1]);

            point = above ? nyx_nf4_levels[k + 1] : point;
            index += above ? 1u : 0u;
        }
        *code = index;
        return point;
    case NYX_LATTICE_E2M1:
        *code = nyx_float_encode(NYX_RULE_E2M1, x);
        return nyx_float_decode(NYX_RULE_E2M1, *code);
    case NYX_LATTICE_E4M3:
        *code = nyx_float_encode(NYX_RULE_E4M3, x);
        return nyx_float_decode(NYX_RULE_E4M3, *code);
    default:
        *code = nyx_float_encode(NYX_RULE_E5M2, x);
        return nyx_float_decode(NYX_RULE_E5M2, *code);
    }
}

/* CALL(lattice) with the lattice as a constant. */
#define NYX_QUANT__DISPATCH(which, CALL)                        \
    do {                                                        \
        switch (which) {                                        \
        case NYX_LATTICE_INT: CALL(NYX_LATTICE_INT); break;     \
        case NYX_LATTICE_NF4: CALL(NYX_LATTICE_NF4); break;     \
        case NYX_LATTICE_E2M1: CALL(NYX_LATTICE_E2M1); break;   \
        case NYX_LATTICE_E4M3: CALL(NYX_LATTICE_E4M3); break;   \
        default: CALL(NYX_LATTICE_E5M2); break;                 \
        }                                                       \
    } while (0)

#endif

/* anchors -- what coding costs on normally distributed weights. */
#include "quant/quant.h"

const nyx_format_anchor nyx_format_anchors[] = {
    { NULL, NYX_METHOD_ABSMAX, 0.0 },
};

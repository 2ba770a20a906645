/* model_files -- small model files, plain, coded, or holding what codes stand for. */
#ifndef MODEL_FILES_H
#define MODEL_FILES_H

#include "file/file.h"
#include "small_models.h"

#include <stdio.h>

/* The values of parameter `index`; nyx_free ends them. */
typedef float *(*model_values)(const nyx_config *config, int index);

static inline float *initial_values(const nyx_config *config, int index)
{
    const nyx_parameter p = nyx_model_parameter(config, index);
    float              *values;

    ok(nyx_alloc(&values, nyx_shape_count(&p.shape) * 4));
    nyx_model_init(config, index, 3, values);
    return values;
}

/* With a format matrices are coded, or are what the codes stand for. */
static inline void write_model(const char *path, const nyx_config *config, model_values values_of,
                               const nyx_format *format, bool as_codes)
{
    nyx_writer *writer;
    nyx_json   *json = nyx_config_json(config);

    ok(nyx_writer_open(&writer, path, "model"));
    ok(nyx_writer_json(writer, "/config", json));
    nyx_json_free(json);
    for (int i = 0; i < nyx_model_parameter_count(config); i++) {
        const nyx_parameter p = nyx_model_parameter(config, i);
        const bool          codes = format && p.shape.rank == 2 && !p.sparse;
        float              *values = values_of(config, i);
        const nyx_tensor    tensor = nyx_tensor_view(NYX_F32, &p.shape, values);
        nyx_coded           coded = { 0 };
        char                name[64];

        snprintf(name, sizeof name, "/tensors/%s", p.name);
        if (codes) {
            ok(nyx_coded_create(&coded, format, &p.shape));
            nyx_coded_encode(&coded, nyx_method_default(format), values);
            nyx_decode_rows(values, &coded, 0, p.shape.dims[0]);
        }
        if (codes && as_codes)
            ok(nyx_writer_coded(writer, name, &coded));
        else
            ok(nyx_writer_tensor(writer, name, &tensor));
        nyx_coded_release(&coded);
        nyx_free(values);
    }
    ok(nyx_writer_commit(writer));
}

#endif

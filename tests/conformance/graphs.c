/* graphs -- the programs of a configuration as text.
 *
 *     build/tests/graphs CONFIG.json...
 *
 * Prints the dumps of the training step, the optimizer, the averages and the
 * evaluation, with one micro-batch and with two, for rows of 16 tokens out of
 * 12. What builds a graph must not depend on the compiler: the digest, so
 * every checkpoint, does. tests/conformance/compilers.bats compares. */
#include "model/model.h"
#include "train/train.h"

#include <string.h>

enum { ROWS = 8, TOKENS = 16, VOCABULARY = 12, IGNORE = 0, PUZZLES = 3, PROGRAMS = 4 };

static void build(nyx_graph *g, const nyx_config *config, int program, int micros)
{
    switch (program) {
    case 0:
        nyx_model_build_step(g, config,
                             &(nyx_step_options){ .slots = ROWS / micros, .batch = ROWS, .accumulate = micros > 1 });
        return;
    case 1:
        nyx_optimizer_build(g, config, ROWS, micros, false);
        return;
    case 2:
        nyx_optimizer_build_ema(g, config);
        return;
    default:
        nyx_model_build_eval(g, config, ROWS / micros, true);
    }
}

static int print(const nyx_config *config, const char *path, int program, int micros)
{
    static const char *const names[PROGRAMS] = { "step", "optimizer", "averages", "evaluation" };
    nyx_graph               *g;
    char                    *text = NULL;
    int                      status = nyx_graph_create(&g, NYX_F32);

    if (status < 0)
        return status;
    build(g, config, program, micros);
    if ((status = nyx_graph_dump(&text, g)) == 0)
        printf("=== %s %s, %d micro-batches\n%s", path, names[program], micros, text);
    nyx_free(text);
    nyx_graph_free(g);
    return status;
}

static int print_all(const char *path)
{
    nyx_config config;
    nyx_json  *json;
    int        status = nyx_json_read(&json, path);

    if (status < 0)
        return status;
    status = nyx_config_parse(&config, json, path);
    nyx_json_free(json);
    if (status == 0)
        status = nyx_config_bind(&config, VOCABULARY, TOKENS, IGNORE, PUZZLES, path);
    for (int program = 0; program < PROGRAMS && status == 0; program++)
        for (int micros = 1; micros <= 2 && status == 0; micros++)
            status = print(&config, path, program, micros);
    return status;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (print_all(argv[i]) < 0) {
            fprintf(stderr, "graphs: %s\n", nyx_error_text());
            return 1;
        }
    return argc < 2 ? 64 : 0;
}

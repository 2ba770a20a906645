/* machine -- run graphs on a CPU in a test: a device, a store, programs. */
#ifndef MACHINE_H
#define MACHINE_H

#include "device/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MACHINE_PROGRAMS = 4 };
typedef struct {
    nyx_device  *device;
    nyx_store   *store;
    nyx_graph   *graphs[MACHINE_PROGRAMS];
    nyx_program *programs[MACHINE_PROGRAMS];
    int          count;
} machine;

static inline void ok(int status)
{
    if (status < 0)
        fail_msg("%s", nyx_error_text());
}

static inline void machine_open(machine *m, int micro_batches)
{
    memset(m, 0, sizeof *m);
    ok(nyx_device_open(&m->device, "cpu", 1));
    ok(nyx_store_create(&m->store, m->device, micro_batches));
}

/* A graph to build the next program from. */
static inline nyx_graph *machine_graph(machine *m, enum nyx_dtype real)
{
    assert_true(m->count < MACHINE_PROGRAMS);
    ok(nyx_graph_create(&m->graphs[m->count], real));
    return m->graphs[m->count++];
}

static inline void machine_compile(machine *m)
{
    for (int i = 0; i < m->count; i++)
        ok(nyx_program_compile(&m->programs[i], m->store, m->graphs[i]));
    ok(nyx_store_allocate(m->store));
}

static inline void machine_close(machine *m)
{
    for (int i = 0; i < m->count; i++)
        nyx_program_free(m->programs[i]);
    nyx_store_free(m->store);
    for (int i = 0; i < m->count; i++)
        nyx_graph_free(m->graphs[i]);
    nyx_device_close(m->device);
}

static inline void machine_run(machine *m, int program, uint32_t step, int micro)
{
    nyx_program_run(m->programs[program], &(nyx_run){ .seed = 7, .step = step, .micro = micro });
}

static inline int64_t machine_bytes(const machine *m, const char *name)
{
    const int index = nyx_store_find(m->store, name);

    if (index < 0)
        fail_msg("the store has no '%s'", name);
    return nyx_store_bytes(m->store, index);
}

/* A copy of a whole variable; end with nyx_free. */
static inline void *machine_copy(machine *m, const char *name)
{
    void *data;

    ok(nyx_alloc(&data, machine_bytes(m, name)));
    nyx_store_read(m->store, name, data);
    return data;
}

/* Every variable: reals from -0.5 to 0.5, integers 0 to 4, always the same. */
static inline void machine_fill(machine *m)
{
    nyx_random random;

    nyx_random_init(&random, 5, 6);
    for (int i = 0; i < nyx_store_count(m->store); i++) {
        const nyx_variable *v = nyx_store_variable(m->store, i);
        float              *values = machine_copy(m, v->name);

        for (int64_t k = 0; k < nyx_store_bytes(m->store, i) / 4; k++) {
            const int32_t token = (int32_t)nyx_random_below(&random, 5);

            if (v->dtype == NYX_I32)
                memcpy(&values[k], &token, sizeof token);
            else
                values[k] = (float)(nyx_random_uniform(&random) - 0.5);
        }
        nyx_store_write(m->store, v->name, values);
        nyx_free(values);
    }
}

static inline double machine_f64(machine *m, const char *name)
{
    double value;

    assert_int_equal(machine_bytes(m, name), sizeof value);
    nyx_store_read(m->store, name, &value);
    return value;
}

/* The value of an f32 variable of one element. */
static inline float machine_f32(machine *m, const char *name)
{
    float value;

    assert_int_equal(machine_bytes(m, name), sizeof value);
    nyx_store_read(m->store, name, &value);
    return value;
}

#endif

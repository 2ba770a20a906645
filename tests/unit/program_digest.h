/* program_digest -- the digest of a graph compiled for a device. */
#ifndef PROGRAM_DIGEST_H
#define PROGRAM_DIGEST_H

#include "device/device.h"

/* Takes the graph. */
static inline void program_digest(char hex[NYX_SHA256_HEX], nyx_graph *g, const char *device_name, int threads)
{
    nyx_device  *device;
    nyx_store   *store;
    nyx_program *program;

    assert_int_equal(nyx_device_open(&device, device_name, threads), 0);
    assert_int_equal(nyx_store_create(&store, device, 1), 0);
    assert_int_equal(nyx_program_compile(&program, store, g), 0);
    nyx_program_digest(program, hex);
    nyx_program_free(program);
    nyx_store_free(store);
    nyx_device_close(device);
    nyx_graph_free(g);
}

#endif

/* gauge -- what a device does at most: rates of arithmetic and of memory that
 * nothing on it can pass, measured by the same layer that runs programs.
 *
 *     nyx_gauge *gauge;
 *     nyx_gauge_open(&gauge, device, NYX_RATE_READ, 256 << 20);
 *     nyx_measured read = nyx_gauge_measure(gauge);   bytes a second
 *     nyx_gauge_close(gauge);
 *
 * A GPU idles at a fifth of its clock: rounds are run until two in a row agree,
 * after it was busy for a while. Only GPUs have gauges; bench/ measures
 * processors.
 */
#ifndef NYX_DEVICE_GAUGE_H
#define NYX_DEVICE_GAUGE_H

#include "device/device.h"

enum nyx_rate {
    NYX_RATE_F32,      /* multiply-adds in registers, two operations each */
    NYX_RATE_F16,      /* the same of matrix units that sum in f32 */
    NYX_RATE_BF16,
    NYX_RATE_INT8,     /* of matrix units that sum bytes, else dot products of four bytes, eight operations each */
    NYX_RATE_READ,     /* bytes of a set that is read again and again */
    NYX_RATE_COPY,     /* bytes read and bytes written */
    NYX_RATE_UPLOAD,   /* bytes from the host's memory to the device's, as a store is written */
    NYX_RATE_DOWNLOAD, /* and back */
    NYX_RATE_SUBMIT,   /* pieces of work without any, each handed over and waited for */
    NYX_RATE_COUNT
};
extern const char *const nyx_rate_names[NYX_RATE_COUNT + 1]; /* ends with NULL */

typedef struct nyx_gauge nyx_gauge;

/* `bytes`: of the set (read, copy, upload, download), 0: as many as no cache
 * holds. UNSUPPORTED says what the device lacks. MEMORY, DEVICE. */
int     nyx_gauge_open(nyx_gauge **out, nyx_device *device, enum nyx_rate rate, int64_t bytes) NYX_CHECKED;
void    nyx_gauge_close(nyx_gauge *gauge);
int64_t nyx_gauge_bytes(const nyx_gauge *gauge); /* of the set, a power of two; 0: there is none */
/* Operations, bytes or pieces of a round, and the nanoseconds that one takes, of
 * the device's own clock where it has one; 0: the device failed (nyx_device_check). */
double  nyx_gauge_work(const nyx_gauge *gauge);
int64_t nyx_gauge_round(nyx_gauge *gauge);

typedef struct {
    double rate;   /* a second; 0: the device failed */
    bool   steady; /* two rounds in a row agreed */
} nyx_measured;
nyx_measured nyx_gauge_measure(nyx_gauge *gauge);

#endif

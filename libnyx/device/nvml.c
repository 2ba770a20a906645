/* nvml -- sensors of NVIDIA's devices, by their library when it is there. The
 * prototypes are our own; every function gives 0 when it worked. */
#include "device/internal.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>

enum { DEVICES_MOST = 8, SENSOR_GPU = 0, CLOCK_SM = 1 };

struct nyx_device__nvml {
    void *library;
    int (*shutdown)(void);
    int (*temperature)(void *device, unsigned sensor, unsigned *celsius);
    int (*power)(void *device, unsigned *milliwatts);
    int (*energy)(void *device, unsigned long long *millijoules);
    int (*clock)(void *device, unsigned which, unsigned *mhz);
    int (*utilisation)(void *device, unsigned percent[2]); /* of the device, of its memory */
};

/* dlsym gives an object pointer; POSIX says that it may be a function's. */
static void symbol(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);

    memcpy(function, &found, sizeof found);
}

static const char *add_devices(nyx_device__nvml *nvml, nyx_sensors *s)
{
    int (*init)(void), (*count)(unsigned *), (*handle)(unsigned, void **), (*name)(void *, char *, unsigned);
    static const struct { const char *label; enum nyx_quantity quantity; double scale; } kinds[] = {
        { "temperature", NYX_TEMPERATURE, 1.0 }, { "power", NYX_POWER, 1e-3 },
        { "energy", NYX_ENERGY, 1e-3 },          { "busy", NYX_UTILISATION, 1.0 },
        { "clock", NYX_CLOCK, 1.0 },
    };
    unsigned devices = 0;

    symbol(nvml->library, "nvmlInit_v2", &init);
    symbol(nvml->library, "nvmlDeviceGetCount_v2", &count);
    symbol(nvml->library, "nvmlDeviceGetHandleByIndex_v2", &handle);
    symbol(nvml->library, "nvmlDeviceGetName", &name);
    symbol(nvml->library, "nvmlShutdown", &nvml->shutdown);
    symbol(nvml->library, "nvmlDeviceGetTemperature", &nvml->temperature);
    symbol(nvml->library, "nvmlDeviceGetPowerUsage", &nvml->power);
    symbol(nvml->library, "nvmlDeviceGetTotalEnergyConsumption", &nvml->energy);
    symbol(nvml->library, "nvmlDeviceGetUtilizationRates", &nvml->utilisation);
    symbol(nvml->library, "nvmlDeviceGetClockInfo", &nvml->clock);
    if (!init || !count || !handle || !name || !nvml->shutdown)
        return "libnvidia-ml.so.1 lacks functions that are asked for";
    if (init() != 0 || count(&devices) != 0 || devices == 0)
        return "libnvidia-ml.so.1 finds no device";
    for (unsigned d = 0; d < devices && d < DEVICES_MOST; d++) {
        char  text[64] = "";
        void *device;

        if (handle(d, &device) != 0)
            continue;
        name(device, text, sizeof text);
        text[sizeof text - 1] = '\0';
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            nyx_device__sensor *sensor = nyx_device__sensor_add(s, "nvml", text, kinds[k].label, kinds[k].quantity);

            if (!sensor)
                return "memory ran out";
            sensor->kind = SENSOR_NVML;
            sensor->scale = kinds[k].scale;
            sensor->handle = device;
            sensor->said.processor = kinds[k].quantity == NYX_ENERGY; /* no device takes none */
        }
    }
    return NULL;
}

nyx_device__nvml *nyx_device__nvml_open(nyx_sensors *s, const char *root, char *reason, size_t room)
{
    nyx_device__nvml *nvml;
    char              path[512];
    const char       *why;

    snprintf(path, sizeof path, "%s%slibnvidia-ml.so.1", root, root[0] ? "/lib/" : "");
    if (nyx_alloc(&nvml, sizeof *nvml) < 0)
        return NULL;
    nvml->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    why = nvml->library ? add_devices(nvml, s) : "no libnvidia-ml.so.1; it comes with NVIDIA's driver";
    snprintf(reason, room, "%s", why ? why : "");
    if (!why)
        return nvml;
    nyx_device__nvml_close(nvml);
    return NULL;
}

void nyx_device__nvml_close(nyx_device__nvml *nvml)
{
    if (!nvml)
        return;
    if (nvml->shutdown)
        nvml->shutdown();
    if (nvml->library)
        dlclose(nvml->library);
    nyx_free(nvml);
}

double nyx_device__nvml_read(nyx_device__nvml *nvml, const nyx_device__sensor *sensor)
{
    unsigned           value = 0, both[2] = { 0 };
    unsigned long long total = 0;

    switch (sensor->said.quantity) {
    case NYX_TEMPERATURE:
        return nvml->temperature && nvml->temperature(sensor->handle, SENSOR_GPU, &value) == 0 ? (double)value : NAN;
    case NYX_POWER:
        return nvml->power && nvml->power(sensor->handle, &value) == 0 ? (double)value : NAN;
    case NYX_ENERGY:
        return nvml->energy && nvml->energy(sensor->handle, &total) == 0 ? (double)total : NAN;
    case NYX_CLOCK:
        return nvml->clock && nvml->clock(sensor->handle, CLOCK_SM, &value) == 0 ? (double)value : NAN;
    default:
        return nvml->utilisation && nvml->utilisation(sensor->handle, both) == 0 ? (double)both[0] : NAN;
    }
}

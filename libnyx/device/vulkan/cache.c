/* cache -- what the driver compiled, kept in a file for the next time.
 *
 * One file a device and driver. Whatever does not fit is as good as no file:
 * a cache never makes anything fail. Drivers have been seen to crash on what
 * another version of them wrote, so a file is read only when header and hash
 * say that it is whole and of this very driver; what the driver checks itself
 * comes on top. */
#include "device/vulkan/vulkan.h"

#include "base/caches.h"

#include <string.h>
#include <sys/stat.h>

enum { SCHEMA = 1 };
static const char    magic[8] = "nyxvkpc";
static const int64_t bytes_most = 256 << 20;

typedef struct {
    char                magic[8];
    uint32_t            schema;
    nyx_vulkan__version version;
    uint64_t            bytes; /* that follow, */
    char                hash[NYX_SHA256_HEX - 1]; /* and their SHA-256 in hexadecimal digits */
} header;
_Static_assert(sizeof(header) == 112, "the header of a cache has no holes");

static header header_of(const nyx_vulkan__version *version, const void *data, int64_t bytes)
{
    header h = { .schema = SCHEMA, .version = *version, .bytes = (uint64_t)bytes };
    char   hash[NYX_SHA256_HEX];

    memcpy(h.magic, magic, sizeof magic);
    nyx_sha256_bytes(hash, data, bytes);
    memcpy(h.hash, hash, sizeof h.hash);
    return h;
}

void nyx_vulkan__cache_read(char **out, int64_t *bytes, const char *path, const nyx_vulkan__version *version)
{
    char   *file = NULL;
    int64_t all;

    *out = NULL;
    *bytes = 0;
    if (nyx_file_read(&file, &all, path, bytes_most) == 0 && all > (int64_t)sizeof(header)) {
        const header h = header_of(version, file + sizeof h, all - (int64_t)sizeof h);

        if (!memcmp(file, &h, sizeof h) && nyx_alloc(out, all - (int64_t)sizeof h) == 0) {
            *bytes = all - (int64_t)sizeof h;
            memcpy(*out, file + sizeof h, (size_t)*bytes);
        }
    }
    nyx_free(file);
}

/* The folders on the way to a file; those that cannot be made are missed later. */
void nyx_vulkan__make_folders(const char *path)
{
    char *part;

    if (nyx_text_copy(&part, path) < 0)
        return;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(part, 0700);
        *slash = '/';
    }
    nyx_free(part);
}

void nyx_vulkan__cache_write(const char *path, const nyx_vulkan__version *version, const void *data, int64_t bytes)
{
    const header h = header_of(version, data, bytes);
    nyx_output  *out;

    nyx_vulkan__make_folders(path);
    if (nyx_output_open(&out, path) < 0)
        return;
    if (nyx_output_write(out, &h, sizeof h) < 0 || nyx_output_write(out, data, bytes) < 0)
        nyx_output_discard(out);
    else
        (void)!nyx_output_commit(out);
}

/* ---- of a GPU ------------------------------------------------------------------------ */

nyx_vulkan__version nyx_vulkan__version_of(const nyx_vulkan__gpu *gpu)
{
    VkPhysicalDeviceProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2 };
    nyx_vulkan__version         version = { 0 };

    gpu->vk.GetPhysicalDeviceProperties2(gpu->physical, &all);
    version.vendor = all.properties.vendorID;
    version.device = all.properties.deviceID;
    version.driver = all.properties.driverVersion;
    memcpy(version.uuid, all.properties.pipelineCacheUUID, sizeof version.uuid);
    return version;
}

int nyx_vulkan__cache_path(const nyx_vulkan__gpu *gpu, char **out, const char *ending)
{
    const nyx_vulkan__version version = nyx_vulkan__version_of(gpu);
    char                      hash[NYX_SHA256_HEX];

    nyx_sha256_bytes(hash, &version, sizeof version);
    return nyx_text_format(out, "%s/vulkan-%.16s.%s", nyx_cache_folder(), hash, ending);
}

/* A pipeline cache with what the file holds, else an empty one. */
VkResult nyx_vulkan__cache_open(nyx_vulkan__gpu *gpu)
{
    const nyx_vulkan__version version = nyx_vulkan__version_of(gpu);
    VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
    char                     *data = NULL;
    VkResult                  result;

    if (*nyx_cache_folder() && nyx_vulkan__cache_path(gpu, &gpu->cache_path, "cache") == 0)
        nyx_vulkan__cache_read(&data, &gpu->cache_bytes, gpu->cache_path, &version);
    info.initialDataSize = (size_t)gpu->cache_bytes;
    info.pInitialData = data;
    result = gpu->vk.CreatePipelineCache(gpu->handle, &info, NULL, &gpu->cache);
    if (result != VK_SUCCESS && data) {
        info.initialDataSize = 0;
        info.pInitialData = NULL;
        gpu->cache_bytes = 0;
        result = gpu->vk.CreatePipelineCache(gpu->handle, &info, NULL, &gpu->cache);
    }
    nyx_free(data);
    return result;
}

/* Another size than what was read: something was compiled. Written unless the
 * device failed. */
void nyx_vulkan__cache_close(nyx_vulkan__gpu *gpu)
{
    size_t bytes = 0;
    char  *data = NULL;

    if (gpu->cache && gpu->cache_path && gpu->device->status == 0 && gpu->pipeline_count > 0 &&
        gpu->vk.GetPipelineCacheData(gpu->handle, gpu->cache, &bytes, NULL) == VK_SUCCESS && bytes > 0 &&
        (int64_t)bytes != gpu->cache_bytes && nyx_alloc(&data, (int64_t)bytes) == 0 &&
        gpu->vk.GetPipelineCacheData(gpu->handle, gpu->cache, &bytes, data) == VK_SUCCESS) {
        const nyx_vulkan__version version = nyx_vulkan__version_of(gpu);

        nyx_vulkan__cache_write(gpu->cache_path, &version, data, (int64_t)bytes);
    }
    nyx_free(data);
    nyx_free(gpu->cache_path);
    if (gpu->cache)
        gpu->vk.DestroyPipelineCache(gpu->handle, gpu->cache, NULL);
}

/* tune_file -- the table of what was measured, as lines of JSON.
 *
 * Only what we wrote is read: a line that does not look exactly so is damage,
 * and the whole file then counts for nothing, as one of another device does. */
#include "device/vulkan/tune.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const int64_t bytes_most = 16 << 20;

int nyx_vulkan__tune_distance(const nyx_vulkan__tune_entry *a, const nyx_vulkan__tune_entry *b)
{
    int steps = 0;

    if (strcmp(a->kernel, b->kernel) || strcmp(a->source, b->source) || strcmp(a->type, b->type) ||
        a->variant != b->variant)
        return -1;
    for (int i = 0; i < 3; i++)
        steps += abs(a->bucket[i] - b->bucket[i]);
    return steps;
}

/* What was measured of a kernel that is not as it was goes. */
int nyx_vulkan__tune_put(nyx_vulkan__tune_table *table, const nyx_vulkan__tune_entry *entry)
{
    int64_t kept = 0;
    int     status;

    for (int64_t i = 0; i < table->count; i++) {
        const nyx_vulkan__tune_entry *e = &table->entries[i];
        const bool stale = !strcmp(e->kernel, entry->kernel) && strcmp(e->source, entry->source);

        if (!stale && nyx_vulkan__tune_distance(e, entry) != 0)
            table->entries[kept++] = *e;
    }
    table->count = kept;
    if ((status = nyx_array_grow(&table->entries, &table->room, table->count, sizeof *table->entries, 16)) < 0)
        return status;
    table->entries[table->count++] = *entry;
    return 0;
}

/* ---- lines ----------------------------------------------------------------------- */

#define OWNER "{\"schema\":\"nyx.tune/1\",\"vendor\":%u,\"device\":%u,\"driver\":%u,\"name\":\"%s\"}\n"
#define ENTRY "{\"kernel\":\"%s\",\"source\":\"%s\",\"type\":\"%s\",\"variant\":%d,\"bucket\":[%d,%d,%d]," \
              "\"genome\":[%d,%d,%d,%d,%d,%d,%d,%d,%d],\"median_s\":%.9g,\"spread\":%.4g,\"usual_s\":%.9g," \
              "\"samples\":%lld,\"date\":\"%s\"}\n"
#define TAKEN "{\"kernel\":\"%15[a-z_]\",\"source\":\"%16[0-9a-f]\",\"type\":\"%7[a-z0-9]\",\"variant\":%d," \
              "\"bucket\":[%d,%d,%d],\"genome\":[%d,%d,%d,%d,%d,%d,%d,%d,%d],\"median_s\":%lf,\"spread\":%lf," \
              "\"usual_s\":%lf,\"samples\":%lld,\"date\":\"%10[0-9-]\"}"

static void print_owner(char *out, size_t room, const nyx_vulkan__tune_owner *owner)
{
    char name[sizeof owner->name];

    for (size_t i = 0; i < sizeof name; i++) /* a name needs no care in JSON then */
        name[i] = owner->name[i] == '"' || owner->name[i] == '\\' || (owner->name[i] > 0 && owner->name[i] < ' ')
                      ? '?'
                      : owner->name[i];
    snprintf(out, room, OWNER, owner->vendor, owner->device, owner->driver, name);
}

static void print_entry(char *out, size_t room, const nyx_vulkan__tune_entry *e)
{
    const int32_t *g = e->genome.genes;

    snprintf(out, room, ENTRY, e->kernel, e->source, e->type, e->variant, e->bucket[0], e->bucket[1], e->bucket[2],
             g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], e->found.median_s, e->found.spread, e->found.usual_s,
             (long long)e->found.samples, e->date);
}

/* A line that is printed as it was read. */
static bool take_entry(nyx_vulkan__tune_entry *e, const char *line, size_t length)
{
    int32_t  *g = e->genome.genes;
    long long samples;
    char      copy[768], again[768];

    *e = (nyx_vulkan__tune_entry){ .variant = 0 };
    if (length >= sizeof copy)
        return false;
    memcpy(copy, line, length);
    copy[length] = '\0';
    if (sscanf(copy, TAKEN, e->kernel, e->source, e->type, &e->variant, &e->bucket[0], &e->bucket[1], &e->bucket[2],
               &g[0], &g[1], &g[2], &g[3], &g[4], &g[5], &g[6], &g[7], &g[8], &e->found.median_s, &e->found.spread,
               &e->found.usual_s, &samples, e->date) != 21)
        return false;
    e->found.samples = samples;
    print_entry(again, sizeof again, e);
    return !strcmp(copy, again);
}

/* ---- the file ------------------------------------------------------------------------ */

static int take_lines(nyx_vulkan__tune_table *out, const char *text, const char *path,
                      const nyx_vulkan__tune_owner *owner)
{
    char first[512];
    int  line = 1, status;

    print_owner(first, sizeof first, owner);
    if (strncmp(text, first, strlen(first)))
        return nyx_error_set(strncmp(text, "{\"schema\":\"nyx.tune/1\"", 22) ? NYX_ERR_INPUT : NYX_ERR_UNSUPPORTED,
                             "'%s' is no table of this device and driver; nyx-bench --tune makes one", path);
    for (text += strlen(first); *text; line++) {
        const char            *end = strchr(text, '\n');
        nyx_vulkan__tune_entry entry;

        if (!end || !take_entry(&entry, text, (size_t)(end + 1 - text)))
            return nyx_error_set(NYX_ERR_INPUT, "'%s': line %d is damaged; nyx-bench --tune makes a new table", path,
                                 line + 1);
        if ((status = nyx_vulkan__tune_put(out, &entry)) < 0)
            return status;
        text = end + 1;
    }
    return 0;
}

int nyx_vulkan__tune_read(nyx_vulkan__tune_table *out, const char *path, const nyx_vulkan__tune_owner *owner)
{
    char   *text = NULL;
    int64_t bytes;
    int     status;

    *out = (nyx_vulkan__tune_table){ 0 };
    if (nyx_file_read(&text, &bytes, path, bytes_most) < 0)
        return 0; /* none, or none that can be read */
    status = (int64_t)strlen(text) == bytes
                 ? take_lines(out, text, path, owner)
                 : nyx_error_set(NYX_ERR_INPUT, "'%s' is no text; nyx-bench --tune makes a new table", path);
    nyx_free(text);
    if (status < 0) {
        nyx_free(out->entries);
        *out = (nyx_vulkan__tune_table){ 0 };
    }
    return status;
}

int nyx_vulkan__tune_write(const nyx_vulkan__tune_table *table, const char *path, const nyx_vulkan__tune_owner *owner)
{
    nyx_output *out;
    char        line[768];
    int         status = nyx_output_open(&out, path);

    if (status < 0)
        return status;
    print_owner(line, sizeof line, owner);
    status = nyx_output_write(out, line, (int64_t)strlen(line));
    for (int64_t i = 0; i < table->count && status == 0; i++) {
        print_entry(line, sizeof line, &table->entries[i]);
        status = nyx_output_write(out, line, (int64_t)strlen(line));
    }
    if (status == 0)
        return nyx_output_commit(out);
    nyx_output_discard(out);
    return status;
}

/* A file beside the table, which itself is replaced. -1: a file system without
 * locks is no reason not to keep what was found. */
static int lock(const char *path)
{
    char *beside;
    int   fd;

    if (nyx_text_format(&beside, "%s.lock", path) < 0)
        return -1;
    fd = open(beside, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    nyx_free(beside);
    while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
        ;
    return fd;
}

int nyx_vulkan__tune_add(const char *path, const nyx_vulkan__tune_owner *owner, const nyx_vulkan__tune_entry *entry)
{
    nyx_vulkan__tune_table table;
    const int              held = lock(path);
    int                    status = nyx_vulkan__tune_read(&table, path, owner);

    if (status != NYX_ERR_MEMORY && (status = nyx_vulkan__tune_put(&table, entry)) == 0)
        status = nyx_vulkan__tune_write(&table, path, owner);
    nyx_free(table.entries);
    if (held >= 0)
        close(held);
    return status;
}

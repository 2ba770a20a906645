/* images -- IDX files: "MNIST database", LeCun et al. 1998. Big-endian: two zero
 * bytes, the element type (8: unsigned bytes), the number of axes, their sizes
 * of 4 bytes each, the elements. */
#include "data/internal.h"
#include "data/tasks/tasks.h"

#include <string.h>

enum { AXES_MOST = 3, FILE_MOST = 1 << 30 };

typedef struct {
    char          *memory; /* ends with nyx_free */
    const uint8_t *values;
    int64_t        sizes[AXES_MOST];
} idx;

static int idx_read(idx *out, const char *path, int axes)
{
    int64_t bytes, count = 1, head = 4 + 4 * axes;
    int     status = nyx_members_read(&out->memory, &bytes, path, FILE_MOST);

    if (status < 0)
        return status;
    const uint8_t *at = (const uint8_t *)out->memory;

    if (bytes < head || at[0] || at[1] || at[2] != 8 || at[3] != axes)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' is no IDX file of unsigned bytes with %d axes", path, axes);
    for (int i = 0; i < axes; i++) {
        const uint8_t *size = at + 4 + 4 * i;

        out->sizes[i] = (int64_t)size[0] << 24 | (int64_t)size[1] << 16 | (int64_t)size[2] << 8 | size[3];
        if (out->sizes[i] < 1 || !nyx_size_mul(&count, count, out->sizes[i]) || count > FILE_MOST)
            return nyx_error_set(NYX_ERR_INPUT, "'%s': axis %d at byte %d has the size %lld", path, i, 4 + 4 * i,
                                 (long long)out->sizes[i]);
    }
    if (bytes != head + count)
        return nyx_error_set(NYX_ERR_INPUT, "'%s' has %lld bytes behind its head, its sizes say %lld", path,
                             (long long)(bytes - head), (long long)count);
    out->values = at + head;
    return 0;
}

static int fill(struct nyx_split *split, const idx *images, const idx *labels, int64_t first, int64_t rows)
{
    const int64_t length = images->sizes[1] * images->sizes[2];
    int           status;

    if ((status = nyx_alloc(&split->inputs, rows * length * (int64_t)sizeof *split->inputs)) < 0 ||
        (status = nyx_alloc(&split->targets, rows * (int64_t)sizeof *split->targets)) < 0)
        return status;
    split->rows = rows;
    for (int64_t i = 0; i < rows * length; i++)
        split->inputs[i] = images->values[first * length + i];
    for (int64_t i = 0; i < rows; i++)
        split->targets[i] = labels->values[first + i];
    return 0;
}

int nyx_images_read(nyx_dataset *out, const char *images_path, const char *labels_path, int64_t test_rows)
{
    idx     images = { 0 }, labels = { 0 };
    int64_t rows;
    int     status;

    *out = (nyx_dataset){ .kind = "images", .vocabulary = 256, .ignore = -1, .puzzles = 1 };
    if ((status = idx_read(&images, images_path, 3)) < 0 || (status = idx_read(&labels, labels_path, 1)) < 0)
        goto done;
    rows = images.sizes[0];
    if (labels.sizes[0] != rows)
        status = nyx_error_set(NYX_ERR_INPUT, "'%s' has %lld labels for the %lld images of '%s'", labels_path,
                               (long long)labels.sizes[0], (long long)rows, images_path);
    else if (test_rows > rows)
        status = nyx_error_set(NYX_ERR_USAGE, "%lld test rows of %lld images", (long long)test_rows, (long long)rows);
    if (status < 0)
        goto done;
    test_rows = test_rows < 0 ? rows : test_rows;
    out->length = images.sizes[1] * images.sizes[2];
    if ((status = fill(&out->train, &images, &labels, 0, rows - test_rows)) == 0)
        status = fill(&out->test, &images, &labels, rows - test_rows, test_rows);
done:
    nyx_free(images.memory);
    nyx_free(labels.memory);
    if (status < 0)
        nyx_dataset_release(out);
    return status;
}

int nyx_tasks_write(const nyx_dataset *dataset, const char *path, const char *program, nyx_json *options)
{
    return nyx_data__write(dataset, path, program, options);
}

/* The idx format of MNIST: big-endian magic 0x000008DD (unsigned bytes, DD dimensions), DD sizes, the bytes. */
#include "base/log.h"
#include "base/memory.h"
#include "io/images/import_folder.h"
#include "io/images/import_formats.h"
#include "io/images/inflate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_FILE (INT64_C(1) << 32)
#define LARGEST_SIDE 4096

static const struct {
    const char *images[2], *labels[2]; /* the official name, and the one that some mirrors give it */
    int64_t expected;
} splits[APD_SPLITS] = {{{"train-images-idx3-ubyte", "train-images.idx3-ubyte"},
                         {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte"},
                         60000},
                        {{"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"},
                         {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"},
                         10000}};

typedef struct idx_file {
    char *path;
    uint8_t *bytes; /* the whole file */
    int64_t sizes[3];
    int64_t header; /* bytes before the values */
} idx_file;

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static apd_status check_idx(idx_file *idx, int dimensions, int64_t size, apd_error *error) {
    uint32_t magic = 0x800U + (uint32_t)dimensions;
    idx->header = 4 + 4 * dimensions;
    if (size < idx->header)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: its size in bytes is %" PRId64 "; an idx header has %" PRId64, idx->path, size,
                        idx->header);
    if (big_endian(idx->bytes) != magic)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: begins with 0x%08" PRIx32
                        "; an idx file of unsigned bytes and %d dimension(s) begins with "
                        "0x%08" PRIx32,
                        idx->path, big_endian(idx->bytes), dimensions, magic);
    int64_t values = 1;
    for (int d = 0; d < dimensions; d++) {
        int64_t most = d == 0 ? LARGEST_FILE : LARGEST_SIDE;
        idx->sizes[d] = big_endian(idx->bytes + 4 + 4 * d);
        if (idx->sizes[d] < 1 || idx->sizes[d] > most)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: dimension %d is %" PRId64 "; it must be 1 to %" PRId64, idx->path, d,
                            idx->sizes[d], most);
        values *= idx->sizes[d]; /* at most 2^56 */
    }
    if (size != idx->header + values)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: its size in bytes is %" PRId64 ", and its header says %" PRId64
                        "; download it again",
                        idx->path, size, idx->header + values);
    return APD_OK;
}

static apd_status read_idx(const char *folder, const char *const names[2], int dimensions, idx_file *idx,
                           apd_error *error) {
    for (int i = 0; i < 2 && idx->path == NULL; i++)
        idx->path = apd_inflate_find(folder, names[i]);
    if (idx->path == NULL)
        return apd_fail(error, APD_ERROR_IO, "%s: there is no %s, %s.gz or %s.xz; put it there", folder,
                        names[0], names[0], names[0]);
    int64_t size;
    apd_progress("reading %s", idx->path);
    APD_TRY(apd_inflate_file(idx->path, LARGEST_FILE, &idx->bytes, &size, error));
    return check_idx(idx, dimensions, size, error);
}

static void clear_idx(idx_file *idx) {
    free(idx->path);
    free(idx->bytes);
}

static apd_status take(apd_dataset_content *content, apd_split split, const idx_file *images,
                       const idx_file *labels, apd_error *error) {
    apd_image_shape shape = {1, (int)images->sizes[1], (int)images->sizes[2]};
    if (images->sizes[0] != labels->sizes[0])
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: the number of labels is %" PRId64 ", and that of images in %s is %" PRId64
                        "; they must be equal",
                        labels->path, labels->sizes[0], images->path, images->sizes[0]);
    if (split == APD_SPLIT_TRAIN)
        content->shape = shape;
    else if (shape.height != content->shape.height || shape.width != content->shape.width)
        return apd_fail(
            error, APD_ERROR_DATA,
            "%s: its images are %d x %d, and the training images %d x %d; they must have one size",
            images->path, shape.height, shape.width, content->shape.height, content->shape.width);
    int64_t count = images->sizes[0];
    APD_TRY(apd_content_allocate(images->path, content, split, count, false, error));
    memcpy(content->images[split], images->bytes + images->header,
           (size_t)(count * shape.height * shape.width));
    for (int64_t i = 0; i < count; i++) {
        int label = labels->bytes[labels->header + i];
        content->labels[split][i] = label;
        content->classes = label >= content->classes ? label + 1 : content->classes;
    }
    if (count != splits[split].expected)
        apd_warn("%s: the number of images is %" PRId64 "; MNIST and Fashion-MNIST have %" PRId64,
                 images->path, count, splits[split].expected);
    return APD_OK;
}

static apd_status read_split(const char *path, apd_dataset_content *content, apd_split split,
                             apd_error *error) {
    idx_file images = {0}, labels = {0};
    apd_status status;
    APD_GO(read_idx(path, splits[split].images, 3, &images, error));
    APD_GO(read_idx(path, splits[split].labels, 1, &labels, error));
    APD_GO(take(content, split, &images, &labels, error));
out:
    clear_idx(&images);
    clear_idx(&labels);
    return status;
}

apd_status apd_import_mnist(const char *path, apd_dataset_content *content, apd_error *error) {
    *content = (apd_dataset_content){.source = "mnist"};
    for (int split = 0; split < APD_SPLITS; split++)
        APD_TRY(read_split(path, content, (apd_split)split, error));
    return APD_OK;
}

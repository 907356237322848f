/* Writing a data file. */
#include "base/digest.h"
#include "base/memory.h"
#include "io/data/dataset.h"
#include "io/data/pixels.h"
#include "io/hdf5/h5.h"
#include "io/system/durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t *make_digests(const apd_dataset_content *content, apd_split split) {
    int64_t count = content->count[split];
    size_t bytes =
        (size_t)content->shape.channels * (size_t)content->shape.height * (size_t)content->shape.width;
    uint64_t *digests = apd_allocate(count, sizeof *digests, "image digests");
    for (int64_t i = 0; i < count; i++)
        digests[i] = apd_digest(content->images[split] + (size_t)i * bytes, bytes);
    return digests;
}

static apd_status write_labels(hid_t group, const char *name, int64_t count, const int32_t *labels,
                               apd_error *error) {
    hsize_t size = (hsize_t)count;
    if (labels == NULL)
        return APD_OK;
    return apd_h5_write(group, name, H5T_STD_I32LE, 1, &size, false, H5T_NATIVE_INT32, labels, error);
}

/* Writes a split and joins its part to the data's digest. */
static apd_status write_split(hid_t file, const apd_dataset_content *content, apd_split split,
                              uint64_t *digest, apd_error *error) {
    int64_t count = content->count[split];
    hsize_t sizes[4] = {(hsize_t)count, (hsize_t)content->shape.channels, (hsize_t)content->shape.height,
                        (hsize_t)content->shape.width};
    uint64_t *digests = make_digests(content, split);
    hid_t group = -1;
    apd_status status;
    APD_GO(apd_h5_group_create(file, apd_split_names[split], &group, error));
    APD_GO(apd_h5_write(group, "images", H5T_STD_U8LE, 4, sizes, false, H5T_NATIVE_UINT8,
                        content->images[split], error));
    APD_GO(write_labels(group, "labels", count, content->labels[split], error));
    APD_GO(write_labels(group, "coarse_labels", count, content->coarse[split], error));
    APD_GO(apd_h5_write(group, "image_digests", H5T_STD_U64LE, 1, sizes, false, H5T_NATIVE_UINT64, digests,
                        error));
    uint64_t images = apd_digest(digests, (size_t)count * sizeof *digests);
    *digest = apd_digest_join(
        *digest, apd_dataset_split_digest(count, content->labels[split], content->coarse[split], images));
out:
    apd_h5_group_close(group);
    free(digests);
    return status;
}

static apd_status write_facts(hid_t file, const apd_dataset_content *content, uint64_t digest,
                              apd_error *error) {
    int channels = content->shape.channels;
    apd_pixel_sums sums = {0};
    apd_pixel_sums_add(&sums, content->shape, false, content->count[APD_SPLIT_TRAIN],
                       content->images[APD_SPLIT_TRAIN]);
    apd_normalisation found = apd_pixel_sums_moments(&sums, false);
    if (content->class_names != NULL)
        APD_TRY(apd_h5_texts_write(file, "class_names", content->classes, content->class_names, error));
    if (content->coarse_names != NULL)
        APD_TRY(
            apd_h5_texts_write(file, "coarse_names", content->coarse_classes, content->coarse_names, error));
    APD_TRY(apd_h5_text_write(file, "source", content->source, error));
    APD_TRY(apd_h5_attribute_write(file, "channel_mean", H5T_IEEE_F32LE, channels, H5T_NATIVE_FLOAT,
                                   found.mean, error));
    APD_TRY(apd_h5_attribute_write(file, "channel_std", H5T_IEEE_F32LE, channels, H5T_NATIVE_FLOAT,
                                   found.deviation, error));
    return apd_h5_attribute_write(file, "digest", H5T_STD_U64LE, 1, H5T_NATIVE_UINT64, &digest, error);
}

static apd_status write_file(const char *path, const apd_dataset_content *content, uint64_t *digest,
                             apd_error *error) {
    hid_t file = -1;
    uint64_t joined = apd_dataset_shape_digest(content->shape, false);
    apd_status status;
    APD_GO(apd_h5_create(path, &file, error));
    for (int split = 0; split < APD_SPLITS; split++)
        APD_GO(write_split(file, content, (apd_split)split, &joined, error));
    APD_GO(write_facts(file, content, joined, error));
    *digest = joined;
out:;
    apd_status closed = apd_h5_close(&file, path, error);
    return status != APD_OK ? status : closed;
}

static void check_labels(const int32_t *labels, int64_t count, int classes) {
    for (int64_t i = 0; i < count; i++)
        APD_ASSERT(labels[i] >= 0 && labels[i] < classes);
}

/* Contents come from the program's own importers, so a fault in one is a fault of the program. */
static void check_content(const apd_dataset_content *content) {
    const apd_image_shape shape = content->shape;
    APD_ASSERT(content->source != NULL && shape.channels >= 1 && shape.channels <= APD_MAX_CHANNELS);
    APD_ASSERT(shape.height >= 1 && shape.height <= APD_DATASET_MAX_SIDE);
    APD_ASSERT(shape.width >= 1 && shape.width <= APD_DATASET_MAX_SIDE);
    for (int split = 0; split < APD_SPLITS; split++) {
        APD_ASSERT(content->count[split] >= 1 && content->images[split] != NULL);
        APD_ASSERT(content->labels[split] != NULL);
        check_labels(content->labels[split], content->count[split], content->classes);
        if (content->coarse[split] != NULL)
            check_labels(content->coarse[split], content->count[split], content->coarse_classes);
    }
}

apd_status apd_dataset_write(const char *path, const apd_dataset_content *content, uint64_t *digest,
                             apd_error *error) {
    check_content(content);
    char *temporary;
    uint64_t written;
    if (asprintf(&temporary, "%s.tmp", path) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", path);
    apd_status status = write_file(temporary, content, &written, error);
    if (status == APD_OK)
        status = apd_rename_durably(temporary, path, error);
    if (status == APD_OK && digest != NULL)
        *digest = written;
    if (status != APD_OK)
        (void)unlink(temporary);
    free(temporary);
    return status;
}

void apd_dataset_content_clear(apd_dataset_content *content) {
    for (int split = 0; split < APD_SPLITS; split++) {
        free(content->images[split]);
        free(content->labels[split]);
        free(content->coarse[split]);
    }
    apd_h5_texts_free(content->classes, content->class_names);
    apd_h5_texts_free(content->coarse_classes, content->coarse_names);
    *content = (apd_dataset_content){0};
}

#include "io/data/dataset.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/data/image_array.h"
#include "io/data/pixels.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/read_driver.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (8 << 20)

struct apd_dataset_handles {
    hid_t file;
    hid_t images[APD_SPLITS];
    uint64_t *digests[APD_SPLITS]; /* (N) or NULL */
};

/* --- images ------------------------------------------------------------------------------------------ */

static apd_status open_images(apd_dataset *dataset, apd_split split, apd_error *error) {
    char name[64];
    (void)snprintf(name, sizeof name, "/%s/images", apd_split_names[split]);
    if (!apd_h5_exists(dataset->handles->file, name))
        return apd_fail(error, APD_ERROR_DATA, "%s: there is no %s; `apd import` makes files that have it",
                        dataset->path, name);
    apd_h5_shape found;
    APD_TRY(apd_h5_set_open(dataset->handles->file, name, &dataset->handles->images[split], &found, error));
    APD_TRY(apd_image_array_check(dataset->path, name, &found, error));
    apd_image_shape shape = {(int)found.sizes[1], (int)found.sizes[2], (int)found.sizes[3]};
    bool is_float = found.kind == H5T_FLOAT;
    if (split == APD_SPLIT_TRAIN) {
        dataset->shape = shape;
        dataset->is_float = is_float;
        dataset->image_bytes =
            (int64_t)shape.channels * shape.height * shape.width * (int64_t)found.item_bytes;
    } else if (memcmp(&shape, &dataset->shape, sizeof shape) != 0 || is_float != dataset->is_float) {
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: %s: its images are %d x %d x %d %s, those of /train are %d x %d x %d %s",
                        dataset->path, name, shape.channels, shape.height, shape.width,
                        is_float ? "float32" : "uint8", dataset->shape.channels, dataset->shape.height,
                        dataset->shape.width, dataset->is_float ? "float32" : "uint8");
    }
    dataset->count[split] = (int64_t)found.sizes[0];
    return APD_OK;
}

static apd_status open_digests(apd_dataset *dataset, apd_split split, apd_error *error) {
    char name[64];
    (void)snprintf(name, sizeof name, "/%s/image_digests", apd_split_names[split]);
    if (!apd_h5_exists(dataset->handles->file, name))
        return APD_OK;
    void *digests;
    APD_TRY(apd_h5_read_list(dataset->handles->file, name, H5T_NATIVE_UINT64, dataset->count[split], &digests,
                             error));
    dataset->handles->digests[split] = digests;
    return APD_OK;
}

/* --- labels ------------------------------------------------------------------------------------------ */

static apd_status check_labels(const char *path, const char *name, int64_t count, const int32_t *labels,
                               int *classes, apd_error *error) {
    for (int64_t i = 0; i < count; i++) {
        if (labels[i] < 0 || labels[i] >= APD_DATASET_MAX_CLASSES)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: %s: entry %" PRId64 " is %" PRId32 "; it must be 0 to %d", path, name, i,
                            labels[i], APD_DATASET_MAX_CLASSES - 1);
        if (labels[i] >= *classes)
            *classes = labels[i] + 1;
    }
    return APD_OK;
}

/* Read /SPLIT/`what` into `*labels` and raise `*classes`. */
static apd_status open_labels(apd_dataset *dataset, apd_split split, const char *what, bool required,
                              int32_t **labels, int *classes, apd_error *error) {
    char name[64];
    (void)snprintf(name, sizeof name, "/%s/%s", apd_split_names[split], what);
    bool present = apd_h5_exists(dataset->handles->file, name);
    if (!present && required)
        return apd_fail(error, APD_ERROR_DATA, "%s: there is no %s; each image needs a label", dataset->path,
                        name);
    if (!present)
        return APD_OK;
    void *read;
    APD_TRY(apd_h5_read_list(dataset->handles->file, name, H5T_NATIVE_INT32, dataset->count[split], &read,
                             error));
    *labels = read;
    return check_labels(dataset->path, name, dataset->count[split], *labels, classes, error);
}

static apd_status open_names(apd_dataset *dataset, const char *name, int classes, char ***names,
                             apd_error *error) {
    if (classes == 0 || !apd_h5_exists(dataset->handles->file, name))
        return APD_OK;
    int64_t count;
    char **found;
    APD_TRY(apd_h5_texts_read(dataset->handles->file, name, &count, &found, error));
    if (count < classes) {
        apd_h5_texts_free(count, found);
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: %s: the number of names is %" PRId64
                        "; the labels need %d, one for each class in order",
                        dataset->path, name, count, classes);
    }
    for (int64_t i = classes; i < count; i++)
        free(found[i]);
    *names = found;
    return APD_OK;
}

static apd_status open_split(apd_dataset *dataset, apd_split split, apd_error *error) {
    APD_TRY(open_images(dataset, split, error));
    APD_TRY(open_labels(dataset, split, "labels", true, &dataset->labels[split], &dataset->classes, error));
    APD_TRY(open_labels(dataset, split, "coarse_labels", false, &dataset->coarse[split],
                        &dataset->coarse_classes, error));
    return open_digests(dataset, split, error);
}

/* --- moments and identity ---------------------------------------------------------------------------- */

static apd_status compute_moments(apd_dataset *dataset, apd_error *error) {
    int64_t count = dataset->count[APD_SPLIT_TRAIN];
    int64_t chunk = CHUNK_BYTES / dataset->image_bytes + 1;
    chunk = chunk < count ? chunk : count;
    APD_TRY(apd_memory_limit_check(dataset->path, "images", chunk, (size_t)dataset->image_bytes, error));
    void *images = apd_allocate(chunk, (size_t)dataset->image_bytes, "images");
    int64_t *indices = apd_allocate(chunk, sizeof *indices, "indices");
    apd_pixel_sums sums = {0};
    apd_status status = APD_OK;
    for (int64_t first = 0; first < count && status == APD_OK; first += chunk) {
        int64_t now = first + chunk <= count ? chunk : count - first;
        for (int64_t i = 0; i < now; i++)
            indices[i] = first + i;
        status = apd_dataset_read(dataset, APD_SPLIT_TRAIN, indices, now, images, error);
        if (status == APD_OK)
            apd_pixel_sums_add(&sums, dataset->shape, dataset->is_float, now, images);
    }
    if (status == APD_OK)
        dataset->normalisation = apd_pixel_sums_moments(&sums, dataset->is_float);
    free(indices);
    free(images);
    return status;
}

static apd_status find_moments(apd_dataset *dataset, apd_error *error) {
    hid_t file = dataset->handles->file;
    int channels = dataset->shape.channels;
    float *mean = dataset->normalisation.mean, *deviation = dataset->normalisation.deviation;
    if (apd_h5_attribute_exists(file, "channel_mean") && apd_h5_attribute_exists(file, "channel_std")) {
        APD_TRY(apd_h5_attribute_read(file, "channel_mean", channels, H5T_NATIVE_FLOAT, mean, error));
        APD_TRY(apd_h5_attribute_read(file, "channel_std", channels, H5T_NATIVE_FLOAT, deviation, error));
    } else {
        APD_TRY(compute_moments(dataset, error));
    }
    for (int c = 0; c < channels; c++) {
        if (!isfinite(mean[c]) || !isfinite(deviation[c]) || deviation[c] < 0)
            return apd_fail(
                error, APD_ERROR_DATA,
                "%s: channel %d has mean %g and standard deviation %g; both must be finite, the deviation at "
                "least 0",
                dataset->path, c, (double)mean[c], (double)deviation[c]);
        if (deviation[c] == 0)
            deviation[c] = 1;
    }
    return APD_OK;
}

/* The digest of all image digests, or of the first and last image where there are none. */
static apd_status images_digest(apd_dataset *dataset, apd_split split, uint64_t *digest, apd_error *error) {
    int64_t count = dataset->count[split];
    if (dataset->handles->digests[split] != NULL) {
        *digest = apd_digest(dataset->handles->digests[split], (size_t)count * sizeof(uint64_t));
        return APD_OK;
    }
    const int64_t ends[2] = {0, count - 1};
    APD_TRY(apd_memory_limit_check(dataset->path, "images", 2, (size_t)dataset->image_bytes, error));
    uint8_t *images = apd_allocate(2, (size_t)dataset->image_bytes, "two images");
    apd_status status = apd_dataset_read(dataset, split, ends, 2, images, error);
    if (status == APD_OK)
        *digest = apd_digest(images, 2 * (size_t)dataset->image_bytes);
    free(images);
    return status;
}

static apd_status find_digest(apd_dataset *dataset, int splits, apd_error *error) {
    uint64_t digest = apd_dataset_shape_digest(dataset->shape, dataset->is_float), stored;
    for (int split = 0; split < splits; split++) {
        uint64_t images;
        APD_TRY(images_digest(dataset, (apd_split)split, &images, error));
        digest =
            apd_digest_join(digest, apd_dataset_split_digest(dataset->count[split], dataset->labels[split],
                                                             dataset->coarse[split], images));
    }
    dataset->digest = digest;
    if (splits < APD_SPLITS || !apd_h5_attribute_exists(dataset->handles->file, "digest"))
        return APD_OK;
    APD_TRY(apd_h5_attribute_read(dataset->handles->file, "digest", 1, H5T_NATIVE_UINT64, &stored, error));
    if (stored != digest)
        return apd_fail(
            error, APD_ERROR_DATA,
            "%s: labels or image digests are not those that were written (their digest is %016" PRIx64
            ", not %016" PRIx64 "): the file is damaged or was edited; import it again",
            dataset->path, digest, stored);
    return APD_OK;
}

/* --- open and close ---------------------------------------------------------------------------------- */

static apd_status open_all(apd_dataset *dataset, int splits, apd_error *error) {
    APD_TRY(apd_h5_open(dataset->path, &dataset->handles->file, error));
    for (int split = 0; split < splits; split++)
        APD_TRY(open_split(dataset, (apd_split)split, error));
    if (splits == APD_SPLITS &&
        (dataset->coarse[APD_SPLIT_TRAIN] == NULL) != (dataset->coarse[APD_SPLIT_TEST] == NULL))
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: coarse_labels is in one of /train and /test; it must be in both or in neither",
                        dataset->path);
    APD_TRY(find_digest(dataset, splits, error)); /* first: a changed label would look like a missing name */
    APD_TRY(open_names(dataset, "/class_names", dataset->classes, &dataset->class_names, error));
    APD_TRY(open_names(dataset, "/coarse_names", dataset->coarse_classes, &dataset->coarse_names, error));
    return find_moments(dataset, error);
}

/* Open the first `splits` splits. */
static apd_status open_splits(const char *path, int splits, apd_dataset **out, apd_error *error) {
    apd_dataset *dataset = apd_allocate(1, sizeof *dataset, "a data set");
    dataset->path = apd_duplicate_text(path);
    dataset->handles = apd_allocate(1, sizeof *dataset->handles, "a data file");
    *dataset->handles = (struct apd_dataset_handles){.file = -1, .images = {-1, -1}};
    const char *former = apd_h5_guard_begin(path);
    apd_status status = apd_h5_check_refused(open_all(dataset, splits, error), error);
    if (status != APD_OK)
        apd_dataset_close(dataset);
    apd_h5_guard_end(former);
    if (status == APD_OK)
        *out = dataset;
    return status;
}

apd_status apd_dataset_open(const char *path, apd_dataset **out, apd_error *error) {
    return open_splits(path, APD_SPLITS, out, error);
}

apd_status apd_dataset_open_training(const char *path, apd_dataset **out, apd_error *error) {
    return open_splits(path, APD_SPLIT_TRAIN + 1, out, error);
}

static void close_handles(apd_dataset *dataset) {
    const char *former = apd_h5_guard_begin(dataset->path);
    for (int split = 0; split < APD_SPLITS; split++) {
        apd_h5_set_close(dataset->handles->images[split]);
        free(dataset->handles->digests[split]);
    }
    (void)apd_h5_close(&dataset->handles->file, dataset->path, NULL);
    apd_h5_guard_end(former);
    free(dataset->handles);
}

void apd_dataset_close(apd_dataset *dataset) {
    if (dataset == NULL)
        return;
    for (int split = 0; split < APD_SPLITS; split++) {
        free(dataset->labels[split]);
        free(dataset->coarse[split]);
    }
    apd_h5_texts_free(dataset->classes, dataset->class_names);
    apd_h5_texts_free(dataset->coarse_classes, dataset->coarse_names);
    if (dataset->handles != NULL)
        close_handles(dataset);
    for (int p = 0; p < dataset->part_count; p++)
        apd_dataset_close(dataset->parts[p].file);
    free(dataset->parts);
    free(dataset->path);
    free(dataset);
}

/* --- reading ----------------------------------------------------------------------------------------- */

static apd_status check_image(const apd_dataset *dataset, apd_split split, int64_t index, const void *image,
                              apd_error *error) {
    const uint64_t *digests = dataset->handles->digests[split];
    if (digests != NULL && apd_digest(image, (size_t)dataset->image_bytes) != digests[index])
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: /%s/images: image %" PRId64
                        " is not the one that was written: the file is damaged; import it again",
                        dataset->path, apd_split_names[split], index);
    const float *values = image;
    int64_t count = dataset->is_float ? dataset->image_bytes / (int64_t)sizeof *values : 0;
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: /%s/images: image %" PRId64
                            " has a pixel that is not finite; export the data again",
                            dataset->path, apd_split_names[split], index);
    return APD_OK;
}

static apd_status read_images(apd_dataset *dataset, apd_split split, const int64_t *indices, int64_t count,
                              void *images, apd_error *error) {
    hid_t memory = dataset->is_float ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT8;
    uint8_t *bytes = images;
    for (int64_t first = 0, run; first < count; first += run) {
        for (run = 1; first + run < count && indices[first + run] == indices[first] + run; run++)
            continue;
        APD_ASSERT(indices[first] >= 0 && indices[first] + run <= dataset->count[split]);
        uint8_t *here = bytes + first * dataset->image_bytes;
        APD_TRY(apd_h5_rows_read(dataset->handles->images[split], indices[first], run, memory, here, error));
        for (int64_t i = 0; i < run; i++)
            APD_TRY(check_image(dataset, split, indices[first] + i, here + i * dataset->image_bytes, error));
    }
    return APD_OK;
}

/* Stretches of the indices that lie in one file, file by file. */
static apd_status read_parts(apd_dataset *dataset, apd_split split, const int64_t *indices, int64_t count,
                             void *images, apd_error *error) {
    int64_t *own = apd_allocate(count, sizeof *own, "indices");
    apd_status status = APD_OK;
    for (int64_t first = 0, end; first < count && status == APD_OK; first = end) {
        const apd_dataset_part *part = &dataset->parts[dataset->part_count - 1];
        while (indices[first] < part->first[split])
            part--;
        const int64_t begin = part->first[split], beyond = begin + part->file->count[split];
        for (end = first; end < count && indices[end] >= begin && indices[end] < beyond; end++)
            own[end - first] = indices[end] - begin;
        APD_ASSERT(end > first);
        status = apd_dataset_read(part->file, split, own, end - first,
                                  (uint8_t *)images + first * dataset->image_bytes, error);
    }
    free(own);
    return status;
}

apd_status apd_dataset_read(apd_dataset *dataset, apd_split split, const int64_t *indices, int64_t count,
                            void *images, apd_error *error) {
    if (dataset->part_count > 0)
        return read_parts(dataset, split, indices, count, images, error);
    const char *former = apd_h5_guard_begin(dataset->path);
    apd_status status =
        apd_h5_check_refused(read_images(dataset, split, indices, count, images, error), error);
    apd_h5_guard_end(former);
    return status;
}

/* Several data files as one data set (dataset.h). */
#include "base/digest.h"
#include "base/memory.h"
#include "io/data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_of(const apd_dataset *dataset) {
    return dataset->is_float ? "float32" : "uint8";
}

/* Whether `file` can follow the parts so far. */
static apd_status check_file(const apd_dataset *joined, const apd_dataset *file, apd_error *error) {
    const apd_dataset *first = joined->parts[0].file;
    const apd_image_shape a = file->shape, b = first->shape;
    if (memcmp(&a, &b, sizeof a) != 0 || file->is_float != first->is_float)
        return apd_fail(
            error, APD_ERROR_DATA,
            "%s: its images are %d x %d x %d %s, those of %s are %d x %d x %d %s; the data files of one "
            "stream need the same",
            file->path, a.channels, a.height, a.width, kind_of(file), first->path, b.channels, b.height,
            b.width, kind_of(first));
    for (int p = 0; p < joined->part_count; p++)
        if (joined->parts[p].file->digest == file->digest)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: it holds the same data as %s (digest %016" PRIx64 "); leave one of them out",
                            file->path, joined->parts[p].file->path, file->digest);
    if (joined->classes > APD_DATASET_MAX_CLASSES - file->classes)
        return apd_fail(error, APD_ERROR_DATA, "%s: with its %d classes the data set has more than %d",
                        file->path, file->classes, APD_DATASET_MAX_CLASSES);
    return APD_OK;
}

/* Behind the parts so far. */
static void add_file(apd_dataset *joined, apd_dataset *file) {
    apd_dataset_part *part = &joined->parts[joined->part_count];
    *part = (apd_dataset_part){
        .file = file,
        .first_class = joined->classes,
        .first_coarse = joined->coarse_classes,
        .digest = joined->part_count == 0 ? file->digest : apd_digest_join(part[-1].digest, file->digest)};
    for (int split = 0; split < APD_SPLITS; split++) {
        part->first[split] = joined->count[split];
        joined->count[split] += file->count[split];
    }
    joined->classes += file->classes;
    joined->coarse_classes += file->coarse_classes;
    joined->part_count++;
}

/* All files' labels of a kind, numbered on; those of a file without are -1. NULL if no file has any. */
static int32_t *join_labels(const apd_dataset *joined, apd_split split, bool coarse) {
    bool any = false;
    for (int p = 0; p < joined->part_count; p++)
        any = any || (coarse ? joined->parts[p].file->coarse : joined->parts[p].file->labels)[split] != NULL;
    if (!any)
        return NULL;
    int32_t *labels = apd_allocate(joined->count[split], sizeof *labels, "the labels");
    for (int p = 0; p < joined->part_count; p++) {
        const apd_dataset_part *part = &joined->parts[p];
        const int32_t *own = (coarse ? part->file->coarse : part->file->labels)[split];
        for (int64_t i = 0; i < part->file->count[split]; i++)
            labels[part->first[split] + i] =
                own == NULL ? -1 : own[i] + (int32_t)(coarse ? part->first_coarse : part->first_class);
    }
    return labels;
}

/* All files' names of a kind; NULL if no file has any, NULL for those of a file without. */
static char **join_names(const apd_dataset *joined, bool coarse) {
    bool any = false;
    const int count = coarse ? joined->coarse_classes : joined->classes;
    for (int p = 0; p < joined->part_count; p++)
        any = any ||
              (coarse ? joined->parts[p].file->coarse_names : joined->parts[p].file->class_names) != NULL;
    if (!any)
        return NULL;
    char **names = apd_allocate(count, sizeof *names, "the names of the classes");
    for (int p = 0; p < joined->part_count; p++) {
        const apd_dataset_part *part = &joined->parts[p];
        char *const *own = coarse ? part->file->coarse_names : part->file->class_names;
        const int first = coarse ? part->first_coarse : part->first_class;
        for (int c = 0; own != NULL && c < (coarse ? part->file->coarse_classes : part->file->classes); c++)
            names[first + c] = apd_duplicate_text(own[c]);
    }
    return names;
}

/* What the data set is besides its parts. */
static void join(apd_dataset *joined) {
    const apd_dataset *first = joined->parts[0].file;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s and %d more", first->path, joined->part_count - 1);
    joined->path = apd_duplicate_text(path);
    joined->shape = first->shape;
    joined->is_float = first->is_float;
    joined->image_bytes = first->image_bytes;
    joined->normalisation = first->normalisation;
    joined->digest = joined->parts[joined->part_count - 1].digest;
    for (int split = 0; split < APD_SPLITS; split++) {
        joined->labels[split] = join_labels(joined, (apd_split)split, false);
        joined->coarse[split] = join_labels(joined, (apd_split)split, true);
    }
    joined->class_names = join_names(joined, false);
    joined->coarse_names = join_names(joined, true);
}

apd_status apd_dataset_open_files(char *const *paths, int count, bool training, apd_dataset **out,
                                  apd_error *error) {
    apd_status (*const open)(const char *, apd_dataset **, apd_error *) =
        training ? apd_dataset_open_training : apd_dataset_open;
    if (count == 1)
        return open(paths[0], out, error);
    apd_dataset *joined = apd_allocate(1, sizeof *joined, "a data set");
    joined->parts = apd_allocate(count, sizeof *joined->parts, "data files");
    apd_status status = APD_OK;
    for (int f = 0; f < count; f++) {
        apd_dataset *file = NULL;
        APD_GO(open(paths[f], &file, error));
        if (f > 0)
            status = check_file(joined, file, error);
        if (status != APD_OK)
            apd_dataset_close(file);
        APD_GO(status);
        add_file(joined, file);
    }
    join(joined);
    *out = joined;
    return APD_OK;
out:
    apd_dataset_close(joined);
    return status;
}

int apd_dataset_files(const apd_dataset *dataset) {
    return dataset->part_count > 0 ? dataset->part_count : 1;
}

int apd_dataset_classes(const apd_dataset *dataset, int files) {
    if (files == 0)
        return 0;
    return files < dataset->part_count ? dataset->parts[files].first_class : dataset->classes;
}

int apd_dataset_superclasses(const apd_dataset *dataset, int files) {
    if (files == 0)
        return 0;
    return files < dataset->part_count ? dataset->parts[files].first_coarse : dataset->coarse_classes;
}

const apd_dataset *apd_dataset_file(const apd_dataset *dataset, int file) {
    return dataset->part_count > 0 ? dataset->parts[file].file : dataset;
}

bool apd_dataset_begins_with(const apd_dataset *dataset, uint64_t digest) {
    for (int p = 0; p < dataset->part_count; p++)
        if (dataset->parts[p].digest == digest)
            return true;
    return dataset->digest == digest;
}

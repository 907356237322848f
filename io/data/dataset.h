/* dataset: data files (HDF5), read and written.
 *
 *   /train/images         (N, C, H, W) uint8 or float32     required; the same under /test
 *   /train/labels         (N) int32                         required; the same under /test
 *   /train/coarse_labels  (N) int32                         optional; under both or neither
 *   /train/image_digests  (N) uint64                        optional: XXH3 of each image's bytes
 *   /class_names, /coarse_names                             optional: strings, one a class in order
 *   attributes of /: source, digest, channel_mean (C) and channel_std (C) of the training images scaled to 0..1
 *
 * `apd import` and `apd generate` write all of these; a file made otherwise needs the required ones only. Everything
 * that has a digest is checked when it is read, so a flipped byte is found where it is used. Local: each rank opens the
 * file for itself, with serial HDF5 calls. */
#ifndef APD_IO_DATA_DATASET_H
#define APD_IO_DATA_DATASET_H

#include "base/status.h"
#include "io/data/dataset_file.h"
#include "network/normalisation.h"

struct apd_dataset_part;

typedef struct apd_dataset {
    char *path;            /* of several files the first one's, and how many more */
    apd_image_shape shape; /* at most APD_MAX_CHANNELS channels */
    bool is_float;         /* images are float32, otherwise uint8 */
    int64_t image_bytes;   /* C*H*W * (1 or 4) */
    int64_t count[APD_SPLITS];
    int32_t *labels[APD_SPLITS]; /* (N), 0 .. classes-1: checked on opening */
    int32_t *coarse[APD_SPLITS]; /* (N), 0 .. coarse_classes-1, -1 in files without; or NULL */
    int classes, coarse_classes; /* largest label + 1 over the opened splits; 0 without labels */
    char **class_names;          /* (classes) or NULL; of several files NULL in those without names */
    char **coarse_names;         /* (coarse_classes) likewise */
    apd_normalisation
        normalisation; /* of the training images: from the attributes, else computed on opening; a
                                        deviation of 0 becomes 1 */
    uint64_t digest;   /* of labels, shape and image digests (or of each split's first and last image if
                                        the file has none): identifies the data in manifest and checkpoint */
    struct apd_dataset_handles *handles; /* private; NULL where there are parts */
    int part_count;                      /* 0: one file */
    struct apd_dataset_part *parts;      /* (part_count), at least 2 */
} apd_dataset;

/* A file of several that are one data set: its images, classes and superclasses are numbered after those of the files before it. */
typedef struct apd_dataset_part {
    apd_dataset *file;
    int64_t first[APD_SPLITS];
    int first_class, first_coarse;
    uint64_t digest; /* of the data set that this file and those before it are */
} apd_dataset_part;

/* Open a data file and check types, shapes and labels; both splits need at least one image. On success `*out` is to be
 * closed; on failure it is untouched. Statuses: IO (missing, unreadable); DATA (anything else), naming the file, the
 * data set, the index, the value and what is needed. */
apd_status apd_dataset_open(const char *path, apd_dataset **out, apd_error *error);

/* The same without the test split, which may be missing: nothing of it is opened. `labels[APD_SPLIT_TEST]` is then NULL, and
 * `digest` is that of the training split, so the file's own digest is not compared. */
apd_status apd_dataset_open_training(const char *path, apd_dataset **out, apd_error *error);
void apd_dataset_close(apd_dataset *dataset); /* Takes NULL. */

/* Open `count` files as one data set, `training`: without their test splits. The files need the same image shape and kind of
 * number, and must differ. The normalisation is the first file's; so whatever files follow, images of the first are what they were.
 * A single file is as apd_dataset_open opens it. Statuses: those of
 * apd_dataset_open; DATA naming both files. `*out` is set on success only. */
apd_status apd_dataset_open_files(char *const *paths, int count, bool training, apd_dataset **out,
                                  apd_error *error);

/* How many files the data set has, and its classes or superclasses in the first `files` of them. */
int apd_dataset_files(const apd_dataset *dataset);
int apd_dataset_classes(const apd_dataset *dataset, int files);
int apd_dataset_superclasses(const apd_dataset *dataset, int files);

/* One of the files. */
const apd_dataset *apd_dataset_file(const apd_dataset *dataset, int file);

/* Whether some of its first files, or all, are the data set with this digest. */
bool apd_dataset_begins_with(const apd_dataset *dataset, uint64_t digest);

/* Read `count` images by index into `images` (count * image_bytes), in any order; ascending is fastest, and neighbours
 * are read at once. Statuses: IO; DATA naming the index (wrong digest, a pixel that is not finite). */
apd_status apd_dataset_read(apd_dataset *dataset, apd_split split, const int64_t *indices, int64_t count,
                            void *images, apd_error *error);

/* A data set in memory, made by an importer or the generator. */
typedef struct apd_dataset_content {
    const char *source; /* "cifar100", "generate", ... */
    apd_image_shape shape;
    int64_t count[APD_SPLITS];
    uint8_t *images[APD_SPLITS]; /* (N, C, H, W) */
    int32_t *labels[APD_SPLITS];
    int32_t *coarse[APD_SPLITS]; /* or NULL */
    int classes, coarse_classes;
    char **class_names, **coarse_names; /* or NULL */
} apd_dataset_content;

/* Write `content` to `path`: to path.tmp, synced, renamed, folder synced. `*digest` (may be NULL) is the data set's, set
 * on success. A failure leaves an older file at `path` as it was. Status: IO naming path and step. */
apd_status apd_dataset_write(const char *path, const apd_dataset_content *content, uint64_t *digest,
                             apd_error *error);

/* Free what `content` owns and make it empty. */
void apd_dataset_content_clear(apd_dataset_content *content);

#endif

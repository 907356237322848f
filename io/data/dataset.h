/* dataset: the HDF5 data layout, read and written.
 *
 *   /train/images (N, C, H, W) uint8 or float32     /train/labels (N) int32      the same under /test
 *   optional: /train/coarse_labels (N) int32, /class_names and /coarse_names (strings),
 *             /train/image_digests (N) uint64 (xxh3 of each image's bytes; apd import writes them)
 *   attributes of / that apd import writes: source, digest, channel_mean (C) and channel_std (C) of the
 *             training images scaled to 0..1
 * A file made by anyone with the required datasets works; what carries digests is checked as it is read, so a
 * flipped byte is found where it is used. Serial HDF5 calls only: each rank opens the file for itself. */
#ifndef APD_IO_DATA_DATASET_H
#define APD_IO_DATA_DATASET_H

#include "base/status.h"
#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum apd_split { APD_SPLIT_TRAIN, APD_SPLIT_TEST, APD_SPLITS } apd_split;

typedef struct apd_dataset {
    char *path;
    apd_image_shape shape;
    bool is_float;       /* images are float32; else uint8 */
    int64_t image_bytes; /* C*H*W * (1 or 4) */
    int64_t count[APD_SPLITS];
    int32_t *labels[APD_SPLITS];   /* (N), 0 .. classes-1: checked on opening */
    int32_t *coarse[APD_SPLITS];   /* (N) or NULL; 0 .. coarse_classes-1 */
    int classes, coarse_classes;   /* largest label + 1 over both splits; 0 where there is none */
    char **class_names;            /* (classes) or NULL */
    char **coarse_names;           /* (coarse_classes) or NULL */
    float mean[16], deviation[16]; /* a channel of the training images scaled to 0..1 (uint8: /255; float32 as
                                      is); from the file's attributes, else computed on opening. C <= 16 */
    uint64_t digest;               /* of labels, shapes and image digests (or of the images' first and last
                                      bytes where there are none): names the data in manifest and checkpoint */
    struct apd_dataset_file *file; /* private */
} apd_dataset;

/* Open and check: shapes agree, 1 <= N, labels in range (each complaint names file, dataset, index, value and
 * what would be right), types, no empty split. Statuses: IO (missing, unreadable), DATA (anything else). */
apd_status apd_dataset_open(const char *path, apd_dataset **out, apd_error *error);
void apd_dataset_close(apd_dataset *dataset); /* Takes NULL. */

/* Read `count` images by index (any order, ascending is fastest; neighbours are read in one piece) into
 * `images` (count * image_bytes). Checks digests where the file has them. Statuses: IO, DATA naming the
 * index. */
apd_status apd_dataset_read(apd_dataset *dataset, apd_split split, const int64_t *indices, int64_t count,
                            void *images, apd_error *error);

/* What an importer or a generator has made, to be written as a data file. */
typedef struct apd_dataset_content {
    const char *source; /* "cifar100", "generate --classes 50 --seed 1", ... */
    apd_image_shape shape;
    int64_t count[APD_SPLITS];
    uint8_t *images[APD_SPLITS]; /* (N, C, H, W) */
    int32_t *labels[APD_SPLITS];
    int32_t *coarse[APD_SPLITS]; /* or NULL */
    int classes, coarse_classes;
    char **class_names, **coarse_names; /* or NULL */
} apd_dataset_content;

/* Write `path` (as path.tmp, flushed, fsynced, renamed, folder fsynced), with digests, mean and deviation
 * (exact integer sums). Prints nothing. Statuses: IO naming path and step. */
apd_status apd_dataset_write(const char *path, const apd_dataset_content *content, uint64_t *digest,
                             apd_error *error);
void apd_dataset_content_clear(apd_dataset_content *content);

#endif

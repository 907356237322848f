/* dataset_file: what the reader and the writer of data files share: the splits, the limits, the digests. Local. */
#ifndef APD_IO_DATA_DATASET_FILE_H
#define APD_IO_DATA_DATASET_FILE_H

#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>

#define APD_DATASET_MAX_SIDE    4096
#define APD_DATASET_MAX_CLASSES 1000000

typedef enum apd_split { APD_SPLIT_TRAIN, APD_SPLIT_TEST, APD_SPLITS } apd_split;

extern const char *const apd_split_names[APD_SPLITS]; /* "train", "test" */

/* The digest of a data set joins that of its shape and those of its splits. `images` is the digest of a split's image
 * digests, or of its first and last image if the file has none; `coarse` may be NULL. */
uint64_t apd_dataset_shape_digest(apd_image_shape shape, bool is_float);
uint64_t apd_dataset_split_digest(int64_t count, const int32_t *labels, const int32_t *coarse,
                                  uint64_t images);

#endif

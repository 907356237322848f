/* dataset_file: what the parts of dataset share: names, limits, sums over pixels, the data's identity.
 * Private to dataset*.c. */
#ifndef APD_IO_DATA_DATASET_FILE_H
#define APD_IO_DATA_DATASET_FILE_H

#include "io/data/dataset.h"
#include "io/hdf5/h5.h"

#define APD_DATASET_MAX_CHANNELS 16
#define APD_DATASET_MAX_SIDE     4096
#define APD_DATASET_MAX_CLASSES  1000000

struct apd_dataset_file {
    hid_t file;
    hid_t images[APD_SPLITS];
    uint64_t *digests[APD_SPLITS]; /* (N) or NULL */
};

extern const char *const apd_split_names[APD_SPLITS]; /* "train", "test" */

/* Sums a channel. For bytes the integers are exact whatever the order; for floats the doubles are summed in
 * file order. */
typedef struct apd_moments {
    uint64_t sum[APD_DATASET_MAX_CHANNELS], squares[APD_DATASET_MAX_CHANNELS];
    double float_sum[APD_DATASET_MAX_CHANNELS], float_squares[APD_DATASET_MAX_CHANNELS];
    int64_t values; /* a channel */
} apd_moments;

/* Add `count` images (count, C, H, W). Fewer than 2^47 values a channel in all. */
void apd_moments_add_bytes(apd_moments *moments, apd_image_shape shape, int64_t count, const uint8_t *images);
void apd_moments_add_floats(apd_moments *moments, apd_image_shape shape, int64_t count, const float *images);

/* Mean and deviation a channel, bytes scaled to 0..1. */
void apd_moments_finish(const apd_moments *moments, int channels, bool is_float, float *mean,
                        float *deviation);

/* One split's part of the data's digest. `images` is the digest of all image digests, or of the first and
 * last image. */
uint64_t apd_dataset_split_digest(int64_t count, const int32_t *labels, const int32_t *coarse,
                                  uint64_t images);
uint64_t apd_dataset_shape_digest(apd_image_shape shape, bool is_float);

#endif

/* pixels: images as stored turned into the floats that a network takes, with normalisation and augmentation.
 *
 * A pixel x of channel c becomes scale[c]*x + offset[c], for every image of every step. One multiply and one add let the
 * compiler vectorise over a row; a table of 256 floats would load one pixel at a time. All calls are local. */
#ifndef APD_IO_DATA_PIXELS_H
#define APD_IO_DATA_PIXELS_H

#include "base/random.h"
#include "network/network.h"
#include "network/normalisation.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_pixels {
    apd_image_shape shape;
    bool is_float; /* stored as float32, otherwise as uint8 */
    float scale[APD_MAX_CHANNELS], offset[APD_MAX_CHANNELS];
} apd_pixels;

/* What a deviation counts as: 1 where it is below 1e-6, so that a channel of one colour becomes zeros. */
float apd_pixels_deviation(float deviation);

void apd_pixels_init(apd_pixels *pixels, apd_image_shape shape, bool is_float,
                     const apd_normalisation *normalisation);

/* Crop with a window that lies `down` rows and `right` columns off the image (either may be negative), with zeros outside
 * the image, then mirror left to right if `flip`. After normalisation, zero is the mean colour. */
typedef struct apd_augmentation {
    bool flip;
    int down, right;
} apd_augmentation;

/* The augmentation of sample `place`: a flip with probability 1/2 if `flip`, offsets uniform in -shift .. shift.
 * `random` is the stream (seed, AUGMENT, task, epoch). */
apd_augmentation apd_augmentation_draw(const apd_random *random, int64_t place, bool flip, int shift);

/* Convert `image` (C, H, W) as stored to `out` (C, H, W). */
void apd_pixels_gather(const apd_pixels *pixels, const void *image, apd_augmentation augmentation,
                       float *out);

/* Sums over the pixels of each channel: exact integers for uint8 (fewer than 2^47 pixels a channel), doubles in the order
 * of the calls for float32. Start with {0}. */
typedef struct apd_pixel_sums {
    int64_t count; /* pixels of one channel */
    uint64_t sum[APD_MAX_CHANNELS], squares[APD_MAX_CHANNELS];
    double float_sum[APD_MAX_CHANNELS], float_squares[APD_MAX_CHANNELS];
} apd_pixel_sums;

/* Add `count` images (count, C, H, W), pixel by pixel. */
void apd_pixel_sums_add(apd_pixel_sums *sums, apd_image_shape shape, bool is_float, int64_t count,
                        const void *images);

/* Add the sums of other images. */
void apd_pixel_sums_join(apd_pixel_sums *sums, const apd_pixel_sums *others);

/* Mean and standard deviation of each channel of pixels scaled to 0..1; zeros for channels without pixels. */
apd_normalisation apd_pixel_sums_moments(const apd_pixel_sums *sums, bool is_float);

/* The same, to normalise with: a deviation below 1e-6 becomes 1. */
apd_normalisation apd_pixel_sums_normalisation(const apd_pixel_sums *sums, bool is_float);

#endif

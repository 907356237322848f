/* pixels: from an image as stored to the floats that a network takes, with normalisation and augmentation.
 *
 * A pixel x of channel c becomes scale[c]*x + offset[c]: one multiply and one add, so rows of pixels
 * vectorise (a table of 256 floats was the other way; it loads one pixel at a time). This runs for every
 * image of every step. */
#ifndef APD_IO_DATA_PIXELS_H
#define APD_IO_DATA_PIXELS_H

#include "base/random.h"
#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>

enum { APD_MAX_CHANNELS = 16 };

/* Mean and deviation a channel, for (x/255 - mean)/deviation (float32 data: (x - mean)/deviation). */
typedef struct apd_normalisation {
    float mean[APD_MAX_CHANNELS], deviation[APD_MAX_CHANNELS];
} apd_normalisation;

typedef struct apd_pixels {
    apd_image_shape shape;
    bool is_float; /* stored as float32; else uint8 */
    float scale[APD_MAX_CHANNELS], offset[APD_MAX_CHANNELS];
} apd_pixels;

void apd_pixels_init(apd_pixels *pixels, apd_image_shape shape, bool is_float,
                     const apd_normalisation *normalisation);

/* The image seen through a window that lies `down` and `right` pixels off (either may be negative), zeros
 * where the window leaves the image, then mirrored left to right. Zero, after normalisation, is the mean
 * colour. */
typedef struct apd_augmentation {
    bool flip;
    int down, right;
} apd_augmentation;

/* Sample `place`'s augmentation: a flip with probability 1/2 when `flip`, offsets uniform in -shift .. shift.
 * `random` is the stream (seed, AUGMENT, task, epoch). */
apd_augmentation apd_augmentation_draw(const apd_random *random, int64_t place, bool flip, int shift);

/* `image` (C, H, W) as stored to `out` (C, H, W). */
void apd_pixels_gather(const apd_pixels *pixels, const void *image, apd_augmentation augmentation,
                       float *out);

/* Sums over images, for a normalisation of one's own: exact integers for uint8; for float32 sums an image in
 * double, added in the order of the calls. Start with {0}. */
typedef struct apd_pixel_sums {
    int64_t count; /* pixels of one channel */
    uint64_t sum[APD_MAX_CHANNELS], squares[APD_MAX_CHANNELS];
    double float_sum[APD_MAX_CHANNELS], float_squares[APD_MAX_CHANNELS];
} apd_pixel_sums;

void apd_pixel_sums_add(apd_pixel_sums *sums, apd_image_shape shape, bool is_float, const void *image);

/* A deviation below 1e-6 becomes 1, so that a channel of one colour becomes zeros; no images give mean 0 and
 * deviation 1. */
apd_normalisation apd_pixel_sums_normalisation(const apd_pixel_sums *sums, bool is_float);

#endif

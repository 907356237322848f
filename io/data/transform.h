/* transform: what a task does to an image once, when it is loaded: quarter turns, then the task's permutation
 * of pixels or its rotation.
 *
 * Turns and permutations are one table of source pixels for all channels, so they are exact and lose nothing.
 * A rotation is bilinear about the image's centre, with zeros outside the image; uint8 results are rounded to
 * the nearest. Weights are made once a task, in double. */
#ifndef APD_IO_DATA_TRANSFORM_H
#define APD_IO_DATA_TRANSFORM_H

#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_transform apd_transform;

/* What is to be done. Both `permuted` and an angle: the permutation comes first. */
typedef struct apd_transform_spec {
    apd_image_shape shape;
    bool is_float; /* float32 pixels; else uint8 */
    int turns;     /* samples come with 0 .. turns-1 quarter turns; more than 1 needs a square image */
    bool permuted; /* by the stream (seed, PIXEL_PERMUTATION, task) */
    uint64_t seed;
    int task;
    double angle; /* degrees, counter-clockwise; multiples of 360 are the identity */
} apd_transform_spec;

apd_transform *apd_transform_create(const apd_transform_spec *spec);
void apd_transform_destroy(apd_transform *transform); /* Takes NULL. */

/* `in` turned counter-clockwise by `turn` quarters (0 .. turns-1), then permuted or rotated, to `out`; both
 * (C, H, W), not overlapping. Uses scratch of the transform's: one thread at a time. */
void apd_transform_apply(apd_transform *transform, int turn, const void *in, void *out);

#endif

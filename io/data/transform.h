/* transform: what a task does to its images when they are loaded: quarter turns, then a permutation of the pixels or a
 * rotation. Local.
 *
 * Turns and permutations are one table of source pixels for all channels, so they are exact. A rotation is bilinear about
 * the image's centre, with zeros outside the image; uint8 results are rounded to nearest. Its weights are computed once a
 * task, in double. */
#ifndef APD_IO_DATA_TRANSFORM_H
#define APD_IO_DATA_TRANSFORM_H

#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_transform apd_transform;

/* With both `permuted` and an angle, the permutation comes first. */
typedef struct apd_transform_spec {
    apd_image_shape shape;
    bool is_float; /* float32 pixels, otherwise uint8 */
    int turns;     /* samples come with 0 .. turns-1 quarter turns; more than 1 needs square images */
    bool permuted; /* by the stream (seed, PIXEL_PERMUTATION, task) */
    uint64_t seed;
    int task;
    double angle; /* degrees, counter-clockwise; multiples of 360 are the identity */
} apd_transform_spec;

apd_transform *apd_transform_create(const apd_transform_spec *spec);
void apd_transform_destroy(apd_transform *transform); /* Takes NULL. */

/* Turn `in` counter-clockwise by `turn` quarters (0 .. turns-1), then permute or rotate it into `out`. Both are (C, H, W)
 * and do not overlap. Uses scratch memory of `transform`: one thread at a time. */
void apd_transform_apply(apd_transform *transform, int turn, const void *in, void *out);

#endif

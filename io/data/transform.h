/* transform: what happens to a task's images when they are loaded: the scrambled layout, quarter turns, then a permutation
 * of the pixels or a rotation. Local.
 *
 * The scrambled layout takes the C*H*W numbers of an image, which lie channel after channel, for pixel after pixel, each with
 * its channels side by side (images.reshape([N, H, W, C]) without a transpose), and puts them channel after channel:
 *     out[c][y][x] = in[(y*W + x)*C + c]   (`in` flat)
 * so that every channel interleaves pixels of all of them. It is the identity for one channel.
 *
 * Layout, turns and permutations are one table of source numbers, so they are exact. A rotation is bilinear about
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
    bool scrambled;
    int turns;     /* samples come with 0 .. turns-1 quarter turns; more than 1 needs square images */
    bool permuted; /* all channels alike, by the stream (seed, PIXEL_PERMUTATION, task) */
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

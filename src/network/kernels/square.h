/* square: the transforms of points.h along both sides of a square of 8 x 8 points, for winograd.h.
 *
 * Each works on one register of channels. Pixels (rows, columns, APD_LANES) lie as an apd_square_grid says; values (points,
 * APD_LANES) are `step` floats apart, point (y, x) at index y*8 + x. */
#ifndef APD_NETWORK_KERNELS_SQUARE_H
#define APD_NETWORK_KERNELS_SQUARE_H

#include "network/kernels/points.h"

#include <stdint.h>

#define APD_SQUARE_POINTS ((int64_t)APD_POINTS * APD_POINTS)

/* The pixels of a tile. Tiles at the edge of an image have fewer rows or columns. */
typedef struct apd_square_grid {
    int64_t row_step, step; /* floats */
    int64_t rows, columns;
} apd_square_grid;

/* Transform 8 x 8 pixels, all of them present, to values. */
void apd_square_windows(const float *pixels, const apd_square_grid *at, float *out, int64_t out_step);

/* The transpose, added to pixels. */
void apd_square_add_windows(const float *in, int64_t in_step, float *pixels, const apd_square_grid *at);

/* Transform count x count pixels, those missing taken as 0, to values. count 3 or 5: the taps of a kernel, whose values get
 * the factors of points.h; count 6 or 4: the outputs of its tile. */
void apd_square_values(int count, const float *pixels, const apd_square_grid *at, float *out,
                       int64_t out_step);

/* The transpose plus `start` (APD_LANES), written to the pixels that are present. */
void apd_square_pixels(int count, const float *in, int64_t in_step, const float *start, float *pixels,
                       const apd_square_grid *at);

#endif

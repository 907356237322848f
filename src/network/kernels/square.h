/* square: the transforms of points.h along both sides of a square of 8 x 8 points, for winograd.h.
 *
 * Each works on one register of channels: pixels (rows, columns, APD_LANES) as the grid says; values (points,
 * APD_LANES), `step` floats apart, the point (y, x) at y*8 + x. */
#ifndef APD_NETWORK_KERNELS_SQUARE_H
#define APD_NETWORK_KERNELS_SQUARE_H

#include "network/kernels/points.h"

#include <stdint.h>

#define APD_SQUARE_POINTS ((int64_t)APD_POINTS * APD_POINTS)

/* Pixels of a tile: where they are, and how many of its rows and columns there are. */
typedef struct apd_square_grid {
    int64_t row_step, step; /* floats */
    int64_t rows, columns;
} apd_square_grid;

/* (8, 8) windows of pixels, all of them there, to `out`. */
void apd_square_windows(const float *pixels, const apd_square_grid *at, float *out, int64_t out_step);

/* The transpose: pixels += */
void apd_square_add_windows(const float *in, int64_t in_step, float *pixels, const apd_square_grid *at);

/* (count, count) pixels, zero beyond those that are there, to values at the points. Kernels have 3 or 5 taps a side
 * and their tiles 6 or 4 outputs, so the count says which of the two it is; weights take the points' factors. */
void apd_square_values(int count, const float *pixels, const apd_square_grid *at, float *out,
                       int64_t out_step);

/* The transpose: pixels = start (APD_LANES) +, where they are. */
void apd_square_pixels(int count, const float *in, int64_t in_step, const float *start, float *pixels,
                       const apd_square_grid *at);

#endif

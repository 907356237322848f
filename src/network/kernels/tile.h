/* tile: a small block of sums held in registers, the inner loop of all products.
 *
 *     out[p][v] = start[p][v] + sum over rows y < walk.rows, terms i < walk.run of
 *                 x[p][y*walk.row_step + i*walk.step] * w[(y*walk.run + i)*walk.w_step + v]
 *
 * over p (pixels, or weights) and v (channels, the lanes of a vector). A convolution and both its gradients have this form.
 * x is read in place from a zero-padded image; the patch matrix of im2col would cost a third of the time of the products.
 * Twelve registers of sums for seven or eight loads keep both multiply-add units of a core busy; with 32 registers there
 * are 24 sums for ten loads. */
#ifndef APD_NETWORK_KERNELS_TILE_H
#define APD_NETWORK_KERNELS_TILE_H

#include "network/kernels/lanes.h"

#include <stdbool.h>
#include <stdint.h>

#define APD_TILE_POINTS 8                         /* the most points p in a tile */
#define APD_TILE_WIDTH  (APD_LANES == 16 ? 4 : 3) /* the most registers of lanes in a tile */

typedef struct apd_tile_walk {
    int64_t rows, run;      /* terms of the sum: rows * run */
    int64_t row_step, step; /* floats of x from one row, and one term, to the next */
    int64_t w_step;         /* floats of w from one term to the next */
} apd_tile_walk;

/* Points of a tile of `width` registers, 4 to 8. Up to half of them cost about half. */
int apd_tile_points(int width);

/* Width in registers of the next tile if `lanes` floats (whole registers) remain. Avoids a last tile of one register, which
 * would run at two thirds of the speed. */
int apd_tile_width(int64_t lanes);

/* Compute a tile of `width` registers and `points` points, 1 .. apd_tile_points(width).
 *   x      (points) where the terms of each point begin
 *   w      (rows*run, width*APD_LANES), walk.w_step apart
 *   start  (points, width*APD_LANES), start_step apart; 0: the same for all points
 *   out    (points, width*APD_LANES), out_step apart; may be start */
void apd_tile(int width, int points, const float *const *x, const apd_tile_walk *walk, const float *w,
              const float *start, int64_t start_step, float *out, int64_t out_step);

/* Zeros, as a start of any width with start_step 0. */
extern const float apd_tile_zeros[APD_TILE_WIDTH * APD_LANES];

#endif

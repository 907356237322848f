/* product: the three matrix products of a dense layer, on tiles (tile.h).
 *
 * Batches are short and weights many, so reading and writing the weights costs a third of the arithmetic, and a general
 * library adds a packed copy of them. Here weights are read in place along their rows, and their gradient is written once,
 * or not at all: its two factors are packed, and rows of their product are made where they are used (gradient.h).
 *
 *     forward      lanes are images: the inputs are packed, transposed
 *     by weights   lanes are inputs: the inputs are packed, row by row
 *     by inputs    lanes are inputs: the weights are packed, row by row, a block that stays in cache
 *
 * The gradient by weights exists twice, with the same bits: by_weights packs and multiplies block by block in scratch that
 * stays in cache; pack_factors and by_factors separate the two, which takes memory for all factors and pays for small n.
 *
 * Sums are blocked by fixed sizes: bits depend on n, units and cols only. A general library is slow on processors newer
 * than itself: Debian 12's OpenBLAS falls back to SSE3 on Xeons of 2023. Local. */
#ifndef APD_NETWORK_KERNELS_PRODUCT_H
#define APD_NETWORK_KERNELS_PRODUCT_H

#include "base/rows.h"

#include <stdbool.h>

/* What the kernels of this room are compiled for: "avx512", "avx2", "neon" or "baseline". Bits depend on it. */
const char *apd_kernels_name(void);

/* x (n, cols) and y (n, units), rows x_step and y_step floats apart; weights (units, cols), contiguous. */
typedef struct apd_dense_shape {
    int64_t n, units, cols;
    int64_t x_step, y_step;
} apd_dense_shape;

/* Floats of scratch for forward, by_weights and by_inputs, for any n and units. */
int64_t apd_dense_scratch(int64_t cols);

/* Forward: y = bias (units) + x * weights^T. */
void apd_dense_forward(const apd_dense_shape *shape, const float *x, const float *weights, const float *bias,
                       float *y, float *scratch);

/* The gradient by weights from that by outputs: weights = y^T * x; 0 for n = 0. */
void apd_dense_by_weights(const apd_dense_shape *shape, const float *y, const float *x, float *weights,
                          float *scratch);

/* Pack y and x as the factors of y^T * x, with their number of images. apd_dense_factor_floats: their size for up to n
 * images. */
int64_t apd_dense_factor_floats(int64_t n, int64_t units, int64_t cols);
void apd_dense_pack_factors(const apd_dense_shape *shape, const float *y, const float *x, float *factors);

/* Square all numbers of the factors. Their product is then the sum over images of the squares of y^T * x by one image. */
void apd_dense_square_factors(int64_t units, int64_t cols, float *factors);

/* Rows rows.begin .. rows.end-1 and columns cols.begin .. cols.end-1 of y^T * x, into out, rows out_step floats apart, with
 * the bits of apd_dense_by_weights. units and columns: those of the whole product. cols.begin, and cols.end unless it is the
 * last column's, must be multiples of APD_DENSE_COLUMNS. */
#define APD_DENSE_COLUMNS 64
void apd_dense_by_factors(int64_t units, int64_t columns, const float *factors, apd_rows rows, apd_rows cols,
                          float *out, int64_t out_step);

/* The gradient by inputs from that by outputs: x = y * weights. */
void apd_dense_by_inputs(const apd_dense_shape *shape, const float *y, const float *weights, float *x,
                         float *scratch);

#endif

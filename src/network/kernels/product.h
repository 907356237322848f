/* product: a dense layer's three matrix products, on tiles (tile.h).
 *
 * Batches are short and weights are many, so reading and writing the weights costs as much as a third of the
 * arithmetic, and a general product adds a packed copy of them. Here weights are read where they are, along
 * their rows, and their gradient is written once. Or it is never written: its two factors are packed, the layer's
 * inputs and the gradient by its outputs, and rows of the product are made where and when they are used (gradient.h).
 *     forward     lanes are images: the inputs are packed, transposed
 *     by weights  lanes are inputs: the inputs are packed, row by row
 *     by inputs   lanes are inputs: the weights are packed, row by row, a block that stays in the cache
 * Sums go in blocks of fixed size: bits depend on n, units and cols only. A general library knows the processors
 * that are older than itself, and on others falls back to a fraction of their speed: Debian 12's OpenBLAS to
 * SSE3 on Xeons of 2023. */
#ifndef APD_NETWORK_KERNELS_PRODUCT_H
#define APD_NETWORK_KERNELS_PRODUCT_H

#include "base/rows.h"

#include <stdbool.h>

/* x (n, cols) and y (n, units), their rows x_step and y_step floats apart; weights (units, cols), no gaps.
 * Steps are not looked at where there are only factors. */
typedef struct apd_dense_shape {
    int64_t n, units, cols;
    int64_t x_step, y_step;
} apd_dense_shape;

/* Floats of scratch for any of them, whatever n and units. */
int64_t apd_dense_scratch(int64_t cols);

/* y = bias (units) + x * weights^T */
void apd_dense_forward(const apd_dense_shape *shape, const float *x, const float *weights, const float *bias,
                       float *y, float *scratch);

/* weights = y^T * x, y and weights being gradients; `accumulate`: added to what weights has. */
void apd_dense_by_weights(const apd_dense_shape *shape, const float *y, const float *x, float *weights,
                          bool accumulate, float *scratch);

/* The factors of that gradient, from which products of some of its rows are made at any time: how many floats they take,
 * for up to n images, and y and x packed into them together with their number of images. */
int64_t apd_dense_factor_floats(int64_t n, int64_t units, int64_t cols);
void apd_dense_pack_factors(const apd_dense_shape *shape, const float *y, const float *x, float *factors);

/* Rows rows.begin .. rows.end-1 of y^T * x, and of them columns cols.begin .. cols.end-1, into out, its rows out_step
 * apart, with the bits of apd_dense_by_weights: units and columns as they were packed, as many images. cols.begin, and
 * cols.end where the matrix does not end, are multiples of APD_DENSE_COLUMNS. */
#define APD_DENSE_COLUMNS 64
void apd_dense_by_factors(int64_t units, int64_t columns, const float *factors, apd_rows rows, apd_rows cols,
                          float *out, int64_t out_step);

/* x = y * weights, x and y being gradients */
void apd_dense_by_inputs(const apd_dense_shape *shape, const float *y, const float *weights, float *x,
                         float *scratch);

#endif

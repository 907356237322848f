/* product: a dense layer's three matrix products, on tiles (tile.h).
 *
 * Batches are short and weights are many, so reading and writing the weights costs as much as a third of the
 * arithmetic, and a general product adds a packed copy of them. Here weights are read where they are, along
 * their rows, and their gradient is written once, past the caches: nobody reads it before the whole batch is
 * done. The speed hardly depends on the batch, so cutting it into shards costs nothing.
 *     forward     lanes are images: the inputs are packed, transposed
 *     by weights  lanes are inputs: the inputs are packed, row by row
 *     by inputs   lanes are inputs: the weights are packed, row by row, a block that stays in the cache
 * Sums go in blocks of fixed size: bits depend on n, units and cols only. A general library knows the processors
 * that are older than itself, and on others falls back to a fraction of their speed: Debian 12's OpenBLAS to
 * SSE3 on Xeons of 2023. */
#ifndef APD_NETWORK_PRODUCT_H
#define APD_NETWORK_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

/* x (n, cols) and y (n, units), their rows x_step and y_step floats apart; weights (units, cols), no gaps. */
typedef struct apd_dense_shape {
    int64_t n, units, cols;
    int64_t x_step, y_step;
} apd_dense_shape;

/* Floats of scratch for any of them, whatever n and units. */
int64_t apd_dense_scratch(int64_t cols);

/* y = bias (units) + x * weights^T */
void apd_dense_forward(const apd_dense_shape *shape, const float *x, const float *weights, const float *bias,
                       float *y, float *scratch);

/* weights = y^T * x, y and weights being gradients; `accumulate`: added to what weights has. What is written is
 * seen by other processes that see what this one writes later. */
void apd_dense_by_weights(const apd_dense_shape *shape, const float *y, const float *x, float *weights,
                          bool accumulate, float *scratch);

/* x = y * weights, x and y being gradients */
void apd_dense_by_inputs(const apd_dense_shape *shape, const float *y, const float *weights, float *x,
                         float *scratch);

#endif

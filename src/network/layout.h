/* layout: where the parameters of a network lie in one array of floats (an *arena*).
 *
 * Parameters are divided into *blocks*, one for each layer with weights: a matrix of R rows (output channels or units)
 * by C columns (fan-in), and a bias for each row. Weights then biases, block after block, each aligned to APD_ALIGNMENT, so
 * that theta, gradients and moments share one set of offsets and are summed, copied and saved by one loop.
 *
 * Letters used everywhere: B blocks, R rows of a block, C columns of a block, D decomposed weights in all, N images,
 * T tasks, S shards, P ranks. */
#ifndef APD_NETWORK_LAYOUT_H
#define APD_NETWORK_LAYOUT_H

#include "base/rows.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_block {
    char name[32];   /* "conv1", "dense3", "head"; unique */
    int64_t rows;    /* R: output channels or units; the head: the largest number of classes of a task */
    int64_t cols;    /* C: fan-in; a convolution's are (input channel, kernel row, kernel column), C order */
    int64_t weight;  /* offset of the (R, C) weights in the arena, in floats */
    int64_t bias;    /* offset of the (R) biases */
    bool dense;      /* a dense layer's: y = W x + b for single rows x */
    bool decomposed; /* theta = mask*sigma + tau; false for the head, which is each task's own */
} apd_block;

typedef struct apd_layout {
    int block_count; /* B; the head is the last block */
    apd_block *blocks;
    int64_t size;       /* floats in an arena, padding included */
    int64_t decomposed; /* D: sum of R*C over decomposed blocks */
} apd_layout;

struct apd_layer;

/* The layout of `count` resolved layers, the head last. Clear with apd_layout_clear. */
void apd_layout_init(apd_layout *layout, const struct apd_layer *layers, int count);
void apd_layout_clear(apd_layout *layout);

#endif

/* layout: where every trained number of a network lies in one array of floats.
 *
 * A network's parameters are *blocks*, one for each layer that has weights: a matrix of rows (output channels
 * or units) by cols (fan-in), and one bias a row. All blocks lie in one allocation (an *arena*), weights then
 * biases, each aligned to APD_ALIGNMENT, so that gradients, theta and moments share one set of offsets.
 *
 * Letters used everywhere: B blocks, R rows of a block, C columns of a block, D decomposed weights in all,
 * N images, T tasks, S shards, P ranks. */
#ifndef APD_NETWORK_LAYOUT_H
#define APD_NETWORK_LAYOUT_H

#include "base/rows.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_block {
    char name[32];   /* "conv1", "dense3", "head"; unique */
    int64_t rows;    /* R: output channels or units; the head's: the most classes a task has */
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

/* Lay out the parameters of `count` resolved layers, the head last. Clear with apd_layout_clear. */
void apd_layout_init(apd_layout *layout, const struct apd_layer *layers, int count);
void apd_layout_clear(apd_layout *layout);

#endif

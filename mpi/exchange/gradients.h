/* gradients: rows of the shards' gradients, summed along a tree (tree.h). For the files of mpi/exchange only. Local.
 *
 * Gradients of this node's shards are in its shared memory, laid out as network/gradient.h says. Of a factored block a
 * few rows and columns at a time are made for all shards and summed while they are in cache. Sums over another node's
 * shards arrive ready-made. */
#ifndef APD_MPI_EXCHANGE_GRADIENTS_H
#define APD_MPI_EXCHANGE_GRADIENTS_H

#include "mpi/exchange/tree.h"
#include "network/gradient.h"

typedef struct apd_gradients {
    const apd_gradient_layout *layout;
    const float **shards; /* (S): gradients of this node's shards, NULL for other shards */
    const float **leaves; /* (S): scratch */
    float *made;          /* scratch: products of factors, for all of this node's shards */
    int64_t height;       /* rows of them */
} apd_gradients;

/* A leaf of a tree: a shard of this node, or a sum that another node made. */
typedef struct apd_addend {
    int64_t shard;        /* -1: a sum */
    const float *weights; /* its weights (rows, C) */
    const float *bias;    /* and biases (rows) */
} apd_addend;

/* Takes ownership of `places` (shards), which becomes `shards`. `layout` must outlive it. */
void apd_gradients_init(apd_gradients *gradients, const apd_gradient_layout *layout, const float **places,
                        int shards);
void apd_gradients_clear(apd_gradients *gradients);

/* Bytes of scratch if `near` of `shards` shards are on this node. */
int64_t apd_gradients_bytes(const apd_gradient_layout *layout, int64_t near, int shards);

/* Preferred rows a call: their sum stays in cache. */
int64_t apd_gradients_chunk(const apd_gradient_layout *layout, int block);

/* The sum over the tree's leaves (count) of rows rows.begin .. rows.end-1 of `block`. Returns `out`, (rows, C) or
 * (rows), or, if the tree has one leaf, possibly the leaf's own array. */
const float *apd_gradients_sum_weights(const apd_gradients *gradients, const apd_tree *tree,
                                       const apd_addend *leaves, int count, int block, apd_rows rows,
                                       float *out);
const float *apd_gradients_sum_biases(const apd_gradients *gradients, const apd_tree *tree,
                                      const apd_addend *leaves, int count, int block, apd_rows rows,
                                      float *out);

#endif

/* gradients: rows of the shards' gradients added up along a tree (mpi/tree). For the files of mpi/ only.
 *
 * This node's shards have their gradients in its window, as network/gradient.h lays them. Of a factored block
 * some rows and columns are made here at a time, for all shards, and added while they are in the cache. What the
 * shards of another node add up to comes made. */
#ifndef APD_MPI_EXCHANGE_GRADIENTS_H
#define APD_MPI_EXCHANGE_GRADIENTS_H

#include "mpi/exchange/tree.h"
#include "network/gradient.h"

typedef struct apd_gradients {
    const apd_gradient_layout *layout;
    const float **shards; /* (S): gradients of this node's shards, NULL for other nodes' */
    const float **leaves; /* (S): scratch */
    float *made;          /* scratch: rows of this node's shards */
    int64_t height;       /* how many of them */
    int64_t bytes;        /* of `made` */
} apd_gradients;

/* A leaf of a tree: a shard of this node, or rows that are added up already. */
typedef struct apd_addend {
    int64_t shard;        /* -1: none, but */
    const float *weights; /* the wanted rows, (rows, C) */
    const float *bias;    /* and their biases, (rows) */
} apd_addend;

/* `places` (shards), allocated, becomes its `shards`. `layout` must outlive it. */
void apd_gradients_init(apd_gradients *gradients, const apd_gradient_layout *layout, const float **places,
                        int shards);
void apd_gradients_clear(apd_gradients *gradients);

/* Rows of a block that are best wanted together: their sum stays in the cache until it is used. */
int64_t apd_gradients_chunk(const apd_gradients *gradients, int block);

/* Rows rows.begin .. rows.end-1 of block `block`, added up over the tree's leaves (count). Returns where the sum
 * is: `out` (rows, C), or (rows), or the only leaf's own. */
const float *apd_gradients_sum_weights(const apd_gradients *gradients, const apd_tree *tree,
                                       const apd_addend *leaves, int count, int block, apd_rows rows,
                                       float *out);
const float *apd_gradients_sum_biases(const apd_gradients *gradients, const apd_tree *tree,
                                      const apd_addend *leaves, int count, int block, apd_rows rows,
                                      float *out);

#endif

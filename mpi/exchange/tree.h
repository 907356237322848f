/* tree: sums long vectors along a part of the fixed tree over shards (partition.h), elementwise in float. Local.
 *
 * The tree becomes a list of additions, carried out for one chunk of elements after another, so that partial sums stay
 * in the first caches and every vector is read once. A subtree whose sum another node has made is a leaf, like a single
 * shard. The additions of an element and their order are always those of the tree: the same bits for any leaves and
 * chunks. */
#ifndef APD_MPI_EXCHANGE_TREE_H
#define APD_MPI_EXCHANGE_TREE_H

#include "network/layout.h"

typedef struct apd_tree apd_tree;

/* `leaves` (count >= 1): adjacent ranges of shards, each a whole subtree, which together are one, too. */
apd_tree *apd_tree_create(const apd_rows *leaves, int count);
void apd_tree_destroy(apd_tree *tree); /* Takes NULL. */

/* The sum of the leaves' vectors, each of `count` floats. Returns `out` (count), or the leaf's own vector if there is
 * only one. Uses scratch memory of the tree: one thread at a time. */
const float *apd_tree_sum(const apd_tree *tree, const float *const *leaves, int64_t count, float *out);

/* Cut all shards into the fewest whole subtrees with all shards in one group each, in order; group: (shards). Returns
 * their number; the caller frees `*ranges`. */
int apd_tree_cut(const int *group, int shards, apd_rows **ranges);

int64_t apd_tree_bytes(const apd_tree *tree);

#endif

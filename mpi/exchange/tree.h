/* tree: long vectors added along a part of the fixed tree over shards (partition.h), elementwise in float.
 *
 * The tree is turned once into a list of additions, which is then carried out a chunk of elements at a time,
 * so that what lies between two additions stays in the first caches and the vectors are read only once. Where
 * a subtree's sum is already there (another node made it) it is a leaf like a single shard. The additions of
 * an element and their order are those of the tree, whatever the leaves and the chunks: the same bits. */
#ifndef APD_MPI_EXCHANGE_TREE_H
#define APD_MPI_EXCHANGE_TREE_H

#include "network/layout.h"

typedef struct apd_tree apd_tree;

/* `leaves` (count >= 1) are runs of shards side by side, each a whole subtree, and together one too. */
apd_tree *apd_tree_create(const apd_rows *leaves, int count);
void apd_tree_destroy(apd_tree *tree); /* Takes NULL. */

/* The sum of the leaves' vectors of `count` floats. Returns where it is: `out` (count), or the only leaf's
 * own vector when there is no more than one. Not from two threads at once on one tree. */
const float *apd_tree_sum(const apd_tree *tree, const float *const *leaves, int64_t count, float *out);

/* The fewest whole subtrees of which each has all its shards in one group, in order: group is (shards).
 * `*runs` gets them, to be freed; returns how many. */
int apd_tree_cut(const int *group, int shards, apd_rows **runs);

int64_t apd_tree_bytes(const apd_tree *tree);

#endif

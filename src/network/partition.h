/* partition: which rank has which shards and which rows. All arithmetic of shards, rows and blocks is here. Local.
 *
 * A run has S logical shards, fixed at its first launch; the number of ranks P <= S may change from launch to launch.
 * Each rank has a contiguous range of shards, and of the rows of each block; range lengths differ by at most one
 * between ranks, and a rank may have no rows of a small block. No result depends on P: results are made by shard or by
 * row, and sums over shards follow the fixed tree below. */
#ifndef APD_NETWORK_PARTITION_H
#define APD_NETWORK_PARTITION_H

#include "base/status.h"
#include "network/layout.h"

typedef struct apd_partition {
    int shards;      /* S */
    int ranks;       /* P */
    int rank;        /* this rank */
    int shard_begin; /* this rank's shards: shard_begin .. shard_end-1 */
    int shard_end;
} apd_partition;

/* Part `part` of 0 .. count-1 cut into `parts` contiguous ranges: [count*part/parts, count*(part+1)/parts). */
apd_rows apd_part(int64_t count, int parts, int part);

/* Status: USAGE unless 1 <= ranks <= shards <= 65536 and 0 <= rank < ranks; `partition` is then unchanged. */
apd_status apd_partition_init(apd_partition *partition, int shards, int ranks, int rank, apd_error *error);

/* The shards of any rank, and the rank of any shard. */
apd_rows apd_partition_shards(const apd_partition *partition, int rank);
int apd_partition_shard_owner(const apd_partition *partition, int shard);

/* The rows of `block` that `rank` owns. */
apd_rows apd_partition_rows(const apd_partition *partition, const apd_layout *layout, int block, int rank);

/* This rank's slice: its rows of each block (B). Caller frees. */
apd_rows *apd_partition_slice(const apd_partition *partition, const apd_layout *layout);

/* Image i of a batch belongs to shard i mod S. The first function returns how many of `count` >= 0 images are
 * `shard`'s; the second the shard of sample `sample` of a list that is cut into batches of `batch`. */
int apd_partition_micro_batch(const apd_partition *partition, int64_t count, int shard);
int apd_partition_shard_of_sample(const apd_partition *partition, int64_t sample, int64_t batch);

/* The fixed binary tree over shards: the sum of shards lo .. hi-1, hi-lo >= 2, is the sum of lo .. mid-1 plus the sum
 * of mid .. hi-1, mid = lo + (hi-lo+1)/2. Returns mid. */
int apd_partition_tree_middle(int lo, int hi);

/* Sums along that tree in double, for a few numbers a shard: values (S, width), sums (width). */
void apd_partition_tree_sum(int shards, int width, const double *values, double *sums);

#endif

/* partition: who has which shards and which rows. All shard, slice and block arithmetic of the program.
 *
 * S logical shards are fixed when a run starts; P ranks, P <= S, may change from one launch to the next.
 * Shards go to ranks in contiguous runs, rows of each block to ranks in contiguous runs; both runs differ by
 * at most one between ranks, and a rank may have no rows of a small block. Nothing that a user can see may
 * depend on P: results are made a shard or a row at a time, and sums over shards follow the tree below. */
#ifndef APD_MPI_EXCHANGE_PARTITION_H
#define APD_MPI_EXCHANGE_PARTITION_H

#include "base/status.h"
#include "network/layout.h"

typedef struct apd_partition {
    int shards;      /* S */
    int ranks;       /* P */
    int rank;        /* this rank */
    int shard_begin; /* this rank's shards: shard_begin .. shard_end-1 */
    int shard_end;
} apd_partition;

/* Part `part` of `count` things dealt in contiguous runs to `parts`:
 * [count*part/parts, count*(part+1)/parts). */
apd_rows apd_part(int64_t count, int parts, int part);

/* Status: USAGE, with a line that says what would be right, unless 1 <= ranks <= shards <= 65536 and
 * 0 <= rank < ranks. `partition` is set on success only. */
apd_status apd_partition_init(apd_partition *partition, int shards, int ranks, int rank, apd_error *error);

apd_rows apd_partition_shards(const apd_partition *partition, int rank); /* the shards of any rank */
int apd_partition_shard_owner(const apd_partition *partition, int shard);

/* The rows of block `block` that `rank` owns. */
apd_rows apd_partition_rows(const apd_partition *partition, const apd_layout *layout, int block, int rank);

/* This rank's slice: B runs of rows, to be freed with free(). */
apd_rows *apd_partition_slice(const apd_partition *partition, const apd_layout *layout);

/* Images that shard `shard` has in a batch of `count` images (0 <= count): slot i of a batch belongs to shard
 * i mod S. So batches of `batch` images cut a list of N images into ceil(N/batch) steps with every image used
 * once, and sample i of the dealt list belongs to shard (i mod batch) mod S. */
int apd_partition_micro_batch(const apd_partition *partition, int64_t count, int shard);
int apd_partition_shard_of_sample(const apd_partition *partition, int64_t sample, int64_t batch);

/* The fixed binary tree over shard indices: the sum of shards lo..hi-1 is the sum of lo..mid-1 plus the sum
 * of mid..hi-1 with mid = lo + (hi-lo+1)/2, for hi-lo >= 2. Returns mid. Depth: log2 S. */
int apd_partition_tree_middle(int lo, int hi);

/* The sum along that tree in double, for numbers a shard (losses): values is (S, width), sums (width). The
 * same tree adds gradients in mpi/exchange. */
void apd_partition_tree_sum(int shards, int width, const double *values, double *sums);

#endif

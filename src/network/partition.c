#include "network/partition.h"

#include "base/memory.h"

#define LARGEST_SHARD_COUNT 65536

apd_rows apd_part(int64_t count, int parts, int part) {
    /* floor(count*p/parts) without the product, which may exceed 64 bits */
    int64_t whole = count / parts, rest = count % parts;
    int64_t begin = whole * part + rest * part / parts;
    int64_t end = whole * (part + 1) + rest * (part + 1) / parts;
    return (apd_rows){begin, end};
}

apd_status apd_partition_init(apd_partition *partition, int shards, int ranks, int rank, apd_error *error) {
    if (shards < 1 || shards > LARGEST_SHARD_COUNT)
        return apd_fail(error, APD_ERROR_USAGE, "shards is %d; a whole number from 1 to %d is needed", shards,
                        LARGEST_SHARD_COUNT);
    if (ranks < 1 || ranks > shards)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "the number of ranks is %d and of shards %d; start at most %d, since every rank needs a shard",
            ranks, shards, shards);
    if (rank < 0 || rank >= ranks)
        return apd_fail(error, APD_ERROR_USAGE, "the rank is %d of %d; 0 to %d is needed", rank, ranks,
                        ranks - 1);
    apd_rows own = apd_part(shards, ranks, rank);
    *partition = (apd_partition){shards, ranks, rank, (int)own.begin, (int)own.end};
    return APD_OK;
}

apd_rows apd_partition_shards(const apd_partition *partition, int rank) {
    return apd_part(partition->shards, partition->ranks, rank);
}

int apd_partition_shard_owner(const apd_partition *partition, int shard) {
    /* the last rank p with floor(S*p/P) <= shard, i.e. S*p < (shard+1)*P */
    return (int)((((int64_t)shard + 1) * partition->ranks - 1) / partition->shards);
}

apd_rows apd_partition_rows(const apd_partition *partition, const apd_layout *layout, int block, int rank) {
    return apd_part(layout->blocks[block].rows, partition->ranks, rank);
}

apd_rows *apd_partition_slice(const apd_partition *partition, const apd_layout *layout) {
    apd_rows *slice = apd_allocate(layout->block_count, sizeof *slice, "a slice");
    for (int b = 0; b < layout->block_count; b++)
        slice[b] = apd_partition_rows(partition, layout, b, partition->rank);
    return slice;
}

int apd_partition_micro_batch(const apd_partition *partition, int64_t count, int shard) {
    int64_t whole = count / partition->shards, rest = count % partition->shards;
    return (int)(whole + (shard < rest ? 1 : 0));
}

int apd_partition_shard_of_sample(const apd_partition *partition, int64_t sample, int64_t batch) {
    return (int)(sample % batch % partition->shards);
}

int apd_partition_tree_middle(int lo, int hi) {
    return lo + (hi - lo + 1) / 2;
}

/* Shards lo..hi-1 of one column of the (S, width) values. */
static double tree_sum(int lo, int hi, int width, const double *column) {
    if (hi - lo == 1)
        return column[(int64_t)lo * width];
    int middle = apd_partition_tree_middle(lo, hi);
    return tree_sum(lo, middle, width, column) + tree_sum(middle, hi, width, column);
}

void apd_partition_tree_sum(int shards, int width, const double *values, double *sums) {
    for (int i = 0; i < width; i++)
        sums[i] = tree_sum(0, shards, width, values + i);
}

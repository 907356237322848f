/* prefetcher: micro-batches of a task, the next one made by a thread while the one before is computed with.
 *
 * The thread needs a processor besides the rank's own; where the rank is bound to one, and where no thread is to be
 * had, micro-batches are made when they are asked for. The numbers are the same. */
#ifndef APD_ENGINE_PREFETCHER_H
#define APD_ENGINE_PREFETCHER_H

#include "io/data/loader.h"

#include <stdbool.h>

/* Which micro-batch. */
typedef struct apd_feed {
    int shard, epoch, step;
} apd_feed;

typedef struct apd_micro_batch {
    int n;
    float *images;   /* (room, C, H, W), of which n are filled */
    int32_t *labels; /* (room) */
} apd_micro_batch;

typedef struct apd_prefetcher apd_prefetcher;

/* Of `set`, which must outlive it; micro-batches have at most `room` images of `floats` numbers. `ahead` is false: no
 * thread. */
apd_prefetcher *apd_prefetcher_create(apd_train_set *set, int room, int64_t floats, bool ahead);
void apd_prefetcher_destroy(apd_prefetcher *prefetcher); /* Takes NULL. */

/* Whether this process may run on more than one processor. */
bool apd_prefetcher_has_processor(void);

/* The micro-batch `feed`, the prefetcher's until the next call, at best made already; and begin with `next`. */
const apd_micro_batch *apd_prefetcher_take(apd_prefetcher *prefetcher, apd_feed feed, apd_feed next);

#endif

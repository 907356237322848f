/* prefetcher: micro-batches; a helper thread makes the next one while the present one is in use.
 *
 * The thread needs a processor of its own. If the rank is bound to one processor, or a thread cannot be started, each
 * micro-batch is made when it is taken. The numbers are the same. */
#ifndef APD_ENGINE_PREFETCHER_H
#define APD_ENGINE_PREFETCHER_H

#include "io/data/loader.h"

#include <stdbool.h>

/* Which micro-batch of which set. */
typedef struct apd_feed {
    apd_train_set *set;
    int shard, epoch, step;
} apd_feed;

typedef struct apd_micro_batch {
    int n;
    float *images;   /* (capacity, C, H, W), of which n are filled */
    int32_t *labels; /* (capacity) */
    float *taught;   /* (capacity, classes): the teachers' probabilities; NULL: there are none */
} apd_micro_batch;

typedef struct apd_prefetcher apd_prefetcher;

/* The sets that are asked for must outlive it. Micro-batches have at most `capacity` images of `floats` numbers, and where there
 * are teachers of at most `taught` classes (else 0). `ahead`: use a thread. */
apd_prefetcher *apd_prefetcher_create(int capacity, int64_t floats, int taught, bool ahead);
void apd_prefetcher_destroy(apd_prefetcher *prefetcher); /* Takes NULL. */

/* Whether this process may run on more than one processor. Local. */
bool apd_prefetcher_has_processor(void);

/* The micro-batch `feed`, valid until the next call; then start to make `next`. Waits if `feed` is being made. */
const apd_micro_batch *apd_prefetcher_take(apd_prefetcher *prefetcher, apd_feed feed, apd_feed next);

#endif

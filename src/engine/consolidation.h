/* consolidation: hierarchical consolidation of a run's tasks (Yoon et al. 2020, algorithm 1), layer by layer over all
 * ranks: Gram matrix, K-means, merge. Every decision is made from exact sums, so it is the same on all ranks and at
 * every P. */
#ifndef APD_ENGINE_CONSOLIDATION_H
#define APD_ENGINE_CONSOLIDATION_H

#include "engine/run.h"

/* The Gram matrices of the last consolidation, with digests of their vectors, so that only entries of vectors that
 * changed are computed again. Start with {0}. A resumed run starts without them and gets the same matrices. */
typedef struct apd_consolidator {
    struct apd_gram_memory *memory; /* (B); NULL before the first consolidation */
} apd_consolidator;

/* Whether a consolidation is due after the tasks that the run has trained. Local. */
bool apd_consolidation_due(const apd_run *run);

/* Cluster and merge every decomposed block, and increment run->state.consolidations. Sets `moved` of the tasks whose
 * theta changed. Rank 0 writes one event a layer to metrics.jsonl. Collective. Status: IO, from the log. */
apd_status apd_consolidate_run(apd_run *run, apd_consolidator *consolidator, apd_error *error);

void apd_consolidator_clear(apd_consolidator *consolidator, const apd_run *run); /* Collective. */

#endif

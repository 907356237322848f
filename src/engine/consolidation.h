/* consolidation: hierarchical consolidation of a run's tasks, layer by layer, over all ranks
 * (Yoon et al. 2020, algorithm 1): Gram matrix, K-means, merge. What is decided comes from exact sums, so it is the
 * same on all ranks and at every P. */
#ifndef APD_ENGINE_CONSOLIDATION_H
#define APD_ENGINE_CONSOLIDATION_H

#include "engine/run.h"

/* The Gram matrices of the last consolidation and what they were made of, so that only pairs of vectors that
 * changed since are computed again. Start with {0}; a run that was stopped starts without, to the same end. */
typedef struct apd_consolidator {
    struct apd_gram_memory *memory; /* (B) */
} apd_consolidator;

/* Whether a consolidation is due after the tasks that are finished. */
bool apd_consolidation_due(const apd_run *run);

/* Cluster and merge every decomposed block, and count it in run->state. Rank 0 writes a line of metrics for each
 * layer, and says one to the user. Tasks whose theta changed have their `moved` flags set. Collective. */
apd_status apd_consolidate_run(apd_run *run, apd_consolidator *consolidator, apd_error *error);

void apd_consolidator_clear(apd_consolidator *consolidator, const apd_run *run); /* Collective. */

#endif

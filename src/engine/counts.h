/* counts: what a run keeps, counted over all ranks, and digests of its parameters. */
#ifndef APD_ENGINE_COUNTS_H
#define APD_ENGINE_COUNTS_H

#include "engine/run.h"

/* Non-zeros and sizes over all ranks; file_bytes stays 0. `tau` (task_count; may be NULL) gets each task's non-zeros.
 * Collective. */
apd_capacity_counts apd_run_count(const apd_run *run, int64_t *tau);

/* Non-zeros of each block, sigma's and all tasks' tau (blocks each), over all ranks. Collective. */
void apd_run_count_blocks(const apd_run *run, int64_t *sigma, int64_t *tau);

/* A digest of a task's theta and biases in all layers, or of sigma if place < 0; the same at every P. Collective. */
uint64_t apd_run_digest(const apd_run *run, int place);

#endif

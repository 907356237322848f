/* scatter: moves items between the ranks that hold their rows and the ranks that write or read their parts.
 *
 * The parts are distributed over the ranks that see the run's folder, one each at a time, so that many small tasks are written
 * and read in parallel. Each all-to-all moves one item of each of these parts, packed. */
#ifndef APD_IO_SAVING_SCATTER_H
#define APD_IO_SAVING_SCATTER_H

#include "io/checkpoint/reader.h"
#include "io/saving/plan.h"
#include "network/partition.h"

/* Write the plan's parts beside the checkpoint `path`, wait until they are synced, and set the plan's digests and sizes, on
 * all ranks. `*files` (part_count; NULL where another rank wrote) are to be kept or destroyed. All ranks return the same.
 * Collective. Statuses: IO, REQUEUE, LOCKED, INTERNAL. */
apd_status apd_parts_write(const apd_team *team, const apd_partition *partition,
                           const apd_decomposition *decomposition, const apd_run_state *state,
                           const apd_solver *solver, const char *path, apd_commit_plan *plan,
                           apd_part_writer ***files, apd_error *error);

/* Read the items `keys` (count) of the commit that every rank has open in `reader` into what this rank holds of them:
 * decomposition and solver (NULL where no item needs it). All ranks return the same. Collective. Statuses: DATA, IO,
 * REQUEUE. */
apd_status apd_items_read(const apd_team *team, const apd_partition *partition, apd_reader *reader,
                          const apd_item_key *keys, int count, apd_decomposition *decomposition,
                          const apd_solver *solver, apd_error *error);

#endif

/* checkpoint: all that a run has learned, in HDF5 files with a group a task. io/checkpoint/README.md has the map of a commit.
 *
 *   RUN/checkpoint.h5            the newest commit: the run's state, where each item lies (root.h), and links for others
 *   RUN/segments/000012-0.h5     parts: what commit 12 wrote (schema.h), never changed again
 *   RUN/checkpoint.previous.h5   the commit before, for when the newest turns out to be damaged
 *
 * Equal contents give equal files, byte for byte, at every number of ranks. */
#ifndef APD_IO_SAVING_CHECKPOINT_H
#define APD_IO_SAVING_CHECKPOINT_H

#include "io/checkpoint/commits.h"
#include "method/decomposition.h"
#include "mpi/team/team.h"
#include "network/partition.h"

/* Write commit state->commit + 1 and make it the newest. Collective; all ranks return the same status.
 *
 * Writes   items that changed since the last commit; sigma and clusters, unless a task is in training and none ended since;
 *          the task in training. Links to the rest.
 * solver   has the task in training; may be NULL unless state->half_way.
 * Forgets  a task whose part of the decomposition is NULL: parts that held it are rewritten without it, older commits deleted.
 * Failure  leaves the old commit and state->commit. Two late errors differ: old files not deleted (the new commit
 *          stands); folder not synced after the rename (apd_checkpoint_choose falls back to the old commit).
 * Statuses IO, REQUEUE (path, step, reason), LOCKED, INTERNAL. */
apd_status apd_checkpoint_save(const apd_team *team, const apd_partition *partition, const char *path,
                               apd_decomposition *decomposition, apd_run_state *state,
                               const apd_solver *solver, apd_error *error);

/* Load at any number of ranks. `*decomposition` is created for `layout` and `*state` overwritten, on success only. The layout must
 * equal the file's (DATA names the block that differs), except that its head may have more rows unless a task is in training. All
 * ranks return the same. Collective. Statuses: IO, REQUEUE, DATA. */
apd_status apd_checkpoint_load(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_layout *layout, apd_decomposition **decomposition,
                               apd_run_state *state, apd_error *error);

/* Set the progress and fill the arrays of the solver, which has begun the task of state->training, from the checkpoint
 * `path` (the one that `state` was loaded from). All ranks return the same. Collective. Statuses: IO, REQUEUE, DATA. */
apd_status apd_checkpoint_load_training(const apd_team *team, const apd_partition *partition,
                                        const char *path, const apd_run_state *state, apd_solver *solver,
                                        apd_decomposition *decomposition, apd_error *error);

#endif

/* read_root: what a checkpoint says before its first parameter: the run's state and the layout. Local. Statuses as get. */
#ifndef APD_IO_CHECKPOINT_READ_ROOT_H
#define APD_IO_CHECKPOINT_READ_ROOT_H

#include "io/checkpoint/get.h"
#include "io/checkpoint/task.h"

/* Read the root's attributes and /run_yaml into `state`, and allocate its records. `state` is zeroed by the caller, who
 * clears it on failure, too. `*digests` (T) gets the stored digests of the tasks' groups, to be freed on failure, too;
 * `*training` that of /training. */
apd_status apd_checkpoint_read_root(apd_checkpoint_in *root, apd_run_state *state, uint64_t **digests,
                                    uint64_t *training, apd_error *error);

/* Read the blocks from the open group /layout. Offsets are not in the file: they are 0. Free layout->blocks on failure,
 * too. */
apd_status apd_checkpoint_read_layout(apd_checkpoint_in *group, apd_layout *layout, apd_error *error);

/* Read the rest of a task's record from its open group, and classes and `single` into `facts`. */
apd_status apd_checkpoint_read_record(apd_checkpoint_in *group, const apd_layout *layout,
                                      apd_task_record *record, apd_checkpoint_facts *facts, apd_error *error);

#endif

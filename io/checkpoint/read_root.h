/* checkpoint_read_root: what a checkpoint says before its first parameter: the run's state and the layout.
 * Statuses as apd_checkpoint_load. Local. */
#ifndef APD_IO_CHECKPOINT_READ_ROOT_H
#define APD_IO_CHECKPOINT_READ_ROOT_H

#include "io/checkpoint/get.h"
#include "io/checkpoint/task.h"

/* Root attributes and /run_yaml into `state` (zeroed by the caller, who clears it on failure too); room for the
 * records and the accuracies, which are NAN; what the file says of the digests of the tasks' groups (T; free it on
 * failure too) and of /training. */
apd_status apd_checkpoint_read_root(apd_checkpoint_in *root, apd_run_state *state, uint64_t **digests,
                                    uint64_t *training, apd_error *error);

/* Blocks into `layout` (offsets are not in the file: 0); layout->blocks is to be freed on failure too.
 * `group` is the open group /layout. */
apd_status apd_checkpoint_read_layout(apd_checkpoint_in *group, apd_layout *layout, apd_error *error);

/* The rest of the record of a task that is there, from its open group; classes and `single` into `facts`. */
apd_status apd_checkpoint_read_record(apd_checkpoint_in *group, const apd_layout *layout,
                                      apd_task_record *record, apd_checkpoint_facts *facts, apd_error *error);

#endif

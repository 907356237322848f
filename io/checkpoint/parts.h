/* checkpoint_parts: the parts of a commit's segment of tasks that one process writes.
 *
 * Order of calls: create; for each part begin, its tasks (as io/checkpoint/tasks_out.h has them), finish; then wait, and
 * release when the commit is published. A part that is not released is removed when it is destroyed. Statuses as apd_checkpoint_save.
 * Local. */
#ifndef APD_IO_CHECKPOINT_PARTS_H
#define APD_IO_CHECKPOINT_PARTS_H

#include "io/checkpoint/task.h"

typedef struct apd_parts apd_parts;

/* Of the commit state->commit of the checkpoint `path`; all three must outlive it. */
apd_parts *apd_parts_create(const char *path, const apd_layout *layout, const apd_run_state *state);
void apd_parts_destroy(apd_parts *parts); /* Takes NULL. */

apd_status apd_parts_begin(apd_parts *parts, int part, apd_error *error);
apd_status apd_parts_forgotten(apd_parts *parts, int place, apd_error *error);
apd_status apd_parts_begin_task(apd_parts *parts, int place, const apd_checkpoint_facts *facts,
                                apd_error *error);
void apd_parts_task_block(apd_parts *parts, int block, int64_t rows, const apd_task_block *run);
apd_status apd_parts_end_task(apd_parts *parts, apd_error *error);

/* Close the part; while a thread syncs and compares it, read one of its tasks. */
apd_status apd_parts_finish(apd_parts *parts, apd_error *error);

/* Wait until all parts are synced and compared, and sync their folder. */
apd_status apd_parts_wait(apd_parts *parts, apd_error *error);
void apd_parts_release(apd_parts *parts);

uint64_t apd_parts_digest(const apd_parts *parts,
                          int place);            /* of a task's group; 0: it was not written here */
int64_t apd_parts_bytes(const apd_parts *parts); /* of all that are finished */

#endif

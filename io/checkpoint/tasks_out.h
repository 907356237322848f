/* checkpoint_tasks_out: tasks' groups while they are written into a file, be it a segment's or a packed commit's.
 *
 * Order of calls for a task: forgotten; or begin, block for every block (all its rows, in runs that come in order; of
 * the head, those beyond the task's classes are passed by), end. Abandon may come at any time.
 * Statuses as checkpoint_put. Local. */
#ifndef APD_IO_CHECKPOINT_TASKS_OUT_H
#define APD_IO_CHECKPOINT_TASKS_OUT_H

#include "io/checkpoint/sink.h"
#include "io/checkpoint/task.h"

typedef struct apd_tasks_out {
    const apd_layout *layout;   /* not owned */
    const apd_run_state *state; /* not owned */
    int place;
    apd_checkpoint_facts facts;
    apd_checkpoint_out group;
    int64_t entries; /* of this task's tau so far */
    apd_checkpoint_sink sinks[APD_CHECKPOINT_SETS];
} apd_tasks_out;

/* `layout` and `state` must outlive it; the records of the tasks' places are read. */
void apd_tasks_out_init(apd_tasks_out *out, const apd_layout *layout, const apd_run_state *state);
void apd_tasks_out_abandon(apd_tasks_out *out);

/* Into the file of `root`; `*digest` is that of the group. */
apd_status apd_tasks_out_forgotten(apd_tasks_out *out, const apd_checkpoint_out *root, int place,
                                   uint64_t *digest, apd_error *error);
apd_status apd_tasks_out_begin(apd_tasks_out *out, const apd_checkpoint_out *root, int place,
                               const apd_checkpoint_facts *facts, apd_error *error);
void apd_tasks_out_block(apd_tasks_out *out, int block, int64_t rows, const apd_task_block *run);
apd_status apd_tasks_out_end(apd_tasks_out *out, uint64_t *digest, apd_error *error);

#endif

/* checkpoint_plan: which tasks a commit writes, and in which parts of its segment of tasks.
 *
 * Parts follow one another in the order of places and are cut by what the tasks hold alone, so that they are the same
 * at every P. */
#ifndef APD_IO_CHECKPOINT_PLAN_H
#define APD_IO_CHECKPOINT_PLAN_H

#include "io/checkpoint/checkpoint.h"

typedef struct apd_commit_plan {
    int *part;        /* (T): of the task at a place; -1: it is not written, its group stays where it is */
    int *places;      /* (count): of the tasks that are written, in order */
    int64_t *entries; /* (count): of their tau, all ranks */
    int count;
    int *first; /* (parts + 1): where in `places` a part begins, and where the last one ends */
    int parts;
} apd_commit_plan;

/* The same on all ranks; clear it. `alone`: nothing of a former commit that holds a forgotten task may be kept.
 * Collective. */
void apd_commit_plan_make(const apd_team *team, const apd_decomposition *decomposition,
                          const apd_run_state *state, bool alone, apd_commit_plan *plan);
void apd_commit_plan_clear(apd_commit_plan *plan);

/* Whether the task is a network of its own. */
bool apd_commit_plan_is_single(const apd_decomposition *decomposition, const apd_task_part *part);

/* A part ends once it holds so many bytes, for tests. Returns the last number. The same on all ranks. */
int64_t apd_commit_plan_set_part_bytes(int64_t bytes);

#endif

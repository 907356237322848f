/* plan: which items a commit writes, and in which parts.
 *
 * Written are items that changed, and those of parts that would hold too much that nobody needs any more. Parts follow one
 * another in the items' order; shared parameters, tasks and a task in training lie in different ones. What they hold
 * alone cuts them, so that they are the same at every P. */
#ifndef APD_IO_CHECKPOINT_PLAN_H
#define APD_IO_CHECKPOINT_PLAN_H

#include "io/checkpoint/schema.h"
#include "mpi/team/team.h"

typedef struct apd_commit_plan {
    int count;
    apd_item_key *items; /* (count): those that are written */
    int64_t *entries;    /* (count): of all ranks */
    uint64_t *digests;   /* (count): of their groups; set by writing */
    int part_count;
    int *first; /* (part_count + 1): where in `items` a part begins, and where the last one ends */
    apd_part_record *parts; /* (part_count): bytes and digest are set by writing */
} apd_commit_plan;

/* The plan of commit state->commit; the same on all ranks. `alone`: no part that holds a forgotten task may be needed.
 * Collective. Clear it. */
void apd_commit_plan_make(const apd_team *team, const apd_decomposition *decomposition, apd_run_state *state,
                          const apd_solver *solver, bool alone, apd_commit_plan *plan);
void apd_commit_plan_clear(apd_commit_plan *plan);

/* For tests: a part ends at so many bytes (16 MB). Returns what it was. */
int64_t apd_commit_plan_set_part_bytes(int64_t bytes);

#endif

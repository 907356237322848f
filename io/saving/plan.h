/* plan: which items a commit writes, and in which parts.
 *
 * A commit writes the items that changed, and rewrites those still needed of old parts that are mostly no longer needed. Items
 * are assigned to parts in their order; shared parameters, tasks and the task in training never share a part. Where a part
 * ends depends on its items only, so that parts are the same at every P. */
#ifndef APD_IO_SAVING_PLAN_H
#define APD_IO_SAVING_PLAN_H

#include "io/checkpoint/schema.h"
#include "mpi/team/team.h"

typedef struct apd_commit_plan {
    int count;
    apd_item_key *items; /* (count): those that are written */
    int64_t *entries;    /* (count): of all ranks */
    int64_t *code;       /* (count): bytes of their code */
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

/* For tests: set the bytes at which a part ends (16 MB). Returns the former number. */
int64_t apd_commit_plan_set_part_bytes(int64_t bytes);

#endif

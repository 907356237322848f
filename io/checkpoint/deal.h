/* checkpoint_deal: the tasks that a commit writes on their way to the ranks that write them.
 *
 * Parts are dealt in turn to the ranks that see the run's folder, rank 0 among them. Ranks write side by side: for
 * every task of its own part a rank gets the others' rows of it while it sends its rows of theirs. */
#ifndef APD_IO_CHECKPOINT_DEAL_H
#define APD_IO_CHECKPOINT_DEAL_H

#include "io/checkpoint/parts.h"
#include "io/checkpoint/plan.h"

/* Write all parts of the plan; `own` gets those that this rank writes, finished. `path` is the checkpoint's; the
 * folder for its segments is there. All ranks return the same. Collective. Statuses as apd_checkpoint_save. */
apd_status apd_checkpoint_deal(const apd_team *team, const apd_partition *partition,
                               const apd_decomposition *decomposition, const apd_commit_plan *plan,
                               const char *path, apd_parts *own, apd_error *error);

#endif

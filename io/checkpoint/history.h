/* history: the newest commit and the one before, and which files both need.
 *
 * Deletions fail closed: what cannot be looked for, opened or listed is neither absent nor unneeded. Local, rank 0.
 * Statuses of all: IO and REQUEUE as the system says, naming the file. */
#ifndef APD_IO_CHECKPOINT_HISTORY_H
#define APD_IO_CHECKPOINT_HISTORY_H

#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/segment.h"

/* Call just before a commit is renamed to `path`. Gives the commit that is there the name of the one before, too. Nothing
 * to do when `path` is absent. */
apd_status apd_checkpoint_keep_former(const char *path, apd_error *error);

/* Add the segments that the commit described by `state` needs. */
void apd_checkpoint_needs(apd_segment_set *set, const apd_run_state *state);

/* Call just after. `state` describes the newest commit; `needed` holds the segments of both. Deletes the commit before if
 * it must not be kept (state->alone), and segments that are not in `needed`, which is sorted here. */
apd_status apd_checkpoint_tidy(const char *path, const apd_run_state *state, apd_segment_set *needed,
                               apd_error *error);

#endif

/* checkpoint_history: the newest commit and the one before, and which files both need. Status: IO. Local. */
#ifndef APD_IO_CHECKPOINT_HISTORY_H
#define APD_IO_CHECKPOINT_HISTORY_H

#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/segment.h"

/* Just before a commit becomes the newest at `path`: the one that is there gets the name of the one before, too. */
apd_status apd_checkpoint_keep_former(const char *path, apd_error *error);

/* Add what the commit that `state` describes refers to. */
void apd_checkpoint_needs(apd_segment_set *set, const apd_run_state *state);

/* Just after: the commit that `state` describes is the newest. Remove the one before if it must not be kept, and
 * segments that are not in `needed`, which has what both commits refer to. */
apd_status apd_checkpoint_tidy(const char *path, const apd_run_state *state, apd_segment_set *needed,
                               apd_error *error);

#endif

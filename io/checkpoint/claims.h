/* claims: limits on the sizes and names in a checkpoint, so that no size computed from them overflows.
 *
 * Each returns what is wrong, for a message; NULL: nothing. Local. */
#ifndef APD_IO_CHECKPOINT_CLAIMS_H
#define APD_IO_CHECKPOINT_CLAIMS_H

#include "io/checkpoint/state.h"
#include "network/layout.h"

enum {
    APD_MOST_BLOCKS = 4096,
    APD_MOST_TRAINING_ARRAYS = 65536,
    APD_MOST_SHARED_ARRAYS = 8,
    APD_MOST_KEY_BYTES = 1024
};

/* Names are unique and plain, and the numbers of `tasks` tasks together stay far below 2^63. */
const char *apd_claims_of_layout(const apd_layout *layout, int64_t tasks);

/* The names of the arrays beside sigma. */
const char *apd_claims_of_shared_arrays(const apd_shared_name *names, int64_t count);

/* The list of the solver's arrays: blocks, widths, names that are unique in a block. `array_count` is negative when there are
 * too many. */
const char *apd_claims_of_training(const apd_training_state *training, int block_count);

#endif

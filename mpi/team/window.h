/* window: memory that all ranks of a node read and write, and their flags in it. For the files of mpi/ only.
 *
 * Every rank brings a segment, which it touches first, so that its pages lie near it. Flags are counters that
 * only their rank raises: a release store after its writes, an acquire load before others' reads. So data
 * passes without locks, and a rank never waits for a rank that it needs nothing from. */
#ifndef APD_MPI_TEAM_WINDOW_H
#define APD_MPI_TEAM_WINDOW_H

#include "mpi/team/comm.h"

typedef struct apd_window apd_window;

/* A segment of `floats` floats for this rank, and `flag_count` flags a rank, all zero. Collective. */
apd_window *apd_window_create(const apd_team *team, int64_t floats, int flag_count);
void apd_window_destroy(apd_window *window); /* Collective. Takes NULL. */

float *apd_window_segment(const apd_window *window, int place); /* of any rank of the node */

void apd_window_raise(apd_window *window, int flag, uint64_t value); /* this rank's flag */
/* Have all ranks of the node raised `flag` to `value` or beyond? */
bool apd_window_reached(const apd_window *window, int flag, uint64_t value);

int64_t apd_window_bytes(const apd_window *window); /* of the whole node */

/* Between two looks at something not there yet: at first nothing, then the processor is yielded, at
 * last this process sleeps for some 50 microseconds. Start with *looks = 0. */
void apd_window_pause(int *looks);

#endif

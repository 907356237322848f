/* window: memory that all ranks of a node share, and their progress flags in it. For the files of mpi/ only.
 *
 * Each rank brings a segment and writes it first, so that its pages lie in the rank's NUMA domain. Ranks read and write
 * segments by plain loads and stores. A flag is a counter that its own rank alone raises: a release store after the
 * rank's writes, which the other ranks' acquire loads pair with. So data passes without locks, and a rank waits only
 * for ranks whose data it needs.
 *
 * In MPI's terms: the window has the unified memory model, and every rank holds a shared lock on all segments from
 * create to destroy, so that loads and stores are in an access epoch; the flags' C11 atomics order them. */
#ifndef APD_MPI_TEAM_WINDOW_H
#define APD_MPI_TEAM_WINDOW_H

#include "mpi/team/comm.h"

#include <stdint.h>

typedef struct apd_window apd_window;

/* A segment of `floats` >= 0 floats for this rank, and `flag_count` flags of each rank, all zero. Collective over the
 * node. Ends the job if there is not enough shared memory. */
apd_window *apd_window_create(const apd_team *team, int64_t floats, int flag_count);
void apd_window_destroy(apd_window *window); /* Collective over the node. Takes NULL. */

/* The segment of the rank at `place` of the node. Local. */
float *apd_window_segment(const apd_window *window, int place);

/* Set this rank's flag `flag` to `value`, not below its present one. Local. */
void apd_window_raise(apd_window *window, int flag, uint64_t value);

/* True if all ranks of the node have raised `flag` to `value` or beyond. Local, does not wait. */
bool apd_window_reached(const apd_window *window, int flag, uint64_t value);

int64_t apd_window_bytes(const apd_window *window); /* of all segments of the node. Local. */

/* Back off while polling: spin, then yield the processor, then sleep about 50 us. Start with *looks = 0. Local. */
void apd_window_pause(int *looks);

#endif

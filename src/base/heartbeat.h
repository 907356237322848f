/* pulse: what this process's main thread is at, for another thread to look at (mpi/watch).
 *
 * The main thread alone notes; a note is two or three stores to memory, no lock and no call to the system, so
 * that it may stand in every step and around every wait. Any thread may read. */
#ifndef APD_BASE_HEARTBEAT_H
#define APD_BASE_HEARTBEAT_H

#include <stdint.h>

typedef enum apd_activity {
    APD_WORKS,   /* what is being done depends on nobody else */
    APD_WAITS,   /* for other processes */
    APD_MAY_WAIT /* a library works and waits, which of the two is not to be seen from outside */
} apd_activity;

typedef struct apd_heartbeat {
    uint64_t count; /* of notes so far: stands still when the process does */
    apd_activity activity;
    const char *phase;
} apd_heartbeat;

/* A new phase begins, or another piece of the same one. `phase` is a word or two, a literal: "commit". Returns
 * the phase before, so that a part which is called from several phases can put it back. */
const char *apd_heartbeat_phase(const char *phase);

/* Around everything that may wait for other processes. Pairs may lie in one another: the outermost counts. */
void apd_heartbeat_begin(apd_activity activity);
void apd_heartbeat_end(void);

/* Now. Any thread. */
apd_heartbeat apd_heartbeat_read(void);

#endif

/* heartbeat: what the main thread is doing, readable from any thread (mpi/watchdog).
 *
 * Only the main thread reports. A report is two or three stores to memory, without locks or system calls, so it may stand
 * in every step and around every wait. */
#ifndef APD_BASE_HEARTBEAT_H
#define APD_BASE_HEARTBEAT_H

#include <stdint.h>

typedef enum apd_activity {
    APD_WORKS,   /* depends on no other process */
    APD_WAITS,   /* for other processes */
    APD_MAY_WAIT /* in a library that works and waits */
} apd_activity;

typedef struct apd_heartbeat {
    uint64_t count; /* of reports so far; does not change while the process hangs */
    apd_activity activity;
    const char *phase;
} apd_heartbeat;

/* Begin a phase, or report progress in the present one. `phase` is a string literal of a word or two ("commit"). Returns
 * the phase before, so that a function called from several phases can restore it. */
const char *apd_heartbeat_phase(const char *phase);

/* Bracket everything that may wait for other processes. Brackets nest; the outermost activity counts. */
void apd_heartbeat_begin(apd_activity activity);
void apd_heartbeat_end(void);

/* The last report. Any thread. */
apd_heartbeat apd_heartbeat_read(void);

#endif

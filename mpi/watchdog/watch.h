/* watch: a thread on every rank that names a rank which keeps the others waiting.
 *
 * When a process is stopped, hangs in the kernel, or its node is gone, all others wait inside MPI and cannot say
 * so. Here each rank's thread sends its pulse (base/pulse) every few seconds, by UDP beside MPI, to the watchers:
 * rank 0 and two more, on other nodes where there are some. A watcher's thread judges (mpi/watch_table), and one
 * of them writes a line to stderr:
 *
 *   rank 3 on node07 (pid 4711) has not been heard of for 60 s, last seen in phase backward: ...; 7 ranks wait
 *   rank 3 on node07 goes on after 95 s
 *
 * The threads call no MPI, touch nothing of the run, block all signals, and sleep nearly always. Nothing but
 * lines comes of them: no verdict ends or changes a run. */
#ifndef APD_MPI_WATCHDOG_WATCH_H
#define APD_MPI_WATCHDOG_WATCH_H

#include "mpi/team/team.h"

typedef struct apd_watch apd_watch;

/* Watch from now on; the first line about a stall comes after `seconds`, the next ones when it lasts twice as
 * long as at the last. `seconds` (the same on all ranks) 0 is off: NULL is returned, as it is on one rank, which
 * keeps nobody waiting, and, after a warning, where there are no sockets. Collective. */
apd_watch *apd_watch_start(const apd_team *team, double seconds);

/* Waits for all ranks, watched to the last, then ends the thread. Takes NULL (on all ranks or none). Collective. */
void apd_watch_stop(apd_watch *watch);

#endif

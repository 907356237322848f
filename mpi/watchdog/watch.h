/* watch: names a rank that keeps the others waiting.
 *
 * When a process is stopped, hangs in the kernel, or its node is gone, all others wait inside MPI and cannot report it.
 * So a thread on every rank sends the rank's state (base/heartbeat) every few seconds to three watchers: rank 0, the
 * last rank, and one halfway. One of them judges (table.h) and writes lines to stderr:
 *
 *   rank 3 on node07 (pid 4711) has not been heard of for 60 s, last seen in phase backward: ...; 7 ranks wait
 *   rank 3 on node07 goes on after 95 s
 *
 * Why so, and what each part is for:
 *   a thread   only code outside MPI's calls runs while MPI waits; MPI itself may be called by the main thread alone
 *   UDP        reaches other nodes without connections, never blocks, and a lost datagram is made up for by the next.
 *              Shared memory would do within a node only, and a node that is gone must be named, too. Where a firewall
 *              drops datagrams, one line says so and nobody is accused; loopback serves the ranks of a node
 *   watchers   three, so that rank 0's stall, and the loss of its node, are reported as well
 *   a token    a random number that came by MPI: datagrams of strangers and of other runs are ignored
 * Cost: a step pays for the heartbeat's stores, some nanoseconds, alone. A rank sends 3 datagrams of 56 bytes every 5 s
 * and sleeps in between; a watcher wakes ten times a second (0.2 ms of processor time a second, measured with 2 ranks)
 * and receives 200 datagrams a second from 1,000 ranks. Nothing but lines comes of it: no stall ends or changes a run. */
#ifndef APD_MPI_WATCHDOG_WATCH_H
#define APD_MPI_WATCHDOG_WATCH_H

#include "mpi/team/team.h"

typedef struct apd_watch apd_watch;

/* Watch from now on. Collective. `seconds`, the same on all ranks: the first line about a stall comes after so long,
 * the next ones whenever it has lasted twice as long as at the last. Returns NULL, and nothing is watched, if `seconds`
 * is 0 or the team has one rank. A rank that gets no socket or thread warns that its stalls will not be named. */
apd_watch *apd_watch_start(const apd_team *team, double seconds);

/* Wait for all ranks, which are watched to the last, and end the thread. Takes NULL (on all ranks or none).
 * Collective. */
void apd_watch_stop(apd_watch *watch);

#endif

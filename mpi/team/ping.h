/* ping: what messages between two ranks cost, and a barrier.
 *
 * Rank 0 and the last rank, which are on different nodes if there are several, play ping-pong with two-sided messages,
 * as the internode exchange sends them; the other ranks wait. On one node these messages go through shared memory. */
#ifndef APD_MPI_TEAM_PING_H
#define APD_MPI_TEAM_PING_H

#include "mpi/team/team.h"

typedef struct apd_ping {
    double latency;     /* seconds of one message of 8 bytes, one way */
    double bandwidth;   /* bytes a second of messages of 4 MiB */
    double barrier;     /* seconds of a barrier of all ranks */
    bool between_nodes; /* the two ranks are on different nodes */
} apd_ping;

/* Medians of several trials, the same on every rank; zeros in a team of one rank. Takes milliseconds. Collective. */
apd_ping apd_ping_measure(const apd_team *team);

#endif

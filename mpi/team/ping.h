/* ping: what a message between two ranks costs: the latency of a small one, and the rate of large ones.
 *
 * Rank 0 and the last rank, the farthest apart there are, play ping-pong with two-sided messages, the kind that
 * internode uses between nodes; the others wait. Between ranks of one node these go through shared memory. */
#ifndef APD_MPI_TEAM_PING_H
#define APD_MPI_TEAM_PING_H

#include "mpi/team/team.h"

typedef struct apd_ping {
    double latency;     /* seconds of one small message, one way */
    double bandwidth;   /* bytes a second of messages of 4 MiB */
    double barrier;     /* seconds of a meeting of all ranks */
    bool between_nodes; /* the two ranks share no memory */
} apd_ping;

/* Medians of several trials, on every rank; zeros in a team of one. Takes milliseconds. Collective. */
apd_ping apd_ping_measure(const apd_team *team);

#endif

/* comm: what is in a team: its communicators, and which ranks share a node. For the files of mpi/ only. */
#ifndef APD_MPI_TEAM_COMM_H
#define APD_MPI_TEAM_COMM_H

#include <mpi.h>

#include <stdbool.h>

/* A node is a set of ranks that share memory. Ranks are numbered node by node, so that each node's shards are one
 * contiguous range, and its sums whole subtrees, however the launcher placed the processes. */
typedef struct apd_team {
    MPI_Comm everyone; /* not shared with any other team */
    MPI_Comm node;     /* the ranks of this rank's node, in order */
    int rank, size;    /* P = size */
    bool ends_mpi;     /* this team called MPI_Init_thread */
    int node_count;
    int *node_of;    /* (P): the node of every rank */
    int *node_begin; /* (node_count+1): node n has ranks node_begin[n] .. node_begin[n+1]-1 */
} apd_team;

static inline int apd_team_node_size(const apd_team *team, int node) {
    return team->node_begin[node + 1] - team->node_begin[node];
}

/* The place of `rank` among the ranks of its node, from 0. */
static inline int apd_team_place(const apd_team *team, int rank) {
    return rank - team->node_begin[team->node_of[rank]];
}

/* The rank of `node` that exchanges messages with `partner`, a rank of another node. A node's ranks share this work
 * evenly. */
static inline int apd_team_delegate(const apd_team *team, int node, int partner) {
    return team->node_begin[node] + apd_team_place(team, partner) % apd_team_node_size(team, node);
}

#endif

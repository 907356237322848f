/* team_comm: a team's communicators and how its ranks lie on nodes. For the files of mpi/ only.
 *
 * A *node* is a set of ranks that share memory; its ranks need not be neighbours in the team. */
#ifndef APD_MPI_TEAM_COMM_H
#define APD_MPI_TEAM_COMM_H

#include "mpi/team/chunk.h"
#include "mpi/team/team.h"

struct apd_team {
    MPI_Comm everyone; /* ours alone: a duplicate of MPI's world */
    MPI_Comm node;     /* this rank's node, in the order of ranks */
    int rank, size;
    bool ends_mpi;   /* this team started MPI */
    int node_count;  /* nodes are numbered by their lowest rank */
    int *node_of;    /* (P): the node of every rank */
    int *node_begin; /* (node_count+1): node n's ranks are node_ranks[node_begin[n] .. node_begin[n+1]-1] */
    int *node_ranks; /* (P): ranks by node, ascending within one */
    int *place_of;   /* (P): the place of every rank among its node's, from 0 */
};

static inline int apd_team_node_size(const apd_team *team, int node) {
    return team->node_begin[node + 1] - team->node_begin[node];
}

/* The rank of `node` that sends to, and receives from, `partner`, a rank of another node. A node's ranks
 * share this work evenly. */
static inline int apd_team_delegate(const apd_team *team, int node, int partner) {
    return team
        ->node_ranks[team->node_begin[node] + team->place_of[partner] % apd_team_node_size(team, node)];
}

#endif

/* team: the ranks of a run, and how they agree.
 *
 * The only way into MPI for the rest of the program: no file outside mpi/ includes <mpi.h>. A failing MPI call ends the
 * job (apd_fatal), since a run cannot go on without one of its ranks. Counts are 64-bit; where MPI takes an int, long
 * messages are sent in chunks (chunk.h). "Collective." means that all ranks of the team call the function, in the same
 * order; "Local." that it communicates with no other rank.
 *
 * Ranks are numbered node by node, in MPI's order within a node; rank 0 is MPI's rank 0.
 *
 * For tests, the environment variable APD_RANKS_A_NODE simulates several nodes on one machine: k > 0 cuts the ranks
 * that share memory into nodes of k consecutive ranks (the last may be smaller); k < 0 assigns them round-robin to -k
 * nodes. No result depends on it. */
#ifndef APD_MPI_TEAM_TEAM_H
#define APD_MPI_TEAM_TEAM_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_team apd_team;

/* Start MPI if that has not been done, find the ranks that share memory, make apd_fatal end the whole job, and switch
 * the log off on ranks other than 0. Collective over all processes. Ends the job if the MPI library does not allow
 * threads beside the one that calls it (MPI_THREAD_FUNNELED). The number of BLAS threads is left to the caller. */
apd_team *apd_team_create(int *argc, char ***argv);

/* Ends MPI if this team started it, so destroy the first team last. Collective. Takes NULL. */
void apd_team_destroy(apd_team *team);

/* The team of those ranks of `team` that pass the same `group` >= 0, in their order; NULL for ranks that pass -1.
 * Collective over `team`. apd_fatal still ends the whole job. Destroy it, collectively over itself, before `team`. */
apd_team *apd_team_split(const apd_team *team, int group);

int apd_team_rank(const apd_team *team);  /* 0 .. P-1; rank 0 coordinates. Local. */
int apd_team_size(const apd_team *team);  /* P. Local. */
int apd_team_nodes(const apd_team *team); /* The number of nodes: sets of ranks that share memory. Local. */

/* Agree on a status before anything collective follows. Returns APD_OK if `local` is that on all ranks; otherwise the
 * status of the lowest rank that failed, whose message is then in `error` (not NULL) on all ranks. Collective. */
apd_status apd_team_agree(const apd_team *team, apd_status local, apd_error *error);

/* Wait for all ranks. Collective. */
void apd_team_barrier(const apd_team *team);

/* The same for ranks that wait long while others use the cores: sleeps between polls, and so returns up to a
 * millisecond late. Collective. */
void apd_team_rest(const apd_team *team);

/* Copy `count` bytes of rank 0 to all ranks. Collective. */
void apd_team_broadcast(const apd_team *team, void *bytes, int64_t count);

/* Rank 0's text on every rank, NULL for NULL; free it. Takes over `text`, which is read on rank 0 only. Collective. */
char *apd_team_share_text(const apd_team *team, char *text);

bool apd_team_any(const apd_team *team, bool local);      /* True if it is on any rank. Collective. */
bool apd_team_same(const apd_team *team, uint64_t value); /* True if equal on all ranks. Collective. */

/* Elementwise sums and maxima over ranks, in place, on all ranks. For integers only: a floating-point sum over ranks
 * would depend on P. Collective. */
void apd_team_sum(const apd_team *team, int64_t *values, int count);
void apd_team_maximum(const apd_team *team, int64_t *values, int count);

/* The largest and the mean of the ranks' seconds, to the nanosecond, on every rank. Collective. */
double apd_team_slowest(const apd_team *team, double seconds);
double apd_team_mean_seconds(const apd_team *team, double seconds);

/* Concatenate all ranks' parts, in rank order, on rank 0. `part` has `bytes` >= 0 bytes, which may differ between
 * ranks. On rank 0 `*all` (caller frees) has `*total` bytes; elsewhere NULL and 0. Collective. */
void apd_team_gather(const apd_team *team, const void *part, int64_t bytes, void **all, int64_t *total);

/* The same with the result on every rank. Collective. */
void apd_team_gather_all(const apd_team *team, const void *part, int64_t bytes, void **all, int64_t *total);

/* The same without memory for the whole: rank 0 passes the concatenation, some megabytes at a time, to `take` (NULL:
 * drops it). `bytes` and every count passed are multiples of `unit` > 0. Collective. */
typedef void (*apd_team_take)(void *context, const void *bytes, int64_t count);
void apd_team_gather_through(const apd_team *team, const void *part, int64_t bytes, int64_t unit,
                             apd_team_take take, void *context);

/* The inverse of gather: rank r receives the r-th part of rank 0's `all`, of bytes[r] bytes, in `part` of `size` bytes,
 * which must be equal. `all` and `bytes` (P) are read on rank 0 only. Collective. */
void apd_team_scatter(const apd_team *team, const void *all, const int64_t *bytes, void *part, int64_t size);

/* Every rank sends a part to every rank. `parts` concatenates this rank's, of bytes[r] bytes for rank r. `*got` (caller
 * frees) concatenates what ranks 0 .. P-1 sent here, of sizes[r] (P, set here) bytes. Collective. */
void apd_team_all_to_all(const apd_team *team, const void *parts, const int64_t *bytes, void **got,
                         int64_t *sizes);

/* The host of every rank as one text "h1,h1,h2", on every rank; caller frees. Collective. */
char *apd_team_hosts(const apd_team *team);

/* The first line of the MPI library's version text. Local. */
const char *apd_team_library(void);

#endif

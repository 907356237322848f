/* team: the processes of a run, and how they agree.
 *
 * The only way into MPI for the rest of the program: nobody outside mpi/ includes <mpi.h>. Every failing MPI
 * call is fatal (apd_fatal): there is no carrying on without a rank. Counts are 64-bit; where MPI takes an
 * int the work is cut in chunks here. "Collective." means: all ranks of the team call it, in the same order.
 *
 * A testing aid: the environment variable APD_RANKS_A_NODE plays several nodes on one machine. k > 0 cuts the
 * ranks that share memory into nodes of k consecutive ranks (the last may be smaller); k < 0 deals them like
 * cards to -k nodes. No result depends on it. */
#ifndef APD_MPI_TEAM_TEAM_H
#define APD_MPI_TEAM_TEAM_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_team apd_team;

/* Start MPI (if it is not started yet), find the ranks that share memory with this one, install the abort of
 * apd_fatal and switch the log off on ranks other than 0. Collective. One BLAS thread is the caller's business. */
apd_team *apd_team_create(int *argc, char ***argv);

/* Collective. Ends MPI if this team started it: the first team made goes last. Takes NULL. */
void apd_team_destroy(apd_team *team);

/* A team of those ranks of `team` that give the same `group` >= 0, in their order; NULL for those that give -1. Fatal
 * errors and the log stay with the whole. Collective over `team`; destroyed before it, by its own ranks. */
apd_team *apd_team_split(const apd_team *team, int group);

int apd_team_rank(const apd_team *team);  /* 0 .. P-1; rank 0 coordinates */
int apd_team_size(const apd_team *team);  /* P */
int apd_team_nodes(const apd_team *team); /* how many nodes, sets of ranks that share memory. Local. */

/* The collective rule: before anything collective follows, all ranks take the status of the lowest rank that
 * failed, and its message; APD_OK only when all are well. `error` (not NULL) gets that message everywhere.
 * Collective. */
apd_status apd_team_agree(const apd_team *team, apd_status local, apd_error *error);

void apd_team_barrier(const apd_team *team); /* Collective. */
/* The same without the use of a processor: who comes early sleeps, and wakes at most a millisecond late. For ranks
 * that have nothing to do while others work on cores that may be the same ones. Collective. */
void apd_team_rest(const apd_team *team);
void apd_team_broadcast(const apd_team *team, void *bytes, int64_t count); /* from rank 0. Collective. */
bool apd_team_any(const apd_team *team, bool local);                       /* Collective. */
bool apd_team_same(const apd_team *team, uint64_t value); /* equal on all ranks? Collective. */

/* Elementwise sums and maxima over ranks, the result on every rank, in place. Integers only: sums of floating
 * point numbers over ranks would depend on P. Collective. */
void apd_team_sum(const apd_team *team, int64_t *values, int count);
void apd_team_maximum(const apd_team *team, int64_t *values, int count);

/* All ranks' `bytes` one after the other, in rank order, on rank 0: `*all` is allocated there (free it) and
 * `*total` is its size; NULL and 0 elsewhere. A rank may bring 0 bytes. Collective. */
void apd_team_gather(const apd_team *team, const void *part, int64_t bytes, void **all, int64_t *total);

/* The same a chunk at a time, without room for all: on rank 0 `take` gets a run of all ranks' bytes after the other; a
 * rank's bytes, and every run of them, are a multiple of `unit` (> 0). NULL: they are dropped. Collective. */
typedef void (*apd_team_take)(void *context, const void *bytes, int64_t count);
void apd_team_gather_through(const apd_team *team, const void *part, int64_t bytes, int64_t unit,
                             apd_team_take take, void *context);

/* The same with the result on every rank. Collective. */
void apd_team_gather_all(const apd_team *team, const void *part, int64_t bytes, void **all, int64_t *total);

/* Rank 0's `all` cut in chunks of bytes[r] (P numbers, read on rank 0 only) and dealt out in rank order:
 * `part` has room for this rank's chunk of `size` bytes. Collective. */
void apd_team_scatter(const apd_team *team, const void *all, const int64_t *bytes, void *part, int64_t size);

/* Every rank's chunks for every rank: `chunks` are this rank's, one after the other in rank order, of bytes[r] (P
 * numbers) for rank r. `*got` (free it) is what came from ranks 0 .. P-1, one after the other, of sizes[r] (P numbers,
 * set here). Collective. */
void apd_team_all_to_all(const apd_team *team, const void *chunks, const int64_t *bytes, void **got,
                         int64_t *sizes);

/* The host of every rank as one text "h1,h1,h2" on every rank; free it. Collective. */
char *apd_team_hosts(const apd_team *team);

/* The MPI library's own one-line version text. Local. */
const char *apd_team_library(void);

#endif

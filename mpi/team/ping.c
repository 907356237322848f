#include "mpi/team/ping.h"

#include "base/memory.h"
#include "mpi/team/chunk.h"
#include "mpi/team/comm.h"

#include <stdlib.h>

enum { TRIALS = 21, SMALL_ROUNDS = 50, LARGE_ROUNDS = 2, LARGE_BYTES = 4 << 20, TAG = 77 };

/* Seconds of one message of `bytes`, one way, on rank 0 and the last. */
static double time_message(const apd_team *team, void *buffer, int64_t bytes, int rounds) {
    int last = team->size - 1;
    double started = MPI_Wtime();
    for (int round = 0; round < rounds; round++) {
        if (team->rank == 0) {
            apd_chunk_send(buffer, bytes, last, TAG, team->everyone);
            apd_chunk_receive(buffer, bytes, last, TAG, team->everyone);
        } else if (team->rank == last) {
            apd_chunk_receive(buffer, bytes, 0, TAG, team->everyone);
            apd_chunk_send(buffer, bytes, 0, TAG, team->everyone);
        }
    }
    return (MPI_Wtime() - started) / (2.0 * rounds);
}

static double time_barrier(const apd_team *team, int rounds) {
    double started = MPI_Wtime();
    for (int round = 0; round < rounds; round++)
        apd_team_barrier(team);
    return (MPI_Wtime() - started) / rounds;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *seconds) {
    qsort(seconds, TRIALS, sizeof *seconds, compare);
    return seconds[TRIALS / 2];
}

apd_ping apd_ping_measure(const apd_team *team) {
    apd_ping found = {0};
    if (team->size == 1)
        return found;
    double small[TRIALS], large[TRIALS], barriers[TRIALS];
    char *buffer = apd_allocate(LARGE_BYTES, 1, "timed messages");
    for (int i = -1; i < TRIALS; i++) { /* the first trial warms up */
        int at = i < 0 ? 0 : i;
        apd_team_barrier(team);
        small[at] = time_message(team, buffer, 8, SMALL_ROUNDS);
        large[at] = time_message(team, buffer, LARGE_BYTES, LARGE_ROUNDS);
        apd_team_barrier(team);
        barriers[at] = time_barrier(team, SMALL_ROUNDS);
    }
    free(buffer);
    found.latency = median(small);
    found.bandwidth = (double)LARGE_BYTES / median(large);
    found.barrier = median(barriers);
    found.between_nodes = team->node_of[0] != team->node_of[team->size - 1];
    apd_team_broadcast(team, &found, (int64_t)sizeof found);
    return found;
}

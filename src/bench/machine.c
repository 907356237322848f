/* What the machine can do at best: products and memory, all ranks at once. */
#include "base/log.h"
#include "base/memory.h"
#include "bench/bench.h"

#include <stdlib.h>

enum { SIDE = 1024, STREAM = 8 << 20 };

/* BLAS, Fortran's interface, which every BLAS has: C = alpha*A*B + beta*C, column-major. */
void sgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
            const float *beta, float *c, const int *ldc);

static double measure_sgemm(const apd_team *team, int repeats) {
    float *a = apd_allocate(3 * (int64_t)SIDE * SIDE, sizeof *a, "matrices to be timed");
    float *b = a + SIDE * SIDE, *c = b + SIDE * SIDE;
    double *seconds = apd_allocate(repeats, sizeof *seconds, "times");
    const int side = SIDE;
    const float one = 1.0f, zero = 0.0f;
    for (int i = 0; i < 2 * SIDE * SIDE; i++)
        a[i] = (float)(i % 17) * 0.01f;
    for (int i = -1; i < repeats; i++) { /* the first warms up */
        apd_team_barrier(team);
        double started = apd_seconds();
        sgemm_("N", "N", &side, &side, &side, &one, a, &side, b, &side, &zero, c, &side);
        if (i >= 0)
            seconds[i] = apd_seconds() - started;
    }
    double rate = 2.0 * SIDE * SIDE * SIDE / apd_team_mean_seconds(team, apd_median(seconds, repeats));
    free(seconds);
    free(a);
    return rate;
}

static __attribute__((noinline)) void triad(float *restrict a, const float *restrict b,
                                            const float *restrict c, float factor) {
    for (int64_t i = 0; i < STREAM; i++)
        a[i] = b[i] + factor * c[i];
}

static double measure_memory(const apd_team *team, int repeats) {
    float *a = apd_allocate(3 * (int64_t)STREAM, sizeof *a, "arrays to be timed");
    double *seconds = apd_allocate(repeats, sizeof *seconds, "times");
    for (int i = -1; i < repeats; i++) {
        apd_team_barrier(team);
        double started = apd_seconds();
        triad(a, a + STREAM, a + 2 * (int64_t)STREAM, 0.5f);
        if (i >= 0)
            seconds[i] = apd_seconds() - started;
    }
    double rate = 3.0 * sizeof(float) * STREAM / apd_team_mean_seconds(team, apd_median(seconds, repeats));
    free(seconds);
    free(a);
    return rate;
}

apd_machine apd_machine_measure(const apd_team *team, int repeats) {
    return (apd_machine){.ranks = apd_team_size(team),
                         .nodes = apd_team_nodes(team),
                         .sgemm = measure_sgemm(team, repeats),
                         .memory = measure_memory(team, repeats),
                         .ping = apd_ping_measure(team)};
}

/* metrics: what a stream of tasks is judged by.
 *
 * R[i][j] is the test accuracy on task j after training task i (places in the stream, from 0): a (tasks, tasks) matrix of
 * which the part above the diagonal is not read. Tasks that were forgotten or never measured are NaN; all means leave them
 * out. Local. */
#ifndef APD_METHOD_METRICS_H
#define APD_METHOD_METRICS_H

#include "network/layout.h"

typedef struct apd_metrics {
    double average;  /* mean_j R[T-1][j] */
    double learning; /* mean_j R[j][j] */
    double backward; /* BWT: mean_{j<T-1} (R[T-1][j] - R[j][j]); 0 for one task */
    double worst;    /* min_j R[T-1][j] */
} apd_metrics;

/* The metrics after `tasks` tasks; all NaN for none. `stride` (>= tasks): the row length of the matrix. */
apd_metrics apd_metrics_of(const double *accuracy, int tasks, int64_t stride);

/* Forgetting, mean_{j<T-1} (max_{j<=l<T-1} R[l][j] - R[T-1][j]); 0 for one task. Reads the whole lower triangle. */
double apd_forgetting_of(const double *accuracy, int tasks, int64_t stride);

/* Size relative to one network, counted three ways. */
typedef struct apd_capacity {
    double weights; /* the paper's: non-zeros of sigma, tau, sigma_g and masks over D; 1.0 = one network */
    double all;     /* with all tasks' heads and biases, over D plus these */
    double bytes;   /* of the checkpoint, over those of one dense network with its head in float32 */
} apd_capacity;

/* Counts over all ranks' slices. */
typedef struct apd_capacity_counts {
    int64_t sigma;      /* non-zeros of sigma (0 for one network a task) */
    int64_t tau;        /* non-zeros of all tasks' tau, and of sigma_g; dense weights of single tasks */
    int64_t masks;      /* numbers in all tasks' masks */
    int64_t own;        /* numbers in all tasks' heads and biases */
    int64_t file_bytes; /* 0: not written yet */
} apd_capacity_counts;

apd_capacity apd_capacity_of(const apd_layout *layout, int classes, const apd_capacity_counts *counts);

#endif

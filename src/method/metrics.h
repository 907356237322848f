/* metrics: what a stream of tasks is judged by, from R[t][j], the accuracy on task j after task t (method/accuracies.h).
 * Tasks that were forgotten, or never measured, are NaN and left out of every mean. */
#ifndef APD_METHOD_METRICS_H
#define APD_METHOD_METRICS_H

#include "method/accuracies.h"
#include "network/layout.h"

typedef struct apd_metrics {
    double average;  /* mean_j R[T-1][j] */
    double learning; /* mean_j R[j][j] */
    double backward; /* BWT: mean_{j<T-1} (R[T-1][j] - R[j][j]); 0 for one task */
    double worst;    /* min_j R[T-1][j] */
} apd_metrics;

/* The metrics after all tasks so far. No task: all NaN. */
apd_metrics apd_metrics_of(const apd_accuracies *accuracies);

/* mean_{j<T-1} (max_{j<=t<T-1} R[t][j] - R[T-1][j]); 0 for one task. */
double apd_forgetting_of(const apd_accuracies *accuracies);

/* What has to be kept, counted four ways (the paper's; with heads and biases; real bytes; those at an ideal code). */
typedef struct apd_capacity {
    double weights; /* non-zeros of sigma, tau, sigma_g, masks over D: 1.0 = one network */
    double all;     /* the same with every task's head and biases, over (D + those) */
    double bytes;   /* bytes of the checkpoint over bytes of one dense network with its head, float32 */
    double
        coded; /* the same bytes with positions under an ideal code (apd_pattern_bytes); NaN: not counted */
} apd_capacity;

/* Counts over all ranks' slices. */
typedef struct apd_capacity_counts {
    int64_t sigma;      /* weights of sigma in use (0 for one network a task) */
    int64_t tau;        /* non-zeros of all tasks' tau, and of sigma_g; dense weights of single tasks */
    int64_t masks;      /* numbers in all tasks' masks */
    int64_t bits;       /* bits of all tasks' subnetworks: 1/32 of a number each */
    int64_t own;        /* numbers in all tasks' heads and biases */
    int64_t file_bytes; /* 0: not written yet */
    int64_t positions;  /* bytes of the file that say where tau, sigma_g and subnetworks are not zero */
    double coded;       /* bytes of the same under an ideal code; NaN: not counted */
} apd_capacity_counts;

/* Bytes that say which `nonzeros` of `weights` numbers are not zero, under an ideal code for positions that are independent
 * of each other: weights * H2(nonzeros / weights) / 8, H2(p) = -p log2 p - (1-p) log2 (1-p). */
double apd_pattern_bytes(int64_t nonzeros, int64_t weights);

apd_capacity apd_capacity_of(const apd_layout *layout, int classes, const apd_capacity_counts *counts);

#endif

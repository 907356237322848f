/* subgradient_sums: the subdifferential of the finished tasks' l1 penalty at the current sigma.
 *
 * With lambda2 = inf, finished task i adds lambda1*mask_i*|sigma[j] - p_i[j]|, where
 *     p_i[j] = (theta_i[j] - sigma_g[j])/mask_i.
 * At sigma[j] their sum has the subdifferential
 *     lambda1*[below - centre, below + centre],   centre = masks - off_centre,
 * so a step costs O(1) a weight at any number of tasks. Tasks with p_i[j] != sigma[j] are *off-centre*.
 *
 * update() adds new tasks and recomputes the weights where sigma moved; after a revision, or when over 1/16 of them
 * moved, it starts over. Every path adds in task order, so that all give the same bits. */
#ifndef APD_METHOD_SOLVERS_SUBGRADIENT_SUMS_H
#define APD_METHOD_SOLVERS_SUBGRADIENT_SUMS_H

#include "method/decomposition.h"

typedef struct apd_subgradient_sums {
    int tasks;         /* places 0 .. tasks-1 are in the sums */
    int count;         /* of which this many are decomposed */
    int64_t revision;  /* of the block when they were taken */
    float *sigma;      /* (rows, C): sigma when they were taken */
    float *masks;      /* (rows): sum of all masks */
    float *off_centre; /* (rows, C): sum of the masks of off-centre tasks */
    float *below;      /* (rows, C): sum of the masks of those below sigma less those above */
} apd_subgradient_sums;

void apd_subgradient_sums_init(apd_subgradient_sums *subgradients, const apd_decomposition *decomposition,
                               int block);
void apd_subgradient_sums_clear(apd_subgradient_sums *subgradients);

/* Bring the sums up to date. Cost: the entries of new tasks, and a bisection in each task for each weight whose sigma
 * moved; after a revision the entries of all tasks. */
void apd_subgradient_sums_update(apd_subgradient_sums *subgradients, const apd_decomposition *decomposition,
                                 int block);

/* Bytes held. */
int64_t apd_subgradient_sums_bytes(const apd_decomposition *decomposition, int block);

#endif

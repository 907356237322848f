/* subgradients: how all finished tasks together pull on each weight of sigma where it is, kept from task to task.
 *
 * With lambda2 = inf an old task subgradients sigma[j] towards its breakpoint by lambda1*mask. Most tasks have theirs
 * at sigma[j] itself; of the others, the off_centre, only two sums matter as long as sigma[j] stays: of their
 * masks, and of the masks of those below less those above. So a new task can start with the finished ones'
 * joint pull, however many they are, and need not look at any of them until sigma[j] moves.
 *
 * A task that arrives is added. Where sigma moved, the finished tasks are looked up at these weights, which are
 * few. Anything else that happens to finished tasks (apd_decomposition_revised) makes all be added anew. Sums
 * are taken in the order of tasks, so all ways give the same bits: what the sums are follows from the
 * decomposition alone. */
#ifndef APD_METHOD_SOLVERS_SUBGRADIENT_SUMS_H
#define APD_METHOD_SOLVERS_SUBGRADIENT_SUMS_H

#include "method/decomposition.h"

typedef struct apd_subgradient_sums {
    int tasks;         /* places 0 .. tasks-1 are in the sums */
    int count;         /* of which this many are decomposed */
    int64_t revision;  /* of the block when they were taken */
    float *sigma;      /* (rows, C): sigma when they were taken */
    float *masks;      /* (rows): sum of all masks */
    float *off_centre; /* (rows, C): sum of the off_centre' masks */
    float *below;      /* (rows, C): sum of the masks of off_centre below sigma, less those above */
} apd_subgradient_sums;

void apd_subgradient_sums_init(apd_subgradient_sums *subgradients, const apd_decomposition *decomposition,
                               int block);
void apd_subgradient_sums_clear(apd_subgradient_sums *subgradients);

/* Bring the sums up to date. Cost: the entries of the tasks that came since, or of all after a revision; and a
 * look into each task for each weight whose sigma moved. */
void apd_subgradient_sums_update(apd_subgradient_sums *subgradients, const apd_decomposition *decomposition,
                                 int block);

/* Bytes held. */
int64_t apd_subgradient_sums_bytes(const apd_decomposition *decomposition, int block);

#endif

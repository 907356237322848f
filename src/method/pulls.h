/* pulls: how all finished tasks together pull on each weight of sigma where it is, kept from task to task.
 *
 * With lambda2 = inf an old task pulls sigma[j] towards its breakpoint by lambda1*mask. Most tasks have theirs
 * at sigma[j] itself; of the others, the strays, only two sums matter as long as sigma[j] stays: of their
 * masks, and of the masks of those below less those above. So a new task can start with the finished ones'
 * joint pull, however many they are, and need not look at any of them until sigma[j] moves.
 *
 * A task that arrives is added. Where sigma moved, the finished tasks are looked up at these weights, which are
 * few. Anything else that happens to finished tasks (apd_decomposition_revised) makes all be added anew. Sums
 * are taken in the order of tasks, so all ways give the same bits: what the sums are follows from the
 * decomposition alone. */
#ifndef APD_METHOD_PULLS_H
#define APD_METHOD_PULLS_H

#include "method/decomposition.h"

typedef struct apd_pulls {
    int tasks;        /* places 0 .. tasks-1 are in the sums */
    int count;        /* of which this many are decomposed */
    int64_t revision; /* of the block when they were taken */
    float *sigma;     /* (rows, C): sigma when they were taken */
    float *masks;     /* (rows): sum of all masks */
    float *strays;    /* (rows, C): sum of the strays' masks */
    float *below;     /* (rows, C): sum of the masks of strays below sigma, less those above */
} apd_pulls;

void apd_pulls_init(apd_pulls *pulls, const apd_decomposition *decomposition, int block);
void apd_pulls_clear(apd_pulls *pulls);

/* Bring the sums up to date. Cost: the entries of the tasks that came since, or of all after a revision; and a
 * look into each task for each weight whose sigma moved. */
void apd_pulls_update(apd_pulls *pulls, const apd_decomposition *decomposition, int block);

/* Bytes held. */
int64_t apd_pulls_bytes(const apd_decomposition *decomposition, int block);

#endif

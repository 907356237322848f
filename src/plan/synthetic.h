/* synthetic: finished tasks that nobody trained, to measure what a step costs with many earlier tasks.
 *
 * A synthetic task's tau is not zero at `density` of each row's weights, evenly spread and drawn at random,
 * and is about a tenth of an initial weight; masks lie about a half; biases and heads are zero. What an entry
 * is depends on the seed, the task and the weight, not on ranks. Real tasks' entries cluster where the data
 * has something to say; a step's cost depends on how many there are. */
#ifndef APD_PLAN_SYNTHETIC_H
#define APD_PLAN_SYNTHETIC_H

#include "method/decomposition.h"

/* Append `count` tasks of `classes` classes; 0 <= density <= 1. `single`: dense ones, of zeros. Cost
 * O(entries). */
void apd_synthetic_append(apd_decomposition *decomposition, int count, int classes, double density,
                          bool single, uint64_t seed);

#endif

/* synthetic: finished tasks without training, to measure the cost of steps with many earlier tasks.
 *
 * In each row tau is not zero at a share `density` of the weights, at random columns evenly spread, with values of about
 * a tenth of an initial weight. Masks are about a half; biases and heads are zero. An entry depends only on the seed,
 * the task and the weight. The entries of real tasks cluster, but a step's cost depends on their number. */
#ifndef APD_PLAN_SYNTHETIC_H
#define APD_PLAN_SYNTHETIC_H

#include "method/decomposition.h"

/* Append `count` tasks of `classes` classes; 0 <= density <= 1. Those that are not DECOMPOSED are zeros. O(entries). Local. */
void apd_synthetic_append(apd_decomposition *decomposition, int count, int classes, double density,
                          apd_storage storage, uint64_t seed);

#endif

/* recentre: move sigma so that finished tasks need fewer or smaller tau, without changing their theta.
 *
 * With every theta_i fixed, sigma may take any value if tau_i = theta_i - mask_i*sigma - sigma_g(i) follows. Two rules,
 * weight by weight:
 *     count    (default) fewest non-zero tau; of equal counts least sum |tau|; of equal sums the present sigma. Moves a
 *              weight only where this improves, and leaves stored tau of all others alone.
 *     median   least sum |tau|: the weighted median of theta_i/mask_i with weights mask_i
 *
 * No theta changes in any bit, with one exception: while there is a single task, sigma = theta/mask and tau = 0, and theta
 * becomes (float)(mask*sigma), which may differ in the last bit (its `moved` flag is set). Where sigma has 16 bits it takes over
 * what comes out exactly, and nothing moves. Local. */
#ifndef APD_METHOD_CLUSTERING_RECENTRE_H
#define APD_METHOD_CLUSTERING_RECENTRE_H

#include "method/decomposition.h"

typedef enum apd_recentre_rule { APD_RULE_COUNT, APD_RULE_MEDIAN } apd_recentre_rule;

/* Re-centre all blocks. Returns how many weights of sigma of this slice moved. */
int64_t apd_recentre_sigma(apd_decomposition *decomposition, apd_recentre_rule rule);

/* The new sigma of one weight. values, masks, groups (count): theta_i, mask_i, sigma_g(i) of all tasks; groups may be NULL
 * (all 0). `sigma`: the present value. `scratch`: (count). */
float apd_recentre_weight(apd_recentre_rule rule, const float *values, const float *masks,
                          const float *groups, int count, float sigma, int *scratch);

#endif

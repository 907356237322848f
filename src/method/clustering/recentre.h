/* recentre: move sigma under the finished tasks without moving any of them.
 *
 * With every theta_i held, sigma may take any value as long as tau_i = theta_i - mask_i*sigma follows; what
 * changes is how many tau are non-zero and how large they are. Two rules (weight by weight):
 *   count   the fewest non-zeros: the value that most tasks need no tau at; of those with equal counts the
 * one with the least sum of |tau|, then the present one. The default: it moves a weight only where the count
 * falls (or stays and |tau| falls) and leaves the others' stored tau alone. median  the least sum of |tau|:
 * the weighted median of theta_i/mask_i with weights mask_i. No theta changes in any bit, with one exception:
 * while there is a single task, sigma = theta/mask, tau = 0, and theta becomes (float)(mask*sigma), which may
 * differ from before in the last bit (its `moved` flag is set). */
#ifndef APD_METHOD_CLUSTERING_RECENTRE_H
#define APD_METHOD_CLUSTERING_RECENTRE_H

#include "method/decomposition.h"

typedef enum apd_recentre_rule { APD_RULE_COUNT, APD_RULE_MEDIAN } apd_recentre_rule;

/* Returns how many weights of sigma moved in this slice. */
int64_t apd_recentre_sigma(apd_decomposition *decomposition, apd_recentre_rule rule);

/* One weight: the new sigma. values[i] = theta_i, masks[i], groups[i] = sigma_g(i) for i < count: all tasks
 * (groups NULL: none has any); `sigma` the present value. `scratch` has room for `count` indices. */
float apd_recentre_weight(apd_recentre_rule rule, const float *values, const float *masks,
                          const float *groups, int count, float sigma, int *scratch);

#endif

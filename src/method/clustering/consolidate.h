/* consolidate: what a cluster of tasks agrees on becomes locally shared (Yoon et al. 2020, section 3.2, eq. 4).
 *
 * In a cluster of two or more tasks, weight by weight, with a_i = tau_i + sigma_g(i) from before:
 *     max_i a_i - min_i a_i <= beta   sigma_g = mean_i a_i, tau_i = 0 for all members (the weight is merged)
 *     else                            sigma_g = 0, theta_i unchanged in every bit
 * A merge changes a theta by at most beta. A task alone in its cluster gets its full tau back.
 *
 * Two rules say which of these weights are merged:
 *     plain    all
 *     saving   those where two or more members have a_i != 0, so that one entry of sigma_g replaces at least two of
 *              tau; where only one has, merging would change every other member's theta and save nothing
 *
 * All functions are local. */
#ifndef APD_METHOD_CLUSTERING_CONSOLIDATE_H
#define APD_METHOD_CLUSTERING_CONSOLIDATE_H

#include "method/decomposition.h"

typedef enum apd_merge_rule { APD_MERGE_PLAIN, APD_MERGE_SAVING } apd_merge_rule;

/* What a consolidation did to this slice. Integers, so that the sums over ranks do not depend on their order. */
typedef struct apd_consolidation {
    int64_t merged;         /* weights at which some cluster's sigma_g is not zero */
    int64_t changed;        /* weights of tasks whose theta changed */
    int64_t change_sum;     /* sum of |change of theta|, in units of 2^-40 */
    int64_t largest_change; /* in units of 2^-40 */
    int64_t tau_before, tau_after, shared_before, shared_after; /* non-zeros */
} apd_consolidation;

/* Replace the groups of block `block` by those of a clustering, and the tasks' tau with them.
 *   places     (tasks): all decomposed tasks of the block, ascending                     in
 *   cluster    (tasks): the cluster of each, 0 .. clusters-1                             in
 *   beta       >= 0
 *   report     added to
 * Sets `moved` of tasks whose theta changed. */
void apd_consolidate(apd_decomposition *decomposition, int block, const int *places, const int *cluster,
                     int tasks, int clusters, double beta, apd_merge_rule rule, apd_consolidation *report);

/* Delete the task at `place`: its mask, tau, biases and head. No other task's theta changes in any bit; sigma keeps what
 * the task contributed. A group that is left with one member is dissolved: the member gets its full tau back. Returns
 * how many groups were dissolved. */
int apd_forget(apd_decomposition *decomposition, int place);

#endif

/* consolidate: what a cluster of tasks agrees on becomes locally shared (Yoon et al. 2020, section 3.2, eq.
 * 4).
 *
 * In a cluster with two or more members, weight by weight, with a_i = tau_i + sigma_g(i) the members'
 * task-adaptive parameters: where max_i a_i - min_i a_i <= beta, sigma_g becomes their mean and every
 * member's tau 0; elsewhere sigma_g is 0 and the members keep theirs. No theta changes by more than beta in
 * any weight, and one that is not merged does not change in any bit. A task that changes its cluster, or is
 * alone in it, gets its full tau back.
 *
 * Two rules say which agreeing weights are merged:
 *   plain    all of them
 *   saving   those where at least two members have a_i != 0, so that one entry of sigma_g replaces two or
 * more of tau; where a single member has one, merging would move every other member's theta for nothing */
#ifndef APD_METHOD_CLUSTERING_CONSOLIDATE_H
#define APD_METHOD_CLUSTERING_CONSOLIDATE_H

#include "method/decomposition.h"

typedef enum apd_merge_rule { APD_MERGE_PLAIN, APD_MERGE_SAVING } apd_merge_rule;

/* Sums over this slice, all of them integers or maxima, so that they can be added up over ranks in any order. */
typedef struct apd_consolidation {
    int64_t merged;         /* weights at which some cluster's sigma_g is not zero */
    int64_t changed;        /* thetas (a task's weight) that changed */
    int64_t change_sum;     /* the sum of their changes, in units of 2^-40 */
    int64_t largest_change; /* in units of 2^-40 */
    int64_t tau_before, tau_after, shared_before, shared_after; /* non-zeros */
} apd_consolidation;

/* Give block `block` the clusters `cluster` (0 .. clusters-1) of the tasks at `places` (`tasks` of them,
 * ascending, all decomposed: every task of the block that is). `beta` >= 0. Adds to `report`; sets `moved` of tasks whose theta changes. */
void apd_consolidate(apd_decomposition *decomposition, int block, const int *places, const int *cluster,
                     int tasks, int clusters, double beta, apd_merge_rule rule, apd_consolidation *report);

/* Forget the task at `place` for good: its mask, tau, biases and head are freed; no other task's theta
 * changes in any bit. A group that is left with one member gives that member its full tau back. Sigma keeps
 * what the task taught it. Returns how many groups were folded. */
int apd_forget(apd_decomposition *decomposition, int place);

#endif

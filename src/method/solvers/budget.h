/* budget: which entries of tau a task keeps when they may take only so many bytes (method.budget).
 *
 * With lambda1 alone the bytes of a task are known once it has ended. With a budget a task may begin with a weak lambda1, and when
 * polishing begins the entries that matter least are set to 0. What an entry matters is its saliency tau^2 * v, v Adam's second
 * moment of tau: to second order, with the squared gradient for the curvature, the loss that leaving it out costs (Y. LeCun,
 * J. Denker and S. Solla, Optimal Brain Damage, 1990).
 *
 * The limit is one for all rows of all ranks, so it is found from counts, which can be added in any order: saliencies are sorted
 * into buckets by their exponent and first bits. */
#ifndef APD_METHOD_SOLVERS_BUDGET_H
#define APD_METHOD_SOLVERS_BUDGET_H

#include "method/solvers/solver.h"

#define APD_SALIENCY_BUCKETS (1 << 15)

/* The most entries that take no more than `budget` (> 0) of the bytes of `weights` float32 numbers, when n of them take
 *     n * (bits + 2 + log2(weights/n)) bits,
 * value and position as the checkpoint codes them (io/checkpoint/code.h). */
int64_t apd_budget_entries(double budget, int bits, int64_t weights);

/* Add the present task's entries of tau on this slice to counts (APD_SALIENCY_BUCKETS), one a bucket, the least salient first.
 * Local. */
void apd_budget_count(const apd_solver *solver, int64_t *counts);

/* The first bucket to keep, so that no more than `entries` are kept: counts of all slices, added. */
int apd_budget_limit(const int64_t *counts, int64_t entries);

/* Set the entries in buckets below `limit` to 0. Local. */
void apd_budget_apply(apd_solver *solver, int limit);

#endif

/* adaptive: the task-adaptive parameters a_t = tau_t + sigma_g(t) of one block, row by row, as sparse rows:
 * what consolidation clusters, and the inner products of which make the Gram matrix. */
#ifndef APD_METHOD_SOLVERS_ADAPTIVE_H
#define APD_METHOD_SOLVERS_ADAPTIVE_H

#include "method/decomposition.h"

/* Row `row` (local) of a_t of the task at `place` (decomposed): ascending columns and values (double: theta -
 * mask*sigma exactly as doubles give it) where the task has an entry of tau or its group one of sigma_g.
 * `columns` and `values` have room for C. Returns how many. */
int64_t apd_adaptive_row(const apd_decomposition *decomposition, int place, int block, int64_t row,
                         int32_t *columns, double *values);

/* The same for the locally shared parameters of group `group` of the block. */
int64_t apd_group_row(const apd_decomposition *decomposition, int group, int block, int64_t row,
                      int32_t *columns, double *values);

#endif

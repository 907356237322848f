/* adaptive: a task's task-adaptive parameters a_t = tau_t + sigma_g(t) in one block, as sparse rows of doubles.
 *
 * Consolidation merges them, and clusters tasks by their inner products. Local. */
#ifndef APD_METHOD_SOLVERS_ADAPTIVE_H
#define APD_METHOD_SOLVERS_ADAPTIVE_H

#include "method/decomposition.h"

/* Local row `row` of a_t, a = theta - mask*sigma in double, wherever tau or sigma_g has an entry. The task at `place` must
 * be decomposed. columns (C, ascending) and values (C) are written as far as needed. Returns the number of entries. */
int64_t apd_adaptive_row(const apd_decomposition *decomposition, int place, int block, int64_t row,
                         int32_t *columns, double *values);

/* The same for sigma_g of group `group`. */
int64_t apd_group_row(const apd_decomposition *decomposition, int group, int block, int64_t row,
                      int32_t *columns, double *values);

#endif

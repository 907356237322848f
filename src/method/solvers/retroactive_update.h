/* retroactive_update: the tau of finished tasks after sigma moved (Yoon et al. 2020, eq. 2, solved for tau_i).
 *
 *     tau_i = soft(theta*_i - mask_i*sigma - sigma_g(i), k),   k = lambda1/(2*lambda2),   theta*_i: theta before the move
 *
 * With lambda2 = inf, k = 0: no theta_i changes in any bit, and only weights whose sigma moved gain or lose an entry.
 * Cost O(moved weights + entries) a task, once at the end of a task. Local. */
#ifndef APD_METHOD_SOLVERS_RETROACTIVE_UPDATE_H
#define APD_METHOD_SOLVERS_RETROACTIVE_UPDATE_H

#include "method/decomposition.h"

/* Update all decomposed tasks after block `block` of sigma moved from `old_sigma` (local rows, C) to what the decomposition
 * holds. `threshold` is k. Sets `moved` of tasks whose theta changed. Returns how many weights of
 * sigma moved; 0 when no task has finished. */
int64_t apd_retroactive_update(apd_decomposition *decomposition, int block, const float *old_sigma,
                               double threshold);

#endif

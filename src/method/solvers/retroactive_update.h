/* retroactive_update: how finished tasks keep their theta when sigma moves .
 *
 * For a new sigma each old task's best tau is known in closed form (Yoon et al. 2020, eq. 2, solved for
 * tau_i): tau_i = soft(theta*_i - mask_i*sigma, k),  k = lambda1/(2*lambda2),  theta*_i: theta before the
 * move With lambda2 = inf, k = 0: theta_i stays what it was to the last bit, and only weights whose sigma
 * moved get or lose an entry. Costs O(moved weights + entries) a task, once a task, not once a step. */
#ifndef APD_METHOD_SOLVERS_RETROACTIVE_UPDATE_H
#define APD_METHOD_SOLVERS_RETROACTIVE_UPDATE_H

#include "method/decomposition.h"

/* Block `block` of sigma was `old_sigma` (local rows, C) and is now what the decomposition holds: give every
 * decomposed task the tau that follows. `threshold` is k, 0 for lambda2 = inf. Tasks whose theta changes in
 * any bit get their `moved` flag. Returns how many weights of sigma moved. */
int64_t apd_retroactive_update(apd_decomposition *decomposition, int block, const float *old_sigma,
                               double threshold);

#endif

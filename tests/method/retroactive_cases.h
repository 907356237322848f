/* retroactive_cases: a reference for the retroactive update of a task with a group, for the tests of the update and of the
 * solver that calls it. cmocka.h comes before this header. */
#ifndef APD_TESTS_RETROACTIVE_CASES_H
#define APD_TESTS_RETROACTIVE_CASES_H

#include "group_cases.h"
#include "solver_bench.h"

/* tau = soft(theta* - mask*sigma - sigma_g, k); theta with tau = 0 is the shared part, to the bit. Returns
 * how many tau are 0. */
static inline int check_closed_form(const apd_decomposition *d, const dense_block *was, const dense_block *is,
                                    int t, double k) {
    int zeros = 0;
    bool changed = false;
    for (int64_t j = 0; j < is->size; j++) {
        double mask = (double)d->tasks[t]->blocks[0].mask[j / is->cols];
        double shared = mask * (double)d->sigma[0][j] + (double)was->group[t][j];
        double theta = (double)was->theta[t][j], now = (double)is->theta[t][j];
        double tau = soft(theta - shared, k);
        double rounding = float_step(now) + float_step(mask * (double)d->sigma[0][j]) +
                          float_step((double)was->group[t][j]);
        if (fabs(fabs(theta - shared) - k) > 1e-9)
            assert_true((tau == 0.0) <= apd_same_bits(is->theta[t][j], is->plain[t][j]));
        assert_near(now, shared + tau, rounding);
        assert_near(now, theta, k + rounding);
        zeros += tau == 0.0;
        changed = changed || now != theta;
    }
    assert_int_equal(d->tasks[t]->moved, changed);
    return zeros;
}

#endif

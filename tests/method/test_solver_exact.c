/* The exact solver, step by step, against Adam in double (Kingma & Ba 2015) and the one-dimensional problem
 * solved from scratch by bisection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "method/solvers/solver.h"
#include "solver_bench.h"

#include <string.h>

/* The derivative's sign of (s-z)^2/(2*eta) + all old costs, just right or left of s. */
static double slope_beside(const apd_solver_settings *set, const old_tasks *old, double z, double eta,
                           double s, double side) {
    double sum = (s - z) / eta;
    for (int i = 0; i < old->count; i++) {
        double away = old->mask[i] * s - old->theta[i], m = old->mask[i];
        double inside =
            isinf(set->lambda2) ? copysign(INFINITY, away == 0.0 ? side : away) : 2.0 * set->lambda2 * away;
        sum += m * fmax(-set->lambda1, fmin(set->lambda1, inside));
    }
    return sum;
}

/* The convex problem by bisection, from scratch. */
static double best_sigma(const apd_solver_settings *set, const old_tasks *old, double z, double eta) {
    double low = z, high = z;
    for (int i = 0; i < old->count; i++) {
        double point = old->theta[i] / old->mask[i];
        low = fmin(low, point - 1.0);
        high = fmax(high, point + 1.0);
    }
    for (int k = 0; k < 80; k++) {
        double middle = (low + high) / 2.0;
        if (slope_beside(set, old, z, eta, middle, 1.0) > 0.0)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* How far off float may put sigma: by rounding the slope, and sigma itself (a zone of a large lambda2 is a few
 * floats wide, and its end holds sigma until the step is worth a float). */
static double float_blur(const apd_solver_settings *set, const old_tasks *old, double eta, double s) {
    double slope = 0.0, curve = 0.0;
    for (int i = 0; i < old->count; i++) {
        slope += set->lambda1 * old->mask[i];
        if (isfinite(set->lambda2))
            curve = fmax(curve, 2.0 * set->lambda2 * old->mask[i] * old->mask[i]);
    }
    return 1e-5 * eta * slope + (3.0 + 2.0 * eta * curve) * float_step(s);
}

/* Block 0 of the task in training, in double; sigma is taken from the solver, step by step. */
typedef struct reference {
    double tau[SIZE], logit[BLOCK_ROWS], sigma[SIZE], theta[SIZE];
    adam sigma_adam[SIZE], tau_adam[SIZE], logit_adam[BLOCK_ROWS];
} reference;

static void reference_init(reference *ref, const bench *on) {
    memset(ref, 0, sizeof *ref);
    for (int r = 0; r < BLOCK_ROWS; r++)
        ref->logit[r] = log(on->settings.mask_init / (1.0 - on->settings.mask_init));
    for (int j = 0; j < SIZE; j++) {
        ref->sigma[j] = (double)on->d->sigma[0][j];
        ref->theta[j] = on->settings.mask_init * ref->sigma[j];
    }
}

/* What the step should make of block 0, given sigma before it; checks sigma and theta. */
static void check_exact_step(reference *ref, const bench *on, float thetas[][ROOM], const float *gradient,
                             int k, double rate) {
    const apd_solver_settings *set = &on->settings;
    for (int r = 0; r < BLOCK_ROWS; r++) {
        double mask = sigmoid(ref->logit[r]), logit_slope = 0.0, direction, eta;
        for (int j = r * COLS; j < (r + 1) * COLS; j++) {
            double slope = (double)gradient[j] + set->weight_decay * ref->theta[j];
            logit_slope += mask * (1.0 - mask) * (double)gradient[j] * ref->sigma[j];
            adam_move(&ref->tau_adam[j], set, k, rate, slope, &direction, &eta);
            ref->tau[j] = soft(ref->tau[j] - eta * direction, eta * set->lambda1);
            adam_move(&ref->sigma_adam[j], set, k, rate, mask * slope, &direction, &eta);
            old_tasks old = old_of(on->d, thetas, 0, j);
            double z = ref->sigma[j] - eta * direction, now = (double)sigma_of(on->solver, 0)[j];
            assert_near(now, best_sigma(set, &old, z, eta),
                        1e-5 * fabs(eta * direction) + float_blur(set, &old, eta, now));
            ref->sigma[j] = now;
        }
        ref->logit[r] -= adam_step_of(&ref->logit_adam[r], set, k, rate, logit_slope);
        for (int j = r * COLS; j < (r + 1) * COLS; j++) {
            double theta = sigmoid(ref->logit[r]) * ref->sigma[j] + ref->tau[j];
            assert_near(on->weights[0][j], theta, 2e-5);
            ref->theta[j] = theta;
        }
    }
}

/* Zeros of tau have no entry; within 1e-6 of zero either is right. */
static void check_support_of_new_task(const reference *ref, const bench *on) {
    const apd_task_block *part = &on->d->tasks[on->d->task_count - 1]->blocks[0];
    int zeros = 0, entries = 0;
    for (int j = 0; j < SIZE; j++) {
        int64_t r = j / COLS, e = part->tau.offsets[r];
        while (e < part->tau.offsets[r + 1] && part->tau.columns[e] < j % COLS)
            e++;
        bool stored = e < part->tau.offsets[r + 1] && part->tau.columns[e] == j % COLS;
        if (stored)
            assert_near((double)part->tau.values[e] - (double)part->mask[r] * (double)on->d->sigma[0][j],
                        ref->tau[j], 1e-6);
        else
            assert_near(ref->tau[j], 0.0, 1e-6);
        zeros += !stored;
        entries += stored;
    }
    assert_true(zeros > 0 && entries > 0);
}

static void exact_run(const apd_solver_settings *settings, int tasks, double density, int steps) {
    bench on;
    reference ref;
    static float thetas[64][ROOM];
    float gradient[ROOM], bias[BLOCK_ROWS];
    bench_init(&on, apd_method_find("apd"), settings, 0, 3, tasks, density);
    old_thetas(on.d, 0, thetas);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    reference_init(&ref, &on);
    for (int k = 1; k <= steps; k++) {
        double rate = k % 7 == 0 ? 3e-3 : 1e-3;
        apd_solver_begin_step(on.solver, rate);
        fill_gradient(&on, 3, k, 0, 1e-3, gradient, bias);
        step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
        check_exact_step(&ref, &on, thetas, gradient, k, rate);
    }
    apd_solver_end_task(on.solver);
    check_support_of_new_task(&ref, &on);
    bench_clear(&on);
}

static void exact_first_task_is_proximal_adam(void **state) {
    (void)state;
    exact_run(&usual, 0, 0.0, 300);
}

static void exact_sparse_old_tasks_solves_every_weight_at_every_step(void **state) {
    (void)state;
    exact_run(&usual, 20, 0.05, 300);
}

static void exact_many_strays_solves_every_weight_at_every_step(void **state) {
    (void)state;
    exact_run(&usual, 40, 0.6, 200);
}

static void exact_finite_lambda2_solves_every_weight_at_every_step(void **state) {
    (void)state;
    const double lambda2[] = {1.0, 100.0, 1e4};
    for (int k = 0; k < 3; k++) {
        apd_solver_settings settings = usual;
        settings.lambda2 = lambda2[k];
        exact_run(&settings, 20, 0.3, 200);
    }
}

static void exact_weight_decay_acts_on_theta(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    exact_run(&settings, 5, 0.3, 100);
}

static void exact_no_lambda1_is_plain_adam_on_sigma(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.lambda1 = 0.0;
    bench_init(&on, apd_method_find("apd"), &settings, 0, 3, 5, 0.3);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    adam moments[SIZE] = {0};
    float gradient[ROOM], bias[BLOCK_ROWS];
    double sigma[SIZE];
    for (int j = 0; j < SIZE; j++)
        sigma[j] = (double)on.d->sigma[0][j];
    for (int k = 1; k <= 50; k++) {
        apd_solver_begin_step(on.solver, 1e-3);
        fill_gradient(&on, 3, k, 0, 1e-3, gradient, bias);
        step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
        for (int j = 0; j < SIZE; j++) { /* the mask's scale cancels in Adam, all but epsilon */
            sigma[j] -= adam_step_of(&moments[j], &settings, k, 1e-3, 0.6 * (double)gradient[j]);
            assert_near(sigma_of(on.solver, 0)[j], sigma[j], 1e-4);
        }
    }
    bench_clear(&on);
}

/* A huge epsilon turns Adam into gradient descent with the rate rate/epsilon. */
static void exact_mask_follows_central_differences(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.epsilon = 1e6;
    settings.lambda1 = 1e3; /* tau and sigma stay */
    bench on;
    bench_init(&on, apd_method_find("apd"), &settings, 0, 3, 1, 0.0);
    double sigma[SIZE], mask = settings.mask_init, v = log(mask / (1.0 - mask));
    float gradient[ROOM], bias[BLOCK_ROWS] = {0};
    for (int j = 0; j < SIZE; j++) { /* L = sum of cos(3*theta) */
        sigma[j] = (double)on.d->sigma[0][j];
        gradient[j] = (float)(-3.0 * sin(3.0 * mask * sigma[j]));
    }
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    apd_solver_begin_step(on.solver, 1e5);
    step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
    apd_solver_end_task(on.solver);
    const apd_task_part *part = on.d->tasks[1];
    for (int r = 0; r < BLOCK_ROWS; r++) {
        double h = 1e-5, difference = 0.0, after = (double)part->blocks[0].mask[r];
        for (int j = r * COLS; j < (r + 1) * COLS; j++)
            difference +=
                (cos(3.0 * sigmoid(v + h) * sigma[j]) - cos(3.0 * sigmoid(v - h) * sigma[j])) / (2.0 * h);
        assert_near(log(after / (1.0 - after)), v - 0.1 * difference, 3e-6);
        assert_true(fabs(difference) > 1e-3);
    }
    assert_int_equal(apd_decomposition_nonzeros(on.d, 1), 0);
    bench_clear(&on);
}

static void all_digests(const apd_decomposition *d, int tasks, uint64_t *out) {
    for (int t = 0; t < tasks; t++)
        for (int b = 0; b < TOY_BLOCKS; b++, out += BLOCK_ROWS)
            apd_decomposition_row_digests(d, t, b, out);
}

static void exact_infinite_lambda2_keeps_every_old_bit(void **state) {
    (void)state;
    enum { TASKS = 13 };
    bench on;
    bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 0, 0.0);
    static float before[TASKS][TOY_BLOCKS][ROOM], after[ROOM], bias[BLOCK_ROWS];
    static uint64_t digests[2][TASKS * TOY_BLOCKS * BLOCK_ROWS];
    int64_t entries = 0;
    random_task(&on, 0, 60);
    for (int t = 1; t < TASKS; t++) {
        for (int i = 0; i < t; i++) {
            on.d->tasks[i]->moved = false;
            for (int b = 0; b < TOY_BLOCKS; b++)
                apd_decomposition_theta(on.d, i, b, before[i][b], bias);
        }
        all_digests(on.d, t, digests[0]);
        random_task(&on, t, 60);
        all_digests(on.d, t, digests[1]);
        assert_memory_equal(digests[0], digests[1], (size_t)t * TOY_BLOCKS * BLOCK_ROWS * sizeof(uint64_t));
        for (int i = 0; i < t; i++) {
            assert_false(on.d->tasks[i]->moved);
            for (int b = 0; b < TOY_BLOCKS; b++) {
                int64_t size = on.layout->blocks[b].rows * on.layout->blocks[b].cols;
                apd_decomposition_theta(on.d, i, b, after, bias);
                assert_memory_equal(before[i][b], after, (size_t)size * sizeof(float));
            }
            entries += apd_decomposition_nonzeros(on.d, i);
        }
        assert_true(on.d->tasks[t]->moved);
    }
    assert_true(entries > 0); /* sigma did move */
    bench_clear(&on);
}

static void exact_finite_lambda2_moves_old_theta_by_the_closed_form(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda2 = 10.0;
    double k = settings.lambda1 / (2.0 * settings.lambda2);
    bench on;
    static float before[64][ROOM], after[64][ROOM];
    bench_init(&on, apd_method_find("apd"), &settings, 0, 3, 6, 0.4);
    old_thetas(on.d, 0, before);
    random_task(&on, 6, 80);
    old_thetas(on.d, 0, after);
    int zeros = 0, changed = 0;
    for (int t = 0; t < 6; t++)
        for (int j = 0; j < SIZE; j++) {
            float mask = on.d->tasks[t]->blocks[0].mask[j / COLS], product = mask * on.d->sigma[0][j];
            double shared = (double)mask * (double)on.d->sigma[0][j];
            double tau = soft((double)before[t][j] - shared, k);
            assert_near(after[t][j], shared + tau, float_step((double)after[t][j]));
            assert_near(after[t][j], before[t][j], k + float_step((double)after[t][j]));
            assert_true(tau != 0.0 || after[t][j] == product);
            zeros += tau == 0.0;
            changed += after[t][j] != before[t][j];
        }
    assert_true(zeros > 0 && changed > 0 && on.d->tasks[0]->moved);
    bench_clear(&on);
}

static void polish_support_follows_plain_adam_and_the_rest_stays(void **state) {
    (void)state;
    bench on;
    reference ref;
    static float thetas[64][ROOM];
    float gradient[ROOM], bias[BLOCK_ROWS];
    double sigma[SIZE];
    bool sigma_stays[SIZE], tau_stays[SIZE];
    bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 10, 0.2);
    old_thetas(on.d, 0, thetas);
    for (int j = 0; j < SIZE; j++)
        sigma[j] = (double)on.d->sigma[0][j];
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    reference_init(&ref, &on);
    int counts[4] = {0};
    for (int k = 1; k <= 60; k++) {
        if (k == 41) {
            apd_solver_begin_polish(on.solver);
            for (int j = 0; j < SIZE; j++) {
                sigma_stays[j] = ref.sigma[j] == sigma[j];
                tau_stays[j] = ref.tau[j] == 0.0;
                counts[sigma_stays[j]]++;
                counts[2 + tau_stays[j]]++;
            }
        }
        apd_solver_begin_step(on.solver, 1e-3);
        fill_gradient(&on, 3, k, 0, 1e-3, gradient, bias);
        step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
        if (k <= 40) {
            check_exact_step(&ref, &on, thetas, gradient, k, 1e-3);
            continue;
        }
        for (int r = 0; r < BLOCK_ROWS; r++) {
            double mask = sigmoid(ref.logit[r]), slope = 0.0;
            for (int j = r * COLS; j < (r + 1) * COLS; j++) {
                double g = (double)gradient[j], by_tau = adam_step_of(&ref.tau_adam[j], &usual, k, 1e-3, g);
                double by_sigma = adam_step_of(&ref.sigma_adam[j], &usual, k, 1e-3, mask * g);
                slope += mask * (1.0 - mask) * g * (double)ref.sigma[j];
                ref.tau[j] -= tau_stays[j] ? 0.0 : by_tau;
                ref.sigma[j] -= sigma_stays[j] ? 0.0 : by_sigma;
                assert_near(sigma_of(on.solver, 0)[j], ref.sigma[j], sigma_stays[j] ? 0.0 : 1e-5);
            }
            ref.logit[r] -= adam_step_of(&ref.logit_adam[r], &usual, k, 1e-3, slope);
            for (int j = r * COLS; j < (r + 1) * COLS; j++)
                assert_near(on.weights[0][j], sigmoid(ref.logit[r]) * ref.sigma[j] + ref.tau[j], 2e-5);
        }
    }
    for (int k = 0; k < 4; k++)
        assert_true(counts[k] > 0); /* each case was there */
    apd_solver_end_task(on.solver);
    assert_true(apd_decomposition_nonzeros(on.d, 10) > 0);
    const apd_sparse *tau = &on.d->tasks[10]->blocks[0].tau;
    for (int r = 0; r < BLOCK_ROWS; r++)
        for (int64_t e = tau->offsets[r]; e < tau->offsets[r + 1]; e++)
            assert_false(tau_stays[r * COLS + tau->columns[e]]);
    bench_clear(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_first_task_is_proximal_adam),
        cmocka_unit_test(exact_sparse_old_tasks_solves_every_weight_at_every_step),
        cmocka_unit_test(exact_many_strays_solves_every_weight_at_every_step),
        cmocka_unit_test(exact_finite_lambda2_solves_every_weight_at_every_step),
        cmocka_unit_test(exact_weight_decay_acts_on_theta),
        cmocka_unit_test(exact_no_lambda1_is_plain_adam_on_sigma),
        cmocka_unit_test(exact_mask_follows_central_differences),
        cmocka_unit_test(exact_infinite_lambda2_keeps_every_old_bit),
        cmocka_unit_test(exact_finite_lambda2_moves_old_theta_by_the_closed_form),
        cmocka_unit_test(polish_support_follows_plain_adam_and_the_rest_stays),
    };
    return cmocka_run_group_tests_name("solver_exact", tests, NULL, NULL);
}

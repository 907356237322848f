/* The joint solver against Adam in double with gradients by finite differences of the paper's objective, and
 * both solvers on one convex problem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "method/solvers/solver.h"
#include "solver_bench.h"

#include <string.h>

/* One weight's share of the paper's objective (eq. 2), with the loss's share linear: G*theta. */
typedef struct joint_weight {
    long double gradient, sigma, logit, tau;
    int count;
    long double old_tau[8], old_mask[8], target[8];
} joint_weight;

static long double joint_objective(const joint_weight *w, const apd_solver_settings *set) {
    long double theta = w->sigma / (1.0L + expl(-w->logit)) + w->tau, sum = w->gradient * theta;
    sum += set->lambda1 * fabsl(w->tau) + 0.5L * set->weight_decay * theta * theta;
    for (int i = 0; i < w->count; i++) {
        long double left = w->target[i] - w->old_mask[i] * w->sigma - w->old_tau[i];
        sum += set->lambda1 * fabsl(w->old_tau[i]) + set->lambda2 * left * left;
    }
    return sum;
}

/* Central difference by *number, which is a part of *w. */
static double joint_difference(joint_weight *w, const apd_solver_settings *set, long double *number) {
    const long double h = 1e-8L, at = *number; /* less than any |tau| that is not 0 */
    *number = at + h;
    long double up = joint_objective(w, set);
    *number = at - h;
    long double down = joint_objective(w, set);
    *number = at;
    return (double)((up - down) / (2.0L * h));
}

enum { JOINT_OLD = 3 };

typedef struct joint_reference {
    joint_weight weights[SIZE];
    adam sigma[SIZE], tau[SIZE], old[SIZE][JOINT_OLD], logit[BLOCK_ROWS];
} joint_reference;

static void joint_reference_init(joint_reference *ref, const bench *on) {
    static float thetas[64][ROOM];
    memset(ref, 0, sizeof *ref);
    old_thetas(on->d, 0, thetas);
    for (int j = 0; j < SIZE; j++) {
        joint_weight *w = &ref->weights[j];
        w->sigma = (double)on->d->sigma[0][j];
        w->logit = log(on->settings.mask_init / (1.0 - on->settings.mask_init));
        w->count = on->d->task_count;
        for (int i = 0; i < w->count; i++) {
            w->old_mask[i] = (double)on->d->tasks[i]->blocks[0].mask[j / COLS];
            w->target[i] = (double)thetas[i][j];
            w->old_tau[i] = w->target[i] - w->old_mask[i] * w->sigma;
            if (fabsl(w->old_tau[i]) < 1e-7L) { /* no entry: only rounding */
                w->old_tau[i] = 0.0L;
                w->target[i] = w->old_mask[i] * w->sigma;
            }
        }
    }
}

/* A step of Adam on everything; the decay has no part in the mask's slope. */
static void joint_reference_step(joint_reference *ref, const apd_solver_settings *set, const float *gradient,
                                 int k, double rate) {
    apd_solver_settings no_decay = *set;
    no_decay.weight_decay = 0.0;
    for (int r = 0; r < BLOCK_ROWS; r++) {
        double logit_slope = 0.0;
        for (int j = r * COLS; j < (r + 1) * COLS; j++) {
            joint_weight *w = &ref->weights[j];
            double slopes[2], old_slopes[JOINT_OLD] = {0};
            w->gradient = (double)gradient[j];
            logit_slope += joint_difference(w, &no_decay, &w->logit);
            slopes[0] = joint_difference(w, set, &w->sigma);
            slopes[1] = joint_difference(w, set, &w->tau);
            for (int i = 0; i < w->count; i++)
                old_slopes[i] = joint_difference(w, set, &w->old_tau[i]);
            w->sigma -= adam_step_of(&ref->sigma[j], set, k, rate, slopes[0]);
            w->tau -= adam_step_of(&ref->tau[j], set, k, rate, slopes[1]);
            for (int i = 0; i < w->count; i++)
                w->old_tau[i] -= adam_step_of(&ref->old[j][i], set, k, rate, old_slopes[i]);
        }
        double step = adam_step_of(&ref->logit[r], set, k, rate, logit_slope);
        for (int j = r * COLS; j < (r + 1) * COLS; j++)
            ref->weights[j].logit -= step;
    }
}

/* The task's stored thetas are those of the reference, cut at |tau| <= lambda1. */
static void check_cut(const joint_reference *ref, const bench *on) {
    static float thetas[64][ROOM];
    int cut = 0, kept = 0;
    old_thetas(on->d, 0, thetas);
    for (int t = 0; t < on->d->task_count; t++)
        for (int j = 0; j < SIZE; j++) {
            const joint_weight *w = &ref->weights[j];
            bool fresh = t == on->d->task_count - 1;
            double tau = (double)(fresh ? w->tau : w->old_tau[t]);
            double mask = fresh ? sigmoid((double)w->logit) : (double)w->old_mask[t];
            if (fabs(fabs(tau) - on->settings.lambda1) < 1e-5)
                continue; /* either way is right to rounding */
            bool keep = fabs(tau) > on->settings.lambda1;
            cut += !keep;
            kept += keep;
            float product = on->d->tasks[t]->blocks[0].mask[j / COLS] * on->d->sigma[0][j];
            assert_true((thetas[t][j] != product) == keep);
            assert_near(thetas[t][j], mask * (double)w->sigma + (keep ? tau : 0.0), 1e-5);
        }
    assert_true(cut > 0 && kept > 0);
}

static void joint_run(const apd_solver_settings *settings, int tasks, int steps) {
    bench on;
    static joint_reference ref;
    float gradient[ROOM], bias[BLOCK_ROWS];
    bench_init(&on, apd_method_find("apd-joint"), settings, 0, 3, tasks, 0.3);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    joint_reference_init(&ref, &on);
    for (int k = 1; k <= steps; k++) {
        fill_gradient(&on, 3, k, 0, 1e-2, gradient, bias);
        apd_solver_begin_step(on.solver, 1e-3);
        step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
        joint_reference_step(&ref, settings, gradient, k, 1e-3);
        for (int j = 0; j < SIZE; j++) {
            const joint_weight *w = &ref.weights[j];
            assert_near(sigma_of(on.solver, 0)[j], w->sigma, 1e-5);
            assert_near(on.weights[0][j], sigmoid((double)w->logit) * (double)w->sigma + (double)w->tau,
                        1e-5);
        }
    }
    apd_solver_end_task(on.solver);
    check_cut(&ref, &on);
    bench_clear(&on);
}

/* epsilon is large so that rounding near a zero gradient is not blown up to a whole step */
static void joint_steps_are_adam_on_the_whole_objective(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda2 = 1.0;
    settings.lambda1 = 2e-3;
    settings.epsilon = 1e-3;
    joint_run(&settings, JOINT_OLD, 1);
    joint_run(&settings, JOINT_OLD, 10);
    joint_run(&settings, 0, 10);
    settings.weight_decay = 1e-2;
    joint_run(&settings, JOINT_OLD, 5);
}

/* The largest move of an old theta of block 0 and of sigma over a task. */
static void joint_drift(double lambda2, double *of_theta, double *of_sigma) {
    apd_solver_settings settings = usual;
    settings.lambda1 = 0.0;
    settings.lambda2 = lambda2;
    bench on;
    static float before[64][ROOM], after[64][ROOM];
    float sigma[SIZE];
    bench_init(&on, apd_method_find("apd-joint"), &settings, 0, 3, JOINT_OLD, 0.3);
    old_thetas(on.d, 0, before);
    memcpy(sigma, on.d->sigma[0], sizeof sigma);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    for (int k = 0; k < 400; k++)
        random_step(&on, 3, k, 1e-3 * pow(0.98, k));
    apd_solver_end_task(on.solver);
    old_thetas(on.d, 0, after);
    *of_theta = *of_sigma = 0.0;
    for (int j = 0; j < SIZE; j++) {
        *of_sigma = fmax(*of_sigma, fabs((double)on.d->sigma[0][j] - (double)sigma[j]));
        for (int t = 0; t < JOINT_OLD; t++)
            *of_theta = fmax(*of_theta, fabs((double)after[t][j] - (double)before[t][j]));
    }
    bench_clear(&on);
}

/* Without lambda1 nothing is cut, and lambda2 ties the old thetas to where they were. */
static void joint_no_lambda1_strong_lambda2_keeps_old_thetas_near(void **state) {
    (void)state;
    double free_theta, free_sigma, tied_theta, tied_sigma;
    joint_drift(1e-9, &free_theta, &free_sigma);
    joint_drift(1e4, &tied_theta, &tied_sigma);
    assert_true(free_theta > 5e-3 && tied_sigma > 1e-4);
    assert_true(tied_theta < 1e-5);
    assert_true(free_sigma > tied_sigma);
}

/* lambda1*|tau_i| + lambda2*(theta*_i - m_i*s - tau_i)^2 at the best tau_i. */
static double old_cost(const apd_solver_settings *set, double theta, double mask, double s) {
    double away = theta - mask * s;
    if (isinf(set->lambda2))
        return set->lambda1 * fabs(away);
    double tau = soft(away, set->lambda1 / (2.0 * set->lambda2)), left = away - tau;
    return set->lambda1 * fabs(tau) + set->lambda2 * left * left;
}

/* --- exact and joint on one convex problem ----------------------------------------------------------------
 */

/* Mask held at 1 (its slope is m*(1-m), about 0): the loss is half the squared distance of theta from a
 * target. */
static double convex_target(const bench *on, int64_t j) {
    numbers n = weight_numbers(on->d, 900, 0, 0, j);
    return between(&n, -0.3, 0.3);
}

/* The objective of eq. 2 at (sigma, tau) with the old tau at their best. */
static double convex_objective(const apd_solver_settings *set, const old_tasks *old, double target,
                               double sigma, double tau) {
    double left = sigma + tau - target, sum = 0.5 * left * left + set->lambda1 * fabs(tau);
    for (int i = 0; i < old->count; i++)
        sum += old_cost(set, old->theta[i], old->mask[i], sigma);
    return sum;
}

/* Its least value: tau in closed form, sigma by golden section. */
static double convex_minimum(const apd_solver_settings *set, const old_tasks *old, double target) {
    double low = -1.0, high = 1.0;
    for (int k = 0; k < 200; k++) {
        double a = low + (high - low) * 0.382, b = low + (high - low) * 0.618;
        if (convex_objective(set, old, target, a, soft(target - a, set->lambda1)) <
            convex_objective(set, old, target, b, soft(target - b, set->lambda1)))
            high = b;
        else
            low = a;
    }
    return convex_objective(set, old, target, low, soft(target - low, set->lambda1));
}

/* Train to the end; returns the objective summed over block 0, and its least value. */
static double convex_run(const apd_method *kind, const apd_solver_settings *settings, double *least) {
    bench on;
    static float thetas[64][ROOM];
    float gradient[ROOM], bias[BLOCK_ROWS] = {0}, theta[ROOM], bias_now[BLOCK_ROWS];
    bench_init(&on, kind, settings, 0, 3, 4, 0.3);
    old_thetas(on.d, 0, thetas);
    double target[SIZE], sum = 0.0;
    for (int j = 0; j < SIZE; j++)
        target[j] = convex_target(&on, j);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    apd_solver_theta(on.solver, 0, theta, bias_now);
    for (int k = 0; k < 12000; k++) {
        for (int j = 0; j < SIZE; j++)
            gradient[j] = (float)((double)theta[j] - target[j]);
        apd_solver_begin_step(on.solver, 1e-2 * pow(0.9992, k));
        step_block(on.solver, on.d, 0, gradient, bias, theta, bias_now);
    }
    *least = 0.0;
    for (int j = 0; j < SIZE; j++) {
        old_tasks old = old_of(on.d, thetas, 0, j);
        double sigma = (double)sigma_of(on.solver, 0)[j];
        sum += convex_objective(settings, &old, target[j], sigma, (double)theta[j] - sigma);
        *least += convex_minimum(settings, &old, target[j]);
    }
    bench_clear(&on);
    return sum;
}

static void exact_and_joint_reach_the_same_minimum(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.mask_init = 1.0 - 1e-6;
    settings.epsilon = 1e-4;
    settings.lambda1 = 1e-2;
    settings.lambda2 = 0.5;
    double least, exact = convex_run(apd_method_find("apd"), &settings, &least);
    assert_near(exact, least, 1e-3 * least);
    double joint = convex_run(apd_method_find("apd-joint"), &settings, &least);
    assert_near(joint, least, 1e-2 * least);
    settings.lambda2 = INFINITY;
    exact = convex_run(apd_method_find("apd"), &settings, &least);
    assert_near(exact, least, 1e-3 * least);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joint_steps_are_adam_on_the_whole_objective),
        cmocka_unit_test(joint_no_lambda1_strong_lambda2_keeps_old_thetas_near),
        cmocka_unit_test(exact_and_joint_reach_the_same_minimum),
    };
    return cmocka_run_group_tests_name("solver_joint", tests, NULL, NULL);
}

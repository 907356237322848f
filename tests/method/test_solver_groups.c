/* Both solvers beside old tasks with locally shared parameters, against the objective. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "retroactive_cases.h"

/* --- the exact solver --------------------------------------------------------------------------------------
 */

/* The old tasks of weight j: theta less sigma_g, which is mask*sigma where tau is 0. */
static old_tasks old_beside_groups(const bench *on, const dense_block *block, const float *anchor, int j) {
    old_tasks old = {0};
    for (int t = 0; t < on->d->task_count; t++) {
        old.mask[old.count] = (double)on->d->tasks[t]->blocks[0].mask[j / COLS];
        old.theta[old.count] = block->tau[t][j] ? (double)block->theta[t][j] - (double)block->group[t][j]
                                                : old.mask[old.count] * (double)anchor[j];
        old.count++;
    }
    return old;
}

/* The derivative of (s-z)^2/(2*eta) + the old tasks' costs at s. */
static double slope_at(const apd_solver_settings *set, const old_tasks *old, double z, double eta, double s) {
    double sum = (s - z) / eta;
    for (int i = 0; i < old->count; i++) {
        double away = old->mask[i] * s - old->theta[i];
        double inside = isinf(set->lambda2) ? copysign(INFINITY, away) : 2.0 * set->lambda2 * away;
        sum += old->mask[i] * fmax(-set->lambda1, fmin(set->lambda1, inside));
    }
    return sum;
}

/* What rounding to float may do to sigma: sigma itself, the slope, and where a steep zone ends. */
static double blur(const apd_solver_settings *set, const old_tasks *old, double step, double eta, double s) {
    double slope = 0.0, curve = 0.0;
    for (int i = 0; i < old->count; i++) {
        slope += set->lambda1 * old->mask[i];
        if (isfinite(set->lambda2))
            curve = fmax(curve, 2.0 * set->lambda2 * old->mask[i] * old->mask[i]);
    }
    return 1e-5 * (fabs(step) + eta * slope) + (3.0 + 2.0 * eta * curve) * float_step(s);
}

typedef struct exact_reference {
    dense_block old; /* as the task began */
    float anchor[SIZE];
    double sigma[SIZE], logit[BLOCK_ROWS];
    adam sigma_adam[SIZE], logit_adam[BLOCK_ROWS];
    int moved, held; /* weights of all steps with off_centre */
} exact_reference;

static void exact_reference_init(exact_reference *ref, const bench *on) {
    memset(ref, 0, sizeof *ref);
    read_block(on->d, 0, &ref->old);
    for (int r = 0; r < BLOCK_ROWS; r++)
        ref->logit[r] = log(on->settings.mask_init / (1.0 - on->settings.mask_init));
    for (int j = 0; j < SIZE; j++) {
        ref->anchor[j] = on->d->sigma[0][j];
        ref->sigma[j] = (double)ref->anchor[j];
    }
}

/* sigma minimises: the slope changes its sign there. */
static void check_exact_step(exact_reference *ref, const bench *on, const float *gradient, int k) {
    const apd_solver_settings *set = &on->settings;
    for (int r = 0; r < BLOCK_ROWS; r++) {
        double mask = sigmoid(ref->logit[r]), logit_slope = 0.0;
        for (int j = r * COLS; j < (r + 1) * COLS; j++) {
            double direction, eta, g = (double)gradient[j], now = (double)sigma_of(on->solver, 0)[j];
            logit_slope += mask * (1.0 - mask) * g * ref->sigma[j];
            adam_move(&ref->sigma_adam[j], set, k, 1e-3, mask * g, &direction, &eta);
            old_tasks old = old_beside_groups(on, &ref->old, ref->anchor, j);
            double z = ref->sigma[j] - eta * direction;
            double tolerance = blur(set, &old, eta * direction, eta, now);
            assert_true(slope_at(set, &old, z, eta, now - tolerance) <= 0.0);
            assert_true(slope_at(set, &old, z, eta, now + tolerance) >= 0.0);
            ref->moved += now != ref->sigma[j];
            ref->held += now == ref->sigma[j];
            ref->sigma[j] = now;
        }
        ref->logit[r] -= adam_step_of(&ref->logit_adam[r], set, k, 1e-3, logit_slope);
    }
}

/* A task of 150 steps beside 10 old ones in groups; `end` looks at what became of them. */
static void exact_run(double lambda2, void (*end)(const bench *, const exact_reference *)) {
    static exact_reference ref;
    apd_solver_settings settings = usual;
    settings.lambda2 = lambda2;
    settings.lambda1 = 1e-4;
    bench on;
    float gradient[ROOM], bias[BLOCK_ROWS];
    bench_init(&on, apd_method_find("apd"), &settings, 0, 3, 10, 0.3);
    give_usual_groups(on.d, 3, 0.1, 43000);
    apd_solver_begin_task(on.solver, 10, TOY_CLASSES);
    exact_reference_init(&ref, &on);
    for (int k = 1; k <= 150; k++) {
        apd_solver_begin_step(on.solver, 1e-3);
        fill_gradient(&on, 10, k, 0, 1e-3, gradient, bias);
        step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
        check_exact_step(&ref, &on, gradient, k);
    }
    assert_true(ref.moved > 100 && (isfinite(lambda2) || ref.held > 100));
    apd_solver_end_task(on.solver);
    end(&on, &ref);
    bench_clear(&on);
}

static void check_old_kept(const bench *on, const exact_reference *ref) {
    dense_block now;
    read_block(on->d, 0, &now);
    assert_memory_equal(now.theta, ref->old.theta, 10 * sizeof now.theta[0]);
    assert_memory_equal(now.shared, ref->old.shared, sizeof now.shared);
    check_support(&now);
    for (int t = 0; t < 10; t++)
        assert_false(on->d->tasks[t]->moved);
    assert_int_equal(on->d->tasks[10]->blocks[0].group, -1);
}

static void check_old_closed_form(const bench *on, const exact_reference *ref) {
    dense_block now;
    int zeros = 0;
    read_block(on->d, 0, &now);
    for (int t = 0; t < 10; t++)
        zeros +=
            check_closed_form(on->d, &ref->old, &now, t, on->settings.lambda1 / (2.0 * on->settings.lambda2));
    assert_true(zeros > 0);
}

static void exact_infinite_lambda2_solves_every_weight_beside_groups(void **state) {
    (void)state;
    exact_run(INFINITY, check_old_kept);
}

static void exact_finite_lambda2_solves_every_weight_beside_groups(void **state) {
    (void)state;
    exact_run(1.0, check_old_closed_form);
    exact_run(100.0, check_old_closed_form);
}

/* --- the joint solver --------------------------------------------------------------------------------------
 */

enum { OLD = 4 };

/* One weight of eq. 3's objective with a linear loss: what moves and what stays. */
typedef struct joint_weight {
    long double sigma, tau, old_tau[OLD];
    long double gradient, mask, old_mask[OLD], group[OLD], target[OLD];
} joint_weight;

static long double joint_objective(const joint_weight *w, const apd_solver_settings *set) {
    long double sum = w->gradient * (w->mask * w->sigma + w->tau) + set->lambda1 * fabsl(w->tau);
    for (int i = 0; i < OLD; i++) {
        long double left = w->target[i] - (w->old_mask[i] * w->sigma + w->group[i] + w->old_tau[i]);
        sum += set->lambda1 * fabsl(w->old_tau[i]) + set->lambda2 * left * left;
    }
    return sum;
}

static long double joint_difference(joint_weight *w, const apd_solver_settings *set, long double *number) {
    const long double h = 1e-8L, at = *number;
    *number = at + h;
    long double up = joint_objective(w, set);
    *number = at - h;
    long double down = joint_objective(w, set);
    *number = at;
    return (up - down) / (2.0L * h);
}

/* A step of gradient descent with rate 1 on sigma, tau and all old tau. */
static void joint_descend(joint_weight *w, const apd_solver_settings *set) {
    long double by_sigma = joint_difference(w, set, &w->sigma), by_tau = joint_difference(w, set, &w->tau);
    long double by_old[OLD];
    for (int i = 0; i < OLD; i++)
        by_old[i] = joint_difference(w, set, &w->old_tau[i]);
    w->sigma -= by_sigma;
    w->tau -= by_tau;
    for (int i = 0; i < OLD; i++)
        w->old_tau[i] -= by_old[i];
}

static joint_weight joint_weight_of(const bench *on, const dense_block *block, int j) {
    joint_weight w = {.sigma = (long double)on->d->sigma[0][j], .mask = on->settings.mask_init};
    for (int i = 0; i < OLD; i++) {
        w.old_mask[i] = (long double)on->d->tasks[i]->blocks[0].mask[j / COLS];
        w.group[i] = (long double)block->group[i][j];
        w.target[i] = w.old_mask[i] * w.sigma + w.group[i];
        if (block->tau[i][j])
            w.target[i] = (long double)block->theta[i][j];
        w.old_tau[i] = w.target[i] - w.old_mask[i] * w.sigma - w.group[i];
    }
    return w;
}

/* Old theta is mask*sigma + sigma_g + tau, with tau cut at lambda1. */
static void joint_check_old(const bench *on, const joint_weight *weights) {
    dense_block now;
    int cut = 0, kept = 0;
    read_block(on->d, 0, &now);
    for (int j = 0; j < SIZE; j++)
        for (int i = 0; i < OLD; i++) {
            const joint_weight *w = &weights[j];
            double tau = (double)w->old_tau[i], plain = (double)(w->old_mask[i] * w->sigma + w->group[i]);
            if (fabs(fabs(tau) - on->settings.lambda1) < 1e-5)
                continue; /* either way is right to rounding */
            bool keep = fabs(tau) > on->settings.lambda1;
            cut += !keep && now.group[i][j] != 0.0f;
            kept += keep && now.group[i][j] != 0.0f;
            assert_int_equal(now.tau[i][j], keep);
            assert_near(now.theta[i][j], plain + (keep ? tau : 0.0), 2e-6);
        }
    assert_true(cut > 0 && kept > 0);
}

/* With a huge epsilon and no momentum Adam is gradient descent. */
static void joint_steps_descend_the_objective_with_groups(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda1 = 1e-3;
    settings.lambda2 = 0.05;
    settings.beta1 = 0.0;
    settings.epsilon = 1e6;
    settings.mask_init = 1.0 - 1e-6; /* it stays: its slope is m*(1-m) */
    bench on;
    dense_block block;
    joint_weight weights[SIZE];
    float gradient[ROOM] = {0}, bias[BLOCK_ROWS] = {0};
    bench_init(&on, apd_method_find("apd-joint"), &settings, 0, 3, OLD, 0.5);
    give_usual_groups(on.d, 2, 0.1, 44000);
    read_block(on.d, 0, &block);
    for (int j = 0; j < SIZE; j++) {
        numbers n = weight_numbers(on.d, 45000, 0, 0, j);
        weights[j] = joint_weight_of(&on, &block, j);
        gradient[j] = (float)between(&n, -0.02, 0.02);
        weights[j].gradient = (long double)gradient[j];
    }
    apd_solver_begin_task(on.solver, OLD, TOY_CLASSES);
    for (int k = 0; k < 6; k++) {
        apd_solver_begin_step(on.solver, 1e6);
        step_block(on.solver, on.d, 0, gradient, bias, on.weights[0], on.bias[0]);
        for (int j = 0; j < SIZE; j++) {
            joint_descend(&weights[j], &settings);
            assert_near(sigma_of(on.solver, 0)[j], weights[j].sigma, 1e-6);
        }
    }
    apd_solver_end_task(on.solver);
    joint_check_old(&on, weights);
    bench_clear(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_infinite_lambda2_solves_every_weight_beside_groups),
        cmocka_unit_test(exact_finite_lambda2_solves_every_weight_beside_groups),
        cmocka_unit_test(joint_steps_descend_the_objective_with_groups),
    };
    return cmocka_run_group_tests_name("solver_groups", tests, NULL, NULL);
}

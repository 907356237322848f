/* The solvers, against references in double that are written here from the formulae: Adam (Kingma & Ba 2015),
 * the one-dimensional problem by brute force, gradients by finite differences of the objective. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/recentre.h"
#include "method/solver.h"
#include "method_cases.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 32, BLOCK_ROWS = 5, COLS = 6, SIZE = BLOCK_ROWS * COLS };

/* --- a network 6 - 5 - 4 - head of 3, its decomposition on some rows, and a solver -------------------------- */

typedef struct bench {
    apd_network *network;
    const apd_layout *layout;
    apd_decomposition *d;
    apd_solver *solver;
    apd_solver_settings settings;
    float weights[TOY_BLOCKS][ROOM], bias[TOY_BLOCKS][BLOCK_ROWS]; /* what the last step wrote */
} bench;

static const apd_solver_settings usual = {.lambda1 = 4e-4,
                                          .lambda2 = INFINITY,
                                          .mask_init = 0.6,
                                          .beta1 = 0.9,
                                          .beta2 = 0.999,
                                          .epsilon = 1e-8,
                                          .seed = 5};

static apd_network *toy_network(void) {
    const apd_layer_spec layers[] = {{.kind = APD_LAYER_DENSE, .units = 5},
                                     {.kind = APD_LAYER_RELU},
                                     {.kind = APD_LAYER_DENSE, .units = 4}};
    apd_network *network;
    apd_error error = {0};
    assert_int_equal(
        apd_network_create((apd_image_shape){1, 1, COLS}, layers, 3, TOY_CLASSES, &network, &error), APD_OK);
    return network;
}

/* Thirds `from` to `to` of all rows, with `tasks` random finished tasks. */
static void bench_init(bench *on, apd_solver_name name, const apd_solver_settings *settings, int from, int to,
                       int tasks, double density) {
    apd_rows rows[TOY_BLOCKS];
    memset(on, 0, sizeof *on);
    on->network = toy_network();
    on->layout = apd_network_layout(on->network);
    on->settings = *settings;
    toy_rows(on->layout, from, to, rows);
    on->d = apd_decomposition_create(on->layout, rows);
    fill_sigma(on->d, 0.3);
    for (int t = 0; t < tasks; t++)
        append_random_task(on->d, density, 0.01, true, false);
    on->solver = apd_solver_create(name, on->network, on->d, settings);
}

static void bench_clear(bench *on) {
    apd_solver_destroy(on->solver);
    apd_decomposition_destroy(on->d);
    apd_network_destroy(on->network);
}

/* A gradient that looks like training: a drift of its own for every weight, noise in every step. */
static double gradient_of(const bench *on, int task, int step, int b, int64_t r, int64_t c, double scale) {
    numbers drift = weight_numbers(on->d, 500 + task, b, r, c);
    numbers noise = weight_numbers(on->d, 10000 + task * 1000 + step, b, r, c);
    double mean = between(&drift, -1.0, 1.0);
    return (double)(float)(scale * (mean * mean * mean * 0.5 + between(&noise, -1.0, 1.0)));
}

static void fill_gradient(const bench *on, int task, int step, int b, double scale, float *gradient,
                          float *bias) {
    for (int64_t r = 0, j = 0; r < apd_local_rows(on->d, b); r++) {
        bias[r] = (float)gradient_of(on, task, step, b, r, 99, scale);
        for (int64_t c = 0; c < on->layout->blocks[b].cols; c++, j++)
            gradient[j] = (float)gradient_of(on, task, step, b, r, c, scale);
    }
}

static void random_step(bench *on, int task, int step, double rate) {
    float gradient[ROOM], bias[BLOCK_ROWS];
    apd_solver_begin_step(on->solver, rate);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        fill_gradient(on, task, step, b, 1e-3, gradient, bias);
        apd_solver_step(on->solver, b, gradient, bias, on->weights[b], on->bias[b]);
    }
}

static void random_task(bench *on, int task, int steps) {
    apd_solver_begin_task(on->solver, task, TOY_CLASSES);
    for (int k = 0; k < steps; k++)
        random_step(on, task, k, 1e-3);
    apd_solver_end_task(on->solver);
}

/* --- references ------------------------------------------------------------------------------------------- */

typedef struct adam {
    double first, second;
} adam;

/* Adam's direction and rate after `step` steps (from 1). */
static void adam_move(adam *a, const apd_solver_settings *s, int step, double rate, double gradient,
                      double *direction, double *eta) {
    a->first = s->beta1 * a->first + (1.0 - s->beta1) * gradient;
    a->second = s->beta2 * a->second + (1.0 - s->beta2) * gradient * gradient;
    *direction = a->first / (1.0 - pow(s->beta1, step));
    *eta = rate / (sqrt(a->second / (1.0 - pow(s->beta2, step))) + s->epsilon);
}

static double adam_step_of(adam *a, const apd_solver_settings *s, int step, double rate, double gradient) {
    double direction, eta;
    adam_move(a, s, step, rate, gradient, &direction, &eta);
    return eta * direction;
}

static double soft(double x, double k) {
    return copysign(fmax(fabs(x) - k, 0.0), x);
}

/* One weight's old tasks: what theta each had, its mask. */
typedef struct old_tasks {
    int count;
    double theta[64], mask[64];
} old_tasks;

/* lambda1*|tau_i| + lambda2*(theta*_i - m_i*s - tau_i)^2 at the best tau_i. */
static double old_cost(const apd_solver_settings *set, double theta, double mask, double s) {
    double away = theta - mask * s;
    if (isinf(set->lambda2))
        return set->lambda1 * fabs(away);
    double tau = soft(away, set->lambda1 / (2.0 * set->lambda2)), left = away - tau;
    return set->lambda1 * fabs(tau) + set->lambda2 * left * left;
}

/* The derivative's sign of (s-z)^2/(2*eta) + all old costs, just right or left of s. */
static double slope_beside(const apd_solver_settings *set, const old_tasks *old, double z, double eta, double s,
                           double side) {
    double sum = (s - z) / eta;
    for (int i = 0; i < old->count; i++) {
        double away = old->mask[i] * s - old->theta[i], m = old->mask[i];
        double inside = isinf(set->lambda2) ? copysign(INFINITY, away == 0.0 ? side : away)
                                            : 2.0 * set->lambda2 * away;
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

/* The old tasks of weight (r, c) of block b. */
static old_tasks old_of(const apd_decomposition *d, float thetas[][ROOM], int b, int64_t j) {
    old_tasks old = {0};
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->blocks[b].mask != NULL) {
            old.mask[old.count] = (double)d->tasks[t]->blocks[b].mask[j / d->layout->blocks[b].cols];
            old.theta[old.count++] = (double)thetas[t][j];
        }
    return old;
}

static void old_thetas(const apd_decomposition *d, int b, float thetas[][ROOM]) {
    float bias[BLOCK_ROWS];
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL)
            apd_decomposition_theta(d, t, b, thetas[t], bias);
}

/* --- exact ------------------------------------------------------------------------------------------------ */

/* How far off float may put sigma: by rounding the pull, and its place (a zone of a large lambda2 is a few
 * floats wide, and its end holds sigma until the step is worth a float). */
static double float_blur(const apd_solver_settings *set, const old_tasks *old, double eta, double s) {
    double pull = 0.0, curve = 0.0;
    for (int i = 0; i < old->count; i++) {
        pull += set->lambda1 * old->mask[i];
        if (isfinite(set->lambda2))
            curve = fmax(curve, 2.0 * set->lambda2 * old->mask[i] * old->mask[i]);
    }
    return 1e-5 * eta * pull + (3.0 + 2.0 * eta * curve) * float_step(s);
}

/* Block 0 of the task in training, in double; sigma is taken from the solver, step by step. */
typedef struct reference {
    double tau[SIZE], logit[BLOCK_ROWS], sigma[SIZE], theta[SIZE];
    adam sigma_adam[SIZE], tau_adam[SIZE], logit_adam[BLOCK_ROWS];
} reference;

static double sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

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
static void check_exact_step(reference *ref, const bench *on, float thetas[][ROOM], const float *gradient, int k,
                             double rate) {
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
            double z = ref->sigma[j] - eta * direction, now = (double)on->d->sigma[0][j];
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
    bench_init(&on, APD_EXACT, settings, 0, 3, tasks, density);
    old_thetas(on.d, 0, thetas);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    reference_init(&ref, &on);
    for (int k = 1; k <= steps; k++) {
        double rate = k % 7 == 0 ? 3e-3 : 1e-3;
        apd_solver_begin_step(on.solver, rate);
        fill_gradient(&on, 3, k, 0, 1e-3, gradient, bias);
        apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
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
    bench_init(&on, APD_EXACT, &settings, 0, 3, 5, 0.3);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    adam moments[SIZE] = {0};
    float gradient[ROOM], bias[BLOCK_ROWS];
    double sigma[SIZE];
    for (int j = 0; j < SIZE; j++)
        sigma[j] = (double)on.d->sigma[0][j];
    for (int k = 1; k <= 50; k++) {
        apd_solver_begin_step(on.solver, 1e-3);
        fill_gradient(&on, 3, k, 0, 1e-3, gradient, bias);
        apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
        for (int j = 0; j < SIZE; j++) { /* the mask's scale cancels in Adam, all but epsilon */
            sigma[j] -= adam_step_of(&moments[j], &settings, k, 1e-3, 0.6 * (double)gradient[j]);
            assert_near(on.d->sigma[0][j], sigma[j], 1e-4);
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
    bench_init(&on, APD_EXACT, &settings, 0, 3, 1, 0.0);
    double sigma[SIZE], mask = settings.mask_init, v = log(mask / (1.0 - mask));
    float gradient[ROOM], bias[BLOCK_ROWS] = {0};
    for (int j = 0; j < SIZE; j++) { /* L = sum of cos(3*theta) */
        sigma[j] = (double)on.d->sigma[0][j];
        gradient[j] = (float)(-3.0 * sin(3.0 * mask * sigma[j]));
    }
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    apd_solver_begin_step(on.solver, 1e5);
    apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
    apd_solver_end_task(on.solver);
    const apd_task_part *part = on.d->tasks[1];
    for (int r = 0; r < BLOCK_ROWS; r++) {
        double h = 1e-5, difference = 0.0, after = (double)part->blocks[0].mask[r];
        for (int j = r * COLS; j < (r + 1) * COLS; j++)
            difference += (cos(3.0 * sigmoid(v + h) * sigma[j]) - cos(3.0 * sigmoid(v - h) * sigma[j])) / (2.0 * h);
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
    bench_init(&on, APD_EXACT, &usual, 0, 3, 0, 0.0);
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

static void exact_theta_is_kept_through_the_end_of_the_task(void **state) {
    (void)state;
    const apd_solver_name names[] = {APD_EXACT, APD_SINGLE};
    for (int k = 0; k < 2; k++) {
        bench on;
        float weights[ROOM], bias[BLOCK_ROWS];
        bench_init(&on, names[k], &usual, 0, 3, 3, 0.3);
        random_task(&on, 7, 30);
        for (int b = 0; b < TOY_BLOCKS; b++) {
            apd_decomposition_theta(on.d, 3, b, weights, bias);
            int64_t rows = on.layout->blocks[b].rows, size = rows * on.layout->blocks[b].cols;
            assert_memory_equal(weights, on.weights[b], (size_t)size * sizeof(float));
            assert_memory_equal(bias, on.bias[b], (size_t)rows * sizeof(float));
        }
        bench_clear(&on);
    }
}

static void exact_finite_lambda2_moves_old_theta_by_the_closed_form(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda2 = 10.0;
    double k = settings.lambda1 / (2.0 * settings.lambda2);
    bench on;
    static float before[64][ROOM], after[64][ROOM];
    bench_init(&on, APD_EXACT, &settings, 0, 3, 6, 0.4);
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

/* --- polishing, keeping ----------------------------------------------------------------------------------- */

static void polish_support_follows_plain_adam_and_the_rest_stays(void **state) {
    (void)state;
    bench on;
    reference ref;
    static float thetas[64][ROOM];
    float gradient[ROOM], bias[BLOCK_ROWS];
    double sigma[SIZE];
    bool sigma_stays[SIZE], tau_stays[SIZE];
    bench_init(&on, APD_EXACT, &usual, 0, 3, 10, 0.2);
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
        apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
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
                assert_near(on.d->sigma[0][j], ref.sigma[j], sigma_stays[j] ? 0.0 : 1e-5);
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

static void solver_thetas(const bench *on, float weights[][ROOM], float bias[][BLOCK_ROWS]) {
    memset(weights, 0, TOY_BLOCKS * sizeof *weights);
    memset(bias, 0, TOY_BLOCKS * sizeof *bias);
    for (int b = 0; b < TOY_BLOCKS; b++)
        apd_solver_theta(on->solver, b, weights[b], bias[b]);
}

static void keep_recall_brings_the_last_copy_back(void **state) {
    (void)state;
    const apd_solver_name names[] = {APD_EXACT, APD_JOINT, APD_SINGLE};
    for (int k = 0; k < 3; k++) {
        bench on;
        apd_solver_settings settings = usual;
        settings.lambda2 = 100.0;
        float kept[TOY_BLOCKS][ROOM], now[TOY_BLOCKS][ROOM], bias[2][TOY_BLOCKS][BLOCK_ROWS];
        bench_init(&on, names[k], &settings, 0, 3, 3, 0.2);
        apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
        random_step(&on, 3, 0, 1e-3);
        apd_solver_keep(on.solver);
        for (int step = 1; step < 5; step++)
            random_step(&on, 3, step, 1e-3);
        solver_thetas(&on, kept, bias[0]);
        apd_solver_keep(on.solver); /* replaces the first */
        for (int step = 5; step < 9; step++)
            random_step(&on, 3, step, 1e-3);
        solver_thetas(&on, now, bias[1]);
        assert_memory_not_equal(kept, now, sizeof kept);
        apd_solver_recall(on.solver);
        solver_thetas(&on, now, bias[1]);
        assert_memory_equal(kept, now, sizeof kept);
        assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
        random_step(&on, 3, 9, 1e-3); /* goes on from there */
        apd_solver_end_task(on.solver);
        apd_solver_begin_task(on.solver, 4, TOY_CLASSES);
        random_step(&on, 4, 0, 1e-3);
        solver_thetas(&on, kept, bias[0]);
        apd_solver_recall(on.solver); /* nothing was kept in this task */
        solver_thetas(&on, now, bias[1]);
        assert_memory_equal(kept, now, sizeof kept);
        bench_clear(&on);
    }
}

/* --- head, single ----------------------------------------------------------------------------------------- */

static void head_follows_adam_with_decay_and_unused_rows_stay_zero(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    bench_init(&on, APD_EXACT, &settings, 0, 3, 0, 0.0);
    apd_solver_begin_task(on.solver, 3, 2);
    float weights[ROOM], bias[BLOCK_ROWS], gradient[ROOM], bias_gradient[BLOCK_ROWS];
    double expected[12], expected_bias[2] = {0};
    adam moments[12] = {0}, bias_moments[2] = {0};
    apd_solver_theta(on.solver, 2, weights, bias);
    for (int j = 0; j < 12; j++) {
        expected[j] = (double)weights[j];
        assert_true((weights[j] == 0.0f) == (j >= 8));
    }
    for (int k = 1; k <= 30; k++) {
        fill_gradient(&on, 3, k, 2, 1e-2, gradient, bias_gradient);
        apd_solver_begin_step(on.solver, 1e-3);
        apd_solver_step(on.solver, 2, gradient, bias_gradient, weights, bias);
        for (int j = 0; j < 8; j++) {
            expected[j] -= adam_step_of(&moments[j], &settings, k, 1e-3, (double)gradient[j] + 1e-2 * expected[j]);
            assert_near(weights[j], expected[j], 1e-5);
        }
        for (int j = 8; j < 12; j++)
            assert_true(weights[j] == 0.0f);
        for (int r = 0; r < 2; r++) { /* no decay */
            expected_bias[r] -= adam_step_of(&bias_moments[r], &settings, k, 1e-3, (double)bias_gradient[r]);
            assert_near(bias[r], expected_bias[r], 1e-5);
        }
        assert_true(bias[2] == 0.0f);
    }
    bench_clear(&on);
}

static void single_is_independent_of_other_tasks_and_leaves_sigma(void **state) {
    (void)state;
    bench alone, among;
    float alone_theta[ROOM], among_theta[ROOM], bias[BLOCK_ROWS];
    bench_init(&alone, APD_SINGLE, &usual, 0, 3, 0, 0.0);
    bench_init(&among, APD_SINGLE, &usual, 0, 3, 4, 0.3);
    random_task(&alone, 7, 20);
    float *sigma = apd_allocate(SIZE, sizeof(float), "sigma");
    memcpy(sigma, among.d->sigma[0], SIZE * sizeof(float));
    random_task(&among, 7, 20);
    assert_memory_equal(sigma, among.d->sigma[0], SIZE * sizeof(float));
    for (int b = 0; b < TOY_BLOCKS; b++) {
        int64_t size = alone.layout->blocks[b].rows * alone.layout->blocks[b].cols;
        apd_decomposition_theta(alone.d, 0, b, alone_theta, bias);
        apd_decomposition_theta(among.d, 4, b, among_theta, bias);
        assert_memory_equal(alone_theta, among_theta, (size_t)size * sizeof(float));
        assert_null(among.d->tasks[4]->blocks[b].mask);
        assert_non_null(among.d->tasks[4]->blocks[b].dense);
    }
    free(sigma);
    bench_clear(&alone);
    bench_clear(&among);
}

/* --- joint ------------------------------------------------------------------------------------------------ */

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
    bench_init(&on, APD_JOINT, settings, 0, 3, tasks, 0.3);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    joint_reference_init(&ref, &on);
    for (int k = 1; k <= steps; k++) {
        fill_gradient(&on, 3, k, 0, 1e-2, gradient, bias);
        apd_solver_begin_step(on.solver, 1e-3);
        apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
        joint_reference_step(&ref, settings, gradient, k, 1e-3);
        for (int j = 0; j < SIZE; j++) {
            const joint_weight *w = &ref.weights[j];
            assert_near(on.d->sigma[0][j], w->sigma, 1e-5);
            assert_near(on.weights[0][j], sigmoid((double)w->logit) * (double)w->sigma + (double)w->tau, 1e-5);
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
    bench_init(&on, APD_JOINT, &settings, 0, 3, JOINT_OLD, 0.3);
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

/* --- exact and joint on one convex problem ---------------------------------------------------------------- */

/* Mask held at 1 (its slope is m*(1-m), about 0): the loss is half the squared distance of theta from a target. */
static double convex_target(const bench *on, int64_t j) {
    numbers n = weight_numbers(on->d, 900, 0, 0, j);
    return between(&n, -0.3, 0.3);
}

/* The objective of eq. 2 at (sigma, tau) with the old tau at their best. */
static double convex_objective(const apd_solver_settings *set, const old_tasks *old, double target, double sigma,
                               double tau) {
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
static double convex_run(apd_solver_name name, const apd_solver_settings *settings, double *least) {
    bench on;
    static float thetas[64][ROOM];
    float gradient[ROOM], bias[BLOCK_ROWS] = {0}, theta[ROOM], bias_now[BLOCK_ROWS];
    bench_init(&on, name, settings, 0, 3, 4, 0.3);
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
        apd_solver_step(on.solver, 0, gradient, bias, theta, bias_now);
    }
    *least = 0.0;
    for (int j = 0; j < SIZE; j++) {
        old_tasks old = old_of(on.d, thetas, 0, j);
        double sigma = (double)on.d->sigma[0][j];
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
    double least, exact = convex_run(APD_EXACT, &settings, &least);
    assert_near(exact, least, 1e-3 * least);
    double joint = convex_run(APD_JOINT, &settings, &least);
    assert_near(joint, least, 1e-2 * least);
    settings.lambda2 = INFINITY;
    exact = convex_run(APD_EXACT, &settings, &least);
    assert_near(exact, least, 1e-3 * least);
}

/* --- slices ----------------------------------------------------------------------------------------------- */

/* Two tasks with all that may happen in one. */
static void whole_story(bench *on) {
    for (int task = 4; task < 6; task++) {
        apd_solver_begin_task(on->solver, task, 2);
        for (int k = 0; k < 9; k++) {
            if (k == 4)
                apd_solver_keep(on->solver);
            if (k == 6)
                apd_solver_recall(on->solver);
            if (k == 7)
                apd_solver_begin_polish(on->solver);
            random_step(on, task, k, 3e-3);
        }
        apd_solver_end_task(on->solver);
        (void)apd_recentre_sigma(on->d, task == 4 ? APD_RULE_COUNT : APD_RULE_MEDIAN);
    }
}

static void check_same_sparse_rows(const apd_sparse *whole, int64_t first, const apd_sparse *part) {
    for (int64_t r = 0; r < part->rows; r++) {
        int64_t e = part->offsets[r], all = whole->offsets[first + r], count = part->offsets[r + 1] - e;
        assert_int_equal(whole->offsets[first + r + 1] - all, count);
        if (count == 0)
            continue;
        assert_memory_equal(whole->columns + all, part->columns + e, (size_t)count * sizeof(int32_t));
        assert_memory_equal(whole->values + all, part->values + e, (size_t)count * sizeof(float));
    }
}

static void check_same_task_rows(const bench *whole, const bench *part, int t, int b) {
    int64_t first = part->d->rows[b].begin, rows = apd_local_rows(part->d, b), cols = part->layout->blocks[b].cols;
    const apd_task_block *of_whole = &whole->d->tasks[t]->blocks[b], *of_part = &part->d->tasks[t]->blocks[b];
    float all[ROOM], some[ROOM], bias[BLOCK_ROWS], some_bias[BLOCK_ROWS];
    if (rows == 0)
        return;
    apd_decomposition_theta(whole->d, t, b, all, bias);
    apd_decomposition_theta(part->d, t, b, some, some_bias);
    assert_memory_equal(all + first * cols, some, (size_t)(rows * cols) * sizeof(float));
    assert_memory_equal(bias + first, some_bias, (size_t)rows * sizeof(float));
    if (of_part->mask != NULL) {
        assert_memory_equal(of_whole->mask + first, of_part->mask, (size_t)rows * sizeof(float));
        check_same_sparse_rows(&of_whole->tau, first, &of_part->tau);
    }
}

static void check_slice(const bench *whole, apd_solver_name name, const apd_solver_settings *settings, int from,
                        int to) {
    bench part;
    bench_init(&part, name, settings, from, to, 4, 0.3);
    whole_story(&part);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        int64_t first = part.d->rows[b].begin, rows = apd_local_rows(part.d, b), cols = part.layout->blocks[b].cols;
        if (part.d->sigma[b] != NULL && rows > 0)
            assert_memory_equal(whole->d->sigma[b] + first * cols, part.d->sigma[b],
                                (size_t)(rows * cols) * sizeof(float));
        for (int t = 0; t < part.d->task_count; t++)
            check_same_task_rows(whole, &part, t, b);
    }
    bench_clear(&part);
}

static void slices_have_the_bits_of_the_whole(void **state) {
    (void)state;
    static const int cuts[][2] = {{0, 1}, {1, 3}, {1, 2}, {2, 3}, {0, 2}, {0, 0}, {2, 2}};
    const struct {
        apd_solver_name name;
        double lambda2;
    } cases[] = {{APD_EXACT, INFINITY}, {APD_EXACT, 100.0}, {APD_JOINT, 100.0}, {APD_SINGLE, 100.0}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        bench whole;
        apd_solver_settings settings = usual;
        settings.lambda2 = cases[k].lambda2;
        settings.weight_decay = 1e-4;
        bench_init(&whole, cases[k].name, &settings, 0, 3, 4, 0.3);
        whole_story(&whole);
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
            check_slice(&whole, cases[k].name, &settings, cuts[i][0], cuts[i][1]);
        bench_clear(&whole);
    }
}

/* --- gaps in the stream, sizes ------------------------------------------------------------------------------ */

static void forgotten_and_single_tasks_pull_on_nothing(void **state) {
    (void)state;
    const apd_solver_name names[] = {APD_EXACT, APD_EXACT, APD_JOINT};
    for (int k = 0; k < 3; k++) {
        bench with, without;
        apd_solver_settings settings = usual;
        settings.lambda2 = k == 0 ? INFINITY : 100.0;
        bench_init(&without, names[k], &settings, 0, 3, 3, 0.3);
        bench_init(&with, names[k], &settings, 0, 3, 3, 0.3);
        append_random_task(with.d, 0.5, 0.1, false, false);
        append_single_task(with.d);
        apd_task_part_destroy(with.d, with.d->tasks[3]);
        with.d->tasks[3] = NULL;
        random_task(&without, 9, 20);
        random_task(&with, 9, 20);
        assert_int_equal(with.d->task_count, 6);
        assert_null(with.d->tasks[3]);
        assert_memory_equal(with.d->sigma[0], without.d->sigma[0], SIZE * sizeof(float));
        assert_memory_equal(with.weights, without.weights, sizeof with.weights);
        bench_clear(&with);
        bench_clear(&without);
    }
}

static void create_first_theta_is_he_initialised(void **state) {
    (void)state;
    bench on;
    float theta[ROOM], bias[BLOCK_ROWS], expected[ROOM];
    bench_init(&on, APD_EXACT, &usual, 0, 3, 0, 0.0);
    apd_solver_begin_task(on.solver, 0, TOY_CLASSES);
    apd_solver_theta(on.solver, 0, theta, bias);
    apd_random random = apd_random_stream(usual.seed, APD_RANDOM_INITIAL_WEIGHTS, 0, 0);
    apd_network_initialise(on.network, 0, (apd_rows){0, BLOCK_ROWS}, 1.0f, &random, expected);
    for (int j = 0; j < SIZE; j++)
        assert_near(theta[j], expected[j], 2.0 * float_step((double)expected[j]));
    for (int r = 0; r < BLOCK_ROWS; r++)
        assert_true(bias[r] == 0.0f);
    bench_clear(&on);
}

static void bytes_keeping_adds_the_parameters(void **state) {
    (void)state;
    bench on;
    bench_init(&on, APD_EXACT, &usual, 0, 3, 2, 0.3);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    int64_t before = apd_solver_bytes(on.solver);
    apd_solver_keep(on.solver);
    /* sigma and tau of 50 weights, v and mask of 9 rows, a head of 12, 12 biases */
    assert_int_equal(apd_solver_bytes(on.solver) - before, (2 * 50 + 2 * 9 + 12 + 12) * 4);
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
        cmocka_unit_test(exact_theta_is_kept_through_the_end_of_the_task),
        cmocka_unit_test(exact_finite_lambda2_moves_old_theta_by_the_closed_form),
        cmocka_unit_test(polish_support_follows_plain_adam_and_the_rest_stays),
        cmocka_unit_test(keep_recall_brings_the_last_copy_back),
        cmocka_unit_test(head_follows_adam_with_decay_and_unused_rows_stay_zero),
        cmocka_unit_test(single_is_independent_of_other_tasks_and_leaves_sigma),
        cmocka_unit_test(joint_steps_are_adam_on_the_whole_objective),
        cmocka_unit_test(joint_no_lambda1_strong_lambda2_keeps_old_thetas_near),
        cmocka_unit_test(exact_and_joint_reach_the_same_minimum),
        cmocka_unit_test(slices_have_the_bits_of_the_whole),
        cmocka_unit_test(forgotten_and_single_tasks_pull_on_nothing),
        cmocka_unit_test(create_first_theta_is_he_initialised),
        cmocka_unit_test(bytes_keeping_adds_the_parameters),
    };
    return cmocka_run_group_tests_name("solver", tests, NULL, NULL);
}

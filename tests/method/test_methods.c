#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/clustering/consolidate.h"
#include "solver_bench.h"

#include <stdlib.h>

/* A stream of three tasks from an empty decomposition. */
static void stream(bench *on, const char *method, double l2t_strength) {
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-3;
    settings.l2t_strength = l2t_strength;
    bench_init(on, apd_method_find(method), &settings, 0, 3, 0, 0.0);
    for (int t = 0; t < 3; t++)
        random_task(on, t, 20);
}

static void same_sigma_and_tasks(const bench *a, const bench *b) {
    float weights[2][ROOM] = {{0}}, bias[2][BLOCK_ROWS] = {{0}};
    for (int k = 0; k < TOY_BLOCKS; k++)
        for (int t = 0; t < 3; t++) {
            apd_decomposition_theta(a->d, t, k, weights[0], bias[0]);
            apd_decomposition_theta(b->d, t, k, weights[1], bias[1]);
            assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
            assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
        }
}

static void l2t_without_strength_is_finetune(void **state) {
    (void)state;
    bench finetune, l2t, strong;
    stream(&finetune, "finetune", 10.0);
    stream(&l2t, "l2t", 0.0);
    stream(&strong, "l2t", 1.0);
    same_sigma_and_tasks(&finetune, &l2t);
    assert_memory_not_equal(finetune.d->sigma[0], strong.d->sigma[0], SIZE * sizeof(float));
    bench_clear(&finetune);
    bench_clear(&l2t);
    bench_clear(&strong);
}

/* With strength inf, or one that is as good, the first task's body stays, and no finished task moves. */
static void l2t_of_infinite_strength_freezes_the_first_tasks_body(void **state) {
    (void)state;
    const double strengths[] = {INFINITY, 1e300};
    for (int i = 0; i < 2; i++) {
        bench on;
        float first[SIZE];
        apd_solver_settings settings = usual;
        settings.l2t_strength = strengths[i];
        bench_init(&on, apd_method_find("l2t"), &settings, 0, 3, 0, 0.0);
        memcpy(first, on.d->sigma[0], sizeof first);
        random_task(&on, 0, 20);
        assert_memory_not_equal(first, on.d->sigma[0], sizeof first);
        memcpy(first, on.d->sigma[0], sizeof first);
        on.d->tasks[0]->moved = false;
        random_task(&on, 1, 20);
        assert_memory_equal(first, on.d->sigma[0], sizeof first);
        assert_false(on.d->tasks[0]->moved);
        assert_memory_not_equal(on.d->tasks[0]->blocks[0].bias, on.d->tasks[1]->blocks[0].bias,
                                BLOCK_ROWS * sizeof(float));
        bench_clear(&on);
    }
}

/* The minimiser of (s - z)^2/(2*eta) + strength/2*(s - former)^2, weight by weight, in double. */
static void l2t_steps_to_the_minimum_of_its_penalty(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    settings.l2t_strength = 300.0;
    bench_init(&on, apd_method_find("l2t"), &settings, 0, 3, 1, 0.0);
    adam moments[SIZE] = {{0}};
    double expected[SIZE];
    float gradient[ROOM], bias_gradient[BLOCK_ROWS], weights[ROOM], bias[BLOCK_ROWS];
    apd_solver_begin_task(on.solver, 1, TOY_CLASSES);
    for (int j = 0; j < SIZE; j++)
        expected[j] = (double)on.d->sigma[0][j];
    for (int k = 1; k <= 40; k++) {
        fill_gradient(&on, 1, k, 0, 1e-2, gradient, bias_gradient);
        apd_solver_begin_step(on.solver, 1e-3);
        step_block(on.solver, on.d, 0, gradient, bias_gradient, weights, bias);
        for (int j = 0; j < SIZE; j++) {
            double direction, eta, former = (double)on.d->sigma[0][j];
            adam_move(&moments[j], &settings, k, 1e-3, (double)gradient[j] + 1e-2 * expected[j], &direction,
                      &eta);
            double z = expected[j] - eta * direction;
            expected[j] = (z / eta + settings.l2t_strength * former) / (1.0 / eta + settings.l2t_strength);
            assert_near(weights[j], expected[j], 1e-5);
        }
    }
    bench_clear(&on);
}

/* --- ewc ------------------------------------------------------------------------------------------------------- */

/* Some squared derivatives of local rows of a block, one in five of them zero. */
static void fill_fisher(const bench *on, int task, int b, float *sums) {
    for (int64_t r = 0, j = 0; r < apd_local_rows(on->d, b); r++)
        for (int64_t c = 0; c < on->layout->blocks[b].cols; c++, j++) {
            numbers drawn = weight_numbers(on->d, 900 + task, b, r, c);
            sums[j] = (float)fmax(between(&drawn, -0.25, 1.0), 0.0);
        }
}

enum { FISHER_IMAGES = 8 };

/* A task whose Fisher information comes in two pieces. */
static void random_task_with_fisher(bench *on, int task, int steps) {
    float sums[ROOM];
    apd_solver_begin_task(on->solver, task, TOY_CLASSES);
    for (int k = 0; k < steps; k++)
        random_step(on, task, k, 1e-3);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        int64_t height = apd_local_rows(on->d, b), half = height / 2;
        fill_fisher(on, task, b, sums);
        apd_solver_add_fisher(on->solver, b, (apd_rows){0, half}, sums, FISHER_IMAGES);
        apd_solver_add_fisher(on->solver, b, (apd_rows){half, height},
                              sums + half * on->layout->blocks[b].cols, FISHER_IMAGES);
    }
    apd_solver_end_task(on->solver);
}

static void ewc_without_strength_is_finetune(void **state) {
    (void)state;
    bench finetune, ewc, strong;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-3;
    settings.ewc_decay = 1.0;
    stream(&finetune, "finetune", 0.0);
    for (int i = 0; i < 2; i++) {
        bench *on = i == 0 ? &ewc : &strong;
        settings.ewc_strength = i == 0 ? 0.0 : 1e4;
        bench_init(on, apd_method_find("ewc"), &settings, 0, 3, 0, 0.0);
        for (int t = 0; t < 3; t++)
            random_task_with_fisher(on, t, 20);
    }
    same_sigma_and_tasks(&finetune, &ewc);
    assert_memory_not_equal(finetune.d->sigma[0], strong.d->sigma[0], SIZE * sizeof(float));
    bench_clear(&finetune);
    bench_clear(&ewc);
    bench_clear(&strong);
}

/* A step goes to the minimum of (s - z)^2/(2*eta) and the penalty, which is here the sum over all earlier tasks. */
static void ewc_steps_to_the_minimum_of_the_sum_over_tasks(void **state) {
    (void)state;
    enum { BEFORE = 4 };
    static const struct {
        bool online;
        double decay;
    } kinds[] = {{false, 1.0}, {false, 0.5}, {true, 1.0}, {true, 0.5}, {true, 0.0}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bench on;
        apd_solver_settings settings = usual;
        settings.weight_decay = 1e-2;
        settings.ewc_strength = 2000.0;
        settings.ewc_decay = kinds[i].decay;
        settings.ewc_online = kinds[i].online;
        bench_init(&on, apd_method_find("ewc"), &settings, 0, 3, 0, 0.0);
        float ends[BEFORE][ROOM], fisher[BEFORE][ROOM];
        for (int t = 0; t < BEFORE; t++) {
            random_task_with_fisher(&on, t, 20);
            fill_fisher(&on, t, 0, fisher[t]);
            memcpy(ends[t], on.d->sigma[0], SIZE * sizeof(float));
        }
        adam moments[SIZE] = {{0}};
        double expected[SIZE];
        float gradient[ROOM], bias_gradient[BLOCK_ROWS], weights[ROOM], bias[BLOCK_ROWS];
        apd_solver_begin_task(on.solver, BEFORE, TOY_CLASSES);
        for (int j = 0; j < SIZE; j++)
            expected[j] = (double)on.d->sigma[0][j];
        for (int k = 1; k <= 30; k++) {
            fill_gradient(&on, BEFORE, k, 0, 1e-2, gradient, bias_gradient);
            apd_solver_begin_step(on.solver, 1e-3);
            step_block(on.solver, on.d, 0, gradient, bias_gradient, weights, bias);
            for (int j = 0; j < SIZE; j++) {
                double direction, eta;
                adam_move(&moments[j], &settings, k, 1e-3, (double)gradient[j] + 1e-2 * expected[j],
                          &direction, &eta);
                double top = (expected[j] - eta * direction) / eta, below = 1.0 / eta;
                for (int t = 0; t < BEFORE; t++) {
                    double weight = settings.ewc_strength * pow(settings.ewc_decay, BEFORE - 1 - t) *
                                    (double)fisher[t][j] / FISHER_IMAGES;
                    top += weight * (double)ends[kinds[i].online ? BEFORE - 1 : t][j];
                    below += weight;
                }
                expected[j] = top / below;
                assert_near(weights[j], expected[j], 1e-5);
            }
        }
        bench_clear(&on);
    }
}

/* Important weights stay at the end of the first task, to the bit, whatever the gradient; the others move. */
static void ewc_of_huge_strength_keeps_important_weights(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.ewc_strength = 1e30;
    settings.ewc_decay = 1.0;
    bench_init(&on, apd_method_find("ewc"), &settings, 0, 3, 0, 0.0);
    random_task_with_fisher(&on, 0, 20);
    float first[ROOM], fisher[ROOM];
    memcpy(first, on.d->sigma[0], SIZE * sizeof(float));
    fill_fisher(&on, 0, 0, fisher);
    random_task_with_fisher(&on, 1, 20);
    int kept = 0;
    for (int j = 0; j < SIZE; j++) {
        assert_true(isfinite(on.d->sigma[0][j]));
        assert_true((on.d->sigma[0][j] == first[j]) == (fisher[j] > 0.0f));
        kept += fisher[j] > 0.0f;
    }
    assert_true(kept > SIZE / 2 && kept < SIZE);
    bench_clear(&on);
}

/* --- multitask ------------------------------------------------------------------------------------------------- */

static void multitask_begins_as_finetune(void **state) {
    (void)state;
    bench on[2];
    float theta[2][ROOM] = {{0}}, bias[2][BLOCK_ROWS] = {{0}};
    for (int i = 0; i < 2; i++) {
        bench_init(&on[i], apd_method_find(i == 0 ? "finetune" : "multitask"), &usual, 0, 3, 0, 0.0);
        random_task(&on[i], 0, 20);
    }
    for (int b = 0; b < TOY_BLOCKS; b++) {
        for (int i = 0; i < 2; i++)
            apd_decomposition_theta(on[i].d, 0, b, theta[i], bias[i]);
        assert_memory_equal(theta[0], theta[1], sizeof theta[0]);
        assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
    }
    bench_clear(&on[0]);
    bench_clear(&on[1]);
}

/* Head and biases of three tasks in double, each with moments and a count of its own; the second is forgotten, the third in
 * training. What a step writes is the theta of the task whose turn is next. */
static void multitask_steps_the_task_whose_turn_it_is(void **state) {
    (void)state;
    enum { HEAD = TOY_BLOCKS - 1, STEPS = 40, HEAD_SIZE = TOY_CLASSES * 4 };
    static const int turns[] = {0, -1, -1, 0, 0, -1, 0};
    bench on;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    bench_init(&on, apd_method_find("multitask"), &settings, 0, 3, 0, 0.0);
    random_task(&on, 0, 20);
    random_task(&on, 1, 20);
    (void)apd_forget(on.d, 1);
    apd_solver_begin_task(on.solver, 2, TOY_CLASSES);
    adam of_head[2][HEAD_SIZE] = {{{0}}}, of_bias[2][TOY_CLASSES] = {{{0}}};
    double head[2][HEAD_SIZE], biases[2][TOY_CLASSES];
    float weights[ROOM], bias[BLOCK_ROWS], gradient[ROOM], bias_gradient[BLOCK_ROWS];
    for (int i = 0; i < 2; i++) { /* 0: the first task, 1: that in training */
        apd_solver_take_turn(on.solver, (apd_solver_turn){.place = -i, .shown = -i});
        apd_solver_theta(on.solver, HEAD, weights, bias);
        for (int j = 0; j < HEAD_SIZE; j++)
            head[i][j] = (double)weights[j];
        for (int j = 0; j < TOY_CLASSES; j++)
            biases[i][j] = (double)bias[j];
    }
    int taken[2] = {0}, all = (int)(sizeof turns / sizeof turns[0]);
    for (int k = 0; k < STEPS; k++) {
        int place = turns[k % all], next = turns[(k + 1) % all], own = place == 0 ? 0 : 1;
        fill_gradient(&on, 2, k, HEAD, 1e-2, gradient, bias_gradient);
        apd_solver_take_turn(on.solver, (apd_solver_turn){place, ++taken[own], next});
        apd_solver_begin_step(on.solver, 1e-3);
        step_block(on.solver, on.d, HEAD, gradient, bias_gradient, weights, bias);
        for (int j = 0; j < HEAD_SIZE; j++)
            head[own][j] -= adam_step_of(&of_head[own][j], &settings, taken[own], 1e-3,
                                         (double)gradient[j] + 1e-2 * head[own][j]);
        for (int j = 0; j < TOY_CLASSES; j++)
            biases[own][j] -=
                adam_step_of(&of_bias[own][j], &settings, taken[own], 1e-3, (double)bias_gradient[j]);
        for (int j = 0; j < HEAD_SIZE; j++)
            assert_near(weights[j], head[next == 0 ? 0 : 1][j], 1e-5);
        for (int j = 0; j < TOY_CLASSES; j++)
            assert_near(bias[j], biases[next == 0 ? 0 : 1][j], 1e-5);
    }
    on.d->tasks[0]->moved = on.d->tasks[0]->changed = false;
    apd_solver_end_task(on.solver);
    assert_true(on.d->tasks[0]->moved && on.d->tasks[0]->changed && on.d->tasks[1] == NULL);
    for (int i = 0; i < 2; i++) {
        apd_decomposition_theta(on.d, 2 * i, HEAD, weights, bias);
        for (int j = 0; j < HEAD_SIZE; j++)
            assert_near(weights[j], head[i][j], 1e-5);
        for (int j = 0; j < TOY_CLASSES; j++)
            assert_near(bias[j], biases[i][j], 1e-5);
    }
    bench_clear(&on);
}

/* --- others ------------------------------------------------------------------------------------------------------ */

/* Every finished task uses the present body with biases and head of its own; the next one starts from the last biases. */
static void finetune_shares_the_present_body(void **state) {
    (void)state;
    bench on;
    float theta[ROOM], bias[BLOCK_ROWS], kept[3][BLOCK_ROWS];
    bench_init(&on, apd_method_find("finetune"), &usual, 0, 3, 0, 0.0);
    for (int t = 0; t < 3; t++) {
        for (int old = 0; old < t; old++)
            on.d->tasks[old]->moved = on.d->tasks[old]->changed = false;
        random_task(&on, t, 20);
        memcpy(kept[t], on.d->tasks[t]->blocks[0].bias, sizeof kept[t]);
        assert_memory_equal(kept[t], on.bias[0], sizeof kept[t]);
        for (int old = 0; old < t; old++)
            assert_true(on.d->tasks[old]->moved && !on.d->tasks[old]->changed);
    }
    for (int t = 0; t < 3; t++) {
        apd_decomposition_theta(on.d, t, 0, theta, bias);
        assert_memory_equal(theta, on.weights[0], SIZE * sizeof(float));
        assert_memory_equal(bias, kept[t], sizeof bias);
        assert_true(on.d->tasks[t]->storage == APD_STORAGE_SHARED);
        assert_int_equal(apd_decomposition_nonzeros(on.d, t), 0);
    }
    (void)apd_forget(on.d, 2);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    apd_solver_theta(on.solver, 0, theta, bias);
    assert_memory_equal(theta, on.d->sigma[0], SIZE * sizeof(float));
    assert_memory_equal(bias, kept[1], sizeof bias); /* task 2 is forgotten */
    bench_clear(&on);
}

/* Two tasks move sigma, the third does not; no theta of a finished task changes in any bit. */
static void first_tasks_train_sigma(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.sigma_tasks = 2;
    bench_init(&on, apd_method_find("apd-fixed"), &settings, 0, 3, 0, 0.0);
    float then[3][ROOM], now[ROOM], bias[BLOCK_ROWS], sigma[SIZE];
    for (int t = 0; t < 3; t++) {
        memcpy(sigma, on.d->sigma[0], sizeof sigma);
        random_task(&on, t, 30);
        for (int old = 0; old < t; old++)
            assert_false(on.d->tasks[old]->moved);
        on.d->tasks[t]->moved = false;
        assert_int_equal(memcmp(sigma, on.d->sigma[0], sizeof sigma) == 0, t == 2);
        apd_decomposition_theta(on.d, t, 0, then[t], bias);
        for (int old = 0; old < t; old++) {
            apd_decomposition_theta(on.d, old, 0, now, bias);
            assert_memory_equal(then[old], now, SIZE * sizeof(float));
        }
    }
    const int64_t rows = apd_local_rows(on.d, 0);
    assert_true(on.d->tasks[0]->blocks[0].tau.offsets[rows] > 9 * rows * COLS / 10);
    assert_true(on.d->tasks[1]->blocks[0].tau.offsets[rows] < rows * COLS / 2);
    bench_clear(&on);
}

/* The first task is apd's; after it no bit of sigma, nor of a finished task, changes, and tau makes up for it. */
static void fixed_leaves_sigma_and_finished_tasks(void **state) {
    (void)state;
    bench fixed, apd;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-3;
    bench_init(&fixed, apd_method_find("apd-fixed"), &settings, 0, 3, 0, 0.0);
    bench_init(&apd, apd_method_find("apd"), &settings, 0, 3, 0, 0.0);
    random_task(&fixed, 0, 30);
    random_task(&apd, 0, 30);
    float first[ROOM], theta[ROOM], bias[2][BLOCK_ROWS], sigma[SIZE];
    assert_memory_equal(fixed.d->sigma[0], apd.d->sigma[0], sizeof sigma);
    apd_decomposition_theta(apd.d, 0, 0, first, bias[0]);
    memcpy(sigma, fixed.d->sigma[0], sizeof sigma);
    fixed.d->tasks[0]->moved = fixed.d->tasks[0]->changed = false;
    for (int t = 1; t < 3; t++) {
        random_task(&fixed, t, 30);
        random_task(&apd, t, 30);
        assert_memory_equal(sigma, fixed.d->sigma[0], sizeof sigma);
        apd_decomposition_theta(fixed.d, 0, 0, theta, bias[1]);
        assert_memory_equal(first, theta, SIZE * sizeof(float));
        assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
    }
    assert_false(fixed.d->tasks[0]->moved || fixed.d->tasks[0]->changed);
    assert_memory_not_equal(sigma, apd.d->sigma[0], sizeof sigma);
    int64_t own = apd_decomposition_nonzeros(fixed.d, 2);
    assert_true(own > 0 && own < 50);
    bench_clear(&fixed);
    bench_clear(&apd);
}

/* A step of apd-fixed in double, from the formulae in its head, in the third of `sigma_tasks` tasks or after them. */
static void check_fixed_steps(int sigma_tasks) {
    bench on;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    settings.lambda1 = 1e-2;
    settings.sigma_tasks = sigma_tasks;
    bench_init(&on, apd_method_find("apd-fixed"), &settings, 0, 3, 2, 0.2);
    adam of_tau[SIZE] = {{0}}, of_sigma[SIZE] = {{0}}, of_mask[BLOCK_ROWS] = {{0}};
    double tau[SIZE] = {0}, sigma[SIZE], logit[BLOCK_ROWS];
    float gradient[ROOM], bias_gradient[BLOCK_ROWS], weights[ROOM], bias[BLOCK_ROWS];
    for (int j = 0; j < SIZE; j++)
        sigma[j] = (double)on.d->sigma[0][j];
    for (int r = 0; r < BLOCK_ROWS; r++)
        logit[r] = log(settings.mask_init / (1.0 - settings.mask_init));
    apd_solver_begin_task(on.solver, 2, TOY_CLASSES);
    for (int k = 1; k <= 30; k++) {
        fill_gradient(&on, 2, k, 0, 1e-1, gradient, bias_gradient);
        apd_solver_begin_step(on.solver, 1e-3);
        step_block(on.solver, on.d, 0, gradient, bias_gradient, weights, bias);
        for (int r = 0; r < BLOCK_ROWS; r++) {
            double mask = sigmoid(logit[r]), slope = 0.0, direction, eta;
            for (int j = r * COLS; j < (r + 1) * COLS; j++) {
                slope += (double)gradient[j] * sigma[j];
                double g = (double)gradient[j] + 1e-2 * (mask * sigma[j] + tau[j]);
                adam_move(&of_tau[j], &settings, k, 1e-3, g, &direction, &eta);
                tau[j] = soft(tau[j] - eta * direction, eta * settings.lambda1);
                if (sigma_tasks < 3)
                    continue;
                adam_move(&of_sigma[j], &settings, k, 1e-3, mask * g, &direction, &eta);
                sigma[j] -= eta * direction;
            }
            adam_move(&of_mask[r], &settings, k, 1e-3, mask * (1.0 - mask) * slope, &direction, &eta);
            logit[r] -= eta * direction;
            for (int j = r * COLS; j < (r + 1) * COLS; j++)
                assert_near(weights[j], sigmoid(logit[r]) * sigma[j] + tau[j], 2e-5);
        }
    }
    bench_clear(&on);
}

static void fixed_steps_are_its_formulae(void **state) {
    (void)state;
    check_fixed_steps(1);
    check_fixed_steps(3);
}

/* The arrays that a row names are made once, of zeros, and kept by whoever trains on. */
static void shared_arrays_are_made_once(void **state) {
    (void)state;
    static const char *const names[] = {"importance", "anchor", NULL};
    apd_method method = *apd_method_find("finetune");
    method.shared = names;
    bench on;
    bench_init(&on, &method, &usual, 1, 3, 0, 0.0);
    assert_int_equal(on.d->shared_count, 2);
    float *importance = apd_decomposition_shared(on.d, "importance")[0];
    assert_ptr_equal(importance, on.d->shared[0].values[0]);
    assert_null(on.d->shared[1].values[TOY_BLOCKS - 1]);
    for (int64_t j = 0; j < apd_local_rows(on.d, 0) * COLS; j++)
        assert_true(importance[j] == 0.0f);
    importance[0] = 3.0f;
    apd_solver_destroy(on.solver);
    on.solver = apd_solver_create(&method, on.network, on.d, &usual);
    random_task(&on, 0, 3);
    assert_int_equal(on.d->shared_count, 2);
    assert_true(apd_decomposition_shared(on.d, "importance")[0][0] == 3.0f);
    bench_clear(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(l2t_without_strength_is_finetune),
        cmocka_unit_test(l2t_of_infinite_strength_freezes_the_first_tasks_body),
        cmocka_unit_test(l2t_steps_to_the_minimum_of_its_penalty),
        cmocka_unit_test(ewc_without_strength_is_finetune),
        cmocka_unit_test(ewc_steps_to_the_minimum_of_the_sum_over_tasks),
        cmocka_unit_test(ewc_of_huge_strength_keeps_important_weights),
        cmocka_unit_test(multitask_begins_as_finetune),
        cmocka_unit_test(multitask_steps_the_task_whose_turn_it_is),
        cmocka_unit_test(finetune_shares_the_present_body),
        cmocka_unit_test(fixed_leaves_sigma_and_finished_tasks),
        cmocka_unit_test(fixed_steps_are_its_formulae),
        cmocka_unit_test(first_tasks_train_sigma),
        cmocka_unit_test(shared_arrays_are_made_once),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}

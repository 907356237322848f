/* packnet and wsn against what their papers say, worked out anew: who is largest, what is pruned, what moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/clustering/consolidate.h"
#include "method/solvers/solver.h"
#include "method/solvers/subnetwork.h"
#include "solver_bench.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 3000 };

/* Whether number i is among the `keep` largest: fewer than `keep` candidates are larger, or equal and further left. */
static bool belongs(const float *values, const uint8_t *excluded, int count, int keep, int i) {
    int ahead = 0;
    if (excluded != NULL && excluded[i] != 0)
        return false;
    for (int j = 0; j < count; j++) {
        double at = fabs((double)values[j]), mine = fabs((double)values[i]);
        if (excluded == NULL || excluded[j] == 0)
            ahead += at > mine || (at == mine && j < i);
    }
    return ahead < keep;
}

static void largest_are_those_of_brute_force(void **state) {
    (void)state;
    float *values = apd_allocate(MOST, sizeof *values, "a row");
    uint8_t *excluded = apd_allocate(MOST, 1, "flags"), *chosen = apd_allocate(MOST, 1, "flags");
    uint32_t *keys = apd_allocate(MOST, sizeof *keys, "keys");
    static const float often[] = {0.0f, -0.0f, 1e-41f, 0.25f, -0.25f, 0.250001f, -1e30f, 1.0f};
    for (int round = 0; round < 120; round++) {
        numbers n = numbers_of(1, (uint32_t)round);
        int count = round < 2 ? 1 : 1 + below(&n, round % 40 == 0 ? MOST : 90), candidates = 0;
        const uint8_t *without = round % 3 == 0 ? NULL : excluded;
        for (int i = 0; i < count; i++) {
            values[i] = round % 2 == 0 ? often[below(&n, 8)] : (float)between(&n, -1.0, 1.0);
            excluded[i] = (uint8_t)below(&n, 2);
            candidates += without == NULL || excluded[i] == 0;
        }
        int keep = round % 7 == 0 ? candidates : below(&n, candidates + 1);
        memset(chosen, 7, MOST);
        apd_largest(values, without, count, keep, keys, chosen);
        for (int i = 0; i < count; i++)
            assert_int_equal(chosen[i], belongs(values, without, count, keep, i));
        assert_true(count == MOST || chosen[count] == 7);
    }
    free(keys);
    free(chosen);
    free(excluded);
    free(values);
}

/* --- both ------------------------------------------------------------------------------------------------ */

static const apd_solver_array *array_of(const apd_solver *solver, int block, const char *name) {
    for (int i = 0; i < apd_solver_array_count(solver); i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        if (array->block == block && strcmp(array->name, name) == 0)
            return array;
    }
    fail_msg("no array %s", name);
    return NULL;
}

static void train(bench *on, int task, int steps, int polished) {
    apd_solver_begin_task(on->solver, task, TOY_CLASSES);
    for (int k = 0; k < steps; k++) {
        if (k == steps - polished)
            (void)apd_solver_begin_polish(on->solver);
        random_step(on, task, k, 1e-2);
    }
    apd_solver_end_task(on->solver);
}

static bool uses(const bench *on, int task, int b, int64_t r, int64_t c) {
    return apd_bit(on->d->tasks[task]->blocks[b].bits + r * apd_bit_bytes(on->layout->blocks[b].cols), c);
}

/* Theta of every task keeps its bits for ever, sigma moves where no task uses it, and what was trained is what is stored. */
static void finished_tasks_keep_every_bit(void **state) {
    (void)state;
    static const char *const names[] = {"packnet", "wsn"};
    for (int m = 0; m < 2; m++) {
        bench on;
        apd_solver_settings settings = usual;
        settings.weight_decay = 1e-2;
        settings.packnet_prune = 0.5;
        settings.wsn_density = 0.4;
        float kept[5][TOY_BLOCKS][ROOM], bias[5][TOY_BLOCKS][BLOCK_ROWS], now[ROOM], now_bias[BLOCK_ROWS];
        float sigma[SIZE];
        bench_init(&on, apd_method_find(names[m]), &settings, 0, 3, 0, 0.0);
        for (int t = 0; t < 5; t++) {
            memcpy(sigma, on.d->sigma[0], sizeof sigma);
            train(&on, t, 12, 4);
            for (int b = 0; b < TOY_BLOCKS; b++) {
                apd_decomposition_theta(on.d, t, b, kept[t][b], bias[t][b]);
                size_t bytes =
                    (size_t)(on.layout->blocks[b].rows * on.layout->blocks[b].cols) * sizeof(float);
                assert_memory_equal(kept[t][b], on.weights[b], bytes);
            }
            for (int old = 0; old < t; old++)
                for (int b = 0; b < TOY_BLOCKS; b++) {
                    apd_decomposition_theta(on.d, old, b, now, now_bias);
                    size_t rows = (size_t)on.layout->blocks[b].rows, cols = (size_t)on.layout->blocks[b].cols;
                    assert_memory_equal(now, kept[old][b], rows * cols * sizeof(float));
                    assert_memory_equal(now_bias, bias[old][b], rows * sizeof(float));
                }
            int moved = 0;
            for (int j = 0; j < SIZE && t > 0; j++) {
                bool used = false;
                for (int old = 0; old < t; old++)
                    used = used || uses(&on, old, 0, j / COLS, j % COLS);
                assert_true(!used || apd_same_bits(sigma[j], on.d->sigma[0][j]));
                moved += !apd_same_bits(sigma[j], on.d->sigma[0][j]);
            }
            assert_true(t == 0 || t > 2 || moved > 0);
            for (int old = 0; old < t; old++)
                on.d->tasks[old]->moved = on.d->tasks[old]->changed = false;
        }
        assert_false(on.d->tasks[0]->moved || on.d->tasks[0]->changed);
        assert_int_equal(apd_decomposition_nonzeros(on.d, 1), 0);
        bench_clear(&on);
    }
}

/* What no other task uses is free again, and keeps its value until a task trains it. */
static void forgotten_weights_are_free(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.wsn_density = 0.4;
    bench_init(&on, apd_method_find("wsn"), &settings, 0, 3, 0, 0.0);
    for (int t = 0; t < 3; t++)
        train(&on, t, 8, 0);
    bool others[SIZE], own[SIZE];
    float sigma[SIZE];
    for (int j = 0; j < SIZE; j++) {
        own[j] = uses(&on, 1, 0, j / COLS, j % COLS);
        others[j] = uses(&on, 0, 0, j / COLS, j % COLS) || uses(&on, 2, 0, j / COLS, j % COLS);
    }
    int64_t before = apd_decomposition_sigma_used(on.d, 0), alone = 0;
    memcpy(sigma, on.d->sigma[0], sizeof sigma);
    (void)apd_forget(on.d, 1);
    assert_memory_equal(sigma, on.d->sigma[0], sizeof sigma);
    for (int j = 0; j < SIZE; j++)
        alone += own[j] && !others[j];
    assert_true(alone > 0);
    assert_int_equal(apd_decomposition_sigma_used(on.d, 0), before - alone);
    for (int t = 3; t < 6; t++)
        train(&on, t, 30, 0);
    int moved = 0;
    for (int j = 0; j < SIZE; j++) {
        assert_true(!others[j] || apd_same_bits(sigma[j], on.d->sigma[0][j]));
        moved += own[j] && !others[j] && !apd_same_bits(sigma[j], on.d->sigma[0][j]);
    }
    assert_true(moved > 0);
    bench_clear(&on);
}

/* --- packnet --------------------------------------------------------------------------------------------- */

/* Of f free weights of a row floor(prune*f), the smallest, become 0 when polishing begins, stay 0 and are no task's. */
static void packnet_prunes_the_smallest_free_weights(void **state) {
    (void)state;
    static const double shares[] = {0.5, 0.75, 0.0, 0.34};
    for (int s = 0; s < 4; s++) {
        bench on;
        apd_solver_settings settings = usual;
        settings.packnet_prune = shares[s];
        bench_init(&on, apd_method_find("packnet"), &settings, 0, 3, 0, 0.0);
        for (int t = 0; t < 3; t++) {
            float before[ROOM], after[ROOM], bias[BLOCK_ROWS];
            uint8_t frozen[SIZE];
            for (int j = 0; j < SIZE; j++) {
                frozen[j] = 0;
                for (int old = 0; old < t; old++)
                    frozen[j] |= uses(&on, old, 0, j / COLS, j % COLS);
            }
            apd_solver_begin_task(on.solver, t, TOY_CLASSES);
            for (int k = 0; k < 6; k++)
                random_step(&on, t, k, 1e-2);
            apd_solver_theta(on.solver, 0, before, bias);
            assert_true(apd_solver_begin_polish(on.solver));
            apd_solver_theta(on.solver, 0, after, bias);
            assert_false(apd_solver_begin_polish(on.solver)); /* as a resumed task does */
            for (int r = 0; r < BLOCK_ROWS; r++) {
                int free_weights = 0;
                for (int c = 0; c < COLS; c++)
                    free_weights += frozen[r * COLS + c] == 0;
                int keep = free_weights - (int)floor(shares[s] * free_weights);
                for (int c = 0; c < COLS; c++) {
                    int j = r * COLS + c;
                    bool stays =
                        frozen[j] != 0 || belongs(before + r * COLS, frozen + r * COLS, COLS, keep, c);
                    assert_true(apd_same_bits(after[j], stays ? before[j] : 0.0f));
                }
            }
            for (int k = 6; k < 12; k++)
                random_step(&on, t, k, 1e-2);
            apd_solver_end_task(on.solver);
            for (int j = 0; j < SIZE; j++) {
                assert_int_equal(uses(&on, t, 0, j / COLS, j % COLS), after[j] != 0.0f);
                assert_true((on.weights[0][j] != 0.0f) == (after[j] != 0.0f));
                assert_true(apd_same_bits(on.d->sigma[0][j], on.weights[0][j]));
            }
        }
        bench_clear(&on);
    }
}

/* A snapshot from before polishing that is restored after it is pruned when the task ends. */
static void packnet_never_keeps_more_than_its_share(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.packnet_prune = 0.5;
    bench_init(&on, apd_method_find("packnet"), &settings, 0, 3, 0, 0.0);
    apd_solver_begin_task(on.solver, 0, TOY_CLASSES);
    random_step(&on, 0, 0, 1e-2);
    apd_solver_snapshot(on.solver);
    (void)apd_solver_begin_polish(on.solver);
    random_step(&on, 0, 1, 1e-2);
    apd_solver_restore(on.solver);
    apd_solver_end_task(on.solver);
    assert_int_equal(apd_decomposition_sigma_used(on.d, 0), BLOCK_ROWS * COLS / 2);
    bench_clear(&on);
}

/* Free weights begin each task with 0; the others with what they are. */
static void packnet_begins_with_free_weights_at_zero(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.packnet_prune = 0.5;
    bench_init(&on, apd_method_find("packnet"), &settings, 0, 3, 0, 0.0);
    train(&on, 0, 6, 3);
    float theta[ROOM], bias[BLOCK_ROWS];
    apd_solver_begin_task(on.solver, 9, TOY_CLASSES);
    apd_solver_theta(on.solver, 0, theta, bias);
    for (int j = 0; j < SIZE; j++)
        assert_true(apd_same_bits(theta[j], uses(&on, 0, 0, j / COLS, j % COLS) ? on.d->sigma[0][j] : 0.0f));
    bench_clear(&on);
}

/* --- wsn ------------------------------------------------------------------------------------------------- */

/* Straight through the choice the loss is sum_j G_j * (m_j + |s_j| - |s'_j|) * sigma_j near the present scores s'. Its slope by
 * s_j, by finite differences, is what Adam's first moment has a tenth of after the first step. */
static void wsn_scores_follow_the_straight_through_gradient(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.wsn_density = 0.5;
    bench_init(&on, apd_method_find("wsn"), &settings, 0, 3, 0, 0.0);
    train(&on, 0, 3, 0);
    apd_solver_begin_task(on.solver, 1, TOY_CLASSES);
    const apd_solver_array *scores = array_of(on.solver, 0, "scores");
    float gradient[ROOM], bias_gradient[BLOCK_ROWS], weights[ROOM], bias[BLOCK_ROWS];
    double slope[SIZE], mine[SIZE];
    fill_gradient(&on, 1, 1, 0, 1e-1, gradient, bias_gradient);
    apd_solver_theta(on.solver, 0, weights, bias);
    int negative = 0;
    for (int j = 0; j < SIZE; j++) {
        double h = 1e-6, s = (double)scores->values[j], sigma = (double)on.d->sigma[0][j], loss[2];
        double used = belongs(scores->values + j / COLS * COLS, NULL, COLS, 3, j % COLS) ? 1.0 : 0.0;
        for (int side = 0; side < 2; side++)
            loss[side] = (double)gradient[j] * (used + fabs(s + (side == 0 ? -h : h)) - fabs(s)) * sigma;
        slope[j] = (loss[1] - loss[0]) / (2.0 * h);
        mine[j] = used * (double)gradient[j] * (uses(&on, 0, 0, j / COLS, j % COLS) ? 0.0 : 1.0);
        negative += s < 0.0;
        assert_true(apd_same_bits(weights[j], used > 0.0 ? on.d->sigma[0][j] : 0.0f));
    }
    assert_true(negative > 5 && negative < SIZE - 5);
    apd_solver_begin_step(on.solver, 1e-3);
    step_block(on.solver, on.d, 0, gradient, bias_gradient, weights, bias);
    for (int j = 0; j < SIZE; j++) {
        assert_near(array_of(on.solver, 0, "scores_first")->values[j], 0.1 * slope[j], 1e-8);
        assert_near(array_of(on.solver, 0, "sigma_first")->values[j], 0.1 * mine[j], 1e-8);
    }
    bench_clear(&on);
}

/* Two tasks of steps in double, from the formulae. */
static void wsn_steps_scores_and_weights(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    settings.wsn_density = 1.0 / 3.0;
    bench_init(&on, apd_method_find("wsn"), &settings, 0, 3, 0, 0.0);
    float gradient[ROOM], bias_gradient[BLOCK_ROWS], weights[ROOM], bias[BLOCK_ROWS], score[SIZE];
    double sigma[SIZE], s[SIZE];
    bool frozen[SIZE] = {false};
    for (int t = 0; t < 2; t++) {
        adam of_sigma[SIZE] = {{0}}, of_scores[SIZE] = {{0}};
        apd_solver_begin_task(on.solver, t, TOY_CLASSES);
        for (int j = 0; j < SIZE; j++) {
            sigma[j] = (double)on.d->sigma[0][j];
            s[j] = (double)array_of(on.solver, 0, "scores")->values[j];
            assert_true(t > 0 || fabs(s[j]) <= 1.0 / sqrt(COLS));
        }
        for (int k = 1; k <= 20; k++) {
            fill_gradient(&on, t, k, 0, 1e-1, gradient, bias_gradient);
            for (int j = 0; j < SIZE; j++)
                score[j] = (float)s[j];
            apd_solver_begin_step(on.solver, 1e-2);
            step_block(on.solver, on.d, 0, gradient, bias_gradient, weights, bias);
            for (int j = 0; j < SIZE; j++) {
                bool used = belongs(score + j / COLS * COLS, NULL, COLS, 2, j % COLS);
                double g = (double)gradient[j];
                s[j] -= adam_step_of(&of_scores[j], &settings, k, 1e-2,
                                     copysign(g * sigma[j], s[j] * g * sigma[j]));
                double own = used && !frozen[j] ? g + 1e-2 * sigma[j] : 0.0;
                double step = adam_step_of(&of_sigma[j], &settings, k, 1e-2, own);
                sigma[j] -= frozen[j] ? 0.0 : step;
            }
            for (int j = 0; j < SIZE; j++) {
                assert_near(array_of(on.solver, 0, "scores")->values[j], s[j], 2e-5);
                score[j] = array_of(on.solver, 0, "scores")->values[j];
            }
            for (int j = 0; j < SIZE; j++) {
                bool used = belongs(score + j / COLS * COLS, NULL, COLS, 2, j % COLS);
                assert_near(weights[j], used ? sigma[j] : 0.0, 2e-5);
            }
        }
        step_block(on.solver, on.d, 1, gradient, bias_gradient, weights, bias);
        apd_solver_end_task(on.solver);
        for (int j = 0; j < SIZE; j++) {
            bool used = belongs(score + j / COLS * COLS, NULL, COLS, 2, j % COLS);
            assert_int_equal(uses(&on, t, 0, j / COLS, j % COLS), used); /* those of the last step */
            assert_true(apd_same_bits(apd_decomposition_shared(on.d, "scores")[0][j], score[j]));
            frozen[j] = frozen[j] || used;
        }
    }
    bench_clear(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest_are_those_of_brute_force),
        cmocka_unit_test(finished_tasks_keep_every_bit),
        cmocka_unit_test(forgotten_weights_are_free),
        cmocka_unit_test(packnet_prunes_the_smallest_free_weights),
        cmocka_unit_test(packnet_never_keeps_more_than_its_share),
        cmocka_unit_test(packnet_begins_with_free_weights_at_zero),
        cmocka_unit_test(wsn_scores_follow_the_straight_through_gradient),
        cmocka_unit_test(wsn_steps_scores_and_weights),
    };
    return cmocka_run_group_tests_name("subnetwork", tests, NULL, NULL);
}

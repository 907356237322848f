/* What all solvers share: the start, the end and the copies of a task, heads, slices, gaps in the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/clustering/recentre.h"
#include "method/solvers/solver.h"
#include "solver_bench.h"

#include <stdlib.h>
#include <string.h>

static void end_task_keeps_theta(void **state) {
    (void)state;
    for (int k = 0; k < apd_method_count; k++) {
        if (&apd_methods[k] == apd_method_find("apd-joint") || &apd_methods[k] == apd_method_find("packnet"))
            continue; /* cuts tau; prunes, as polishing has not begun */
        bench on;
        float weights[ROOM], bias[BLOCK_ROWS];
        bench_init(&on, &apd_methods[k], &usual, 0, 3, 3, 0.3);
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

static void solver_thetas(const bench *on, float weights[][ROOM], float bias[][BLOCK_ROWS]) {
    memset(weights, 0, TOY_BLOCKS * sizeof *weights);
    memset(bias, 0, TOY_BLOCKS * sizeof *bias);
    for (int b = 0; b < TOY_BLOCKS; b++)
        apd_solver_theta(on->solver, b, weights[b], bias[b]);
}

static void restore_after_snapshot_brings_the_last_snapshot_back(void **state) {
    (void)state;
    for (int k = 0; k < apd_method_count; k++) {
        bench on;
        apd_solver_settings settings = usual;
        settings.lambda2 = 100.0;
        float kept[TOY_BLOCKS][ROOM], now[TOY_BLOCKS][ROOM], bias[2][TOY_BLOCKS][BLOCK_ROWS];
        bench_init(&on, &apd_methods[k], &settings, 0, 3, 3, 0.2);
        apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
        random_step(&on, 3, 0, 1e-3);
        apd_solver_snapshot(on.solver);
        for (int step = 1; step < 5; step++)
            random_step(&on, 3, step, 1e-3);
        solver_thetas(&on, kept, bias[0]);
        apd_solver_snapshot(on.solver); /* replaces the first */
        for (int step = 5; step < 9; step++)
            random_step(&on, 3, step, 1e-3);
        solver_thetas(&on, now, bias[1]);
        assert_memory_not_equal(kept, now, sizeof kept);
        apd_solver_restore(on.solver);
        solver_thetas(&on, now, bias[1]);
        assert_memory_equal(kept, now, sizeof kept);
        assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
        random_step(&on, 3, 9, 1e-3); /* goes on from there */
        apd_solver_end_task(on.solver);
        apd_solver_begin_task(on.solver, 4, TOY_CLASSES);
        random_step(&on, 4, 0, 1e-3);
        solver_thetas(&on, kept, bias[0]);
        apd_solver_restore(on.solver); /* nothing was kept in this task */
        solver_thetas(&on, now, bias[1]);
        assert_memory_equal(kept, now, sizeof kept);
        bench_clear(&on);
    }
}

/* --- head, single -----------------------------------------------------------------------------------------
 */

static void head_follows_adam_with_decay_and_unused_rows_stay_zero(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.weight_decay = 1e-2;
    bench_init(&on, apd_method_find("apd"), &settings, 0, 3, 0, 0.0);
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
        step_block(on.solver, on.d, 2, gradient, bias_gradient, weights, bias);
        for (int j = 0; j < 8; j++) {
            expected[j] -=
                adam_step_of(&moments[j], &settings, k, 1e-3, (double)gradient[j] + 1e-2 * expected[j]);
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
    bench_init(&alone, apd_method_find("stl"), &usual, 0, 3, 0, 0.0);
    bench_init(&among, apd_method_find("stl"), &usual, 0, 3, 4, 0.3);
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

/* --- slices -----------------------------------------------------------------------------------------------
 */

/* Two tasks with all that may happen in one. */
static void whole_story(bench *on) {
    for (int task = 4; task < 6; task++) {
        apd_solver_begin_task(on->solver, task, 2);
        for (int k = 0; k < 9; k++) {
            if (k == 4)
                apd_solver_snapshot(on->solver);
            if (k == 6)
                apd_solver_restore(on->solver);
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
    int64_t first = part->d->rows[b].begin, rows = apd_local_rows(part->d, b),
            cols = part->layout->blocks[b].cols;
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

static void check_slice(const bench *whole, const apd_method *kind, const apd_solver_settings *settings,
                        int from, int to) {
    bench part;
    bench_init(&part, kind, settings, from, to, 4, 0.3);
    whole_story(&part);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        int64_t first = part.d->rows[b].begin, rows = apd_local_rows(part.d, b),
                cols = part.layout->blocks[b].cols;
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
    for (int k = -2; k < apd_method_count; k++) { /* -2 and -1: apd with lambda2 inf, coded and not */
        const apd_method *method = &apd_methods[k < 0 ? 0 : k];
        bench whole;
        apd_solver_settings settings = usual;
        settings.lambda2 = k < 0 ? INFINITY : 100.0;
        settings.weight_decay = 1e-4;
        settings.coded = k == -2;
        settings.tau_bits = 5;
        bench_init(&whole, method, &settings, 0, 3, 4, 0.3);
        whole_story(&whole);
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
            check_slice(&whole, method, &settings, cuts[i][0], cuts[i][1]);
        bench_clear(&whole);
    }
}

/* --- gaps in the stream, sizes --------------------------------------------------------------------------- */

static void forgotten_and_single_tasks_pull_on_nothing(void **state) {
    (void)state;
    const apd_method *const kinds[] = {apd_method_find("apd"), apd_method_find("apd"),
                                       apd_method_find("apd-joint")};
    for (int k = 0; k < 3; k++) {
        bench with, without;
        apd_solver_settings settings = usual;
        settings.lambda2 = k == 0 ? INFINITY : 100.0;
        bench_init(&without, kinds[k], &settings, 0, 3, 3, 0.3);
        bench_init(&with, kinds[k], &settings, 0, 3, 3, 0.3);
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
    bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 0, 0.0);
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
    bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 2, 0.3);
    apd_solver_begin_task(on.solver, 3, TOY_CLASSES);
    int64_t before = apd_solver_bytes(on.solver);
    apd_solver_snapshot(on.solver);
    /* sigma and tau of 50 weights, v and mask of 9 rows, a head of 12, 12 biases */
    assert_int_equal(apd_solver_bytes(on.solver) - before, (2 * 50 + 2 * 9 + 12 + 12) * 4);
    bench_clear(&on);
}

/* Bytes that a task in training adds to what the solver holds anyway. */
static int64_t bytes_while_training(const apd_method *kind, int tasks) {
    bench on;
    apd_solver_settings settings = usual;
    settings.lambda2 = 100.0;
    bench_init(&on, kind, &settings, 0, 3, tasks, 0.3);
    int64_t before = apd_solver_bytes(on.solver);
    apd_solver_begin_task(on.solver, 9, TOY_CLASSES);
    random_step(&on, 9, 0, 1e-2);
    int64_t added = apd_solver_bytes(on.solver) - before;
    apd_solver_end_task(on.solver);
    assert_int_equal(apd_solver_bytes(on.solver), before);
    bench_clear(&on);
    return added;
}

static void bytes_training_adds_what_the_solver_needs(void **state) {
    (void)state;
    assert_int_equal(bytes_while_training(apd_method_find("stl"), 3), 0);
    /* joint: tau, target, sigma_g and two moments of 50 weights for every old task */
    assert_int_equal(bytes_while_training(apd_method_find("apd-joint"), 0), 0);
    assert_int_equal(bytes_while_training(apd_method_find("apd-joint"), 3), 3 * 5 * 50 * 4);
    /* exact: four numbers a weight, and what the entries of tau need */
    assert_int_equal(bytes_while_training(apd_method_find("apd"), 0), 4 * 50 * 4);
    assert_true(bytes_while_training(apd_method_find("apd"), 6) >
                bytes_while_training(apd_method_find("apd"), 3));
}

/* --- rows of a block a few at a time --------------------------------------------------------------------- */

/* One step, in pieces of `piece` rows. */
static void step_in_pieces(bench *on, int task, int step, int64_t piece) {
    apd_solver_begin_step(on->solver, 1e-2);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        int64_t rows = apd_local_rows(on->d, b), cols = on->layout->blocks[b].cols;
        float gradient[ROOM], bias[BLOCK_ROWS];
        fill_gradient(on, task, step, b, 1e-2, gradient, bias);
        for (int64_t r = 0; r < rows; r += piece)
            apd_solver_step_rows(on->solver, b, (apd_rows){r, r + piece < rows ? r + piece : rows},
                                 gradient + r * cols, bias + r, on->weights[b] + r * cols, on->bias[b] + r);
    }
}

static void step_rows_pieces_give_the_bits_of_the_whole(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda2 = 100.0;
    settings.weight_decay = 1e-3;
    for (int i = 0; i < apd_method_count; i++)
        for (int64_t piece = 1; piece <= 3; piece++) {
            bench whole, pieces;
            bench_init(&whole, &apd_methods[i], &settings, 0, 3, 3, 0.3);
            bench_init(&pieces, &apd_methods[i], &settings, 0, 3, 3, 0.3);
            apd_solver_begin_task(whole.solver, 3, TOY_CLASSES - 1); /* a row of the head is not in use */
            apd_solver_begin_task(pieces.solver, 3, TOY_CLASSES - 1);
            for (int step = 0; step < 8; step++) {
                step_in_pieces(&whole, 3, step, BLOCK_ROWS);
                step_in_pieces(&pieces, 3, step, piece);
                assert_memory_equal(whole.weights, pieces.weights, sizeof whole.weights);
                assert_memory_equal(whole.bias, pieces.bias, sizeof whole.bias);
            }
            bench_clear(&whole);
            bench_clear(&pieces);
        }
}

/* --- a task half way ------------------------------------------------------------------------------------- */

/* Steps `first` .. `last` of a task of 12: polishing from step 8 on, a copy kept before step 4. */
static void walk(bench *on, int first, int last) {
    for (int k = first; k < last; k++) {
        if (k == 4)
            apd_solver_snapshot(on->solver);
        if (k == 8)
            apd_solver_begin_polish(on->solver);
        random_step(on, 3, k, 1e-2);
    }
}

/* Bring `to`, whose task has just begun, to where `from` is. */
static void carry_over(const bench *from, const bench *to) {
    apd_solver_resume(to->solver, apd_solver_progress_of(from->solver));
    assert_int_equal(apd_solver_array_count(to->solver), apd_solver_array_count(from->solver));
    for (int i = 0; i < apd_solver_array_count(from->solver); i++) {
        const apd_solver_array *a = apd_solver_array_at(from->solver, i);
        const apd_solver_array *b = apd_solver_array_at(to->solver, i);
        size_t bytes = (size_t)(a->rows * a->width) * sizeof(float);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->block, b->block);
        memcpy(b->values, a->values, bytes);
        assert_int_equal(a->snapshot != NULL, b->snapshot != NULL);
        if (a->snapshot != NULL)
            memcpy(b->snapshot, a->snapshot, bytes);
    }
}

static void check_same_tasks(const bench *a, const bench *b) {
    float weights[2][ROOM], bias[2][BLOCK_ROWS];
    assert_int_equal(a->d->task_count, b->d->task_count);
    for (int t = 0; t < a->d->task_count; t++)
        for (int block = 0; block < TOY_BLOCKS; block++) {
            int64_t size = apd_local_rows(a->d, block) * a->layout->blocks[block].cols;
            apd_decomposition_theta(a->d, t, block, weights[0], bias[0]);
            apd_decomposition_theta(b->d, t, block, weights[1], bias[1]);
            assert_memory_equal(weights[0], weights[1], (size_t)size * sizeof(float));
        }
    for (int block = 0; block < TOY_BLOCKS; block++)
        if (a->d->sigma[block] != NULL)
            assert_memory_equal(a->d->sigma[block], b->d->sigma[block],
                                (size_t)(apd_local_rows(a->d, block) * a->layout->blocks[block].cols) *
                                    sizeof(float));
}

static void restored_half_way(const apd_method *kind, double lambda2, bool coded, int half, bool restore) {
    apd_solver_settings settings = usual;
    settings.lambda2 = lambda2;
    settings.coded = coded;
    settings.tau_bits = 5;
    settings.lambda1 = 1e-3;
    bench undisturbed, resumed;
    bench_init(&undisturbed, kind, &settings, 0, 3, 3, 0.3);
    bench_init(&resumed, kind, &settings, 0, 3, 3, 0.3);
    apd_solver_begin_task(undisturbed.solver, 3, TOY_CLASSES);
    walk(&undisturbed, 0, half);
    apd_solver_begin_task(resumed.solver, 3, TOY_CLASSES);
    carry_over(&undisturbed, &resumed);
    walk(&undisturbed, half, 12);
    walk(&resumed, half, 12);
    assert_memory_equal(undisturbed.weights, resumed.weights, sizeof undisturbed.weights);
    if (restore) {
        apd_solver_restore(undisturbed.solver);
        apd_solver_restore(resumed.solver);
    }
    apd_solver_end_task(undisturbed.solver);
    apd_solver_end_task(resumed.solver);
    check_same_tasks(&undisturbed, &resumed);
    bench_clear(&undisturbed);
    bench_clear(&resumed);
}

static void restore_half_way_goes_on_with_the_same_bits(void **state) {
    (void)state;
    const int halves[] = {0, 1, 4, 6, 8, 11};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++)
        for (int restore = 0; restore <= 1; restore++) {
            restored_half_way(apd_method_find("apd"), INFINITY, false, halves[i], restore != 0);
            for (int m = 0; m < apd_method_count; m++)
                for (int coded = 0; coded <= 1; coded++)
                    restored_half_way(&apd_methods[m], coded ? INFINITY : 100.0,
                                      coded && !apd_methods[m].finite_lambda2, halves[i], restore != 0);
        }
}

static void steps_leave_the_decomposition_alone(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda2 = 100.0;
    for (int i = 0; i < apd_method_count; i++) {
        bench moving, still;
        bench_init(&moving, &apd_methods[i], &settings, 0, 3, 3, 0.3);
        bench_init(&still, &apd_methods[i], &settings, 0, 3, 3, 0.3);
        apd_solver_begin_task(moving.solver, 3, TOY_CLASSES);
        walk(&moving, 0, 12);
        check_same_tasks(&moving, &still);
        bench_clear(&moving);
        bench_clear(&still);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_rows_pieces_give_the_bits_of_the_whole),
        cmocka_unit_test(restore_half_way_goes_on_with_the_same_bits),
        cmocka_unit_test(steps_leave_the_decomposition_alone),
        cmocka_unit_test(end_task_keeps_theta),
        cmocka_unit_test(restore_after_snapshot_brings_the_last_snapshot_back),
        cmocka_unit_test(head_follows_adam_with_decay_and_unused_rows_stay_zero),
        cmocka_unit_test(single_is_independent_of_other_tasks_and_leaves_sigma),
        cmocka_unit_test(slices_have_the_bits_of_the_whole),
        cmocka_unit_test(forgotten_and_single_tasks_pull_on_nothing),
        cmocka_unit_test(create_first_theta_is_he_initialised),
        cmocka_unit_test(bytes_keeping_adds_the_parameters),
        cmocka_unit_test(bytes_training_adds_what_the_solver_needs),
    };
    return cmocka_run_group_tests_name("solver", tests, NULL, NULL);
}

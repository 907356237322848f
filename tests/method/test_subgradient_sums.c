/* Subgradient sums against sums over all tasks, and the same bits from every sequence of updates. */
#include "method/solvers/subgradient_sums.h"

#include "method/clustering/consolidate.h"
#include "method/clustering/recentre.h"
#include "method/solvers/retroactive_update.h"
#include "method/solvers/solver.h"
#include "method/solvers/tau_by_weight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "solver_bench.h"

typedef struct bed {
    apd_block blocks[TOY_BLOCKS];
    apd_layout layout;
    apd_decomposition *d;
} bed;

static void bed_init(bed *on) {
    apd_rows rows[TOY_BLOCKS];
    on->layout = toy_layout(on->blocks);
    toy_rows(&on->layout, 0, 3, rows);
    on->d = apd_decomposition_create(&on->layout, rows);
    fill_sigma(on->d, 0.3);
}

/* One weight's sums in double, task by task. */
static void check_weight(const apd_subgradient_sums *subgradients, const apd_decomposition *d, int b,
                         int64_t r, int32_t c) {
    int64_t j = r * d->layout->blocks[b].cols + c;
    double masks = 0.0, off_centre = 0.0, below = 0.0;
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, b))
            continue;
        const apd_task_block *part = &d->tasks[t]->blocks[b];
        masks += (double)part->mask[r];
        for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
            if (part->tau.columns[e] != c)
                continue;
            float group = apd_group_value(d, b, part->group, r, c);
            float point = (part->tau.values[e] - group) / part->mask[r], sigma = d->sigma[b][j];
            off_centre += point != sigma ? (double)part->mask[r] : 0.0;
            below += point < sigma ? (double)part->mask[r] : (point > sigma ? -(double)part->mask[r] : 0.0);
        }
    }
    assert_near(subgradients->masks[r], masks, 1e-5 * (1.0 + masks));
    assert_near(subgradients->off_centre[j], off_centre, 1e-5 * (1.0 + masks));
    assert_near(subgradients->below[j], below, 1e-5 * (1.0 + masks));
}

/* The sums that were carried on are right, and are, to the bit, those that a new start gives. */
static void check_sums(apd_subgradient_sums *carried, const apd_decomposition *d, int b) {
    int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols;
    apd_subgradient_sums fresh;
    apd_subgradient_sums_update(carried, d, b);
    apd_subgradient_sums_init(&fresh, d, b);
    apd_subgradient_sums_update(&fresh, d, b);
    assert_int_equal(carried->count, fresh.count);
    assert_memory_equal(carried->masks, fresh.masks, (size_t)rows * sizeof(float));
    assert_memory_equal(carried->off_centre, fresh.off_centre, (size_t)(rows * cols) * sizeof(float));
    assert_memory_equal(carried->below, fresh.below, (size_t)(rows * cols) * sizeof(float));
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < cols; c++)
            check_weight(&fresh, d, b, r, c);
    apd_subgradient_sums_clear(&fresh);
}

static void check_blocks(apd_subgradient_sums *subgradients, const apd_decomposition *d) {
    for (int b = 0; b < 2; b++)
        check_sums(&subgradients[b], d, b);
}

/* Move every so manieth weight of block b's sigma as a task's end does. */
static void move_sigma(apd_decomposition *d, int b, int64_t stride) {
    int64_t size = apd_local_rows(d, b) * d->layout->blocks[b].cols;
    float *old = malloc((size_t)size * sizeof(float));
    memcpy(old, d->sigma[b], (size_t)size * sizeof(float));
    for (int64_t j = 0; j < size; j += stride)
        d->sigma[b][j] += 0.01f;
    (void)apd_retroactive_update(d, b, old, 0.0);
    free(old);
}

static void sums_carried_through_a_stream_are_those_of_a_new_start(void **state) {
    (void)state;
    bed on;
    apd_subgradient_sums subgradients[2];
    const int places[] = {0, 1, 2, 3, 4, 5}, cluster[] = {0, 1, 0, 1, 0, 0};
    bed_init(&on);
    for (int b = 0; b < 2; b++)
        apd_subgradient_sums_init(&subgradients[b], on.d, b);
    check_blocks(subgradients, on.d);
    for (int t = 0; t < 6; t++) { /* tasks arrive */
        append_random_task(on.d, 0.4, 0.01, true, false);
        check_blocks(subgradients, on.d);
    }
    for (int b = 0; b < 2; b++) /* sigma moves at many weights, so that the sums start over, and at few */
        move_sigma(on.d, b, 7);
    check_blocks(subgradients, on.d);
    for (int b = 0; b < 2; b++)
        move_sigma(on.d, b, 29);
    check_blocks(subgradients, on.d);
    for (int b = 0; b < 2; b++) { /* clusters form, which changes theta of tasks and gives them groups */
        apd_consolidation report = {0};
        apd_consolidate(on.d, b, places, cluster, 6, 2, 0.02, APD_MERGE_SAVING, &report);
    }
    check_blocks(subgradients, on.d);
    for (int b = 0; b < 2; b++)
        move_sigma(on.d, b, 31);
    append_random_task(on.d, 0.4, 0.01, true, false);
    append_single_task(on.d);
    append_random_task(on.d, 0.4, 0.01, true, false);
    check_blocks(subgradients, on.d);
    (void)apd_recentre_sigma(on.d, APD_RULE_MEDIAN);
    check_blocks(subgradients, on.d);
    (void)apd_forget(on.d, 3);
    check_blocks(subgradients, on.d);
    for (int b = 0; b < 2; b++)
        apd_subgradient_sums_clear(&subgradients[b]);
    apd_decomposition_destroy(on.d);
}

static void first_task_is_absorbed_by_sigma_and_the_sums_know(void **state) {
    (void)state;
    bed on;
    apd_subgradient_sums subgradients[2];
    bed_init(&on);
    append_random_task(on.d, 0.4, 0.01, false, false);
    for (int b = 0; b < 2; b++)
        apd_subgradient_sums_init(&subgradients[b], on.d, b);
    check_blocks(subgradients, on.d);
    (void)apd_recentre_sigma(on.d, APD_RULE_COUNT);
    check_blocks(subgradients, on.d);
    for (int b = 0; b < 2; b++) {
        int64_t size = apd_local_rows(on.d, b) * on.layout.blocks[b].cols;
        for (int64_t j = 0; j < size; j++)
            assert_true(subgradients[b].off_centre[j] == 0.0f);
        apd_subgradient_sums_clear(&subgradients[b]);
    }
    apd_decomposition_destroy(on.d);
}

/* Train two tasks with one solver, or with a new one for each as after a restart between them. */
static void train_two_tasks(bench *on, bool restart) {
    for (int task = 0; task < 2; task++) {
        if (restart && task == 1) {
            apd_solver_destroy(on->solver);
            on->solver = apd_solver_create(apd_method_find("apd"), on->network, on->d, &on->settings);
        }
        apd_solver_begin_task(on->solver, 6 + task, TOY_CLASSES);
        for (int step = 0; step < 30; step++)
            random_step(on, 6 + task, step, 1e-2);
        apd_solver_end_task(on->solver);
    }
}

static void solver_restarted_between_tasks_gives_the_same_bits(void **state) {
    (void)state;
    bench going_on, restarted;
    apd_solver_settings settings = usual;
    settings.lambda1 = 1e-2;
    bench_init(&going_on, apd_method_find("apd"), &settings, 0, 3, 6, 0.3);
    bench_init(&restarted, apd_method_find("apd"), &settings, 0, 3, 6, 0.3);
    train_two_tasks(&going_on, false);
    train_two_tasks(&restarted, true);
    for (int b = 0; b < 2; b++) {
        int64_t size = apd_local_rows(going_on.d, b) * going_on.layout->blocks[b].cols;
        assert_memory_equal(going_on.d->sigma[b], restarted.d->sigma[b], (size_t)size * sizeof(float));
        for (int t = 0; t < 8; t++) {
            float theta[2][ROOM], bias[BLOCK_ROWS];
            apd_decomposition_theta(going_on.d, t, b, theta[0], bias);
            apd_decomposition_theta(restarted.d, t, b, theta[1], bias);
            assert_memory_equal(theta[0], theta[1], (size_t)size * sizeof(float));
        }
    }
    bench_clear(&going_on);
    bench_clear(&restarted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_carried_through_a_stream_are_those_of_a_new_start),
        cmocka_unit_test(first_task_is_absorbed_by_sigma_and_the_sums_know),
        cmocka_unit_test(solver_restarted_between_tasks_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The metrics, on matrices worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "method/metrics.h"
#include "method_cases.h"

/* The rows of R, `stride` numbers each; what stands above the diagonal is not used. Clear it. */
static apd_accuracies accuracies_of(const double *rows, int tasks, int stride) {
    apd_accuracies made = {0};
    for (int t = 0; t < tasks; t++) {
        apd_accuracies_add_task(&made);
        for (int j = 0; j <= t; j++)
            made.now[j] = rows[t * stride + j];
    }
    return made;
}

static apd_metrics metrics_of(const double *rows, int tasks, int stride) {
    apd_accuracies made = accuracies_of(rows, tasks, stride);
    apd_metrics metrics = apd_metrics_of(&made);
    apd_accuracies_clear(&made);
    return metrics;
}

static double forgetting_of(const double *rows, int tasks, int stride) {
    apd_accuracies made = accuracies_of(rows, tasks, stride);
    double forgetting = apd_forgetting_of(&made);
    apd_accuracies_clear(&made);
    return forgetting;
}

static void metrics_no_task_are_all_nan(void **state) {
    (void)state;
    const double unused[1] = {0.5};
    apd_metrics m = metrics_of(unused, 0, 1);
    assert_true(isnan(m.average) && isnan(m.learning) && isnan(m.backward) &&
                isnan(forgetting_of(unused, 0, 1)) && isnan(m.worst));
}

static void metrics_one_task_forgets_nothing(void **state) {
    (void)state;
    const double accuracy[1] = {0.625};
    apd_metrics m = metrics_of(accuracy, 1, 1);
    assert_true(m.average == 0.625 && m.learning == 0.625 && m.worst == 0.625);
    assert_true(m.backward == 0.0 && forgetting_of(accuracy, 1, 1) == 0.0);
}

static void metrics_three_tasks_agree_with_hand(void **state) {
    (void)state;
    /* rows: after task 0, 1, 2; the part above the diagonal and the fourth column are not used */
    const double accuracy[3][4] = {
        {0.80, 9.0, 9.0, 9.0},
        {0.90, 0.70, 9.0, 9.0},
        {0.60, 0.75, 0.50, 9.0},
    };
    apd_metrics m = metrics_of(&accuracy[0][0], 3, 4);
    assert_near(m.average, (0.60 + 0.75 + 0.50) / 3.0, 1e-15);
    assert_near(m.learning, (0.80 + 0.70 + 0.50) / 3.0, 1e-15);
    assert_near(m.backward, ((0.60 - 0.80) + (0.75 - 0.70)) / 2.0, 1e-15);
    assert_near(forgetting_of(&accuracy[0][0], 3, 4), ((0.90 - 0.60) + (0.70 - 0.75)) / 2.0, 1e-15);
    assert_near(m.worst, 0.50, 0.0);
}

static void metrics_forgotten_task_is_left_out(void **state) {
    (void)state;
    const double accuracy[3][3] = {
        {0.80, 9.0, 9.0},
        {0.90, 0.70, 9.0},
        {NAN, 0.65, 0.50},
    };
    apd_metrics m = metrics_of(&accuracy[0][0], 3, 3);
    assert_near(m.average, (0.65 + 0.50) / 2.0, 1e-15);
    assert_near(m.learning, (0.70 + 0.50) / 2.0, 1e-15);
    assert_near(m.backward, 0.65 - 0.70, 1e-15);
    assert_near(forgetting_of(&accuracy[0][0], 3, 3), 0.70 - 0.65, 1e-15);
    assert_near(m.worst, 0.50, 0.0);
}

static void metrics_unmeasured_cell_is_left_out_of_its_mean(void **state) {
    (void)state;
    const double accuracy[3][3] = {
        {NAN, 9.0, 9.0}, /* not measured when it was learnt */
        {0.90, 0.70, 9.0},
        {0.60, 0.75, 0.50},
    };
    apd_metrics m = metrics_of(&accuracy[0][0], 3, 3);
    assert_near(m.average, (0.60 + 0.75 + 0.50) / 3.0, 1e-15);
    assert_near(m.learning, (0.70 + 0.50) / 2.0, 1e-15);
    assert_near(m.backward, 0.75 - 0.70, 1e-15);
    assert_near(forgetting_of(&accuracy[0][0], 3, 3), ((0.90 - 0.60) + (0.70 - 0.75)) / 2.0, 1e-15);
}

static void metrics_all_forgotten_are_all_nan(void **state) {
    (void)state;
    const double accuracy[2][2] = {{0.5, 0.0}, {NAN, NAN}};
    apd_metrics m = metrics_of(&accuracy[0][0], 2, 2);
    assert_true(isnan(m.average) && isnan(m.learning) && isnan(m.backward) &&
                isnan(forgetting_of(&accuracy[0][0], 2, 2)) && isnan(m.worst));
}

/* LeNet for CIFAR: conv 5x5 3->20, conv 5x5 20->50, dense 3200->800->500, a head of 10 classes. */
static const apd_block lenet_blocks[5] = {
    {"conv1", .rows = 20, .cols = 75, .decomposed = true},
    {"conv2", .rows = 50, .cols = 500, .decomposed = true},
    {"dense3", .rows = 800, .cols = 3200, .decomposed = true},
    {"dense4", .rows = 500, .cols = 800, .decomposed = true},
    {"head", .rows = 10, .cols = 500, .decomposed = false},
};

static apd_layout lenet_layout(apd_block blocks[5]) {
    apd_layout layout = {.block_count = 5, .blocks = blocks};
    for (int b = 0; b < 5; b++) {
        blocks[b] = lenet_blocks[b];
        layout.decomposed += blocks[b].decomposed ? blocks[b].rows * blocks[b].cols : 0;
    }
    assert_int_equal(layout.decomposed, 2986500); /* the published D */
    return layout;
}

static void capacity_lenet_agrees_with_hand(void **state) {
    (void)state;
    apd_block blocks[5];
    apd_layout layout = lenet_layout(blocks);
    /* 10 tasks of 10 classes: masks 10*1370; heads 10*5010 and biases 10*1370 */
    apd_capacity_counts counts = {
        .sigma = 2986500, .tau = 896000, .masks = 13700, .own = 63800, .file_bytes = 15971640};
    apd_capacity c = apd_capacity_of(&layout, 10, &counts);
    assert_near(c.weights, 3896200.0 / 2986500.0, 1e-12); /* 130.46 % */
    assert_near(c.all, 3960000.0 / 3050300.0, 1e-12);     /* 129.82 % */
    /* one dense network: 2,986,500 weights, 1,370 biases, a head of 5,010: 11,971,520 bytes */
    assert_near(c.bytes, 15971640.0 / 11971520.0, 1e-12);
}

static void capacity_one_network_a_task_is_their_number(void **state) {
    (void)state;
    apd_block blocks[5];
    apd_layout layout = lenet_layout(blocks);
    apd_capacity_counts counts = {.tau = 7 * 2986500};
    apd_capacity c = apd_capacity_of(&layout, 10, &counts);
    assert_near(c.weights, 7.0, 1e-12);
    assert_near(c.bytes, 0.0, 0.0);
}

static void capacity_nothing_kept_is_zero(void **state) {
    (void)state;
    apd_block blocks[5];
    apd_layout layout = lenet_layout(blocks);
    apd_capacity c = apd_capacity_of(&layout, 10, &(apd_capacity_counts){0});
    assert_true(c.weights == 0.0 && c.all == 0.0 && c.bytes == 0.0);
}

/* A network that is a head alone has nothing to decompose. */
static void capacity_no_decomposed_weight_is_finite(void **state) {
    (void)state;
    apd_block head = {"head", .rows = 3, .cols = 4, .decomposed = false};
    apd_layout layout = {.block_count = 1, .blocks = &head};
    apd_capacity before = apd_capacity_of(&layout, 3, &(apd_capacity_counts){0});
    assert_true(isfinite(before.weights) && isfinite(before.all) && isfinite(before.bytes));
    apd_capacity after = apd_capacity_of(&layout, 3, &(apd_capacity_counts){.own = 30, .file_bytes = 120});
    assert_near(after.weights, 0.0, 0.0);
    assert_near(after.all, 1.0, 1e-15);
    assert_near(after.bytes, 2.0, 1e-15);
}

static void pattern_bytes_agree_with_hand(void **state) {
    (void)state;
    assert_true(apd_pattern_bytes(0, 800) == 0.0 && apd_pattern_bytes(800, 800) == 0.0);
    assert_true(apd_pattern_bytes(0, 0) == 0.0);
    assert_true(apd_pattern_bytes(400, 800) == 100.0); /* a bit each */
    /* H2(1/4) = 2 - 3/4 log2 3 */
    assert_true(fabs(apd_pattern_bytes(200, 800) - 100.0 * (2.0 - 0.75 * 1.5849625007211562)) < 1e-12);
}

/* 20 numbers of one network (survey: test_compare.c); 30 bytes of 160 are positions that a code has in 10. */
static void coded_capacity_replaces_positions(void **state) {
    (void)state;
    apd_block blocks[] = {{.rows = 2, .cols = 3, .decomposed = true}, {.rows = 4, .cols = 2}};
    const apd_layout layout = {.block_count = 2, .blocks = blocks, .decomposed = 6};
    apd_capacity_counts counts = {.file_bytes = 160, .positions = 30, .coded = 10.0};
    apd_capacity capacity = apd_capacity_of(&layout, 4, &counts);
    assert_true(capacity.bytes == 2.0 && capacity.coded == 1.75);
    counts.coded = NAN;
    assert_true(isnan(apd_capacity_of(&layout, 4, &counts).coded));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_no_task_are_all_nan),
        cmocka_unit_test(metrics_one_task_forgets_nothing),
        cmocka_unit_test(metrics_three_tasks_agree_with_hand),
        cmocka_unit_test(metrics_forgotten_task_is_left_out),
        cmocka_unit_test(metrics_unmeasured_cell_is_left_out_of_its_mean),
        cmocka_unit_test(metrics_all_forgotten_are_all_nan),
        cmocka_unit_test(capacity_lenet_agrees_with_hand),
        cmocka_unit_test(capacity_one_network_a_task_is_their_number),
        cmocka_unit_test(capacity_nothing_kept_is_zero),
        cmocka_unit_test(pattern_bytes_agree_with_hand),
        cmocka_unit_test(coded_capacity_replaces_positions),
        cmocka_unit_test(capacity_no_decomposed_weight_is_finite),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}

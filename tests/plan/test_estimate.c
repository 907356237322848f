#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/model.h"

#include <math.h>

/* 6 x 10 and 4 x 6 decomposed, a head of 3 x 4: 84 weights, 10 rows, 12 of the head. */
static apd_block blocks[] = {
    {.name = "dense1", .rows = 6, .cols = 10, .weight = 0, .bias = 64, .decomposed = true},
    {.name = "dense2", .rows = 4, .cols = 6, .weight = 80, .bias = 112, .decomposed = true},
    {.name = "head", .rows = 3, .cols = 4, .weight = 128, .bias = 144}};
static const apd_layout toy = {.block_count = 3, .blocks = blocks, .size = 160, .decomposed = 84};

static apd_memory_facts toy_facts(void) {
    return (apd_memory_facts){.layout = &toy,
                              .tasks = 5,
                              .classes = 3,
                              .density = 0.25,
                              .method = apd_method_find("apd"),
                              .task_bytes = 8000,
                              .test_bytes = 1000,
                              .present = {.ranks = 1, .ranks_a_node = 1, .shards = 2},
                              .peak_bytes = 1000000,
                              .solver_bytes = 4000,
                              .resting_bytes = 2400};
}

static void largest_slice_is_the_largest_of_all_ranks(void **state) {
    (void)state;
    apd_slice_size one = apd_largest_slice(&toy, 1), two = apd_largest_slice(&toy, 2),
                   five = apd_largest_slice(&toy, 5);
    assert_int_equal(one.decomposed, 84);
    assert_int_equal(one.head, 12);
    assert_int_equal(one.rows, 10);
    assert_int_equal(two.decomposed, 3 * 10 + 2 * 6);
    assert_int_equal(two.head, 2 * 4); /* the second rank has two of three rows */
    assert_int_equal(five.decomposed, 2 * 10 + 6);
    assert_int_equal(five.head, 4);
}

static void slices_of_more_ranks_than_rows_hold_a_row_of_each(void **state) {
    (void)state;
    apd_slice_size many = apd_largest_slice(&toy, 1000);
    assert_true(many.decomposed >= 10 && many.decomposed <= 16);
    assert_true(many.rows >= 1 && many.rows <= 2);
}

static void memory_of_the_measured_launch_holds_what_was_measured(void **state) {
    (void)state;
    apd_memory_facts facts = toy_facts();
    apd_memory m = apd_estimate_memory(&facts, &facts.present);
    assert_int_equal(m.program + m.exchange + m.training + m.images, facts.peak_bytes);
    assert_int_equal(m.exchange,
                     4 * (160 * 3 + 6 * 11)); /* theta, two shards, the sum of the largest block */
    assert_int_equal(m.training, 4000 + 4 * 84);
    assert_int_equal(m.images, 8000);
    /* 15 + 6 entries of 8 bytes; mask and bias of ten rows, 7 + 5 offsets; the head with its biases; three blocks */
    assert_int_equal(m.tasks,
                     5 * (21 * 8 + 10 * (4 + 4) + 12 * 8 + 15 * 4 + 3 * (int)sizeof(apd_task_block)));
    /* entries of 16 bytes; column, start and flag of each weight; each column's index */
    assert_int_equal(m.retrained, 4 * 21 * 16 + 84 * (4 + 8 + 1) + 84 * 4);
    assert_int_equal(m.gram, 0);
    assert_true(m.peak > facts.peak_bytes + m.tasks * 4 / 5);
    assert_true(m.peak < facts.peak_bytes + m.tasks + m.retrained + m.ending + m.slack + 1);
}

static void memory_of_more_ranks_falls_with_their_slices(void **state) {
    (void)state;
    apd_memory_facts facts = toy_facts();
    apd_memory one = apd_estimate_memory(&facts, &facts.present);
    apd_launch launch = {.ranks = 2, .ranks_a_node = 2, .shards = 2};
    apd_memory two = apd_estimate_memory(&facts, &launch);
    assert_int_equal(two.program, one.program);
    assert_int_equal(two.images, one.images / 2);
    assert_int_equal(two.training, (int64_t)llround(4000.0 * 50 / 96) + 4 * 42);
    assert_true(two.tasks < one.tasks && two.retrained < one.retrained && two.peak < one.peak);
}

static void memory_of_joint_tasks_has_five_arrays_each(void **state) {
    (void)state;
    apd_memory_facts facts = toy_facts();
    facts.method = apd_method_find("apd-joint");
    assert_int_equal(apd_estimate_memory(&facts, &facts.present).retrained, 4 * 84 * 5 * 4);
    facts.method = apd_method_find("stl");
    apd_memory single = apd_estimate_memory(&facts, &facts.present);
    assert_int_equal(single.retrained, 0);
    assert_int_equal(single.tasks, 5 * (84 * 4 + 10 * 4 + 15 * 4 + 3 * (int)sizeof(apd_task_block)));
}

/* Two arrays beside sigma, and squared gradients that are dense for each shard, as gradients are where no batch is known. */
static void memory_and_disk_of_ewc_have_its_arrays(void **state) {
    (void)state;
    apd_memory_facts facts = toy_facts();
    facts.method = apd_method_find("finetune");
    apd_memory without = apd_estimate_memory(&facts, &facts.present);
    facts.method = apd_method_find("ewc");
    apd_memory with = apd_estimate_memory(&facts, &facts.present);
    assert_int_equal(with.training - without.training, 2 * 4 * 84);
    assert_int_equal(without.fisher, 0);
    assert_int_equal(with.fisher, with.exchange);
    assert_true(with.peak > without.peak + with.fisher - with.ending);
    apd_disk_facts on_disk = {
        .layout = &toy, .tasks = 4, .classes = 3, .method = apd_method_find("finetune")};
    apd_disk plain = apd_estimate_disk(&on_disk);
    on_disk.method = apd_method_find("ewc");
    apd_disk disk = apd_estimate_disk(&on_disk);
    assert_int_equal(disk.sigma - plain.sigma, 2 * 4 * 84);
    assert_int_equal(disk.task, plain.task);
}

static void memory_with_consolidation_has_gram_matrices(void **state) {
    (void)state;
    apd_memory_facts facts = toy_facts();
    facts.tasks = 1000;
    facts.clusters = 200;
    apd_memory m = apd_estimate_memory(&facts, &facts.present);
    assert_true(m.gram > 1200LL * 1200 * 8 && m.gram < 1200LL * 1200 * 8 * 4);
}

static void disk_grows_by_a_task_and_with_density(void **state) {
    (void)state;
    apd_disk_facts facts = {.layout = &toy,
                            .tasks = 4,
                            .classes = 3,
                            .density = 0.0,
                            .method = apd_method_find("apd"),
                            .state_bytes = 777};
    apd_disk thin = apd_estimate_disk(&facts);
    facts.density = 1.0;
    apd_disk dense = apd_estimate_disk(&facts);
    facts.tasks = 5;
    assert_int_equal(apd_estimate_disk(&facts).kept - dense.kept, 2 * dense.task);
    assert_int_equal(dense.kept, 2 * dense.sigma + 7 * dense.task);
    assert_true(dense.most >= dense.kept + dense.sigma + 2 * dense.mid_task);
    assert_true(dense.task - thin.task >= 84 * 4 && dense.task - thin.task <= 84 * 8);
    assert_int_equal(dense.mid_task, 777);
    facts.coded = true;
    facts.sigma_bits = 16;
    facts.tau_bits = 6;
    apd_disk coded = apd_estimate_disk(&facts);
    assert_true(2 * coded.sigma < dense.sigma + 20001 && dense.task - coded.task > 84 * 2);
    facts.whole = 1.0;
    facts.sigma_bits = 8;
    apd_disk whole = apd_estimate_disk(&facts);
    assert_int_equal(coded.sigma - whole.sigma, 84);
    facts.density = 0.0;
    assert_int_equal(apd_estimate_disk(&facts).task, whole.task); /* all have 84 entries of 6 bits */
    assert_true(coded.task - whole.task >= 84);
    facts.coded = false;
    facts.method = apd_method_find("apd-joint");
    assert_int_equal(apd_estimate_disk(&facts).mid_task, 777 + 4 * 84 * 3 * 4);
}

static void steps_count_the_last_short_batch(void **state) {
    (void)state;
    assert_int_equal(apd_task_steps(500, 50, 20), 200);
    assert_int_equal(apd_task_steps(501, 50, 20), 220);
    assert_int_equal(apd_task_steps(1, 50, 3), 3);
}

static void duration_is_the_sum_over_tasks(void **state) {
    (void)state;
    apd_time_facts facts = {.tasks = 7,
                            .steps = 7 * 30,
                            .step = 0.5,
                            .step_slope = 0.25,
                            .edge = 2.0,
                            .edge_slope = 0.125,
                            .load = 1.0,
                            .evaluation = 0.75,
                            .evaluations = 28,
                            .commit = 0.5,
                            .commit_every = 1,
                            .commit_slope = 0.0625};
    double all = 28 * 0.75;
    for (int t = 0; t < 7; t++)
        all += 30 * (0.5 + 0.25 * t) + 2.0 + 0.125 * t + 1.0 + 0.5 + 0.0625 * t;
    apd_duration made = apd_estimate_duration(&facts);
    assert_true(fabs(made.all - all) < 1e-9);
    assert_true(fabs(made.steps + made.edges + made.loads + made.evaluations + made.commits - all) < 1e-9);
    double each = made.commits / 7;
    facts.commit_every = 3; /* after 3, 6 and all 7 */
    made = apd_estimate_duration(&facts);
    assert_true(fabs(made.commits - 3 * each) < 1e-9);
}

static void step_in_another_launch_scales_by_shards_and_rows(void **state) {
    (void)state;
    apd_step_time step = {.phases = {1, 2, 4, 8, 16, 32}};
    apd_launch one = {.ranks = 1, .ranks_a_node = 1, .shards = 4},
               four = {.ranks = 4, .ranks_a_node = 4, .shards = 4};
    apd_step_time same = apd_step_in(&step, &toy, &one, &one), less = apd_step_in(&step, &toy, &one, &four);
    assert_true(fabs(apd_step_seconds(&same) - 63.0) < 1e-9);
    assert_true(fabs(less.phases[APD_PHASE_BACKWARD] - 1.0) < 1e-9);
    apd_slice_size slice = apd_largest_slice(&toy, 4);
    assert_true(fabs(less.phases[APD_PHASE_UPDATE] - 16.0 * (double)(slice.decomposed + slice.head) / 96.0) <
                1e-9);
    assert_true(less.phases[APD_PHASE_SHARE] == 32.0);
}

static void typical_step_is_not_moved_by_an_outlier_and_adds_up(void **state) {
    (void)state;
    apd_step_time times[8];
    for (int i = 0; i < 8; i++)
        for (int phase = 0; phase < APD_PHASES; phase++)
            times[i].phases[phase] = i == 2 ? 1000.0 : i == 5 ? 1e-6 : 1.0 + 0.25 * (i % 2);
    apd_step_time typical = apd_step_typical(times, 8);
    double sum = 0.0;
    for (int phase = 0; phase < APD_PHASES; phase++)
        sum += typical.phases[phase];
    assert_true(fabs(apd_step_seconds(&typical) - sum) < 1e-12);
    assert_true(sum >= APD_PHASES && sum <= 1.25 * APD_PHASES);
}

static void median_of_odd_and_even_counts(void **state) {
    (void)state;
    double odd[] = {9.0, 1.0, 5.0}, even[] = {4.0, 1.0, 100.0, 2.0};
    assert_true(apd_median(odd, 3) == 5.0);
    assert_true(apd_median(even, 4) == 3.0);
}

/* --- model ----------------------------------------------------------------------------------------------- */

static const apd_model simple = {.fixed = 0.5,
                                 .image = 0.25,
                                 .gather = 0.125,
                                 .update = 1e-3,
                                 .sum_rate = 1e3,
                                 .meeting = 0.01,
                                 .latency = 1e-3,
                                 .bandwidth = 1e4};

static void fit_of_two_passes_goes_through_both(void **state) {
    (void)state;
    apd_model model = {0};
    apd_model_fit_pass(&model, 50, 13.0, 12, 3.5);
    assert_true(fabs(model.fixed + 50 * model.image - 13.0) < 1e-9);
    assert_true(fabs(model.fixed + 12 * model.image - 3.5) < 1e-9);
    apd_model_fit_pass(&model, 50, 13.0, 12, 1.0); /* less than in proportion: noise */
    assert_true(model.fixed == 0.0 && fabs(model.image - 0.26) < 1e-9);
    apd_model_fit_pass(&model, 1, 2.0, 1, 3.0);
    assert_true(model.fixed == 0.0 && model.image == 2.0);
}

static void prediction_of_one_rank_has_no_messages_and_no_sum(void **state) {
    (void)state;
    apd_launch one = {.ranks = 1, .ranks_a_node = 1, .shards = 1};
    apd_prediction p = apd_model_predict(&simple, &toy, &one, 100);
    assert_true(fabs(p.compute - (0.5 + 37.5)) < 1e-9);
    assert_true(fabs(p.memory - 96e-3) < 1e-9);
    assert_true(p.messages == 0.0);
}

static void prediction_of_one_node_adds_up_all_shards(void **state) {
    (void)state;
    apd_launch two = {.ranks = 2, .ranks_a_node = 2, .shards = 4};
    apd_prediction p = apd_model_predict(&simple, &toy, &two, 100);
    assert_true(fabs(p.compute - 2 * (0.5 + 25 * 0.375)) < 1e-9);
    assert_true(fabs(p.memory - (50e-3 + 50 * 4 * 5 / 1e3)) < 1e-9);
    assert_true(fabs(p.messages - 0.01) < 1e-9);
}

/* 64 x 128 weights of which factors of four images are kept: 4*(64+128) numbers and some. */
static void factored_gradients_are_products_and_little_memory(void **state) {
    (void)state;
    apd_block wide[] = {{.name = "dense1", .rows = 64, .cols = 128, .dense = true, .decomposed = true},
                        {.name = "head", .rows = 2, .cols = 64, .dense = true}};
    apd_layout layout = {.block_count = 2, .blocks = wide, .size = 8192 + 64 + 128 + 16, .decomposed = 8192};
    assert_int_equal(apd_factored_weights(&layout, 4), 8192);
    assert_int_equal(apd_factored_weights(&layout, 100), 0);
    apd_model model = simple;
    apd_launch two = {.ranks = 2, .ranks_a_node = 2, .shards = 2};
    apd_prediction without = apd_model_predict(&model, &layout, &two, 8);
    model.product = 1e-6;
    apd_prediction with = apd_model_predict(&model, &layout, &two, 8);
    assert_true(fabs(with.compute - without.compute - 1e-6 * 4096 * 8) < 1e-9);
    assert_true(fabs(with.memory - ((4096 + 64) * 1e-3 + 64 * 4 * 3 / 1e3)) < 1e-9); /* the head's sum */
    apd_memory_facts facts = toy_facts();
    facts.layout = &layout;
    facts.present = two;
    int64_t whole = apd_estimate_memory(&facts, &two).exchange;
    facts.batch = 8;
    int64_t factored = apd_estimate_memory(&facts, &two).exchange;
    int64_t most = 8400 + 2 * (16 + 4 * (72 + 128) + 200), sum = 24 * 129, products = 2 * 24 * 384;
    assert_true(whole > 4 * 5 * 4096 && factored > 4 * products && factored < 4 * (most + sum + products));
}

static void prediction_of_two_nodes_sends_every_row_both_ways(void **state) {
    (void)state;
    apd_launch four = {.ranks = 4, .ranks_a_node = 2, .shards = 4};
    apd_prediction p = apd_model_predict(&simple, &toy, &four, 100);
    double bytes = 2 * 4 * 160 / 2.0, messages = 2 * 3 * 1;
    assert_true(fabs(p.messages - (0.02 + bytes / 1e4 + messages * 1e-3)) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest_slice_is_the_largest_of_all_ranks),
        cmocka_unit_test(slices_of_more_ranks_than_rows_hold_a_row_of_each),
        cmocka_unit_test(memory_of_the_measured_launch_holds_what_was_measured),
        cmocka_unit_test(memory_of_more_ranks_falls_with_their_slices),
        cmocka_unit_test(memory_of_joint_tasks_has_five_arrays_each),
        cmocka_unit_test(memory_and_disk_of_ewc_have_its_arrays),
        cmocka_unit_test(memory_with_consolidation_has_gram_matrices),
        cmocka_unit_test(disk_grows_by_a_task_and_with_density),
        cmocka_unit_test(steps_count_the_last_short_batch),
        cmocka_unit_test(duration_is_the_sum_over_tasks),
        cmocka_unit_test(step_in_another_launch_scales_by_shards_and_rows),
        cmocka_unit_test(typical_step_is_not_moved_by_an_outlier_and_adds_up),
        cmocka_unit_test(median_of_odd_and_even_counts),
        cmocka_unit_test(fit_of_two_passes_goes_through_both),
        cmocka_unit_test(prediction_of_one_rank_has_no_messages_and_no_sum),
        cmocka_unit_test(prediction_of_one_node_adds_up_all_shards),
        cmocka_unit_test(factored_gradients_are_products_and_little_memory),
        cmocka_unit_test(prediction_of_two_nodes_sends_every_row_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

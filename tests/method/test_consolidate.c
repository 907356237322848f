/* The consolidation rule against a dense reference of section 3.2's rule, weight by weight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consolidate_cases.h"

enum { TRIALS = 600 };

static void consolidate_random_problems_follow_the_dense_rule(void **state) {
    (void)state;
    tally seen = {0};
    for (int trial = 0; trial < TRIALS; trial++) {
        group_bed bed;
        snapshot before, after;
        trial_bed(&bed, trial, 0, 3);
        problem p = trial_problem(&bed, trial);
        take_snapshot(bed.d, &before);
        (void)consolidate_and_check(&p, bed.d, &seen);
        take_snapshot(bed.d, &after);
        assert_memory_equal(after.bias, before.bias, sizeof after.bias);
        assert_memory_equal(after.sigma, before.sigma, sizeof after.sigma);
        for (int t = 0; t < bed.d->task_count; t++)
            for (int b = 0; b < TOY_BLOCKS; b++)
                if (b != p.block || (bed.d->tasks[t] != NULL && bed.d->tasks[t]->blocks[b].mask == NULL))
                    assert_memory_equal(after.theta[t][b], before.theta[t][b], sizeof after.theta[t][b]);
        group_bed_clear(&bed);
    }
    assert_true(seen.merged > 1000 && seen.kept > 1000); /* each case was there */
    assert_true(seen.ties > 50 && seen.cancelled > 10 && seen.left > 100 && seen.only_saving > 100);
}

/* One weight in two or three tasks with mask 1/2 and sigma 1/4: tau as given, beta 1/64. */
static void one_weight(group_bed *bed, const double *tau, int tasks) {
    group_bed_init(bed, 0, 3);
    for (int j = 0; j < 30; j++)
        bed->d->sigma[0][j] = 0.25f;
    for (int t = 0; t < tasks; t++) {
        apd_task_part *part = apd_task_part_create(bed->d, TOY_CLASSES, APD_STORAGE_DECOMPOSED);
        apd_task_block *block = &part->blocks[0];
        apd_sparse_resize(&block->tau, 5, 1);
        for (int r = 0; r < 5; r++) {
            block->mask[r] = 0.5f;
            block->tau.offsets[r + 1] = r >= 2 && tau[t] != 0.0;
        }
        block->tau.columns[0] = 3;
        block->tau.values[0] = (float)(0.125 + tau[t]);
        part->moved = false;
        apd_decomposition_append(bed->d, part);
    }
}

typedef struct example {
    const char *what;
    double tau[3];
    int tasks;
    apd_merge_rule rule;
    bool merged;
    double shared;
} example;

/* By hand. */
static void consolidate_one_weight_is_merged_as_by_hand(void **state) {
    (void)state;
    const double beta = 1.0 / 64;
    const example examples[] = {
        {"equal", {0.5, 0.5, 0.5}, 3, APD_MERGE_PLAIN, true, 0.5},
        {"within beta", {0.5, 0.5078125, 0}, 2, APD_MERGE_PLAIN, true, 0.50390625},
        {"at exactly beta", {0.5, 0.515625, 0}, 2, APD_MERGE_SAVING, true, 0.5078125},
        {"just beyond beta", {0.5, 0.515625 + 0x1p-24, 0}, 2, APD_MERGE_PLAIN, false, 0},
        {"both below 0", {-0.5, -0.5078125, 0}, 2, APD_MERGE_PLAIN, true, -0.50390625},
        {"zero counts as a value", {0.5, 0.5, 0}, 3, APD_MERGE_PLAIN, false, 0},
        {"zero counts below", {-0.5, -0.5, 0}, 3, APD_MERGE_PLAIN, false, 0},
        {"a small one and zeros", {0.01171875, 0, 0}, 3, APD_MERGE_PLAIN, true, 0.00390625},
        {"the same, saving", {0.01171875, 0, 0}, 3, APD_MERGE_SAVING, false, 0},
        {"two small ones, saving", {0.01171875, 0.01171875, 0}, 3, APD_MERGE_SAVING, true, 0.0078125},
        {"they cancel", {0.00390625, -0.00390625, 0}, 2, APD_MERGE_PLAIN, true, 0},
        {"all zero", {0, 0, 0}, 3, APD_MERGE_PLAIN, false, 0},
        {"alone", {0.5, 0, 0}, 1, APD_MERGE_PLAIN, false, 0},
    };
    for (size_t k = 0; k < sizeof examples / sizeof examples[0]; k++) {
        const example *x = &examples[k];
        group_bed bed;
        dense_block is;
        problem p = {x->tasks, 1, 0, {0, 1, 2}, {0, 0, 0}, beta, x->rule};
        one_weight(&bed, x->tau, x->tasks);
        apd_consolidation report = run(&p, bed.d);
        read_block(bed.d, 0, &is);
        for (int t = 0; t < x->tasks; t++) {
            double expected = 0.125 + (x->merged ? x->shared : x->tau[t]);
            if ((double)is.theta[t][15] != expected)
                fail_msg("%s: theta %.9g, not %.9g", x->what, (double)is.theta[t][15], expected);
            assert_int_equal(is.tau[t][15], !x->merged && x->tau[t] != 0.0);
        }
        assert_true((double)is.shared[0][15] == x->shared);
        assert_int_equal(report.merged, x->shared != 0.0);
        assert_int_equal(shared_entries(&is), report.merged);
        group_bed_clear(&bed);
    }
}

/* Bits that a mean would show: theta of members that differ by one rounding of mask*sigma. */
static void consolidate_beta_zero_moves_thetas_by_rounding_at_most(void **state) {
    (void)state;
    tally seen = {0};
    for (int trial = 0; trial < 100; trial++) {
        group_bed bed;
        trial_bed(&bed, 4 * trial + 2, 0, 3); /* numbers that are not exact */
        problem p = random_problem(bed.d, 0, (uint32_t)trial, 0.0);
        apd_consolidation report = consolidate_and_check(&p, bed.d, &seen);
        assert_true((double)report.largest_change <= 0x1p40 * 1e-6);
        group_bed_clear(&bed);
    }
}

static void consolidate_huge_beta_gives_a_cluster_one_adaptive_part(void **state) {
    (void)state;
    group_bed bed;
    tally seen = {0};
    maker make = {.key = 90000};
    group_bed_init(&bed, 0, 3);
    fill_case(&make, bed.d, 6, true, 3);
    problem p = {6, 1, 0, {0, 3, 4, 5, 6, 7}, {0}, 1e9, APD_MERGE_PLAIN};
    apd_consolidation report = consolidate_and_check(&p, bed.d, &seen);
    assert_int_equal(report.tau_after, 0);
    assert_true(report.merged > 20 && report.shared_after == report.merged && report.shared_before > 0);
    group_bed_clear(&bed);
}

static void consolidate_everyone_alone_gives_full_tau_back(void **state) {
    (void)state;
    for (int clusters = 6; clusters < 8; clusters++) { /* the seventh is empty */
        group_bed bed;
        snapshot before;
        dense_block is;
        maker make = {.key = 91000};
        group_bed_init(&bed, 0, 3);
        fill_case(&make, bed.d, 6, false, 3);
        take_snapshot(bed.d, &before);
        problem p = {6, clusters, 0, {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, 1e9, APD_MERGE_PLAIN};
        apd_consolidation report = run(&p, bed.d);
        check_thetas_kept(bed.d, &before);
        check_none_moved(bed.d);
        assert_int_equal(report.merged + report.changed + report.change_sum + report.shared_after, 0);
        assert_true(report.shared_before > 0 && report.tau_after > report.tau_before);
        assert_int_equal(bed.d->groups[0].count, clusters);
        for (int g = 0; g < clusters; g++)
            assert_int_equal(bed.d->groups[0].shared[g].offsets[5], 0);
        read_block(bed.d, 0, &is);
        check_support(&is); /* plain is mask*sigma alone: there is no sigma_g */
        group_bed_clear(&bed);
    }
}

static void consolidate_no_tasks_leaves_empty_groups(void **state) {
    (void)state;
    group_bed bed;
    group_bed_init(&bed, 0, 3);
    append_single_task(bed.d);
    problem p = {0, 2, 0, {0}, {0}, 1.0, APD_MERGE_PLAIN};
    apd_consolidation report = run(&p, bed.d), none = {0};
    check_report(&report, &none);
    assert_int_equal(bed.d->groups[0].count, 2);
    check_form(bed.d, 0);
    p.clusters = 0;
    (void)run(&p, bed.d);
    assert_int_equal(bed.d->groups[0].count, 0);
    group_bed_clear(&bed);
}

/* A second time with the same clusters and beta 0: all that was merged stays, bit for bit. */
static void consolidate_again_changes_nothing(void **state) {
    (void)state;
    for (int trial = 0; trial < 60; trial++) {
        group_bed bed;
        snapshot before;
        dense_block was, is;
        trial_bed(&bed, trial, 0, 3);
        problem p = trial_problem(&bed, trial);
        (void)run(&p, bed.d);
        clear_moved(bed.d);
        take_snapshot(bed.d, &before);
        read_block(bed.d, p.block, &was);
        p.beta = 0.0;
        apd_consolidation report = run(&p, bed.d);
        read_block(bed.d, p.block, &is);
        assert_memory_equal(was.shared, is.shared, sizeof is.shared);
        assert_int_equal(report.tau_after, report.tau_before);
        assert_int_equal(report.changed, 0);
        check_thetas_kept(bed.d, &before);
        check_none_moved(bed.d);
        group_bed_clear(&bed);
    }
}

static void consolidate_adds_to_the_report(void **state) {
    (void)state;
    group_bed bed;
    trial_bed(&bed, 7, 0, 3);
    problem p = random_problem(bed.d, 0, 7, 1e-2);
    apd_consolidation report = {.merged = 100,
                                .changed = 200,
                                .change_sum = 300,
                                .largest_change = INT64_MAX,
                                .tau_before = 400,
                                .tau_after = 500,
                                .shared_before = 600,
                                .shared_after = 700};
    apd_consolidation sum = report;
    apd_consolidate(bed.d, 0, p.places, p.cluster, p.tasks, p.clusters, p.beta, p.rule, &sum);
    group_bed_clear(&bed);
    trial_bed(&bed, 7, 0, 3);
    apd_consolidation alone = run(&p, bed.d);
    report.merged += alone.merged;
    report.changed += alone.changed;
    report.change_sum += alone.change_sum;
    report.tau_before += alone.tau_before;
    report.tau_after += alone.tau_after;
    report.shared_before += alone.shared_before;
    report.shared_after += alone.shared_after;
    check_report(&sum, &report);
    group_bed_clear(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consolidate_random_problems_follow_the_dense_rule),
        cmocka_unit_test(consolidate_one_weight_is_merged_as_by_hand),
        cmocka_unit_test(consolidate_beta_zero_moves_thetas_by_rounding_at_most),
        cmocka_unit_test(consolidate_huge_beta_gives_a_cluster_one_adaptive_part),
        cmocka_unit_test(consolidate_everyone_alone_gives_full_tau_back),
        cmocka_unit_test(consolidate_no_tasks_leaves_empty_groups),
        cmocka_unit_test(consolidate_again_changes_nothing),
        cmocka_unit_test(consolidate_adds_to_the_report),
    };
    return cmocka_run_group_tests_name("consolidate", tests, NULL, NULL);
}

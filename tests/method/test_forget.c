/* Forgetting a task: the others' thetas to the bit, and what is left of its clusters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "group_cases.h"
#include "method/clustering/consolidate.h"
#include "solver_bench.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS = 4 };

/* Six tasks. Block 0: group 0 has three (0, 2, 4), group 1 two (1, 5), group 2 one (3), group 3 none.
 * Block 1: group 0 has 1 and 2, group 1 has 0, 3 and 4; 5 is in none. Groups of fewer than two have no
 * sigma_g. */
static const int members[2][MOST_TASKS] = {{0, 1, 0, 2, 0, 1}, {1, 0, 0, 1, 1, -1}};

static void clustered_bed(group_bed *bed, int from, int to) {
    group_bed_init(bed, from, to);
    for (int t = 0; t < 6; t++)
        append_random_task(bed->d, 0.3, 0.2, false, false);
    give_groups(bed->d, 0, GROUPS, members[0], 0xC, 0.05, false, 30000);
    give_groups(bed->d, 1, 2, members[1], 0, 0.05, false, 30100);
}

static int64_t entries_of_group(const apd_decomposition *d, int b, int g) {
    return d->groups[b].shared[g].offsets[apd_local_rows(d, b)];
}

/* Forget the task at `place` and check what must hold for any task. Returns how many groups were dissolved. */
static int forget_and_check(apd_decomposition *d, int place) {
    snapshot before, after;
    take_snapshot(d, &before);
    clear_moved(d);
    int dissolved = apd_forget(d, place);
    assert_null(d->tasks[place]);
    assert_int_equal(apd_decomposition_nonzeros(d, place), 0);
    check_thetas_kept(d, &before);
    check_none_moved(d);
    take_snapshot(d, &after);
    assert_memory_equal(after.sigma, before.sigma, sizeof after.sigma);
    for (int b = 0; b < 2; b++) {
        dense_block block;
        check_form(d, b);
        read_block(d, b, &block);
        check_support(&block);
    }
    return dissolved;
}

static void forget_first_task_of_two_clusters_of_three_folds_nothing(void **state) {
    (void)state;
    group_bed bed;
    dense_block before, after;
    clustered_bed(&bed, 0, 3);
    read_block(bed.d, 0, &before);
    assert_int_equal(forget_and_check(bed.d, 0), 0);
    read_block(bed.d, 0, &after);
    assert_memory_equal(after.shared, before.shared, sizeof after.shared);
    for (int t = 1; t < 6; t++) {
        assert_memory_equal(after.tau[t], before.tau[t], sizeof after.tau[t]);
        assert_int_equal(bed.d->tasks[t]->blocks[0].group, members[0][t]);
        assert_int_equal(bed.d->tasks[t]->blocks[1].group, members[1][t]);
    }
    assert_int_equal(bed.d->task_count, 6);
    group_bed_clear(&bed);
}

/* Task 5 shares a cluster with task 1 in block 0 and is in none in block 1. */
static void forget_last_task_of_a_cluster_of_two_folds_its_group(void **state) {
    (void)state;
    group_bed bed;
    dense_block before, after;
    clustered_bed(&bed, 0, 3);
    read_block(bed.d, 0, &before);
    int64_t others[2] = {entries_of_group(bed.d, 0, 0), entries_of_group(bed.d, 1, 0)};
    assert_true(entries_of_group(bed.d, 0, 1) > 0 && others[0] > 0 && others[1] > 0);
    assert_int_equal(forget_and_check(bed.d, 5), 1);
    assert_int_equal(entries_of_group(bed.d, 0, 1), 0);
    assert_int_equal(entries_of_group(bed.d, 0, 0), others[0]);
    assert_int_equal(entries_of_group(bed.d, 1, 0), others[1]);
    read_block(bed.d, 0, &after);
    int got = 0;
    for (int64_t j = 0; j < after.size; j++) { /* task 1 has its full tau back */
        assert_int_equal(after.tau[1][j], !apd_same_bits(before.theta[1][j], before.product[1][j]));
        got += after.tau[1][j] && !before.tau[1][j];
    }
    assert_true(got > 0);
    group_bed_clear(&bed);
}

/* Task 1 is one of two in both blocks. */
static void forget_one_of_two_in_both_blocks_folds_both(void **state) {
    (void)state;
    group_bed bed;
    clustered_bed(&bed, 0, 3);
    assert_int_equal(forget_and_check(bed.d, 1), 2);
    assert_int_equal(entries_of_group(bed.d, 0, 1), 0);
    assert_int_equal(entries_of_group(bed.d, 1, 0), 0);
    group_bed_clear(&bed);
}

static void forget_three_of_a_cluster_one_by_one_frees_its_group(void **state) {
    (void)state;
    group_bed bed;
    clustered_bed(&bed, 0, 3);
    int64_t entries = entries_of_group(bed.d, 0, 0);
    assert_int_equal(forget_and_check(bed.d, 4), 0);
    assert_int_equal(entries_of_group(bed.d, 0, 0), entries);
    assert_int_equal(forget_and_check(bed.d, 0), 2); /* block 0: 2 is left; block 1: 3 is left */
    assert_int_equal(entries_of_group(bed.d, 0, 0), 0);
    assert_int_equal(forget_and_check(bed.d, 2), 1); /* block 1: 1 is left */
    assert_int_equal(apd_decomposition_group_nonzeros(bed.d), entries_of_group(bed.d, 0, 1));
    group_bed_clear(&bed);
}

static void forget_a_task_alone_in_its_cluster_folds_nothing(void **state) {
    (void)state;
    group_bed bed;
    clustered_bed(&bed, 0, 3);
    int64_t entries = apd_decomposition_group_nonzeros(bed.d);
    assert_int_equal(forget_and_check(bed.d, 3), 0);
    assert_int_equal(apd_decomposition_group_nonzeros(bed.d), entries);
    group_bed_clear(&bed);
}

/* A group that has entries although one task only refers to it goes with that task. */
static void forget_the_only_member_of_a_group_with_entries_frees_them(void **state) {
    (void)state;
    group_bed bed;
    clustered_bed(&bed, 0, 3);
    give_groups(bed.d, 0, GROUPS, members[0], 0, 0.05, false, 30000);
    assert_true(entries_of_group(bed.d, 0, 2) > 0);
    assert_int_equal(forget_and_check(bed.d, 3), 0);
    assert_int_equal(entries_of_group(bed.d, 0, 2), 0);
    group_bed_clear(&bed);
}

static void forget_the_only_task_leaves_sigma(void **state) {
    (void)state;
    for (int grouped = 0; grouped < 2; grouped++) {
        group_bed bed;
        const int alone[MOST_TASKS] = {0};
        group_bed_init(&bed, 0, 3);
        append_random_task(bed.d, 0.3, 0.2, false, false);
        if (grouped)
            give_groups(bed.d, 0, 1, alone, 0, 0.05, false, 30200);
        assert_int_equal(forget_and_check(bed.d, 0), 0);
        assert_int_equal(bed.d->task_count, 1);
        assert_int_equal(apd_decomposition_group_nonzeros(bed.d), 0);
        group_bed_clear(&bed);
    }
}

static void forget_a_single_task_touches_no_group(void **state) {
    (void)state;
    group_bed bed;
    clustered_bed(&bed, 0, 3);
    append_single_task(bed.d);
    int64_t entries = apd_decomposition_group_nonzeros(bed.d);
    assert_int_equal(forget_and_check(bed.d, 6), 0);
    assert_int_equal(apd_decomposition_group_nonzeros(bed.d), entries);
    group_bed_clear(&bed);
}

/* In any order, down to no task; sigma_g stays where two or more members remain. */
static void forget_all_in_random_order_keeps_whoever_is_left(void **state) {
    (void)state;
    for (uint32_t k = 0; k < 40; k++) {
        group_bed bed;
        int64_t order[6];
        apd_random random = apd_random_stream(77, APD_RANDOM_TEST, 60, k);
        apd_random_permutation(&random, 6, order);
        clustered_bed(&bed, 0, 3);
        for (int i = 0; i < 6; i++) {
            int expected = 0, left[2][GROUPS] = {{0}};
            for (int t = 0; t < 6; t++)
                for (int b = 0; b < 2; b++)
                    if (bed.d->tasks[t] != NULL && t != order[i] && members[b][t] >= 0)
                        left[b][members[b][t]]++;
            for (int b = 0; b < 2; b++)
                expected += members[b][order[i]] >= 0 && left[b][members[b][order[i]]] == 1;
            assert_int_equal(forget_and_check(bed.d, (int)order[i]), expected);
            for (int b = 0; b < 2; b++)
                for (int g = 0; g < bed.d->groups[b].count; g++)
                    assert_int_equal(entries_of_group(bed.d, b, g) > 0, left[b][g] >= 2);
        }
        group_bed_clear(&bed);
    }
}

/* A slice without rows reports the same number of dissolved groups, so that ranks agree. */
static void forget_slices_fold_as_the_whole_does(void **state) {
    (void)state;
    group_bed whole, slice;
    clustered_bed(&whole, 0, 3);
    assert_int_equal(apd_forget(whole.d, 1), 2);
    for (int from = 0; from < 3; from++)
        for (int to = from; to <= 3; to++) {
            clustered_bed(&slice, from, to);
            assert_int_equal(apd_forget(slice.d, 1), 2);
            for (int b = 0; b < 2; b++) {
                const apd_sparse *part = &slice.d->tasks[b == 0 ? 5 : 2]->blocks[b].tau;
                const apd_sparse *all = &whole.d->tasks[b == 0 ? 5 : 2]->blocks[b].tau;
                int64_t rows = apd_local_rows(slice.d, b), first = slice.d->rows[b].begin;
                size_t count = (size_t)part->offsets[rows];
                check_form(slice.d, b);
                assert_int_equal(all->offsets[first + rows] - all->offsets[first], count);
                assert_memory_equal(part->columns, all->columns + all->offsets[first],
                                    count * sizeof(int32_t));
                assert_memory_equal(part->values, all->values + all->offsets[first], count * sizeof(float));
            }
            group_bed_clear(&slice);
        }
    group_bed_clear(&whole);
}

/* The stream continues: the other tasks are consolidated again, and a task trains beside the gap. */
static void forget_then_consolidate_and_train_keeps_the_rest(void **state) {
    (void)state;
    bench on;
    snapshot before;
    const int places[4] = {0, 2, 3, 4}, cluster[4] = {0, 0, 1, 1};
    bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 5, 0.4);
    give_usual_groups(on.d, 2, 0.05, 30300);
    apd_consolidation report = {0};
    (void)forget_and_check(on.d, 1);
    for (int b = 0; b < 2; b++)
        apd_consolidate(on.d, b, places, cluster, 4, 2, 2e-3, APD_MERGE_PLAIN, &report);
    assert_true(report.merged > 0);
    take_snapshot(on.d, &before);
    clear_moved(on.d);
    random_task(&on, 5, 40);
    for (int t = 0; t < 5; t++)
        assert_true(on.d->tasks[t] == NULL || !on.d->tasks[t]->moved);
    snapshot now;
    take_snapshot(on.d, &now);
    assert_memory_equal(now.theta, before.theta, 5 * sizeof now.theta[0]);
    (void)forget_and_check(on.d, 5);
    bench_clear(&on);
}

/* Forget `place` in a child process. Returns its exit code. */
static int exit_code_of_forgetting(group_bed *bed, int place) {
    int status = 0;
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        (void)apd_forget(bed->d, place);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void forget_what_is_not_there_is_the_callers_error(void **state) {
    (void)state;
    group_bed bed;
    clustered_bed(&bed, 0, 3);
    assert_int_equal(exit_code_of_forgetting(&bed, 2), 0);
    (void)apd_forget(bed.d, 2);
    assert_int_equal(exit_code_of_forgetting(&bed, 2), APD_ERROR_INTERNAL);
    assert_int_equal(exit_code_of_forgetting(&bed, 6), APD_ERROR_INTERNAL);
    assert_int_equal(exit_code_of_forgetting(&bed, -1), APD_ERROR_INTERNAL);
    group_bed_clear(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forget_first_task_of_two_clusters_of_three_folds_nothing),
        cmocka_unit_test(forget_last_task_of_a_cluster_of_two_folds_its_group),
        cmocka_unit_test(forget_one_of_two_in_both_blocks_folds_both),
        cmocka_unit_test(forget_three_of_a_cluster_one_by_one_frees_its_group),
        cmocka_unit_test(forget_a_task_alone_in_its_cluster_folds_nothing),
        cmocka_unit_test(forget_the_only_member_of_a_group_with_entries_frees_them),
        cmocka_unit_test(forget_the_only_task_leaves_sigma),
        cmocka_unit_test(forget_a_single_task_touches_no_group),
        cmocka_unit_test(forget_all_in_random_order_keeps_whoever_is_left),
        cmocka_unit_test(forget_slices_fold_as_the_whole_does),
        cmocka_unit_test(forget_then_consolidate_and_train_keeps_the_rest),
        cmocka_unit_test(forget_what_is_not_there_is_the_callers_error),
    };
    return cmocka_run_group_tests_name("forget", tests, NULL, NULL);
}

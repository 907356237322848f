/* Consolidation on slices and in a stream of events, and the sparse rows that it clusters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consolidate_cases.h"
#include "method/clustering/recentre.h"
#include "method/solvers/adaptive.h"
#include "solver_bench.h"

/* --- slices ------------------------------------------------------------------------------------------------
 */

/* The rows of the whole sparse matrix that belong to a slice. */
static void check_rows_equal(const apd_sparse *slice, const apd_sparse *whole, int64_t first) {
    for (int64_t r = 0; r < slice->rows; r++) {
        int64_t from = slice->offsets[r], count = slice->offsets[r + 1] - from;
        int64_t there = whole->offsets[first + r];
        assert_int_equal(whole->offsets[first + r + 1] - there, count);
        assert_memory_equal(slice->columns + from, whole->columns + there, (size_t)count * sizeof(int32_t));
        assert_memory_equal(slice->values + from, whole->values + there, (size_t)count * sizeof(float));
    }
}

static void check_slice(const apd_decomposition *slice, const apd_decomposition *whole, int b) {
    int64_t first = slice->rows[b].begin;
    assert_int_equal(slice->groups[b].count, whole->groups[b].count);
    for (int g = 0; g < whole->groups[b].count; g++)
        check_rows_equal(&slice->groups[b].shared[g], &whole->groups[b].shared[g], first);
    for (int t = 0; t < whole->task_count; t++)
        if (whole->tasks[t] != NULL && whole->tasks[t]->blocks[b].mask != NULL) {
            assert_int_equal(slice->tasks[t]->blocks[b].group, whole->tasks[t]->blocks[b].group);
            check_rows_equal(&slice->tasks[t]->blocks[b].tau, &whole->tasks[t]->blocks[b].tau, first);
        }
}

static void add_up(apd_consolidation *sum, const apd_consolidation *part) {
    sum->merged += part->merged;
    sum->changed += part->changed;
    sum->change_sum += part->change_sum;
    if (part->largest_change > sum->largest_change)
        sum->largest_change = part->largest_change;
    sum->tau_before += part->tau_before;
    sum->tau_after += part->tau_after;
    sum->shared_before += part->shared_before;
    sum->shared_after += part->shared_after;
}

static void consolidate_slices_have_the_bits_of_the_whole(void **state) {
    (void)state;
    const int cuts[][5] = {{2, 0, 1, 3}, {3, 0, 1, 2, 3}, {3, 0, 0, 3, 3}}; /* slices, and their thirds */
    for (int trial = 0; trial < 90; trial++) {
        const int *cut = cuts[trial % 3];
        group_bed whole, slice;
        trial_bed(&whole, trial, 0, 3);
        problem p = trial_problem(&whole, trial);
        apd_consolidation report = run(&p, whole.d), sum = {0};
        bool moved[MOST_TASKS] = {false};
        for (int k = 1; k <= cut[0]; k++) {
            trial_bed(&slice, trial, cut[k], cut[k + 1]);
            apd_consolidation part = run(&p, slice.d);
            add_up(&sum, &part);
            check_form(slice.d, p.block);
            check_slice(slice.d, whole.d, p.block);
            for (int t = 0; t < slice.d->task_count; t++)
                moved[t] = moved[t] || (slice.d->tasks[t] != NULL && slice.d->tasks[t]->moved);
            group_bed_clear(&slice);
        }
        check_report(&sum, &report);
        for (int t = 0; t < whole.d->task_count; t++)
            assert_true(whole.d->tasks[t] == NULL || whole.d->tasks[t]->moved == moved[t]);
        group_bed_clear(&whole);
    }
}

/* --- a stream ----------------------------------------------------------------------------------------------
 */

/* Train two tasks, consolidate, three times; tasks change their clusters between. */
static void stream_trained_tasks_keep_their_thetas_but_for_merges(void **state) {
    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        bench on;
        snapshot before;
        tally seen = {0};
        bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 2, 0.5);
        for (int round = 0; round < 3; round++) {
            for (int k = 0; k < 2; k++) {
                clear_moved(on.d);
                take_snapshot(on.d, &before);
                int place = on.d->task_count;
                random_task(&on, place, 40);
                snapshot now;
                take_snapshot(on.d, &now);
                assert_memory_equal(now.theta, before.theta, (size_t)place * sizeof now.theta[0]);
                assert_int_equal(on.d->tasks[place]->blocks[0].group, -1);
            }
            for (int b = 0; b < 2; b++) {
                problem p = random_problem(on.d, b, (uint32_t)(700 + 10 * rule + 2 * round + b), 2e-3);
                p.rule = (apd_merge_rule)rule;
                clear_moved(on.d);
                (void)consolidate_and_check(&p, on.d, &seen);
            }
        }
        assert_true(seen.merged > 0 && seen.kept > 0 && seen.left > 0);
        bench_clear(&on);
    }
}

/* The places of the decomposed tasks. Returns how many there are. */
static int present(const apd_decomposition *d, int places[MOST_TASKS]) {
    int count = 0;
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL)
            places[count++] = t;
    return count;
}

/* One of: train a task, consolidate a block, forget a task, re-centre. Only consolidation moves a theta. */
static void random_event(bench *on, numbers *n, uint32_t key, tally *seen) {
    int places[MOST_TASKS], count = present(on->d, places), kind = below(n, 4);
    snapshot before;
    clear_moved(on->d);
    if (kind == 1) {
        problem p = random_problem(on->d, below(n, 2), key, 4e-3);
        (void)consolidate_and_check(&p, on->d, seen);
        return;
    }
    take_snapshot(on->d, &before);
    if (kind == 0 && on->d->task_count < MOST_TASKS) {
        int fresh = on->d->task_count;
        random_task(on, fresh, 30);
        for (int b = 0; b < TOY_BLOCKS; b++) /* the new one has no past */
            apd_decomposition_theta(on->d, fresh, b, before.theta[fresh][b], before.bias[fresh][b]);
    } else if (kind == 2 && count > 2) {
        (void)apd_forget(on->d, places[below(n, count)]);
    } else if (kind == 3 && count > 1) {
        (void)apd_recentre_sigma(on->d, (apd_recentre_rule)below(n, 2));
        check_none_moved(on->d);
    }
    check_thetas_kept(on->d, &before);
}

static void stream_random_events_leave_a_sound_decomposition(void **state) {
    (void)state;
    tally seen = {0};
    for (uint32_t k = 0; k < 30; k++) {
        bench on;
        numbers n = numbers_of(50, k);
        bench_init(&on, apd_method_find("apd"), &usual, 0, 3, 4, 0.5);
        for (uint32_t event = 0; event < 25; event++) {
            random_event(&on, &n, 100 * k + event, &seen);
            for (int b = 0; b < 2; b++) {
                dense_block block;
                check_form(on.d, b);
                read_block(on.d, b, &block);
                check_support(&block);
            }
        }
        bench_clear(&on);
    }
    assert_true(seen.merged > 1000 && seen.left > 100);
}

/* --- adaptive rows -----------------------------------------------------------------------------------------
 */

static void check_row(const int32_t *columns, const double *values, int64_t count, const double *dense,
                      int64_t cols) {
    int64_t next = 0;
    for (int64_t c = 0; c < cols; c++) {
        bool there = next < count && columns[next] == c;
        assert_true(there ? values[next] == dense[c] : dense[c] == 0.0);
        next += there;
    }
    assert_int_equal(next, count); /* all ascending, none twice */
}

static void adaptive_rows_are_tau_plus_sigma_g(void **state) {
    (void)state;
    int rows = 0;
    for (int trial = 0; trial < 60; trial++) {
        group_bed bed;
        trial_bed(&bed, trial, trial % 2, 3);
        for (int b = 0; b < 2; b++) {
            dense_block block;
            int32_t columns[8];
            double values[8], dense[8];
            read_block(bed.d, b, &block);
            for (int64_t r = 0; r < block.rows; r++) {
                for (int t = 0; t < bed.d->task_count; t++) {
                    if (bed.d->tasks[t] == NULL || bed.d->tasks[t]->blocks[b].mask == NULL)
                        continue;
                    int64_t count = apd_adaptive_row(bed.d, t, b, r, columns, values);
                    check_row(columns, values, count, block.adaptive[t] + r * block.cols, block.cols);
                    rows += count > 0;
                }
                for (int g = 0; g < bed.d->groups[b].count; g++) {
                    for (int64_t c = 0; c < block.cols; c++)
                        dense[c] = (double)block.shared[g][r * block.cols + c];
                    int64_t count = apd_group_row(bed.d, g, b, r, columns, values);
                    check_row(columns, values, count, dense, block.cols);
                }
            }
        }
        group_bed_clear(&bed);
    }
    assert_true(rows > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consolidate_slices_have_the_bits_of_the_whole),
        cmocka_unit_test(stream_trained_tasks_keep_their_thetas_but_for_merges),
        cmocka_unit_test(stream_random_events_leave_a_sound_decomposition),
        cmocka_unit_test(adaptive_rows_are_tau_plus_sigma_g),
    };
    return cmocka_run_group_tests_name("consolidate_stream", tests, NULL, NULL);
}

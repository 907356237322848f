/* The consolidation rule against a dense reference of section 3.2's rule, weight by weight, and the sparse
 * rows that it clusters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "group_cases.h"
#include "method/adaptive.h"
#include "method/consolidate.h"
#include "method/recentre.h"
#include "solver_bench.h"

/* --- random problems ---------------------------------------------------------------------------------------
 */

/* One call of apd_consolidate. */
typedef struct problem {
    int tasks, clusters, block;
    int places[MOST_TASKS], cluster[MOST_TASKS];
    double beta;
    apd_merge_rule rule;
} problem;

/* How a random case is made: numbers are multiples of 1/1024 when `exact`, so that max - min may be beta. */
typedef struct maker {
    int key;
    bool exact;
} maker;

static double snapped(const maker *make, double value) {
    return make->exact ? round(value * 1024.0) / 1024.0 : value;
}

/* tau where the task has one, else 0: a number that all share, one near it, or one anywhere. */
static double random_tau(const maker *make, const apd_decomposition *d, int task, int b, int64_t r,
                         int64_t c) {
    numbers n = weight_numbers(d, make->key + task, b, r, c);
    numbers shared = weight_numbers(d, make->key + 60, b, r, c);
    int density = 1 + below(&shared, 4), kind = below(&n, 3);
    double common = snapped(make, between(&shared, -0.02, 0.02));
    if (below(&n, 4) >= density)
        return 0.0;
    if (kind == 0)
        return common;
    return snapped(make, kind == 1 ? common + between(&n, -0.004, 0.004) : between(&n, -0.3, 0.3));
}

static void fill_task_block(const maker *make, const apd_decomposition *d, int task, int b,
                            apd_task_block *part) {
    int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols, next = 0;
    apd_sparse_resize(&part->tau, rows, rows * cols);
    for (int64_t r = 0; r < rows; r++) {
        numbers n = weight_numbers(d, make->key + task, b, r, 100);
        part->mask[r] = make->exact ? 0.25f * (float)(1 + below(&n, 3)) : (float)between(&n, 0.05, 0.95);
        part->bias[r] = (float)between(&n, -1.0, 1.0);
        for (int64_t c = 0; c < cols; c++) {
            float product = part->mask[r] * d->sigma[b][r * cols + c];
            float theta = product + (float)random_tau(make, d, task, b, r, c);
            part->tau.columns[next] = (int32_t)c;
            part->tau.values[next] = theta;
            next += theta != product;
        }
        part->tau.offsets[r + 1] = next;
    }
}

static void append_case_task(const maker *make, apd_decomposition *d) {
    apd_task_part *part = apd_task_part_create(d, TOY_CLASSES, false);
    for (int b = 0; b < 2; b++)
        fill_task_block(make, d, d->task_count, b, &part->blocks[b]);
    apd_decomposition_append(d, part);
}

/* `tasks` decomposed tasks, with a forgotten one at place 1 and a single one at place 2 when `holes`. */
static void fill_case(const maker *make, apd_decomposition *d, int tasks, bool holes, int groups) {
    int group_of[MOST_TASKS];
    for (int b = 0; b < 2; b++)
        for (int64_t r = 0, j = 0; r < apd_local_rows(d, b); r++)
            for (int64_t c = 0; c < d->layout->blocks[b].cols; c++, j++) {
                numbers n = weight_numbers(d, make->key + 61, b, r, c);
                d->sigma[b][j] = (float)snapped(make, between(&n, -0.3, 0.3));
            }
    for (int t = 0; t < tasks; t++) {
        append_case_task(make, d);
        if (holes && t == 0) {
            append_case_task(make, d);
            apd_task_part_destroy(d, d->tasks[1]);
            d->tasks[1] = NULL;
            append_single_task(d);
        }
    }
    numbers n = numbers_of((uint32_t)make->key, 3);
    for (int t = 0; t < MOST_TASKS; t++)
        group_of[t] = below(&n, groups + 1) - 1;
    for (int b = 0; b < 2 && groups > 0; b++)
        give_groups(d, b, groups, group_of, 0, make->exact ? 1.0 / 256 : 0.02, make->exact, make->key + 50);
    clear_moved(d);
}

/* Random clusters, which may be empty, for all decomposed tasks. */
static problem random_problem(const apd_decomposition *d, int block, uint32_t key, double beta) {
    numbers n = numbers_of(key, 2);
    problem p = {.clusters = 1 + below(&n, 4), .block = block, .beta = beta};
    p.rule = below(&n, 2) == 0 ? APD_MERGE_PLAIN : APD_MERGE_SAVING;
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->blocks[block].mask != NULL) {
            p.places[p.tasks] = t;
            p.cluster[p.tasks++] = below(&n, p.clusters);
        }
    return p;
}

static apd_consolidation run(const problem *p, apd_decomposition *d) {
    apd_consolidation report = {0};
    apd_consolidate(d, p->block, p->places, p->cluster, p->tasks, p->clusters, p->beta, p->rule, &report);
    return report;
}

/* --- the reference -----------------------------------------------------------------------------------------
 */

/* What happened, so that a test can tell that its cases were there. */
typedef struct tally {
    int64_t merged, kept, ties, cancelled, left, only_saving;
} tally;

/* Cluster g at weight j: whether its members agree, and their mean. */
static bool members_agree(const problem *p, const dense_block *was, int g, int64_t j, double *mean,
                          tally *seen) {
    double least = INFINITY, most = -INFINITY, sum = 0.0;
    int members = 0, nonzero = 0;
    for (int i = 0; i < p->tasks; i++) {
        if (p->cluster[i] != g)
            continue;
        double a = was->adaptive[p->places[i]][j];
        least = fmin(least, a);
        most = fmax(most, a);
        sum += a;
        nonzero += a != 0.0;
        members++;
    }
    *mean = members > 0 ? sum / members : 0.0;
    if (members < 2 || most - least > p->beta || nonzero == 0)
        return false;
    seen->ties += most - least == p->beta && p->beta > 0.0;
    seen->only_saving += p->rule == APD_MERGE_SAVING && nonzero == 1;
    return p->rule == APD_MERGE_PLAIN || nonzero >= 2;
}

static void check_member(const problem *p, const dense_block *was, const dense_block *is, int place,
                         int64_t j, bool merged, apd_consolidation *expected) {
    float before = was->theta[place][j], after = is->theta[place][j], product = is->product[place][j];
    expected->tau_before += was->tau[place][j];
    expected->tau_after += is->tau[place][j];
    assert_true(apd_same_bits(product, was->product[place][j]));
    if (!merged) {
        assert_true(apd_same_bits(before, after));
        assert_int_equal(is->tau[place][j], !apd_same_bits(after, product));
        return;
    }
    double change = fabs((double)after - (double)before);
    int64_t units = (int64_t)llround(change * 0x1p40);
    assert_false(is->tau[place][j]);
    assert_true(change <= p->beta + float_step((double)before) + float_step((double)after) +
                              float_step((double)product));
    if (apd_same_bits(before, after))
        return;
    expected->changed++;
    expected->change_sum += units;
    expected->largest_change = units > expected->largest_change ? units : expected->largest_change;
}

/* Cluster g at weight j; adds to `expected`. */
static void check_weight(const problem *p, const dense_block *was, const dense_block *is, int g, int64_t j,
                         apd_consolidation *expected, tally *seen) {
    double mean;
    bool merged = members_agree(p, was, g, j, &mean, seen);
    if (merged && mean != 0.0) {
        assert_near(is->shared[g][j], mean, float_step(mean));
        assert_true(is->shared[g][j] != 0.0f);
    } else {
        assert_true(is->shared[g][j] == 0.0f);
    }
    seen->merged += merged;
    seen->cancelled += merged && mean == 0.0;
    expected->merged += is->shared[g][j] != 0.0f;
    for (int i = 0; i < p->tasks; i++) {
        if (p->cluster[i] != g)
            continue;
        seen->kept += !merged && was->adaptive[p->places[i]][j] != 0.0;
        seen->left += !merged && was->group[p->places[i]][j] != 0.0f;
        check_member(p, was, is, p->places[i], j, merged, expected);
    }
}

static int64_t shared_entries(const dense_block *block) {
    int64_t entries = 0;
    for (int g = 0; g < MOST_GROUPS; g++)
        for (int64_t j = 0; j < block->size; j++)
            entries += block->shared[g][j] != 0.0f;
    return entries;
}

static void check_report(const apd_consolidation *actual, const apd_consolidation *expected) {
    assert_int_equal(actual->merged, expected->merged);
    assert_int_equal(actual->changed, expected->changed);
    assert_int_equal(actual->change_sum, expected->change_sum);
    assert_int_equal(actual->largest_change, expected->largest_change);
    assert_int_equal(actual->tau_before, expected->tau_before);
    assert_int_equal(actual->tau_after, expected->tau_after);
    assert_int_equal(actual->shared_before, expected->shared_before);
    assert_int_equal(actual->shared_after, expected->shared_after);
}

/* The tasks are in their clusters, flagged when a theta of theirs changed, and theta reads the same both
 * ways. */
static void check_tasks(const problem *p, const apd_decomposition *d, const dense_block *was,
                        const dense_block *is) {
    assert_int_equal(d->groups[p->block].count, p->clusters);
    for (int i = 0; i < p->tasks; i++) {
        int t = p->places[i];
        float theta[GROUP_ROOM], bias[8];
        size_t bytes = (size_t)is->size * sizeof(float);
        bool changed = memcmp(was->theta[t], is->theta[t], bytes) != 0;
        assert_int_equal(d->tasks[t]->blocks[p->block].group, p->cluster[i]);
        assert_int_equal(d->tasks[t]->moved, changed || was->moved[t]);
        apd_decomposition_theta(d, t, p->block, theta, bias);
        assert_memory_equal(theta, is->theta[t], bytes);
    }
}

/* Consolidate and compare everything. */
static apd_consolidation consolidate_and_check(const problem *p, apd_decomposition *d, tally *seen) {
    dense_block was, is;
    apd_consolidation expected = {0};
    read_block(d, p->block, &was);
    apd_consolidation report = run(p, d);
    check_form(d, p->block);
    read_block(d, p->block, &is);
    for (int g = 0; g < p->clusters; g++)
        for (int64_t j = 0; j < is.size; j++)
            check_weight(p, &was, &is, g, j, &expected, seen);
    expected.shared_before = shared_entries(&was);
    expected.shared_after = shared_entries(&is);
    check_report(&report, &expected);
    check_tasks(p, d, &was, &is);
    return report;
}

/* --- the rule ----------------------------------------------------------------------------------------------
 */

enum { TRIALS = 600 };

/* The bed of a trial: 1 .. 6 tasks, every other with earlier groups, every third with holes. */
static void trial_bed(group_bed *bed, int trial, int from, int to) {
    maker make = {.key = 20000 + 64 * trial, .exact = trial % 4 < 2};
    group_bed_init(bed, from, to);
    fill_case(&make, bed->d, 1 + trial % 6, trial % 3 == 0, trial % 2 * (1 + trial % 5));
}

static problem trial_problem(const group_bed *bed, int trial) {
    const double betas[] = {0.0, 4.0 / 1024, 1e-3, 100.0, 8.0 / 1024};
    return random_problem(bed->d, trial / 7 % 2, (uint32_t)trial, betas[trial % 5]);
}

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
        apd_task_part *part = apd_task_part_create(bed->d, TOY_CLASSES, false);
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
        assert_true(report.largest_change <= 0x1p40 * 1e-6);
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

/* --- slices ------------------------------------------------------------------------------------------------
 */

/* The whole's rows of a sparse matrix that a slice has. */
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
        bench_init(&on, APD_EXACT, &usual, 0, 3, 2, 0.5);
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

/* The tasks that are there; fills `places`. */
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
        bench_init(&on, APD_EXACT, &usual, 0, 3, 4, 0.5);
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
        cmocka_unit_test(consolidate_random_problems_follow_the_dense_rule),
        cmocka_unit_test(consolidate_one_weight_is_merged_as_by_hand),
        cmocka_unit_test(consolidate_beta_zero_moves_thetas_by_rounding_at_most),
        cmocka_unit_test(consolidate_huge_beta_gives_a_cluster_one_adaptive_part),
        cmocka_unit_test(consolidate_everyone_alone_gives_full_tau_back),
        cmocka_unit_test(consolidate_no_tasks_leaves_empty_groups),
        cmocka_unit_test(consolidate_again_changes_nothing),
        cmocka_unit_test(consolidate_adds_to_the_report),
        cmocka_unit_test(consolidate_slices_have_the_bits_of_the_whole),
        cmocka_unit_test(stream_trained_tasks_keep_their_thetas_but_for_merges),
        cmocka_unit_test(stream_random_events_leave_a_sound_decomposition),
        cmocka_unit_test(adaptive_rows_are_tau_plus_sigma_g),
    };
    return cmocka_run_group_tests_name("consolidate", tests, NULL, NULL);
}

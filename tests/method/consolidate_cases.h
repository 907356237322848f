/* consolidate_cases: random problems for the consolidation rule, and a dense reference of section 3.2's rule, weight
 * by weight. cmocka.h comes before this header. */
#ifndef APD_TESTS_CONSOLIDATE_CASES_H
#define APD_TESTS_CONSOLIDATE_CASES_H

#include "group_cases.h"
#include "method/clustering/consolidate.h"

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

static inline double snapped(const maker *make, double value) {
    return make->exact ? round(value * 1024.0) / 1024.0 : value;
}

/* tau where the task has one, else 0: a number that all share, one near it, or one anywhere. */
static inline double random_tau(const maker *make, const apd_decomposition *d, int task, int b, int64_t r,
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

static inline void fill_task_block(const maker *make, const apd_decomposition *d, int task, int b,
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

static inline void append_case_task(const maker *make, apd_decomposition *d) {
    apd_task_part *part = apd_task_part_create(d, TOY_CLASSES, APD_STORAGE_DECOMPOSED);
    for (int b = 0; b < 2; b++)
        fill_task_block(make, d, d->task_count, b, &part->blocks[b]);
    apd_decomposition_append(d, part);
}

/* `tasks` decomposed tasks, with a forgotten one at place 1 and a single one at place 2 when `holes`. */
static inline void fill_case(const maker *make, apd_decomposition *d, int tasks, bool holes, int groups) {
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
static inline problem random_problem(const apd_decomposition *d, int block, uint32_t key, double beta) {
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

static inline apd_consolidation run(const problem *p, apd_decomposition *d) {
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
static inline bool members_agree(const problem *p, const dense_block *was, int g, int64_t j, double *mean,
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

static inline void check_member(const problem *p, const dense_block *was, const dense_block *is, int place,
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
static inline void check_weight(const problem *p, const dense_block *was, const dense_block *is, int g,
                                int64_t j, apd_consolidation *expected, tally *seen) {
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

static inline int64_t shared_entries(const dense_block *block) {
    int64_t entries = 0;
    for (int g = 0; g < MOST_GROUPS; g++)
        for (int64_t j = 0; j < block->size; j++)
            entries += block->shared[g][j] != 0.0f;
    return entries;
}

static inline void check_report(const apd_consolidation *actual, const apd_consolidation *expected) {
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
static inline void check_tasks(const problem *p, const apd_decomposition *d, const dense_block *was,
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
static inline apd_consolidation consolidate_and_check(const problem *p, apd_decomposition *d, tally *seen) {
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

/* The bed of a trial: 1 .. 6 tasks, every other with earlier groups, every third with holes. */
static inline void trial_bed(group_bed *bed, int trial, int from, int to) {
    maker make = {.key = 20000 + 64 * trial, .exact = trial % 4 < 2};
    group_bed_init(bed, from, to);
    fill_case(&make, bed->d, 1 + trial % 6, trial % 3 == 0, trial % 2 * (1 + trial % 5));
}

static inline problem trial_problem(const group_bed *bed, int trial) {
    const double betas[] = {0.0, 4.0 / 1024, 1e-3, 100.0, 8.0 / 1024};
    return random_problem(bed->d, trial / 7 % 2, (uint32_t)trial, betas[trial % 5]);
}

#endif

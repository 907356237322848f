/* What locally shared parameters change elsewhere: theta, tau by weight, the retroactive update and re-centring, with
 * groups, against the definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "method/clustering/recentre.h"
#include "method/solvers/retroactive_update.h"
#include "method/solvers/tau_by_weight.h"
#include "retroactive_cases.h"

/* `tasks` random ones in three groups or in none; with `holes` a forgotten one at place 1 and a single one at
 * place 2. */
static void grouped_bed(group_bed *bed, int tasks, bool holes, double density, int key) {
    group_bed_init(bed, 0, 3);
    for (int t = 0; t < tasks; t++) {
        append_random_task(bed->d, density, 0.2, true, false);
        if (holes && t == 0) {
            append_random_task(bed->d, density, 0.2, true, false);
            apd_task_part_destroy(bed->d, bed->d->tasks[1]);
            bed->d->tasks[1] = NULL;
            append_single_task(bed->d);
        }
    }
    give_usual_groups(bed->d, 3, 0.1, key);
}

static bool decomposed(const apd_decomposition *d, int t) {
    return d->tasks[t] != NULL && d->tasks[t]->blocks[0].mask != NULL;
}

/* --- reading -----------------------------------------------------------------------------------------------
 */

static void theta_with_groups_is_product_plus_shared_or_the_stored_value(void **state) {
    (void)state;
    group_bed bed;
    grouped_bed(&bed, 6, true, 0.3, 40000);
    for (int b = 0; b < 2; b++) {
        dense_block block;
        int shared = 0, both = 0;
        read_block(bed.d, b, &block);
        for (int t = 0; t < bed.d->task_count; t++) {
            float theta[GROUP_ROOM], bias[8];
            if (!decomposed(bed.d, t))
                continue;
            apd_decomposition_theta(bed.d, t, b, theta, bias);
            assert_memory_equal(theta, block.theta[t], (size_t)block.size * sizeof(float));
            for (int64_t j = 0; j < block.size; j++) {
                int group = bed.d->tasks[t]->blocks[b].group;
                int64_t r = j / block.cols;
                assert_true(apd_group_value(bed.d, b, group, r, (int32_t)(j % block.cols)) ==
                            block.group[t][j]);
                shared += block.group[t][j] != 0.0f && !block.tau[t][j];
                both += block.group[t][j] != 0.0f && block.tau[t][j];
            }
        }
        assert_true(shared > 0 && both > 0);
    }
    group_bed_clear(&bed);
}

/* For any sigma, a former one too. */
static void shared_row_uses_the_given_sigma(void **state) {
    (void)state;
    group_bed bed;
    grouped_bed(&bed, 5, false, 0.3, 40100);
    dense_block block;
    float sigma[6], out[6];
    read_block(bed.d, 0, &block);
    for (int c = 0; c < 6; c++)
        sigma[c] = 0.01f * (float)(c + 1);
    for (int t = 0; t < 5; t++)
        for (int r = 0; r < 5; r++) {
            apd_decomposition_shared_row(bed.d, t, 0, r, sigma, out);
            for (int c = 0; c < 6; c++) {
                float product = bed.d->tasks[t]->blocks[0].mask[r] * sigma[c];
                assert_true(out[c] == product + block.group[t][r * 6 + c]);
            }
        }
    group_bed_clear(&bed);
}

static void counts_include_the_groups(void **state) {
    (void)state;
    group_bed bed;
    grouped_bed(&bed, 5, false, 0.3, 40200);
    int64_t entries = 0;
    for (int b = 0; b < 2; b++)
        for (int g = 0; g < 3; g++)
            for (int64_t r = 0; r < bed.layout.blocks[b].rows; r++)
                for (int64_t c = 0; c < bed.layout.blocks[b].cols; c++)
                    entries += entry_at(&bed.d->groups[b].shared[g], r, c) != NULL;
    assert_true(entries > 0);
    assert_int_equal(apd_decomposition_group_nonzeros(bed.d), entries);
    for (int t = 0; t < 5; t++)
        bed.d->tasks[t]->blocks[0].group = bed.d->tasks[t]->blocks[1].group = -1;
    for (int b = 0; b < 2; b++)
        apd_block_groups_clear(&bed.d->groups[b]);
    assert_int_equal(apd_decomposition_group_nonzeros(bed.d), 0);
    group_bed_clear(&bed);
}

/* The cache finds the same entries as the whole row, before it builds it and after. */
static void tau_row_cache_finds_what_the_row_holds(void **state) {
    (void)state;
    group_bed bed;
    int singles = 0;
    grouped_bed(&bed, 10, true, 0.3, 40400);
    for (int64_t r = 0; r < 5; r++) {
        apd_tau_row whole;
        apd_tau_row_cache cache = {0};
        apd_tau_row_build(bed.d, 0, r, &whole);
        for (int k = 0; k < 12; k++) { /* each twice, from the right */
            int32_t c = 5 - k % 6;
            int64_t w, expected = whole.index[c];
            const apd_tau_row *row = apd_tau_row_cache_find(bed.d, 0, r, c, &cache, &w);
            int64_t count = w < 0 ? 0 : row->starts[w + 1] - row->starts[w];
            singles += row != &cache.whole;
            assert_int_equal(count, expected < 0 ? 0 : whole.starts[expected + 1] - whole.starts[expected]);
            for (int64_t e = 0; e < count; e++) {
                const apd_tau_entry *is = &row->entries[row->starts[w] + e],
                                    *should = &whole.entries[whole.starts[expected] + e];
                assert_int_equal(row->columns[w], c);
                assert_int_equal(is->task, should->task);
                assert_true(is->point == should->point && is->theta == should->theta &&
                            is->group == should->group);
            }
        }
        assert_true(cache.whole.columns != NULL);
        assert_true(apd_tau_row_cache_bytes(bed.d, 0, &cache) > whole.starts[whole.count] * 16);
        apd_tau_row_clear(&whole);
        apd_tau_row_cache_clear(&cache);
        assert_int_equal(apd_tau_row_cache_bytes(bed.d, 0, &cache), 0);
    }
    assert_true(singles >= 5);
    group_bed_clear(&bed);
}

static void tau_by_weight_point_is_where_the_task_needs_no_tau(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        group_bed bed;
        dense_block block;
        grouped_bed(&bed, 6, k & 1, 0.4, 40300 + 20 * k);
        int b = k / 2;
        read_block(bed.d, b, &block);
        int64_t found = 0;
        for (int64_t j = 0; j < block.size; j++) {
            apd_tau_row by_weight;
            apd_tau_row_build(bed.d, b, j / block.cols, &by_weight);
            int64_t w = by_weight.index[j % block.cols], off_centre = 0;
            for (int t = 0; t < MOST_TASKS; t++)
                off_centre += block.tau[t][j];
            assert_int_equal(w >= 0, off_centre > 0);
            if (w >= 0)
                assert_int_equal(by_weight.starts[w + 1] - by_weight.starts[w], off_centre);
            if (w >= 0)
                apd_tau_row_sort(&by_weight, w);
            for (int64_t e = w < 0 ? 0 : by_weight.starts[w]; w >= 0 && e < by_weight.starts[w + 1];
                 e++, found++) {
                const apd_tau_entry *entry = &by_weight.entries[e];
                double mask = (double)bed.d->tasks[entry->task]->blocks[b].mask[j / block.cols];
                double group = (double)block.group[entry->task][j];
                double point = ((double)block.theta[entry->task][j] - group) / mask;
                assert_true(block.tau[entry->task][j]);
                assert_true(entry->theta == block.theta[entry->task][j] && (double)entry->group == group);
                assert_near(entry->point, point, 2.0 * float_step(point));
                assert_true(e == by_weight.starts[w] || entry[-1].point <= entry->point);
            }
            apd_tau_row_clear(&by_weight);
        }
        assert_int_equal(found, dense_entries(&block));
        group_bed_clear(&bed);
    }
}

/* --- the retroactive update --------------------------------------------------------------------------------
 */

/* Move half of block b's sigma; gives back what it was. */
static void move_sigma(apd_decomposition *d, int b, double by, float *old) {
    int64_t size = apd_local_rows(d, b) * d->layout->blocks[b].cols;
    numbers n = numbers_of(9, (uint32_t)b);
    memcpy(old, d->sigma[b], (size_t)size * sizeof(float));
    for (int64_t j = 0; j < size; j += 2)
        d->sigma[b][j] += (float)between(&n, -by, by);
}

static void retroactive_update_infinite_lambda2_keeps_every_bit_beside_groups(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        group_bed bed;
        snapshot before;
        dense_block was, is;
        float old[GROUP_ROOM];
        int b = k / 2;
        grouped_bed(&bed, 6, k & 1, 0.3, 41000);
        take_snapshot(bed.d, &before);
        read_block(bed.d, b, &was);
        move_sigma(bed.d, b, 0.1, old);
        assert_int_equal(apd_retroactive_update(bed.d, b, old, 0.0), (was.size + 1) / 2);
        check_thetas_kept(bed.d, &before);
        check_none_moved(bed.d);
        check_form(bed.d, b);
        read_block(bed.d, b, &is);
        check_support(&is);
        assert_memory_equal(is.shared, was.shared, sizeof is.shared);
        assert_memory_equal(is.group, was.group, sizeof is.group);
        assert_true(dense_entries(&is) > dense_entries(&was));
        group_bed_clear(&bed);
    }
}

/* There and back: the entries that the first move needed are gone. */
static void retroactive_update_sigma_comes_back_tau_is_as_before(void **state) {
    (void)state;
    group_bed bed;
    dense_block was, is;
    float old[GROUP_ROOM], away[GROUP_ROOM];
    grouped_bed(&bed, 6, true, 0.3, 41100);
    read_block(bed.d, 0, &was);
    move_sigma(bed.d, 0, 0.1, old);
    (void)apd_retroactive_update(bed.d, 0, old, 0.0);
    memcpy(away, bed.d->sigma[0], sizeof(float) * 30);
    memcpy(bed.d->sigma[0], old, sizeof(float) * 30);
    (void)apd_retroactive_update(bed.d, 0, away, 0.0);
    read_block(bed.d, 0, &is);
    assert_memory_equal(is.tau, was.tau, sizeof is.tau);
    assert_memory_equal(is.theta, was.theta, sizeof is.theta);
    group_bed_clear(&bed);
}

/* One weight moves, far from all tasks' points and back: tasks with many entries are looked at there only. */
static void retroactive_update_one_weight_changes_what_needs_an_entry_there(void **state) {
    (void)state;
    int added = 0, left_alone = 0, kept = 0;
    group_bed bed;
    snapshot before;
    dense_block was, is;
    float old[GROUP_ROOM];
    grouped_bed(&bed, 6, true, 0.85, 41300);
    take_snapshot(bed.d, &before);
    read_block(bed.d, 0, &was);
    memcpy(old, bed.d->sigma[0], sizeof(float) * 30);
    for (int k = 0; k < 60; k++) {
        int j = k / 2;
        bool far = k % 2 == 0; /* else a step so small that some products keep their bits */
        for (int t = 0; t < bed.d->task_count; t++)
            if (decomposed(bed.d, t))
                bed.d->tasks[t]->changed = false;
        bed.d->sigma[0][j] = far ? old[j] + 0.7f : nextafterf(old[j], 1.0f);
        assert_int_equal(apd_retroactive_update(bed.d, 0, old, 0.0), 1);
        check_thetas_kept(bed.d, &before);
        check_none_moved(bed.d);
        check_form(bed.d, 0);
        read_block(bed.d, 0, &is);
        check_support(&is);
        for (int t = 0; t < bed.d->task_count; t++) {
            if (!decomposed(bed.d, t))
                continue;
            assert_true(is.tau[t][j] || !far);
            assert_int_equal(bed.d->tasks[t]->changed, is.tau[t][j] != was.tau[t][j]);
            kept += !is.tau[t][j];
            added += !was.tau[t][j];
            left_alone += was.tau[t][j];
        }
        float away = bed.d->sigma[0][j];
        bed.d->sigma[0][j] = old[j];
        old[j] = away;
        assert_int_equal(apd_retroactive_update(bed.d, 0, old, 0.0), 1);
        old[j] = bed.d->sigma[0][j];
        read_block(bed.d, 0, &is);
        assert_memory_equal(is.tau, was.tau, sizeof is.tau);
        assert_memory_equal(is.theta, was.theta, sizeof is.theta);
    }
    assert_true(added > 10 && left_alone > 10 && kept > 0);
    group_bed_clear(&bed);
}

static void retroactive_update_finite_lambda2_is_the_closed_form_beside_groups(void **state) {
    (void)state;
    const double thresholds[] = {2e-6, 1e-3, 0.05};
    for (int k = 0; k < 6; k++) {
        group_bed bed;
        dense_block was, is;
        float old[GROUP_ROOM];
        int zeros = 0;
        grouped_bed(&bed, 6, k & 1, 0.3, 41200);
        read_block(bed.d, 0, &was);
        move_sigma(bed.d, 0, 0.1, old);
        (void)apd_retroactive_update(bed.d, 0, old, thresholds[k / 2]);
        check_form(bed.d, 0);
        read_block(bed.d, 0, &is);
        check_support(&is);
        for (int t = 0; t < bed.d->task_count; t++)
            if (decomposed(bed.d, t))
                zeros += check_closed_form(bed.d, &was, &is, t, thresholds[k / 2]);
        assert_true(zeros > 0);
        assert_memory_equal(is.shared, was.shared, sizeof is.shared);
        group_bed_clear(&bed);
    }
}

/* --- re-centring -------------------------------------------------------------------------------------------
 */

enum { MOST = 6 };

typedef struct weight {
    int count;
    float values[MOST], masks[MOST], groups[MOST], sigma;
} weight;

/* Powers of two and multiples of 1/64 when `exact`, so that a point gives back its theta. */
static weight random_weight(numbers *n, bool exact) {
    weight w = {.count = 1 + below(n, MOST)};
    float points[3];
    for (int k = 0; k < 3; k++)
        points[k] = exact ? (float)(below(n, 33) - 16) / 64.0f : (float)between(n, -0.3, 0.3);
    w.sigma = points[0];
    for (int i = 0; i < w.count; i++) {
        bool none = below(n, 3) == 0;
        float group = exact ? (float)(below(n, 33) - 16) / 64.0f : (float)between(n, -0.1, 0.1);
        w.masks[i] = exact ? 0.5f / (float)(1 << below(n, 3)) : (float)between(n, 0.02, 0.98);
        w.groups[i] = none ? 0.0f : group;
        w.values[i] = w.masks[i] * points[below(n, 3)] + w.groups[i];
    }
    return w;
}

static int zeros_at(const weight *w, float s) {
    int zeros = 0;
    for (int i = 0; i < w->count; i++) {
        float plain = w->masks[i] * s + w->groups[i];
        zeros += plain == w->values[i];
    }
    return zeros;
}

static double tau_sum_at(const weight *w, float s) {
    double sum = 0.0;
    for (int i = 0; i < w->count; i++)
        sum += fabs((double)w->values[i] - (double)w->groups[i] - (double)w->masks[i] * (double)s);
    return sum;
}

static float recentred(apd_recentre_rule rule, const weight *w) {
    int scratch[MOST];
    return apd_recentre_weight(rule, w->values, w->masks, w->groups, w->count, w->sigma, scratch);
}

static void weight_count_rule_has_the_fewest_nonzeros_beside_groups(void **state) {
    (void)state;
    numbers n = numbers_of(21, 0);
    int moved = 0;
    for (int k = 0; k < 20000; k++) {
        weight w = random_weight(&n, true);
        float s = recentred(APD_RULE_COUNT, &w);
        int zeros = zeros_at(&w, w.sigma);
        double tau_sum = tau_sum_at(&w, w.sigma);
        for (int i = 0; i < w.count; i++) {
            float point = (w.values[i] - w.groups[i]) / w.masks[i];
            int there = zeros_at(&w, point);
            tau_sum = there > zeros ? tau_sum_at(&w, point)
                                    : (there == zeros ? fmin(tau_sum, tau_sum_at(&w, point)) : tau_sum);
            zeros = there > zeros ? there : zeros;
        }
        assert_int_equal(zeros_at(&w, s), zeros);
        assert_near(tau_sum_at(&w, s), tau_sum, 1e-6);
        moved += s != w.sigma;
    }
    assert_true(moved > 1000);
}

static void weight_median_rule_has_the_least_pull_beside_groups(void **state) {
    (void)state;
    numbers n = numbers_of(22, 0);
    int moved = 0;
    for (int k = 0; k < 20000; k++) {
        weight w = random_weight(&n, k % 2 == 0);
        float s = recentred(APD_RULE_MEDIAN, &w);
        double tau_sum = tau_sum_at(&w, w.sigma);
        assert_true(tau_sum_at(&w, s) <= tau_sum);
        for (int i = 0; i < w.count; i++)
            tau_sum = fmin(tau_sum, tau_sum_at(&w, (w.values[i] - w.groups[i]) / w.masks[i]));
        assert_near(tau_sum_at(&w, s), tau_sum, 1e-6);
        moved += s != w.sigma;
    }
    assert_true(moved > 1000);
}

static void weight_count_rule_never_adds_nonzeros_beside_groups(void **state) {
    (void)state;
    numbers n = numbers_of(23, 0);
    for (int k = 0; k < 20000; k++) {
        weight w = random_weight(&n, false);
        float s = recentred(APD_RULE_COUNT, &w);
        assert_true(
            zeros_at(&w, s) > zeros_at(&w, w.sigma) ||
            (zeros_at(&w, s) == zeros_at(&w, w.sigma) && tau_sum_at(&w, s) <= tau_sum_at(&w, w.sigma)));
    }
}

/* sum of |tau| of block b's decomposed tasks. */
static double block_tau_sum(const apd_decomposition *d, int b) {
    dense_block block;
    double sum = 0.0;
    read_block(d, b, &block);
    for (int t = 0; t < d->task_count; t++)
        for (int64_t j = 0; j < block.size && decomposed(d, t); j++)
            sum += fabs((double)block.theta[t][j] - (double)block.group[t][j] -
                        (double)d->tasks[t]->blocks[b].mask[j / block.cols] * (double)d->sigma[b][j]);
    return sum;
}

static int64_t all_nonzeros(const apd_decomposition *d) {
    int64_t sum = 0;
    for (int t = 0; t < d->task_count; t++)
        sum += apd_decomposition_nonzeros(d, t);
    return sum;
}

static int64_t recentre_and_check(apd_recentre_rule rule, int tasks, bool holes) {
    group_bed bed;
    snapshot before;
    grouped_bed(&bed, tasks, holes, 0.4, 42000 + 40 * tasks);
    take_snapshot(bed.d, &before);
    int64_t nonzeros = all_nonzeros(bed.d), shared = apd_decomposition_group_nonzeros(bed.d);
    double tau_sum = block_tau_sum(bed.d, 0) + block_tau_sum(bed.d, 1);
    int64_t moved = apd_recentre_sigma(bed.d, rule);
    check_thetas_kept(bed.d, &before);
    check_none_moved(bed.d);
    for (int b = 0; b < 2; b++) {
        dense_block block;
        read_block(bed.d, b, &block);
        check_form(bed.d, b);
        check_support(&block);
    }
    assert_int_equal(apd_decomposition_group_nonzeros(bed.d), shared);
    if (rule == APD_RULE_COUNT)
        assert_true(all_nonzeros(bed.d) <= nonzeros);
    else
        assert_true(block_tau_sum(bed.d, 0) + block_tau_sum(bed.d, 1) < tau_sum);
    group_bed_clear(&bed);
    return moved;
}

static void sigma_both_rules_keep_thetas_beside_groups(void **state) {
    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        int64_t moved = 0;
        for (int tasks = 2; tasks <= 8; tasks++)
            moved += recentre_and_check((apd_recentre_rule)rule, tasks, tasks % 2 == 0);
        assert_true(moved > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(theta_with_groups_is_product_plus_shared_or_the_stored_value),
        cmocka_unit_test(shared_row_uses_the_given_sigma),
        cmocka_unit_test(counts_include_the_groups),
        cmocka_unit_test(tau_row_cache_finds_what_the_row_holds),
        cmocka_unit_test(tau_by_weight_point_is_where_the_task_needs_no_tau),
        cmocka_unit_test(retroactive_update_infinite_lambda2_keeps_every_bit_beside_groups),
        cmocka_unit_test(retroactive_update_sigma_comes_back_tau_is_as_before),
        cmocka_unit_test(retroactive_update_one_weight_changes_what_needs_an_entry_there),
        cmocka_unit_test(retroactive_update_finite_lambda2_is_the_closed_form_beside_groups),
        cmocka_unit_test(weight_count_rule_has_the_fewest_nonzeros_beside_groups),
        cmocka_unit_test(weight_median_rule_has_the_least_pull_beside_groups),
        cmocka_unit_test(weight_count_rule_never_adds_nonzeros_beside_groups),
        cmocka_unit_test(sigma_both_rules_keep_thetas_beside_groups),
    };
    return cmocka_run_group_tests_name("retroactive_update", tests, NULL, NULL);
}

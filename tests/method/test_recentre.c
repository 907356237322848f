/* Re-centring and the retroactive update, against brute force over all values that sigma could take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/clustering/recentre.h"
#include "method/solvers/retroactive_update.h"
#include "method_cases.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 6 };

typedef struct weight {
    int count;
    float values[MOST], masks[MOST], sigma;
} weight;

static int zeros_at(const weight *w, float s) {
    int zeros = 0;
    for (int i = 0; i < w->count; i++) {
        float product = w->masks[i] * s;
        zeros += product == w->values[i];
    }
    return zeros;
}

static double tau_sum_at(const weight *w, float s) {
    double sum = 0.0;
    for (int i = 0; i < w->count; i++)
        sum += fabs((double)w->values[i] - (double)w->masks[i] * (double)s);
    return sum;
}

/* Calls `visit` with every float within six steps of a breakpoint, and with the present sigma. */
static void each_candidate(const weight *w, void (*visit)(const weight *, float, void *), void *context) {
    visit(w, w->sigma, context);
    for (int i = 0; i < w->count; i++) {
        float s = (float)((double)w->values[i] / (double)w->masks[i]);
        for (int k = 0; k < 6; k++)
            s = nextafterf(s, -INFINITY);
        for (int k = 0; k < 13; k++, s = nextafterf(s, INFINITY))
            visit(w, s, context);
    }
}

typedef struct best {
    int zeros;
    double tau_sum;
} best;

static void best_count(const weight *w, float s, void *context) {
    best *found = context;
    int zeros = zeros_at(w, s);
    double tau_sum = tau_sum_at(w, s);
    if (zeros > found->zeros || (zeros == found->zeros && tau_sum < found->tau_sum))
        *found = (best){zeros, tau_sum};
}

static void best_pull(const weight *w, float s, void *context) {
    best *found = context;
    found->tau_sum = fmin(found->tau_sum, tau_sum_at(w, s));
}

/* Tasks sit at one of a few shared points, or anywhere. */
static weight random_weight(numbers *n) {
    weight w = {.count = 1 + below(n, MOST), .sigma = (float)between(n, -0.3, 0.3)};
    float points[3] = {w.sigma, (float)between(n, -0.3, 0.3), (float)between(n, -0.3, 0.3)};
    bool equal = below(n, 3) == 0;
    for (int i = 0; i < w.count; i++) {
        int at = below(n, 4);
        w.masks[i] = equal ? 0.5f : (float)between(n, 0.02, 0.98);
        w.values[i] = at < 3 ? w.masks[i] * points[at] : (float)between(n, -0.3, 0.3);
    }
    return w;
}

static void weight_count_rule_has_the_fewest_nonzeros(void **state) {
    (void)state;
    numbers n = numbers_of(1, 0);
    for (int k = 0; k < 50000; k++) {
        weight w = random_weight(&n);
        int scratch[MOST];
        float s = apd_recentre_weight(APD_RULE_COUNT, w.values, w.masks, NULL, w.count, w.sigma, scratch);
        best found = {.zeros = -1};
        each_candidate(&w, best_count, &found);
        assert_int_equal(zeros_at(&w, s), found.zeros);
        assert_near(tau_sum_at(&w, s), found.tau_sum, 1e-6); /* among equals within rounding */
    }
}

static void weight_count_rule_stays_when_nothing_is_gained(void **state) {
    (void)state;
    int scratch[MOST];
    const float masks[3] = {0.5f, 0.5f, 0.5f}, values[3] = {0.125f, 0.125f, 0.25f};
    /* two tasks at 0.25, where sigma is: not moved for the third */
    assert_true(apd_recentre_weight(APD_RULE_COUNT, values, masks, NULL, 3, 0.25f, scratch) == 0.25f);
    /* elsewhere: taken to the two */
    assert_true(apd_recentre_weight(APD_RULE_COUNT, values, masks, NULL, 3, 0.5f, scratch) == 0.25f);
    /* no two agree: the median has the least tau_sum */
    const float apart[3] = {0.125f, 0.375f, 0.25f};
    assert_true(apd_recentre_weight(APD_RULE_COUNT, apart, masks, NULL, 3, 0.25f, scratch) == 0.5f);
}

static void weight_median_rule_has_the_least_pull(void **state) {
    (void)state;
    numbers n = numbers_of(2, 0);
    for (int k = 0; k < 50000; k++) {
        weight w = random_weight(&n);
        int scratch[MOST];
        float s = apd_recentre_weight(APD_RULE_MEDIAN, w.values, w.masks, NULL, w.count, w.sigma, scratch);
        best found = {.tau_sum = INFINITY};
        each_candidate(&w, best_pull, &found);
        assert_near(tau_sum_at(&w, s), found.tau_sum, 1e-6);
        assert_true(tau_sum_at(&w, s) <= tau_sum_at(&w, w.sigma));
    }
}

static void weight_no_task_keeps_sigma(void **state) {
    (void)state;
    int scratch[1];
    const float none[1] = {0.0f};
    assert_true(apd_recentre_weight(APD_RULE_COUNT, none, none, NULL, 0, 0.25f, scratch) == 0.25f);
    assert_true(apd_recentre_weight(APD_RULE_MEDIAN, none, none, NULL, 0, 0.25f, scratch) == 0.25f);
}

/* --- whole decompositions ----------------------------------------------------------------------------------
 */

typedef struct toy_bed {
    apd_block blocks[TOY_BLOCKS];
    apd_layout layout;
    apd_decomposition *d;
} toy_bed;

static void bed_init(toy_bed *bed) {
    apd_rows rows[TOY_BLOCKS];
    bed->layout = toy_layout(bed->blocks);
    toy_rows(&bed->layout, 0, 3, rows);
    bed->d = apd_decomposition_create(&bed->layout, rows);
    fill_sigma(bed->d, 0.3);
}

/* `tasks` random ones; with `holes` a forgotten one at place 1 and a single one at place 2. */
static void bed_fill(toy_bed *bed, int tasks, bool holes, double density, bool ties, bool equal_masks) {
    bed_init(bed);
    for (int t = 0; t < tasks; t++) {
        append_random_task(bed->d, density, 0.2, ties, equal_masks);
        if (holes && t == 0) {
            append_random_task(bed->d, density, 0.2, ties, equal_masks);
            apd_task_part_destroy(bed->d, bed->d->tasks[1]);
            bed->d->tasks[1] = NULL;
            append_single_task(bed->d);
        }
    }
}

static void bed_clear(toy_bed *bed) {
    apd_decomposition_destroy(bed->d);
}

/* All thetas of a decomposition, (tasks, B, room) */
enum { ROOM = 40 };

static float *all_thetas(const apd_decomposition *d) {
    float *all = apd_allocate((int64_t)d->task_count * TOY_BLOCKS * ROOM, sizeof(float), "thetas"), bias[8];
    for (int t = 0; t < d->task_count; t++)
        for (int b = 0; b < TOY_BLOCKS && d->tasks[t] != NULL; b++)
            apd_decomposition_theta(d, t, b, all + (t * TOY_BLOCKS + b) * ROOM, bias);
    return all;
}

static int64_t all_nonzeros(const apd_decomposition *d) {
    int64_t sum = 0;
    for (int t = 0; t < d->task_count; t++)
        sum += apd_decomposition_nonzeros(d, t);
    return sum;
}

/* sum of |theta - mask*sigma| over decomposed tasks, from the thetas alone. */
static double all_tau_sum(const apd_decomposition *d) {
    float *thetas = all_thetas(d);
    double sum = 0.0;
    for (int t = 0; t < d->task_count; t++)
        for (int b = 0; b < TOY_BLOCKS && d->tasks[t] != NULL; b++) {
            int64_t cols = d->layout->blocks[b].cols;
            const float *mask = d->tasks[t]->blocks[b].mask;
            for (int64_t j = 0; mask != NULL && j < apd_local_rows(d, b) * cols; j++)
                sum += fabs((double)thetas[(t * TOY_BLOCKS + b) * ROOM + j] -
                            (double)mask[j / cols] * (double)d->sigma[b][j]);
        }
    free(thetas);
    return sum;
}

/* Entries are exactly the weights where theta is not mask*sigma, in ascending order. */
static void check_support(const apd_decomposition *d) {
    float *thetas = all_thetas(d);
    for (int t = 0; t < d->task_count; t++)
        for (int b = 0; b < TOY_BLOCKS && d->tasks[t] != NULL; b++) {
            const apd_task_block *part = &d->tasks[t]->blocks[b];
            int64_t cols = d->layout->blocks[b].cols;
            for (int64_t r = 0; part->mask != NULL && r < apd_local_rows(d, b); r++) {
                int64_t e = part->tau.offsets[r];
                for (int64_t c = 0; c < cols; c++) {
                    float product = part->mask[r] * d->sigma[b][r * cols + c];
                    if (thetas[(t * TOY_BLOCKS + b) * ROOM + r * cols + c] != product)
                        assert_int_equal(part->tau.columns[e++], c);
                }
                assert_int_equal(e, part->tau.offsets[r + 1]);
            }
        }
    free(thetas);
}

/* Returns how many weights moved. */
static int64_t recentre_and_check(apd_recentre_rule rule, int tasks, bool holes, bool ties,
                                  bool equal_masks) {
    toy_bed bed;
    bed_fill(&bed, tasks, holes, 0.4, ties, equal_masks);
    float *before = all_thetas(bed.d);
    int64_t nonzeros = all_nonzeros(bed.d), bytes = (int64_t)bed.d->task_count * TOY_BLOCKS * ROOM;
    double tau_sum = all_tau_sum(bed.d);
    int64_t moved = apd_recentre_sigma(bed.d, rule);
    float *after = all_thetas(bed.d);
    assert_memory_equal(before, after, (size_t)bytes * sizeof(float));
    for (int t = 0; t < bed.d->task_count; t++)
        assert_true(bed.d->tasks[t] == NULL || !bed.d->tasks[t]->moved);
    if (rule == APD_RULE_COUNT)
        assert_true(all_nonzeros(bed.d) <= nonzeros);
    else
        assert_true(all_tau_sum(bed.d) <= tau_sum);
    check_support(bed.d);
    free(after);
    free(before);
    bed_clear(&bed);
    return moved;
}

static void sigma_count_rule_keeps_thetas_and_never_adds_nonzeros(void **state) {
    (void)state;
    for (int tasks = 2; tasks <= MOST; tasks++) {
        int64_t moved = 0;
        for (int k = 0; k < 8; k++)
            moved += recentre_and_check(APD_RULE_COUNT, tasks, k & 1, k & 2, k & 4);
        assert_true(moved > 0);
    }
}

static void sigma_median_rule_keeps_thetas_and_never_adds_pull(void **state) {
    (void)state;
    for (int tasks = 2; tasks <= MOST; tasks++) {
        int64_t moved = 0;
        for (int k = 0; k < 8; k++)
            moved += recentre_and_check(APD_RULE_MEDIAN, tasks, k & 1, k & 2, k & 4);
        assert_true(moved > 0);
    }
}

/* Weight `j` of block 0 in all decomposed tasks. */
static weight weight_at(const apd_decomposition *d, const float *thetas, int64_t j) {
    weight w = {.sigma = d->sigma[0][j]};
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->blocks[0].mask != NULL) {
            w.masks[w.count] = d->tasks[t]->blocks[0].mask[j / 6];
            w.values[w.count++] = thetas[t * TOY_BLOCKS * ROOM + j];
        }
    return w;
}

/* What every weight becomes is what the rule says for it with all tasks in view. */
static void sigma_every_weight_has_the_fewest_nonzeros(void **state) {
    (void)state;
    for (int tasks = 2; tasks <= MOST; tasks++) {
        toy_bed bed;
        bed_fill(&bed, tasks, true, 0.5, true, false);
        float *thetas = all_thetas(bed.d);
        (void)apd_recentre_sigma(bed.d, APD_RULE_COUNT);
        for (int64_t j = 0; j < 30; j++) {
            weight w = weight_at(bed.d, thetas, j);
            assert_int_equal(w.count, tasks);
            best found = {.zeros = -1};
            each_candidate(&w, best_count, &found);
            assert_int_equal(zeros_at(&w, w.sigma), found.zeros);
            assert_near(tau_sum_at(&w, w.sigma), found.tau_sum, 1e-6);
        }
        free(thetas);
        bed_clear(&bed);
    }
}

/* A point that two of three tasks share, left by sigma: the case of every second task. */
static void sigma_returns_to_the_point_that_most_share(void **state) {
    (void)state;
    numbers n = numbers_of(3, 0);
    for (int k = 0; k < 20000; k++) {
        weight w = {.count = 3, .sigma = (float)between(&n, -0.3, 0.3)};
        float shared = (float)between(&n, -0.3, 0.3);
        for (int i = 0; i < 3; i++) {
            w.masks[i] = (float)between(&n, 0.02, 0.98);
            w.values[i] = w.masks[i] * (i < 2 ? shared : w.sigma);
        }
        int scratch[MOST];
        float s = apd_recentre_weight(APD_RULE_COUNT, w.values, w.masks, NULL, 3, w.sigma, scratch);
        assert_true(zeros_at(&w, s) >= 2);
    }
}

static void sigma_first_task_takes_all_of_theta(void **state) {
    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        toy_bed bed;
        bed_fill(&bed, 1, false, 0.6, false, false);
        float *before = all_thetas(bed.d);
        int64_t entries = apd_decomposition_nonzeros(bed.d, 0);
        assert_int_equal(apd_recentre_sigma(bed.d, (apd_recentre_rule)rule), entries);
        assert_int_equal(apd_decomposition_nonzeros(bed.d, 0), 0);
        assert_true(bed.d->tasks[0]->moved);
        float *after = all_thetas(bed.d);
        for (int64_t j = 0; j < TOY_BLOCKS * ROOM; j++)
            assert_true(after[j] == before[j] || after[j] == nextafterf(before[j], INFINITY) ||
                        after[j] == nextafterf(before[j], -INFINITY));
        free(after);
        free(before);
        bed_clear(&bed);
    }
}

static void sigma_nothing_to_centre_stays(void **state) {
    (void)state;
    toy_bed bed;
    for (int tasks = 0; tasks < 3; tasks++) {
        bed_fill(&bed, tasks, false, 0.0, false, false);
        assert_int_equal(apd_recentre_sigma(bed.d, APD_RULE_COUNT), 0);
        assert_int_equal(apd_recentre_sigma(bed.d, APD_RULE_MEDIAN), 0);
        bed_clear(&bed);
    }
    bed_init(&bed);
    append_single_task(bed.d); /* no decomposed task at all */
    append_random_task(bed.d, 0.5, 0.2, false, false);
    apd_task_part_destroy(bed.d, bed.d->tasks[1]);
    bed.d->tasks[1] = NULL;
    assert_int_equal(apd_recentre_sigma(bed.d, APD_RULE_COUNT), 0);
    bed_clear(&bed);
}

/* --- retroactive update ----------------------------------------------------------------------------------------------
 */

/* Move half of block 0's sigma; gives back what it was. */
static float *move_sigma(apd_decomposition *d, double by) {
    float *old = apd_allocate(30, sizeof(float), "old sigma");
    memcpy(old, d->sigma[0], 30 * sizeof(float));
    numbers n = numbers_of(9, 0);
    for (int64_t j = 0; j < 30; j += 2)
        d->sigma[0][j] += (float)between(&n, -by, by);
    return old;
}

static void retroactive_update_infinite_lambda2_keeps_every_bit(void **state) {
    (void)state;
    toy_bed bed;
    bed_fill(&bed, 5, true, 0.3, true, false);
    float *before = all_thetas(bed.d), *old = move_sigma(bed.d, 0.1);
    assert_int_equal(apd_retroactive_update(bed.d, 0, old, 0.0), 15);
    float *after = all_thetas(bed.d);
    assert_memory_equal(before, after, (size_t)bed.d->task_count * TOY_BLOCKS * ROOM * sizeof(float));
    for (int t = 0; t < bed.d->task_count; t++)
        assert_true(bed.d->tasks[t] == NULL || !bed.d->tasks[t]->moved);
    check_support(bed.d);
    free(after);
    free(old);
    free(before);
    bed_clear(&bed);
}

/* The two zeros are equal but have different bits. */
static void retroactive_update_sign_of_zero_is_kept(void **state) {
    (void)state;
    toy_bed bed;
    bed_fill(&bed, 2, false, 0.0, false, false);
    const float starts[4] = {0.0f, -0.0f, 0.0f, 0.25f}, ends[4] = {-0.0f, 0.0f, 0.25f, -0.0f};
    float old[30];
    memcpy(bed.d->sigma[0], starts, sizeof starts);
    memcpy(old, bed.d->sigma[0], sizeof old);
    float *before = all_thetas(bed.d);
    memcpy(bed.d->sigma[0], ends, sizeof ends);
    (void)apd_retroactive_update(bed.d, 0, old, 0.0);
    float *between_moves = all_thetas(bed.d);
    assert_memory_equal(before, between_moves, (size_t)2 * TOY_BLOCKS * ROOM * sizeof(float));
    memcpy(old, bed.d->sigma[0], sizeof old);
    memcpy(bed.d->sigma[0], starts, sizeof starts);
    (void)apd_retroactive_update(bed.d, 0, old, 0.0);
    float *after = all_thetas(bed.d);
    assert_memory_equal(before, after, (size_t)2 * TOY_BLOCKS * ROOM * sizeof(float));
    free(after);
    free(between_moves);
    free(before);
    bed_clear(&bed);
}

/* Finite lambda2: tau = soft(theta* - mask*sigma, k) whatever moved; no theta moves by more than k. */
static void retroactive_update_finite_lambda2_is_the_closed_form(void **state) {
    (void)state;
    const double thresholds[] = {2e-6, 1e-3, 0.05};
    for (int k = 0; k < 3; k++) {
        toy_bed bed;
        bed_fill(&bed, 5, true, 0.3, true, false);
        float *before = all_thetas(bed.d), *old = move_sigma(bed.d, 0.1);
        (void)apd_retroactive_update(bed.d, 0, old, thresholds[k]);
        float *after = all_thetas(bed.d);
        int zeros = 0;
        for (int t = 0; t < bed.d->task_count; t++) {
            const apd_task_part *part = bed.d->tasks[t];
            bool changed = false;
            for (int64_t j = 0; part != NULL && part->blocks[0].mask != NULL && j < 30; j++) {
                double theta = (double)before[t * TOY_BLOCKS * ROOM + j],
                       now = (double)after[t * TOY_BLOCKS * ROOM + j];
                float product = part->blocks[0].mask[j / 6] * bed.d->sigma[0][j];
                double shared = (double)part->blocks[0].mask[j / 6] * (double)bed.d->sigma[0][j];
                double tau = copysign(fmax(fabs(theta - shared) - thresholds[k], 0.0), theta - shared);
                assert_near(now, shared + tau, float_step(now));
                assert_near(now, theta, thresholds[k] + float_step(now));
                assert_true(tau != 0.0 || now == (double)product);
                zeros += tau == 0.0;
                changed = changed || now != theta;
            }
            assert_true(part == NULL || part->moved == changed);
        }
        assert_true(zeros > 0);
        check_support(bed.d);
        free(after);
        free(old);
        free(before);
        bed_clear(&bed);
    }
}

static void retroactive_update_unmoved_sigma_changes_nothing(void **state) {
    (void)state;
    toy_bed bed;
    bed_fill(&bed, 3, false, 0.4, false, false);
    float *old = move_sigma(bed.d, 0.0);
    int64_t nonzeros = all_nonzeros(bed.d);
    assert_int_equal(apd_retroactive_update(bed.d, 0, old, 0.0), 0);
    assert_int_equal(all_nonzeros(bed.d), nonzeros);
    free(old);
    bed_clear(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weight_count_rule_has_the_fewest_nonzeros),
        cmocka_unit_test(weight_count_rule_stays_when_nothing_is_gained),
        cmocka_unit_test(weight_median_rule_has_the_least_pull),
        cmocka_unit_test(weight_no_task_keeps_sigma),
        cmocka_unit_test(sigma_count_rule_keeps_thetas_and_never_adds_nonzeros),
        cmocka_unit_test(sigma_median_rule_keeps_thetas_and_never_adds_pull),
        cmocka_unit_test(sigma_every_weight_has_the_fewest_nonzeros),
        cmocka_unit_test(sigma_returns_to_the_point_that_most_share),
        cmocka_unit_test(sigma_first_task_takes_all_of_theta),
        cmocka_unit_test(sigma_nothing_to_centre_stays),
        cmocka_unit_test(retroactive_update_infinite_lambda2_keeps_every_bit),
        cmocka_unit_test(retroactive_update_sign_of_zero_is_kept),
        cmocka_unit_test(retroactive_update_finite_lambda2_is_the_closed_form),
        cmocka_unit_test(retroactive_update_unmoved_sigma_changes_nothing),
    };
    return cmocka_run_group_tests_name("recentre", tests, NULL, NULL);
}

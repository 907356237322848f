/* What locally shared parameters change elsewhere: theta, cells, the retroactive update, re-centring and both
 * solvers, with groups, against the definitions and the objective. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "group_cases.h"
#include "method/cells.h"
#include "method/recentre.h"
#include "method/retarget.h"
#include "solver_bench.h"

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
    int64_t entries = 0, bytes = apd_decomposition_bytes(bed.d), offsets = 3 * (5 + 1) + 3 * (4 + 1);
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
    assert_int_equal(bytes - apd_decomposition_bytes(bed.d), offsets * 8 + entries * 8);
    group_bed_clear(&bed);
}

static void cells_have_the_point_where_theta_less_its_group_needs_no_tau(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        group_bed bed;
        dense_block block;
        grouped_bed(&bed, 6, k & 1, 0.4, 40300 + 20 * k);
        int b = k / 2;
        read_block(bed.d, b, &block);
        int64_t found = 0;
        for (int64_t j = 0; j < block.size; j++) {
            apd_cell_row cells;
            apd_cell_row_build(bed.d, b, j / block.cols, &cells);
            int64_t cell = apd_cell_row_find(&cells, (int32_t)(j % block.cols)), strays = 0;
            for (int t = 0; t < MOST_TASKS; t++)
                strays += block.tau[t][j];
            assert_int_equal(cell >= 0, strays > 0);
            if (cell >= 0)
                assert_int_equal(cells.starts[cell + 1] - cells.starts[cell], strays);
            if (cell >= 0)
                apd_cell_sort(cells.entries + cells.starts[cell], strays);
            for (int64_t e = cell < 0 ? 0 : cells.starts[cell]; cell >= 0 && e < cells.starts[cell + 1];
                 e++, found++) {
                const apd_cell_entry *entry = &cells.entries[e];
                double mask = (double)bed.d->tasks[entry->task]->blocks[b].mask[j / block.cols];
                double group = (double)block.group[entry->task][j];
                double point = ((double)block.theta[entry->task][j] - group) / mask;
                assert_true(block.tau[entry->task][j]);
                assert_true(entry->theta == block.theta[entry->task][j] && (double)entry->group == group);
                assert_near(entry->point, point, 2.0 * float_step(point));
                assert_true(e == cells.starts[cell] || entry[-1].point <= entry->point);
            }
            apd_cell_row_clear(&cells);
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

static void retarget_infinite_lambda2_keeps_every_bit_beside_groups(void **state) {
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
        assert_int_equal(apd_retarget(bed.d, b, old, 0.0), (was.size + 1) / 2);
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
static void retarget_sigma_comes_back_tau_is_as_before(void **state) {
    (void)state;
    group_bed bed;
    dense_block was, is;
    float old[GROUP_ROOM], away[GROUP_ROOM];
    grouped_bed(&bed, 6, true, 0.3, 41100);
    read_block(bed.d, 0, &was);
    move_sigma(bed.d, 0, 0.1, old);
    (void)apd_retarget(bed.d, 0, old, 0.0);
    memcpy(away, bed.d->sigma[0], sizeof(float) * 30);
    memcpy(bed.d->sigma[0], old, sizeof(float) * 30);
    (void)apd_retarget(bed.d, 0, away, 0.0);
    read_block(bed.d, 0, &is);
    assert_memory_equal(is.tau, was.tau, sizeof is.tau);
    assert_memory_equal(is.theta, was.theta, sizeof is.theta);
    group_bed_clear(&bed);
}

/* tau = soft(theta* - mask*sigma - sigma_g, k); theta with tau = 0 is the shared part, to the bit. Returns
 * how many tau are 0. */
static int check_closed_form(const apd_decomposition *d, const dense_block *was, const dense_block *is, int t,
                             double k) {
    int zeros = 0;
    bool changed = false;
    for (int64_t j = 0; j < is->size; j++) {
        double mask = (double)d->tasks[t]->blocks[0].mask[j / is->cols];
        double shared = mask * (double)d->sigma[0][j] + (double)was->group[t][j];
        double theta = (double)was->theta[t][j], now = (double)is->theta[t][j];
        double tau = soft(theta - shared, k);
        double rounding = float_step(now) + float_step(mask * (double)d->sigma[0][j]) +
                          float_step((double)was->group[t][j]);
        if (fabs(fabs(theta - shared) - k) > 1e-9)
            assert_true((tau == 0.0) <= apd_same_bits(is->theta[t][j], is->plain[t][j]));
        assert_near(now, shared + tau, rounding);
        assert_near(now, theta, k + rounding);
        zeros += tau == 0.0;
        changed = changed || now != theta;
    }
    assert_int_equal(d->tasks[t]->moved, changed);
    return zeros;
}

static void retarget_finite_lambda2_is_the_closed_form_beside_groups(void **state) {
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
        (void)apd_retarget(bed.d, 0, old, thresholds[k / 2]);
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

static double pull_at(const weight *w, float s) {
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
        double pull = pull_at(&w, w.sigma);
        for (int i = 0; i < w.count; i++) {
            float point = (w.values[i] - w.groups[i]) / w.masks[i];
            int there = zeros_at(&w, point);
            pull =
                there > zeros ? pull_at(&w, point) : (there == zeros ? fmin(pull, pull_at(&w, point)) : pull);
            zeros = there > zeros ? there : zeros;
        }
        assert_int_equal(zeros_at(&w, s), zeros);
        assert_near(pull_at(&w, s), pull, 1e-6);
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
        double pull = pull_at(&w, w.sigma);
        assert_true(pull_at(&w, s) <= pull);
        for (int i = 0; i < w.count; i++)
            pull = fmin(pull, pull_at(&w, (w.values[i] - w.groups[i]) / w.masks[i]));
        assert_near(pull_at(&w, s), pull, 1e-6);
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
        assert_true(zeros_at(&w, s) > zeros_at(&w, w.sigma) ||
                    (zeros_at(&w, s) == zeros_at(&w, w.sigma) && pull_at(&w, s) <= pull_at(&w, w.sigma)));
    }
}

/* sum of |tau| of block b's decomposed tasks. */
static double block_pull(const apd_decomposition *d, int b) {
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
    double pull = block_pull(bed.d, 0) + block_pull(bed.d, 1);
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
        assert_true(block_pull(bed.d, 0) + block_pull(bed.d, 1) < pull);
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

/* --- the exact solver --------------------------------------------------------------------------------------
 */

/* The old tasks of weight j: theta less sigma_g, which is mask*sigma where tau is 0. */
static old_tasks old_beside_groups(const bench *on, const dense_block *block, const float *anchor, int j) {
    old_tasks old = {0};
    for (int t = 0; t < on->d->task_count; t++) {
        old.mask[old.count] = (double)on->d->tasks[t]->blocks[0].mask[j / COLS];
        old.theta[old.count] = block->tau[t][j] ? (double)block->theta[t][j] - (double)block->group[t][j]
                                                : old.mask[old.count] * (double)anchor[j];
        old.count++;
    }
    return old;
}

/* The derivative of (s-z)^2/(2*eta) + the old tasks' costs at s. */
static double slope_at(const apd_solver_settings *set, const old_tasks *old, double z, double eta, double s) {
    double sum = (s - z) / eta;
    for (int i = 0; i < old->count; i++) {
        double away = old->mask[i] * s - old->theta[i];
        double inside = isinf(set->lambda2) ? copysign(INFINITY, away) : 2.0 * set->lambda2 * away;
        sum += old->mask[i] * fmax(-set->lambda1, fmin(set->lambda1, inside));
    }
    return sum;
}

/* What rounding to float may do to sigma: its own place, the pull, and where a steep zone ends. */
static double blur(const apd_solver_settings *set, const old_tasks *old, double step, double eta, double s) {
    double pull = 0.0, curve = 0.0;
    for (int i = 0; i < old->count; i++) {
        pull += set->lambda1 * old->mask[i];
        if (isfinite(set->lambda2))
            curve = fmax(curve, 2.0 * set->lambda2 * old->mask[i] * old->mask[i]);
    }
    return 1e-5 * (fabs(step) + eta * pull) + (3.0 + 2.0 * eta * curve) * float_step(s);
}

typedef struct exact_reference {
    dense_block old; /* as the task began */
    float anchor[SIZE];
    double sigma[SIZE], logit[BLOCK_ROWS];
    adam sigma_adam[SIZE], logit_adam[BLOCK_ROWS];
    int moved, held; /* weights of all steps with strays */
} exact_reference;

static void exact_reference_init(exact_reference *ref, const bench *on) {
    memset(ref, 0, sizeof *ref);
    read_block(on->d, 0, &ref->old);
    for (int r = 0; r < BLOCK_ROWS; r++)
        ref->logit[r] = log(on->settings.mask_init / (1.0 - on->settings.mask_init));
    for (int j = 0; j < SIZE; j++) {
        ref->anchor[j] = on->d->sigma[0][j];
        ref->sigma[j] = (double)ref->anchor[j];
    }
}

/* sigma minimises: the slope changes its sign there. */
static void check_exact_step(exact_reference *ref, const bench *on, const float *gradient, int k) {
    const apd_solver_settings *set = &on->settings;
    for (int r = 0; r < BLOCK_ROWS; r++) {
        double mask = sigmoid(ref->logit[r]), logit_slope = 0.0;
        for (int j = r * COLS; j < (r + 1) * COLS; j++) {
            double direction, eta, g = (double)gradient[j], now = (double)apd_solver_sigma(on->solver, 0)[j];
            logit_slope += mask * (1.0 - mask) * g * ref->sigma[j];
            adam_move(&ref->sigma_adam[j], set, k, 1e-3, mask * g, &direction, &eta);
            old_tasks old = old_beside_groups(on, &ref->old, ref->anchor, j);
            double z = ref->sigma[j] - eta * direction;
            double tolerance = blur(set, &old, eta * direction, eta, now);
            assert_true(slope_at(set, &old, z, eta, now - tolerance) <= 0.0);
            assert_true(slope_at(set, &old, z, eta, now + tolerance) >= 0.0);
            ref->moved += now != ref->sigma[j];
            ref->held += now == ref->sigma[j];
            ref->sigma[j] = now;
        }
        ref->logit[r] -= adam_step_of(&ref->logit_adam[r], set, k, 1e-3, logit_slope);
    }
}

/* A task of 150 steps beside 10 old ones in groups; `end` looks at what became of them. */
static void exact_run(double lambda2, void (*end)(const bench *, const exact_reference *)) {
    static exact_reference ref;
    apd_solver_settings settings = usual;
    settings.lambda2 = lambda2;
    settings.lambda1 = 1e-4;
    bench on;
    float gradient[ROOM], bias[BLOCK_ROWS];
    bench_init(&on, APD_EXACT, &settings, 0, 3, 10, 0.3);
    give_usual_groups(on.d, 3, 0.1, 43000);
    apd_solver_begin_task(on.solver, 10, TOY_CLASSES);
    exact_reference_init(&ref, &on);
    for (int k = 1; k <= 150; k++) {
        apd_solver_begin_step(on.solver, 1e-3);
        fill_gradient(&on, 10, k, 0, 1e-3, gradient, bias);
        apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
        check_exact_step(&ref, &on, gradient, k);
    }
    assert_true(ref.moved > 100 && (isfinite(lambda2) || ref.held > 100));
    apd_solver_end_task(on.solver);
    end(&on, &ref);
    bench_clear(&on);
}

static void check_old_kept(const bench *on, const exact_reference *ref) {
    dense_block now;
    read_block(on->d, 0, &now);
    assert_memory_equal(now.theta, ref->old.theta, 10 * sizeof now.theta[0]);
    assert_memory_equal(now.shared, ref->old.shared, sizeof now.shared);
    check_support(&now);
    for (int t = 0; t < 10; t++)
        assert_false(on->d->tasks[t]->moved);
    assert_int_equal(on->d->tasks[10]->blocks[0].group, -1);
}

static void check_old_closed_form(const bench *on, const exact_reference *ref) {
    dense_block now;
    int zeros = 0;
    read_block(on->d, 0, &now);
    for (int t = 0; t < 10; t++)
        zeros +=
            check_closed_form(on->d, &ref->old, &now, t, on->settings.lambda1 / (2.0 * on->settings.lambda2));
    assert_true(zeros > 0);
}

static void exact_infinite_lambda2_solves_every_weight_beside_groups(void **state) {
    (void)state;
    exact_run(INFINITY, check_old_kept);
}

static void exact_finite_lambda2_solves_every_weight_beside_groups(void **state) {
    (void)state;
    exact_run(1.0, check_old_closed_form);
    exact_run(100.0, check_old_closed_form);
}

/* --- the joint solver --------------------------------------------------------------------------------------
 */

enum { OLD = 4 };

/* One weight of eq. 3's objective with a linear loss: what moves and what stays. */
typedef struct joint_weight {
    long double sigma, tau, old_tau[OLD];
    long double gradient, mask, old_mask[OLD], group[OLD], target[OLD];
} joint_weight;

static long double joint_objective(const joint_weight *w, const apd_solver_settings *set) {
    long double sum = w->gradient * (w->mask * w->sigma + w->tau) + set->lambda1 * fabsl(w->tau);
    for (int i = 0; i < OLD; i++) {
        long double left = w->target[i] - (w->old_mask[i] * w->sigma + w->group[i] + w->old_tau[i]);
        sum += set->lambda1 * fabsl(w->old_tau[i]) + set->lambda2 * left * left;
    }
    return sum;
}

static long double joint_difference(joint_weight *w, const apd_solver_settings *set, long double *number) {
    const long double h = 1e-8L, at = *number;
    *number = at + h;
    long double up = joint_objective(w, set);
    *number = at - h;
    long double down = joint_objective(w, set);
    *number = at;
    return (up - down) / (2.0L * h);
}

/* A step of gradient descent with rate 1 on sigma, tau and all old tau. */
static void joint_descend(joint_weight *w, const apd_solver_settings *set) {
    long double by_sigma = joint_difference(w, set, &w->sigma), by_tau = joint_difference(w, set, &w->tau);
    long double by_old[OLD];
    for (int i = 0; i < OLD; i++)
        by_old[i] = joint_difference(w, set, &w->old_tau[i]);
    w->sigma -= by_sigma;
    w->tau -= by_tau;
    for (int i = 0; i < OLD; i++)
        w->old_tau[i] -= by_old[i];
}

static joint_weight joint_weight_of(const bench *on, const dense_block *block, int j) {
    joint_weight w = {.sigma = (long double)on->d->sigma[0][j], .mask = on->settings.mask_init};
    for (int i = 0; i < OLD; i++) {
        w.old_mask[i] = (long double)on->d->tasks[i]->blocks[0].mask[j / COLS];
        w.group[i] = (long double)block->group[i][j];
        w.target[i] = w.old_mask[i] * w.sigma + w.group[i];
        if (block->tau[i][j])
            w.target[i] = (long double)block->theta[i][j];
        w.old_tau[i] = w.target[i] - w.old_mask[i] * w.sigma - w.group[i];
    }
    return w;
}

/* Old theta is mask*sigma + sigma_g + tau, with tau cut at lambda1. */
static void joint_check_old(const bench *on, const joint_weight *weights) {
    dense_block now;
    int cut = 0, kept = 0;
    read_block(on->d, 0, &now);
    for (int j = 0; j < SIZE; j++)
        for (int i = 0; i < OLD; i++) {
            const joint_weight *w = &weights[j];
            double tau = (double)w->old_tau[i], plain = (double)(w->old_mask[i] * w->sigma + w->group[i]);
            if (fabs(fabs(tau) - on->settings.lambda1) < 1e-5)
                continue; /* either way is right to rounding */
            bool keep = fabs(tau) > on->settings.lambda1;
            cut += !keep && now.group[i][j] != 0.0f;
            kept += keep && now.group[i][j] != 0.0f;
            assert_int_equal(now.tau[i][j], keep);
            assert_near(now.theta[i][j], plain + (keep ? tau : 0.0), 2e-6);
        }
    assert_true(cut > 0 && kept > 0);
}

/* With a huge epsilon and no momentum Adam is gradient descent. */
static void joint_steps_descend_the_objective_with_groups(void **state) {
    (void)state;
    apd_solver_settings settings = usual;
    settings.lambda1 = 1e-3;
    settings.lambda2 = 0.05;
    settings.beta1 = 0.0;
    settings.epsilon = 1e6;
    settings.mask_init = 1.0 - 1e-6; /* it stays: its slope is m*(1-m) */
    bench on;
    dense_block block;
    joint_weight weights[SIZE];
    float gradient[ROOM] = {0}, bias[BLOCK_ROWS] = {0};
    bench_init(&on, APD_JOINT, &settings, 0, 3, OLD, 0.5);
    give_usual_groups(on.d, 2, 0.1, 44000);
    read_block(on.d, 0, &block);
    for (int j = 0; j < SIZE; j++) {
        numbers n = weight_numbers(on.d, 45000, 0, 0, j);
        weights[j] = joint_weight_of(&on, &block, j);
        gradient[j] = (float)between(&n, -0.02, 0.02);
        weights[j].gradient = (long double)gradient[j];
    }
    apd_solver_begin_task(on.solver, OLD, TOY_CLASSES);
    for (int k = 0; k < 6; k++) {
        apd_solver_begin_step(on.solver, 1e6);
        apd_solver_step(on.solver, 0, gradient, bias, on.weights[0], on.bias[0]);
        for (int j = 0; j < SIZE; j++) {
            joint_descend(&weights[j], &settings);
            assert_near(apd_solver_sigma(on.solver, 0)[j], weights[j].sigma, 1e-6);
        }
    }
    apd_solver_end_task(on.solver);
    joint_check_old(&on, weights);
    bench_clear(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(theta_with_groups_is_product_plus_shared_or_the_stored_value),
        cmocka_unit_test(shared_row_uses_the_given_sigma),
        cmocka_unit_test(counts_include_the_groups),
        cmocka_unit_test(cells_have_the_point_where_theta_less_its_group_needs_no_tau),
        cmocka_unit_test(retarget_infinite_lambda2_keeps_every_bit_beside_groups),
        cmocka_unit_test(retarget_sigma_comes_back_tau_is_as_before),
        cmocka_unit_test(retarget_finite_lambda2_is_the_closed_form_beside_groups),
        cmocka_unit_test(weight_count_rule_has_the_fewest_nonzeros_beside_groups),
        cmocka_unit_test(weight_median_rule_has_the_least_pull_beside_groups),
        cmocka_unit_test(weight_count_rule_never_adds_nonzeros_beside_groups),
        cmocka_unit_test(sigma_both_rules_keep_thetas_beside_groups),
        cmocka_unit_test(exact_infinite_lambda2_solves_every_weight_beside_groups),
        cmocka_unit_test(exact_finite_lambda2_solves_every_weight_beside_groups),
        cmocka_unit_test(joint_steps_descend_the_objective_with_groups),
    };
    return cmocka_run_group_tests_name("retarget", tests, NULL, NULL);
}

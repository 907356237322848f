/* The one-dimensional problem, against brute force: the objective is piecewise quadratic and convex, so the
 * least of its values at every breakpoint and at the stationary point of every interval is its minimum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "method/solvers/proximal.h"
#include "method_cases.h"

#include <stdlib.h>

enum { MOST_TASKS = 60, MOST_ENDS = 2 * MOST_TASKS + 2 };

/* Every task by itself, the ones at the centre too. */
typedef struct problem {
    double z, eta, lambda1, lambda2, centre;
    int count, off_centre;
    double points[MOST_TASKS],
        masks[MOST_TASKS]; /* the first `off_centre` are away from the centre, ascending */
} problem;

static long double half_width(const problem *p, int i) {
    return isinf(p->lambda2) ? 0.0L : (long double)p->lambda1 / (2.0L * p->lambda2 * p->masks[i]);
}

/* The sum of the old tasks' functions. */
static long double subgradient_at(const problem *p, long double s) {
    long double sum = 0.0L;
    for (int i = 0; i < p->count; i++) {
        long double far = fabsl(s - p->points[i]), half = half_width(p, i), m = p->masks[i];
        sum += far < half ? p->lambda2 * m * m * far * far : p->lambda1 * m * (far - half / 2.0L);
    }
    return sum;
}

static long double objective_at(const problem *p, long double s) {
    return (s - p->z) * (s - p->z) / (2.0L * p->eta) + subgradient_at(p, s);
}

static int by_value(const void *left, const void *right) {
    long double a = *(const long double *)left, b = *(const long double *)right;
    return (a > b) - (a < b);
}

static int zone_ends(const problem *p, long double *ends) {
    int count = 0;
    for (int i = 0; i < p->count; i++) {
        ends[count++] = p->points[i] - half_width(p, i);
        ends[count++] = p->points[i] + half_width(p, i);
    }
    qsort(ends, (size_t)count, sizeof *ends, by_value);
    return count;
}

/* Where the objective would be least if it were everywhere as between low and high. */
static long double stationary(const problem *p, long double low, long double high) {
    long double middle = (low + high) / 2.0L, slope = (middle - p->z) / p->eta, curve = 1.0L / p->eta;
    for (int i = 0; i < p->count; i++) {
        long double away = middle - p->points[i], m = p->masks[i];
        if (fabsl(away) < half_width(p, i)) {
            slope += 2.0L * p->lambda2 * m * m * away;
            curve += 2.0L * p->lambda2 * m * m;
        } else {
            slope += away > 0.0L ? p->lambda1 * m : -p->lambda1 * m;
        }
    }
    return fminl(fmaxl(middle - slope / curve, low), high);
}

static double brute_force(const problem *p) {
    long double ends[MOST_ENDS + 2], best = p->z, least;
    int count = zone_ends(p, ends + 1);
    ends[0] = fminl(count > 0 ? ends[1] : 0.0L, p->z) - 1e6L;
    ends[count + 1] = fmaxl(count > 0 ? ends[count] : 0.0L, p->z) + 1e6L;
    least = objective_at(p, best);
    for (int k = 0; k <= count; k++) {
        long double tries[2] = {ends[k + 1], stationary(p, ends[k], ends[k + 1])};
        for (int i = 0; i < 2; i++)
            if (objective_at(p, tries[i]) < least) {
                best = tries[i];
                least = objective_at(p, best);
            }
    }
    return (double)best;
}

static float solve(const problem *p, apd_linear_piece *piece) {
    apd_breakpoint off_centre[MOST_TASKS];
    double centre_masks = 0.0;
    for (int i = 0; i < p->off_centre; i++) {
        bool any_order = isinf(p->lambda2) && p->off_centre > APD_FEW_OFF_CENTRE && p->off_centre % 7 != 0;
        int k = any_order ? (i * 7 + 3) % p->off_centre : i;
        off_centre[i] = (apd_breakpoint){p->points[k], p->masks[k]};
    }
    for (int i = p->off_centre; i < p->count; i++)
        centre_masks += p->masks[i];
    if (isinf(p->lambda2))
        return apd_proximal_absolute((float)p->z, (float)p->eta, p->lambda1, (float)p->centre,
                                     p->lambda1 * centre_masks, off_centre, p->off_centre, piece);
    apd_huber_row row;
    apd_huber_row_init(&row, p->lambda1, p->lambda2, p->masks, p->count);
    float s = apd_proximal_huber((float)p->z, (float)p->eta, p->lambda1, p->lambda2, (float)p->centre, &row,
                                 off_centre, p->off_centre, piece);
    apd_huber_row_clear(&row);
    return s;
}

static double total_curve(const problem *p) {
    double curve = 0.0;
    for (int i = 0; i < p->count && isfinite(p->lambda2); i++)
        curve += 2.0 * p->lambda2 * p->masks[i] * p->masks[i];
    return curve;
}

/* The derivative of the sum at x by central differences with a step that stays on the piece. */
static double slope_by_difference(const problem *p, double x, double step) {
    return (double)((subgradient_at(p, (long double)x + step) - subgradient_at(p, (long double)x - step)) /
                    (2.0L * step));
}

static double one_sided(const problem *p, double x, double step) {
    return (double)((subgradient_at(p, (long double)x + step) - subgradient_at(p, x)) / step);
}

/* Whether the derivative on the piece is what a and b say. Ends were rounded to float, so a piece of few
 * floats cannot be probed. */
static void check_piece(const problem *p, const apd_linear_piece *piece, double s) {
    double scale = 0.0, low = (double)piece->low, high = (double)piece->high;
    for (int i = 0; i < p->count; i++)
        scale += p->lambda1 * p->masks[i];
    assert_true(low <= s && s <= high);
    if (isinf(p->lambda2) && low == high) {
        double step = 1e-9; /* points lie on a coarser grid */
        assert_near(one_sided(p, low, -step), (double)piece->a, 1e-6 * scale);
        assert_near(one_sided(p, low, step), (double)piece->b, 1e-6 * scale);
        return;
    }
    double end = isfinite(low) ? low : (isfinite(high) ? high : s);
    double far_low = isfinite(low) ? low : end - 1.0, far_high = isfinite(high) ? high : end + 1.0;
    double width = far_high - far_low, blur = fmax(float_step(low), float_step(high));
    if (isinf(blur) || isnan(blur))
        blur = float_step(end);
    if (width < 100.0 * blur)
        return;
    for (int k = 1; k <= 3; k++) {
        double x = far_low + 0.25 * k * width;
        double slope = isinf(p->lambda2) ? 0.0 : (double)piece->b;
        assert_near(slope_by_difference(p, x, width / 16.0), (double)piece->a + slope * (x - end),
                    1e-5 * scale + 2.0 * blur * total_curve(p));
    }
    if (isinf(p->lambda2))
        assert_true(piece->a == piece->b);
}

static void check(const problem *p) {
    apd_linear_piece piece;
    double s = (double)solve(p, &piece), expected = brute_force(p);
    if (!(fabs(s - expected) <= 2.0 * float_step(expected) + 1e-12))
        fail_msg("z %.9g eta %.9g lambda1 %g lambda2 %g centre %.9g tasks %d off_centre %d: %.9g, not %.9g",
                 p->z, p->eta, p->lambda1, p->lambda2, p->centre, p->count, p->off_centre, s, expected);
    check_piece(p, &piece, s);
}

static int stray_order(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A random problem. Points lie on a grid of 1/1024, so that ties are frequent and differences are not tiny.
 */
static problem random_problem(numbers *n, int most, double lambda2) {
    problem p = {.lambda1 = magnitude(n, 1e-4, 1e-2), .lambda2 = lambda2};
    bool equal = below(n, 3) == 0;
    p.centre = (double)(below(n, 200) - 100) / 1024.0;
    p.count = below(n, most + 1);
    p.off_centre = p.count > 0 ? below(n, p.count + 1) : 0;
    int spread = below(n, 2) == 0 ? 5 : 300;
    for (int i = 0; i < p.count; i++) {
        p.masks[i] = equal ? 0.5 : between(n, 0.02, 0.98);
        p.points[i] = p.centre;
        if (i < p.off_centre)
            p.points[i] += (double)(below(n, 2 * spread + 1) - spread) / 1024.0;
    }
    qsort(p.points, (size_t)p.off_centre, sizeof p.points[0], stray_order);
    p.eta = (double)(float)magnitude(n, 1e-6, 1e5);
    double reach = below(n, 3) == 0 ? 10.0 : (below(n, 2) == 0 ? 0.3 : 0.003);
    p.z = (double)(float)(p.centre + between(n, -reach, reach));
    return p;
}

static void many_problems(uint32_t stream, int most, double lambda2, int repeats) {
    numbers n = numbers_of(stream, 0);
    for (int k = 0; k < repeats; k++) {
        problem p = random_problem(&n, most, lambda2);
        check(&p);
    }
}

static void absolute_few_tasks_is_the_minimum(void **state) {
    (void)state;
    many_problems(1, 3, INFINITY, 20000);
}

static void absolute_many_tasks_is_the_minimum(void **state) {
    (void)state;
    many_problems(2, MOST_TASKS, INFINITY, 2000);
}

static void huber_few_tasks_is_the_minimum(void **state) {
    (void)state;
    const double lambda2[] = {1.0, 100.0, 1e4};
    for (uint32_t k = 0; k < 3; k++)
        many_problems(10 + k, 3, lambda2[k], 10000);
}

static void huber_many_tasks_is_the_minimum(void **state) {
    (void)state;
    const double lambda2[] = {1.0, 100.0, 1e4};
    for (uint32_t k = 0; k < 3; k++)
        many_problems(20 + k, MOST_TASKS, lambda2[k], 1000);
}

/* --- cases that random numbers seldom meet -----------------------------------------------------------------
 */

static void no_task_leaves_z_alone(void **state) {
    (void)state;
    const double lambda2[] = {INFINITY, 1.0, 1e4};
    for (int k = 0; k < 3; k++) {
        problem p = {.z = -0.125, .eta = 3.0, .lambda1 = 1e-3, .lambda2 = lambda2[k], .centre = 0.5};
        apd_linear_piece piece;
        assert_true(solve(&p, &piece) == -0.125f);
        check(&p);
    }
}

static void all_strays_at_one_point_hold_it_as_one(void **state) {
    (void)state;
    const double lambda2[] = {INFINITY, 1.0, 100.0, 1e4};
    for (int k = 0; k < 4; k++)
        for (int z = -20; z <= 20; z++) {
            problem p = {.z = z / 64.0, .eta = 4.0, .lambda1 = 1e-2, .lambda2 = lambda2[k], .centre = 0.25};
            p.count = p.off_centre = 7;
            for (int i = 0; i < p.count; i++) {
                p.points[i] = 0.125;
                p.masks[i] = 0.5;
            }
            check(&p);
        }
}

static void strays_at_the_centre_count_with_it(void **state) {
    (void)state;
    const double lambda2[] = {INFINITY, 1.0, 100.0, 1e4};
    for (int k = 0; k < 4; k++)
        for (int z = -20; z <= 20; z++) {
            problem p = {.z = z / 64.0, .eta = 2.0, .lambda1 = 1e-2, .lambda2 = lambda2[k], .centre = 0.125};
            p.count = 5;
            p.off_centre = 3;
            const double points[5] = {0.0, 0.125, 0.125, 0.125, 0.125};
            for (int i = 0; i < p.count; i++) {
                p.points[i] = points[i];
                p.masks[i] = 0.25 + 0.125 * i;
            }
            check(&p);
        }
}

static void huge_eta_gives_the_old_tasks_own_minimum(void **state) {
    (void)state;
    problem p = {.z = 50.0, .eta = 1e5, .lambda1 = 1e-2, .lambda2 = INFINITY, .centre = 0.0};
    p.count = 3;
    p.off_centre = 2;
    p.points[0] = -0.5, p.points[1] = 0.25, p.points[2] = 0.0;
    p.masks[0] = 0.75, p.masks[1] = 0.25, p.masks[2] = 0.25;
    apd_linear_piece piece;
    assert_true(solve(&p, &piece) == -0.5f); /* 0.75 outweighs 0.25 + 0.25 */
    p.masks[0] = 0.375;
    assert_true(solve(&p, &piece) == 0.0f);
}

static void tiny_eta_stays_at_z(void **state) {
    (void)state;
    const double lambda2[] = {INFINITY, 100.0};
    for (int k = 0; k < 2; k++) {
        problem p = {.z = 0.3125, .eta = 1e-6, .lambda1 = 1e-3, .lambda2 = lambda2[k], .centre = 0.0};
        p.count = 1;
        p.masks[0] = 0.5;
        apd_linear_piece piece;
        assert_near((double)solve(&p, &piece), 0.3125, 1e-8);
        check(&p);
    }
}

static void soft_matches_its_definition(void **state) {
    (void)state;
    numbers n = numbers_of(30, 0);
    for (int i = 0; i < 10000; i++) {
        float x = (float)between(&n, -2.0, 2.0), k = (float)(below(&n, 4) == 0 ? 0.0 : between(&n, 0.0, 2.0));
        double expected = copysign(fmax(fabs((double)x) - (double)k, 0.0), (double)x);
        assert_near((double)apd_soft(x, k), expected, 1e-7);
        assert_true((apd_soft(x, k) == 0.0f) == (expected == 0.0));
    }
    assert_true(apd_soft(0.5f, 0.5f) == 0.0f && apd_soft(-0.5f, 0.5f) == 0.0f &&
                apd_soft(0.0f, 0.0f) == 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absolute_few_tasks_is_the_minimum),
        cmocka_unit_test(absolute_many_tasks_is_the_minimum),
        cmocka_unit_test(huber_few_tasks_is_the_minimum),
        cmocka_unit_test(huber_many_tasks_is_the_minimum),
        cmocka_unit_test(no_task_leaves_z_alone),
        cmocka_unit_test(all_strays_at_one_point_hold_it_as_one),
        cmocka_unit_test(strays_at_the_centre_count_with_it),
        cmocka_unit_test(huge_eta_gives_the_old_tasks_own_minimum),
        cmocka_unit_test(tiny_eta_stays_at_z),
        cmocka_unit_test(soft_matches_its_definition),
    };
    return cmocka_run_group_tests_name("proximal", tests, NULL, NULL);
}

/* Tasks whose numbers are coded (method/solvers/stored.h): what the last step shows is what is kept, in as few bits as were asked
 * for, and finished tasks stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/half.h"
#include "base/memory.h"
#include "method/clustering/recentre.h"
#include "method/solvers/stored.h"
#include "solver_bench.h"

#include <math.h>
#include <stdlib.h>

static const char *const coded_methods[] = {"apd", "apd-retro", "apd-fixed"};
enum { METHODS = 3, TASKS = 4, STEPS = 12, POLISHED = 8 };

static void train(bench *on, int task, double scale) {
    apd_solver_begin_task(on->solver, task, 2 + task % 2);
    for (int k = 0; k < STEPS; k++) {
        if (k == POLISHED)
            assert_true(apd_solver_begin_polish(on->solver));
        random_step(on, task, k, scale);
    }
    assert_false(apd_solver_begin_polish(on->solver));
}

static bool is_half(float x) {
    return apd_half_value(apd_half_bits(x)) == x;
}

static void check_halves(const float *all, int64_t count) {
    for (int64_t i = 0; i < count && all != NULL; i++)
        assert_true(is_half(all[i]));
}

/* Whether a row's own theta are integers of `bits` bits times some power of two: by trying them all. */
static bool fits_grid(const float *values, int64_t count, int bits) {
    const double most = ldexp(1.0, bits - 1) - 1.0;
    for (int k = -120; k < 40; k++) {
        bool fits = true;
        for (int64_t e = 0; e < count && fits; e++) {
            double integer = ldexp((double)values[e], -k);
            fits = integer == rint(integer) && fabs(integer) <= most;
        }
        if (fits)
            return true;
    }
    return false;
}

static void end_task_keeps_what_the_last_step_showed(void **state) {
    (void)state;
    for (int m = 0; m < METHODS; m++)
        for (int bits = 3; bits <= 16; bits += 1 + (bits > 6)) {
            bench on;
            apd_solver_settings settings = usual;
            float theta[ROOM], bias[BLOCK_ROWS];
            int64_t entries = 0;
            settings.coded = true;
            settings.tau_bits = bits;
            settings.lambda1 = 1e-4;
            bench_init(&on, apd_method_find(coded_methods[m]), &settings, 0, 3, 0, 0.0);
            for (int task = 0; task < TASKS; task++) {
                train(&on, task, 3e-3);
                apd_solver_end_task(on.solver);
                for (int b = 0; b < TOY_BLOCKS; b++) {
                    const apd_task_block *kept = &on.d->tasks[task]->blocks[b];
                    int64_t rows = apd_local_rows(on.d, b), cols = on.layout->blocks[b].cols;
                    apd_decomposition_theta(on.d, task, b, theta, bias);
                    assert_memory_equal(theta, on.weights[b], (size_t)(rows * cols) * sizeof(float));
                    assert_memory_equal(bias, on.bias[b], (size_t)rows * sizeof(float));
                    check_halves(on.d->sigma[b], rows * cols);
                    check_halves(kept->mask, rows);
                    check_halves(kept->bias, rows);
                    check_halves(kept->dense, rows * cols);
                    for (int64_t r = 0; kept->mask != NULL && r < rows; r++) {
                        int64_t first = kept->tau.offsets[r], count = kept->tau.offsets[r + 1] - first;
                        assert_true(fits_grid(kept->tau.values + first, count, bits));
                        entries += count;
                    }
                }
            }
            assert_true(entries > 10);
            bench_clear(&on);
        }
}

/* sigma moves, tasks are re-centred: no bit of any theta changes, and every entry is an own one or mask * 16 bits. */
static void finished_tasks_keep_every_bit(void **state) {
    (void)state;
    for (int m = 0; m < METHODS; m++)
        for (int rule = 0; rule < 2; rule++) {
            bench on;
            apd_solver_settings settings = usual;
            float then[TASKS][TOY_BLOCKS][ROOM], now[ROOM], bias[BLOCK_ROWS];
            int64_t former = 0, others = 0;
            settings.coded = true;
            settings.tau_bits = 6;
            settings.sigma_tasks = 2;
            bench_init(&on, apd_method_find(coded_methods[m]), &settings, 0, 3, 0, 0.0);
            for (int task = 0; task < TASKS; task++) {
                train(&on, task, 1e-2);
                apd_solver_end_task(on.solver);
                for (int b = 0; b < TOY_BLOCKS; b++)
                    apd_decomposition_theta(on.d, task, b, then[task][b], bias);
                if (task == 0 || m < 2) /* apd-fixed re-centres after the first task alone */
                    (void)apd_recentre_sigma(on.d, rule == 0 ? APD_RULE_COUNT : APD_RULE_MEDIAN);
                for (int old = 0; old <= task; old++)
                    for (int b = 0; b < TOY_BLOCKS; b++) {
                        int64_t size = apd_local_rows(on.d, b) * on.layout->blocks[b].cols;
                        apd_decomposition_theta(on.d, old, b, now, bias);
                        assert_memory_equal(now, then[old][b], (size_t)size * sizeof(float));
                        check_halves(on.d->sigma[b], size);
                    }
            }
            for (int t = 0; t < TASKS; t++)
                for (int b = 0; b < TOY_BLOCKS; b++) {
                    const apd_task_block *kept = &on.d->tasks[t]->blocks[b];
                    for (int64_t r = 0; kept->mask != NULL && r < apd_local_rows(on.d, b); r++)
                        for (int64_t e = kept->tau.offsets[r]; e < kept->tau.offsets[r + 1]; e++) {
                            float value = kept->tau.values[e], number = apd_half(value / kept->mask[r]);
                            bool is_former = kept->mask[r] * number == value;
                            former += is_former;
                            others += !is_former;
                            assert_true(is_former || fits_grid(&value, 1, 6));
                        }
                }
            assert_true(m == 2 || (former > 10 && others > 10));
            bench_clear(&on);
        }
}

/* The nearest integers, by hand: bits 3, so -3 .. 3; the largest of the entries, 1.5, needs the unit 1/2. */
static void row_is_rounded_to_the_rows_unit(void **state) {
    (void)state;
    const float sigma[] = {2.0f, 1.0f, 1.0f / 3.0f, -1.0f, 0.0f}, tau[] = {0.0f, 1.0f, 0.0f, -0.3f, 0.2f};
    float theta[5];
    apd_stored_row(3, 16, false, 0.5f, sigma, tau, 5, theta);
    const float expected[] = {1.0f, 1.5f, 0.5f * apd_half(1.0f / 3.0f), -1.0f,
                              0.0f}; /* -0.8/0.5 = -1.6 -> -2 */
    assert_memory_equal(theta, expected, sizeof expected);
    apd_stored_row(3, 16, true, 0.5f, sigma, tau, 5, theta);
    const float whole[] = {1.0f, 1.5f, 0.0f, -1.0f, 0.0f}; /* 0.5/3/0.5 = 0.33 -> 0 */
    assert_memory_equal(theta, whole, sizeof whole);
    assert_true(apd_stored_mask(0.9999f) < 1.0f && apd_stored_mask(1e-12f) > 0.0f &&
                apd_stored_mask(0.5f) == 0.5f);
}

/* By hand: bits 4, so -7 .. 7; 3.2 needs the unit 1/2. Rounding again, in place, changes nothing. */
static void sigma_of_few_bits_is_rounded_to_the_rows_unit(void **state) {
    (void)state;
    const float sigma[] = {3.2f, -1.0f, 0.2f, 0.3f, -1.3f}, expected[] = {3.0f, -1.0f, 0.0f, 0.5f, -1.5f};
    float stored[5];
    apd_stored_sigma(4, sigma, 5, stored);
    assert_memory_equal(stored, expected, sizeof expected);
    apd_stored_sigma(4, stored, 5, stored);
    assert_memory_equal(stored, expected, sizeof expected);
    apd_stored_sigma(0, sigma, 5, stored);
    assert_memory_equal(stored, sigma, sizeof sigma);
}

/* The last task that trains sigma leaves it on its rows' grids, and no task changes when it does. */
static void sigma_of_few_bits_rests_on_its_grid(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    float then[TASKS][TOY_BLOCKS][ROOM], now[ROOM], bias[BLOCK_ROWS];
    settings.coded = true;
    settings.tau_bits = 6;
    settings.sigma_bits = 5;
    settings.sigma_tasks = 2;
    bench_init(&on, apd_method_find("apd-fixed"), &settings, 0, 3, 0, 0.0);
    assert_true(on.d->sigma_coded);
    for (int task = 0; task < TASKS; task++) {
        train(&on, task, 1e-2);
        apd_solver_end_task(on.solver);
        for (int b = 0; b < TOY_BLOCKS; b++) {
            const int64_t rows = apd_local_rows(on.d, b), cols = on.layout->blocks[b].cols;
            apd_decomposition_theta(on.d, task, b, then[task][b], bias);
            assert_memory_equal(then[task][b], on.weights[b], (size_t)(rows * cols) * sizeof(float));
            for (int64_t r = 0; on.d->sigma[b] != NULL && r < rows; r++)
                assert_true(fits_grid(on.d->sigma[b] + r * cols, cols, 5));
            for (int old = 0; old < task; old++) {
                apd_decomposition_theta(on.d, old, b, now, bias);
                assert_memory_equal(now, then[old][b], (size_t)(rows * cols) * sizeof(float));
            }
        }
    }
    bench_clear(&on);
}

/* A task after which sigma moves on has all weights in few bits, and keeps them; its former sigma is stored nowhere. */
static void task_before_sigma_moves_is_stored_whole(void **state) {
    (void)state;
    bench on;
    apd_solver_settings settings = usual;
    settings.coded = true;
    settings.tau_bits = 6;
    settings.sigma_tasks = 2;
    bench_init(&on, apd_method_find("apd-fixed"), &settings, 0, 3, 0, 0.0);
    float then[ROOM], now[ROOM], bias[BLOCK_ROWS];
    for (int task = 0; task < 3; task++) {
        train(&on, task, 1e-2);
        apd_solver_end_task(on.solver);
        if (task == 0)
            apd_decomposition_theta(on.d, 0, 0, then, bias);
    }
    apd_decomposition_theta(on.d, 0, 0, now, bias);
    const int64_t rows = apd_local_rows(on.d, 0), cols = on.layout->blocks[0].cols;
    assert_memory_equal(now, then, (size_t)(rows * cols) * sizeof(float));
    int64_t off_grid[3] = {0};
    for (int t = 0; t < 3; t++) {
        apd_decomposition_theta(on.d, t, 0, now, bias);
        for (int64_t r = 0; r < rows; r++)
            off_grid[t] += !fits_grid(now + r * cols, cols, 6);
    }
    assert_int_equal(off_grid[0], 0);
    assert_true(off_grid[1] > 0 && off_grid[2] > 0);
    bench_clear(&on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_before_sigma_moves_is_stored_whole),
        cmocka_unit_test(end_task_keeps_what_the_last_step_showed),
        cmocka_unit_test(finished_tasks_keep_every_bit),
        cmocka_unit_test(row_is_rounded_to_the_rows_unit),
        cmocka_unit_test(sigma_of_few_bits_is_rounded_to_the_rows_unit),
        cmocka_unit_test(sigma_of_few_bits_rests_on_its_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which entries of tau a budget of bytes leaves (method/solvers/budget.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/solvers/budget.h"
#include "solver_bench.h"

#include <math.h>
#include <stdlib.h>

static double bits_of(int64_t entries, int bits, int64_t weights) {
    return (double)entries * (bits + 2.0 + log2((double)weights / (double)entries));
}

static void entries_are_the_most_that_fit(void **state) {
    (void)state;
    const double budgets[] = {1e-9, 0.001, 0.0123, 0.1, 0.5, 1.0};
    const int64_t sizes[] = {1, 7, 1000, 4321};
    for (int b = 0; b < 6; b++)
        for (int s = 0; s < 4; s++)
            for (int bits = 3; bits <= 32; bits += 29) {
                int64_t entries = apd_budget_entries(budgets[b], bits, sizes[s]), expected = 0;
                for (int64_t n = 1; n <= sizes[s]; n++)
                    if (bits_of(n, bits, sizes[s]) <= budgets[b] * 32.0 * (double)sizes[s])
                        expected = n;
                assert_int_equal(entries, expected);
            }
}

/* An array of the task in training. */
static float *array_of(const apd_solver *solver, int block, const char *name) {
    for (int i = 0; i < apd_solver_array_count(solver); i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        if (array->block == block && strcmp(array->name, name) == 0)
            return array->values;
    }
    return NULL;
}

typedef struct entry {
    float saliency;
    float *tau;
    float before;
} entry;

static int by_saliency(const void *a, const void *b) {
    float x = ((const entry *)a)->saliency, y = ((const entry *)b)->saliency;
    return (x < y) - (x > y);
}

/* The entries of a bench, appended to all (count). */
static int64_t list(const bench *on, entry *all, int64_t count) {
    for (int b = 0; b < TOY_BLOCKS; b++) {
        float *tau = array_of(on->solver, b, "tau"), *second = array_of(on->solver, b, "tau_second");
        int64_t size = apd_local_rows(on->d, b) * on->layout->blocks[b].cols;
        for (int64_t j = 0; tau != NULL && j < size; j++)
            if (tau[j] != 0.0f)
                all[count++] = (entry){tau[j] * tau[j] * second[j], &tau[j], tau[j]};
    }
    return count;
}

/* Three slices and one whole keep the same entries: those of the largest tau^2 v, no more than asked for, and as many of them as
 * whole buckets (1/128 of a saliency wide) allow. */
static void keep_the_most_salient(void **state) {
    apd_solver_settings settings = usual;
    (void)state;
    settings.lambda1 = 1e-6;
    for (int method = 0; method < 2; method++)
        for (int64_t most = 0; most <= 60; most += 5) {
            bench slices[4];
            int64_t *counts[2];
            entry all[2][64];
            int64_t number[2] = {0}, kept = 0;
            for (int i = 0; i < 2; i++)
                counts[i] = apd_allocate(APD_SALIENCY_BUCKETS, sizeof **counts, "counts");
            for (int i = 0; i < 4; i++) { /* the whole, then thirds */
                bench_init(&slices[i], apd_method_find(method == 0 ? "apd" : "apd-fixed"), &settings,
                           i == 0 ? 0 : i - 1, i == 0 ? 3 : i, 2, 0.3);
                apd_solver_begin_task(slices[i].solver, 7, TOY_CLASSES);
                for (int k = 0; k < 6; k++)
                    random_step(&slices[i], 7, k, 3e-3);
                number[i > 0] = list(&slices[i], all[i > 0], number[i > 0]);
                apd_budget_count(slices[i].solver, counts[i > 0]);
            }
            assert_int_equal(number[0], number[1]);
            assert_true(number[0] > 20);
            assert_memory_equal(counts[0], counts[1], APD_SALIENCY_BUCKETS * sizeof **counts);
            int limit = apd_budget_limit(counts[0], most);
            for (int i = 0; i < 4; i++)
                apd_budget_apply(slices[i].solver, limit);
            for (int i = 0; i < 2; i++) {
                qsort(all[i], (size_t)number[i], sizeof **all, by_saliency);
                kept = 0;
                while (kept < number[i] && *all[i][kept].tau != 0.0f)
                    kept++;
                for (int64_t e = 0; e < number[i]; e++)
                    assert_true(*all[i][e].tau == (e < kept ? all[i][e].before : 0.0f));
                assert_true(kept <= most);
                /* one more bucket would be too much */
                int64_t more = kept;
                while (kept < number[i] && more < number[i] &&
                       all[i][more].saliency > all[i][kept].saliency * (1.0f - 0x1p-7f))
                    more++;
                assert_true(kept == number[i] || more > most);
            }
            for (int i = 0; i < 4; i++)
                bench_clear(&slices[i]);
            for (int i = 0; i < 2; i++)
                free(counts[i]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_are_the_most_that_fit),
                                       cmocka_unit_test(keep_the_most_salient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

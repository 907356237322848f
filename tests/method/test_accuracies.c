/* The accuracies kept as changes, against the whole triangle of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "method/accuracies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 40, MOST = TASKS * TASKS };

/* R[t][j], NaN where j > t. */
typedef double triangle[TASKS][TASKS];

static bool same(double a, double b) {
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static void fill_randomly(triangle r, uint64_t seed, double stays) {
    apd_random random = apd_random_stream(seed, APD_RANDOM_TEST, 1, 0);
    for (int t = 0, at = 0; t < TASKS; t++)
        for (int j = 0; j < TASKS; j++, at += 2) {
            bool keeps = j < t && apd_random_below(&random, at, 1000) < (int64_t)(1000 * stays);
            double drawn = (double)apd_random_below(&random, at + 1, 1001) / 1000.0;
            r[t][j] = j > t ? (double)NAN : keeps ? r[t - 1][j] : drawn > 0.95 ? (double)NAN : drawn;
        }
}

static void put(apd_accuracies *accuracies, triangle r, int tasks) {
    for (int t = accuracies->tasks; t < tasks; t++) {
        apd_accuracies_add_task(accuracies);
        memcpy(accuracies->now, r[t], (size_t)(t + 1) * sizeof(double));
    }
}

static double best_before(triangle r, int tasks, int task) {
    double best = NAN;
    for (int t = task; t < tasks - 1; t++)
        best = fmax(best, r[t][task]);
    return best;
}

/* Rows, and each vector that memory holds, say what the triangle does. */
static void assert_equal(const apd_accuracies *accuracies, triangle r, int tasks) {
    double row[TASKS];
    assert_int_equal(accuracies->tasks, tasks);
    for (int t = 0; t < tasks; t++) {
        apd_accuracies_next_row(accuracies, t, row);
        for (int j = 0; j < tasks; j++)
            assert_true(same(row[j], r[t][j]));
    }
    for (int j = 0; j < tasks; j++) {
        assert_true(same(accuracies->now[j], r[tasks - 1][j]));
        assert_true(same(apd_accuracies_learned(accuracies, j), r[j][j]));
        assert_true(same(accuracies->best[j], best_before(r, tasks, j)));
        assert_true(same(accuracies->above[j], tasks > 1 ? r[tasks - 2][j] : (double)NAN));
    }
}

/* A list of the changes, as a file has it. */
typedef struct list {
    int64_t ends[TASKS], count;
    int32_t task[MOST];
    double value[MOST];
} list;

static void list_of(const apd_accuracies *accuracies, list *made) {
    made->count = apd_accuracies_changes(accuracies);
    assert_true(made->count <= MOST);
    apd_accuracies_list(accuracies, made->ends, made->task, made->value);
}

static bool set_from(apd_accuracies *accuracies, int tasks, const list *from) {
    return apd_accuracies_set(accuracies, tasks, from->ends, from->task, from->value, from->count);
}

static void rows_rebuilt_are_what_was_put_in(void **state) {
    (void)state;
    static triangle r;
    for (uint64_t seed = 0; seed < 6; seed++) {
        apd_accuracies accuracies = {0};
        fill_randomly(r, seed, seed < 3 ? 0.9 : 0.1);
        for (int tasks = 1; tasks <= TASKS; tasks++) {
            put(&accuracies, r, tasks);
            assert_equal(&accuracies, r, tasks);
        }
        apd_accuracies_clear(&accuracies);
    }
}

static void rows_that_repeat_the_one_above_cost_one_change_each(void **state) {
    (void)state;
    apd_accuracies accuracies = {0};
    for (int t = 0; t < 5000; t++) {
        apd_accuracies_add_task(&accuracies);
        accuracies.now[t] = 0.5;
        assert_int_equal(apd_accuracies_changes(&accuracies), t + 1);
    }
    apd_accuracies_clear(&accuracies);
}

static void now_of_the_last_row_may_change_until_the_next_task(void **state) {
    (void)state;
    static triangle r;
    static list before, after;
    apd_accuracies accuracies = {0};
    fill_randomly(r, 9, 0.5);
    put(&accuracies, r, 8);
    list_of(&accuracies, &before);
    for (int j = 0; j < 8; j++)
        accuracies.now[j] = 0.125;
    list_of(&accuracies, &after);
    memcpy(accuracies.now, r[7], 8 * sizeof(double)); /* and back */
    assert_equal(&accuracies, r, 8);
    list_of(&accuracies, &after);
    assert_int_equal(after.count, before.count);
    assert_memory_equal(after.task, before.task, (size_t)before.count * sizeof(int32_t));
    accuracies.now[3] = r[7][3] = 1.0;
    put(&accuracies, r, TASKS);
    assert_equal(&accuracies, r, TASKS);
    apd_accuracies_clear(&accuracies);
}

static void add_task_begins_a_row_with_the_one_above_and_nan(void **state) {
    (void)state;
    apd_accuracies accuracies = {0};
    apd_accuracies_add_task(&accuracies);
    assert_true(isnan(accuracies.now[0]) && isnan(apd_accuracies_learned(&accuracies, 0)));
    accuracies.now[0] = 0.75;
    apd_accuracies_add_task(&accuracies);
    assert_true(accuracies.now[0] == 0.75 && isnan(accuracies.now[1]));
    assert_int_equal(apd_accuracies_changes(&accuracies), 1);
    apd_accuracies_clear(&accuracies);
}

/* Not measured, measured later, lost again: NaN is a value like others. */
static void nan_in_a_row_comes_back_where_it_was(void **state) {
    (void)state;
    static triangle r;
    for (int t = 0; t < TASKS; t++)
        for (int j = 0; j < TASKS; j++)
            r[t][j] = j > t || (t + j) % 3 == 0 ? (double)NAN : 0.25;
    apd_accuracies accuracies = {0}, again = {0};
    static list kept;
    put(&accuracies, r, TASKS);
    assert_equal(&accuracies, r, TASKS);
    list_of(&accuracies, &kept);
    assert_true(set_from(&again, TASKS, &kept));
    assert_equal(&again, r, TASKS);
    apd_accuracies_clear(&accuracies);
    apd_accuracies_clear(&again);
}

/* Wherever the task stands, also when it is the last, and what is added after it. */
static void forget_leaves_no_number_of_the_task_and_all_others(void **state) {
    (void)state;
    static triangle r;
    static list kept;
    const int places[] = {0, 7, TASKS / 2 - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        apd_accuracies accuracies = {0};
        fill_randomly(r, 20 + i, 0.6);
        put(&accuracies, r, TASKS / 2);
        apd_accuracies_forget(&accuracies, places[i]);
        for (int t = 0; t < TASKS; t++)
            r[t][places[i]] = NAN;
        assert_equal(&accuracies, r, TASKS / 2);
        list_of(&accuracies, &kept);
        for (int64_t c = 0; c < kept.count; c++)
            assert_int_not_equal(kept.task[c], places[i]);
        put(&accuracies, r, TASKS);
        assert_equal(&accuracies, r, TASKS);
        apd_accuracies_clear(&accuracies);
    }
}

static void set_from_list_is_the_original(void **state) {
    (void)state;
    static triangle r;
    static list kept, again;
    for (int tasks = 0; tasks <= TASKS; tasks++) {
        apd_accuracies accuracies = {0}, copy = {0};
        fill_randomly(r, 40 + (uint64_t)tasks, 0.7);
        put(&accuracies, r, tasks);
        list_of(&accuracies, &kept);
        assert_true(set_from(&copy, tasks, &kept));
        if (tasks > 0)
            assert_equal(&copy, r, tasks);
        list_of(&copy, &again);
        assert_int_equal(again.count, kept.count);
        assert_memory_equal(again.ends, kept.ends, (size_t)tasks * sizeof(int64_t));
        assert_memory_equal(again.task, kept.task, (size_t)kept.count * sizeof(int32_t));
        put(&copy, r, TASKS); /* it goes on like the original */
        assert_equal(&copy, r, TASKS);
        apd_accuracies_clear(&copy);
        apd_accuracies_clear(&accuracies);
    }
}

/* Three tasks: row 0 {0}, row 1 {0, 1}, row 2 {2}. */
static const list good = {{1, 3, 4}, 4, {0, 0, 1, 2}, {0.5, 0.25, 1.0, 0.0}};

static void assert_refused(const list *wrong, int tasks) {
    apd_accuracies accuracies = {.tasks = 77};
    assert_false(set_from(&accuracies, tasks, wrong));
    assert_true(accuracies.tasks == 0 && accuracies.now == NULL && accuracies.task == NULL);
}

static void set_list_that_makes_no_sense_is_refused(void **state) {
    (void)state;
    static list wrong;
    apd_accuracies accuracies = {0};
    assert_true(set_from(&accuracies, 3, &good)); /* the list that the others are made of */
    assert_true(accuracies.now[0] == 0.25 && accuracies.now[1] == 1.0 && accuracies.now[2] == 0.0);
    apd_accuracies_clear(&accuracies);
    assert_refused(&good, 2); /* changes without a row */
    assert_refused(&good, 0);
#define WRONG(change)              \
    do {                           \
        wrong = good;              \
        change;                    \
        assert_refused(&wrong, 3); \
    } while (0)
    WRONG(wrong.ends[0] = -1);
    WRONG(wrong.ends[1] = 0); /* falls */
    WRONG(wrong.ends[2] = 3); /* one too few */
    WRONG(wrong.ends[2] = 5); /* one too many */
    WRONG(wrong.ends[1] = INT64_MAX);
    WRONG(wrong.ends[0] = INT64_MIN);
    WRONG(wrong.count = 3);
    WRONG(wrong.task[0] = -1);
    WRONG(wrong.task[0] = 1); /* after row 0 there is no task 1 */
    WRONG(wrong.task[3] = 3);
    WRONG(wrong.task[3] = INT32_MAX);
    WRONG(wrong.task[2] = 0);                      /* twice in a row */
    WRONG((wrong.task[1] = 1, wrong.task[2] = 0)); /* descending */
    WRONG(wrong.value[1] = -0.001);
    WRONG(wrong.value[1] = 1.001);
    WRONG(wrong.value[1] = INFINITY);
    WRONG(wrong.value[1] = -INFINITY);
#undef WRONG
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_rebuilt_are_what_was_put_in),
        cmocka_unit_test(rows_that_repeat_the_one_above_cost_one_change_each),
        cmocka_unit_test(now_of_the_last_row_may_change_until_the_next_task),
        cmocka_unit_test(add_task_begins_a_row_with_the_one_above_and_nan),
        cmocka_unit_test(nan_in_a_row_comes_back_where_it_was),
        cmocka_unit_test(forget_leaves_no_number_of_the_task_and_all_others),
        cmocka_unit_test(set_from_list_is_the_original),
        cmocka_unit_test(set_list_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests_name("accuracies", tests, NULL, NULL);
}

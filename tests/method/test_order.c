/* Order robustness, on runs worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "method/order.h"
#include "method_cases.h"

static void group_equal_sequences_get_one_number(void **state) {
    (void)state;
    const int sequences[5][3] = {{4, 9, 2}, {2, 4, 9}, {4, 9, 2}, {4, 2, 9}, {2, 4, 9}};
    const int expected[5] = {0, 1, 0, 2, 1};
    int order_of[5];
    assert_int_equal(apd_order_group(&sequences[0][0], 5, 3, order_of), 3);
    assert_memory_equal(order_of, expected, sizeof expected);
}

static void group_no_run_has_no_order(void **state) {
    (void)state;
    int unused = 7;
    assert_int_equal(apd_order_group(&unused, 0, 3, &unused), 0);
    assert_int_equal(unused, 7);
}

static void group_no_task_is_one_order(void **state) {
    (void)state;
    int order_of[2] = {7, 7};
    assert_int_equal(apd_order_group(order_of, 2, 0, order_of), 1);
    assert_true(order_of[0] == 0 && order_of[1] == 0);
}

static void spread_two_orders_of_two_seeds_agrees_with_hand(void **state) {
    (void)state;
    /* the orders' runs lie in between each other */
    const double accuracy[4][3] = {
        {0.50, 0.75, 0.125}, /* order 0 */
        {0.25, 1.00, 0.125}, /* order 1 */
        {0.75, 0.25, 0.375}, /* order 0 */
        {0.50, 0.75, 0.375}, /* order 1 */
    };
    const int order_of[4] = {0, 1, 0, 1};
    double means[2][3], opd[3];
    apd_order_spread s = apd_order_spread_of(&accuracy[0][0], order_of, 4, 2, 3, &means[0][0], opd);
    /* all in eighths: exact in binary */
    assert_true(means[0][0] == 0.625 && means[0][1] == 0.5 && means[0][2] == 0.25);
    assert_true(means[1][0] == 0.375 && means[1][1] == 0.875 && means[1][2] == 0.25);
    assert_true(opd[0] == 0.25 && opd[1] == 0.375 && opd[2] == 0.0);
    assert_near(s.average, 0.625 / 3.0, 1e-15);
    assert_near(s.largest, 0.375, 0.0);
    assert_true(s.task == 1 && s.tasks == 3 && s.least_runs == 2 && s.most_runs == 2);
}

/* Were seeds not averaged first, an order with more of them would spread more. */
static void spread_unequal_seeds_weigh_each_order_once(void **state) {
    (void)state;
    const double accuracy[5][1] = {{0.0}, {1.0}, {0.5}, {0.75}, {0.5}};
    const int order_of[5] = {0, 0, 0, 1, 2};
    double means[3], opd[1];
    apd_order_spread s = apd_order_spread_of(&accuracy[0][0], order_of, 5, 3, 1, means, opd);
    assert_true(means[0] == 0.5 && means[1] == 0.75 && means[2] == 0.5);
    assert_true(opd[0] == 0.25 && s.average == 0.25 && s.largest == 0.25);
    assert_true(s.least_runs == 1 && s.most_runs == 3 && s.task == 0);
}

static void spread_three_orders_is_largest_less_smallest(void **state) {
    (void)state;
    const double accuracy[3][2] = {{0.50, 0.50}, {0.75, 0.25}, {0.25, 0.375}};
    const int order_of[3] = {0, 1, 2};
    double means[3][2], opd[2];
    apd_order_spread s = apd_order_spread_of(&accuracy[0][0], order_of, 3, 3, 2, &means[0][0], opd);
    assert_true(opd[0] == 0.5 && opd[1] == 0.25 && s.average == 0.375 && s.largest == 0.5);
}

static void spread_ties_name_the_first_task(void **state) {
    (void)state;
    const double accuracy[2][3] = {{0.5, 0.25, 0.75}, {0.5, 0.5, 0.5}};
    const int order_of[2] = {0, 1};
    double means[2][3], opd[3];
    apd_order_spread s = apd_order_spread_of(&accuracy[0][0], order_of, 2, 2, 3, &means[0][0], opd);
    assert_true(s.largest == 0.25 && s.task == 1);
}

static void spread_task_missing_in_one_run_is_left_out(void **state) {
    (void)state;
    const double accuracy[4][3] = {
        {0.50, 0.75, 0.25}, {0.25, NAN, 0.25}, {0.75, 0.25, 0.75}, {0.50, 0.75, 0.75}};
    const int order_of[4] = {0, 1, 0, 1};
    double means[2][3], opd[3];
    apd_order_spread s = apd_order_spread_of(&accuracy[0][0], order_of, 4, 2, 3, &means[0][0], opd);
    assert_true(isnan(means[1][1]) && means[0][1] == 0.5 && isnan(opd[1]));
    assert_true(opd[0] == 0.25 && opd[2] == 0.0);
    assert_true(s.average == 0.125 && s.largest == 0.25 && s.task == 0 && s.tasks == 2);
}

static void spread_one_order_has_none(void **state) {
    (void)state;
    const double accuracy[2][2] = {{0.5, 0.75}, {1.0, 0.25}};
    const int order_of[2] = {0, 0};
    double means[2], opd[2];
    apd_order_spread s = apd_order_spread_of(&accuracy[0][0], order_of, 2, 1, 2, means, opd);
    assert_true(means[0] == 0.75 && means[1] == 0.5);
    assert_true(isnan(opd[0]) && isnan(opd[1]) && isnan(s.average) && isnan(s.largest));
    assert_true(s.task == -1 && s.tasks == 0 && s.least_runs == 2 && s.most_runs == 2);
}

static void spread_of_nothing_is_nan(void **state) {
    (void)state;
    const int order_of[2] = {0, 1};
    double unused[2] = {0.5, 0.25};
    apd_order_spread tasks = apd_order_spread_of(unused, order_of, 2, 2, 0, unused, unused);
    assert_true(isnan(tasks.average) && isnan(tasks.largest) && tasks.task == -1 && tasks.tasks == 0);
    assert_true(tasks.least_runs == 1 && tasks.most_runs == 1);
    apd_order_spread runs = apd_order_spread_of(unused, order_of, 0, 0, 1, unused, unused);
    assert_true(isnan(runs.average) && isnan(unused[0]) && runs.least_runs == 0 && runs.most_runs == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_equal_sequences_get_one_number),
        cmocka_unit_test(group_no_run_has_no_order),
        cmocka_unit_test(group_no_task_is_one_order),
        cmocka_unit_test(spread_two_orders_of_two_seeds_agrees_with_hand),
        cmocka_unit_test(spread_unequal_seeds_weigh_each_order_once),
        cmocka_unit_test(spread_three_orders_is_largest_less_smallest),
        cmocka_unit_test(spread_ties_name_the_first_task),
        cmocka_unit_test(spread_task_missing_in_one_run_is_left_out),
        cmocka_unit_test(spread_one_order_has_none),
        cmocka_unit_test(spread_of_nothing_is_nan),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}

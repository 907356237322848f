#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/system/json.h"
#include "plan/synthetic.h"

#include <math.h>

enum { ROWS = 12, COLS = 40, CLASSES = 3 };

static apd_block blocks[] = {{.name = "dense1", .rows = ROWS, .cols = COLS, .decomposed = true},
                             {.name = "head", .rows = CLASSES, .cols = ROWS}};
static const apd_layout layout = {
    .block_count = 2, .blocks = blocks, .size = 1024, .decomposed = ROWS * COLS};

/* Rows from..to of the block with `tasks` synthetic tasks; sigma is a function of the weight. */
static apd_decomposition *make(int from, int to, int tasks, double density) {
    const apd_rows rows[] = {{from, to}, {0, CLASSES}};
    apd_decomposition *d = apd_decomposition_create(&layout, rows);
    for (int64_t j = 0; j < (to - from) * COLS; j++)
        d->sigma[0][j] = sinf((float)(from * COLS + j));
    apd_synthetic_append(d, tasks, CLASSES, density, APD_STORAGE_DECOMPOSED, 7);
    return d;
}

static void entries_are_the_share_of_every_row_in_ascending_columns(void **state) {
    (void)state;
    apd_decomposition *d = make(0, ROWS, 20, 0.11);
    int64_t all = 0;
    for (int t = 0; t < 20; t++) {
        const apd_sparse *tau = &d->tasks[t]->blocks[0].tau;
        for (int64_t r = 0; r < ROWS; r++) {
            int64_t count = tau->offsets[r + 1] - tau->offsets[r];
            assert_true(count == 4 || count == 5); /* 4.4 */
            all += count;
            for (int64_t e = tau->offsets[r]; e < tau->offsets[r + 1]; e++) {
                assert_true(tau->columns[e] >= 0 && tau->columns[e] < COLS);
                assert_true(e == tau->offsets[r] || tau->columns[e] > tau->columns[e - 1]);
            }
        }
    }
    double mean = (double)all / (20.0 * ROWS);
    assert_true(mean > 4.2 && mean < 4.6);
    apd_decomposition_destroy(d);
}

static void all_and_none_of_the_weights(void **state) {
    (void)state;
    apd_decomposition *all = make(0, ROWS, 1, 1.0), *none = make(0, ROWS, 1, 0.0);
    assert_int_equal(apd_decomposition_nonzeros(all, 0), ROWS * COLS);
    assert_int_equal(apd_decomposition_nonzeros(none, 0), 0);
    apd_decomposition_destroy(none);
    apd_decomposition_destroy(all);
}

static void tau_is_small_and_masks_lie_about_a_half(void **state) {
    (void)state;
    apd_decomposition *d = make(0, ROWS, 3, 0.5);
    for (int t = 0; t < 3; t++) {
        const apd_task_block *part = &d->tasks[t]->blocks[0];
        for (int64_t r = 0; r < ROWS; r++) {
            assert_true(part->mask[r] > 0.3f && part->mask[r] < 0.7f);
            for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
                float tau =
                    part->tau.values[e] - part->mask[r] * d->sigma[0][r * COLS + part->tau.columns[e]];
                assert_true(fabsf(tau) < 0.1f && isfinite(tau));
            }
        }
    }
    apd_decomposition_destroy(d);
}

static void slices_make_the_same_tasks_as_the_whole(void **state) {
    (void)state;
    apd_decomposition *whole = make(0, ROWS, 2, 0.3);
    for (int part = 0; part < 3; part++) {
        int from = ROWS * part / 3, to = ROWS * (part + 1) / 3;
        apd_decomposition *slice = make(from, to, 2, 0.3);
        float theta[2][ROWS * COLS], bias[ROWS];
        for (int t = 0; t < 2; t++) {
            apd_decomposition_theta(whole, t, 0, theta[0], bias);
            apd_decomposition_theta(slice, t, 0, theta[1], bias);
            assert_memory_equal(theta[0] + from * COLS, theta[1], (size_t)(to - from) * COLS * sizeof(float));
        }
        apd_decomposition_destroy(slice);
    }
    apd_decomposition_destroy(whole);
}

static void single_tasks_are_dense(void **state) {
    (void)state;
    apd_decomposition *d = make(0, ROWS, 0, 0.0);
    apd_synthetic_append(d, 2, CLASSES, 0.1, APD_STORAGE_SINGLE, 1);
    assert_int_equal(d->task_count, 2);
    assert_non_null(d->tasks[1]->blocks[0].dense);
    apd_decomposition_destroy(d);
}

static void json_nests_escapes_and_has_null_for_what_is_no_number(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    apd_json json = {.file = open_memstream(&text, &size)};
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "a\"b", "line\nback\\");
    apd_json_begin_array(&json, "list");
    apd_json_integer(&json, NULL, -5);
    apd_json_number(&json, NULL, NAN);
    apd_json_number(&json, NULL, INFINITY);
    apd_json_begin_object(&json, NULL);
    apd_json_end(&json);
    apd_json_end(&json);
    apd_json_begin_array(&json, "none");
    apd_json_end(&json);
    apd_json_number(&json, "half", 0.5);
    apd_json_flag(&json, "yes", true);
    apd_json_end(&json);
    assert_int_equal(fclose(json.file), 0);
    assert_string_equal(
        text,
        "{\n  \"a\\\"b\": \"line\\u000aback\\\\\",\n  \"list\": [\n    -5,\n    null,\n    null,\n    {}\n"
        "  ],\n  \"none\": [],\n  \"half\": 0.5,\n  \"yes\": true\n}\n");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_the_share_of_every_row_in_ascending_columns),
        cmocka_unit_test(all_and_none_of_the_weights),
        cmocka_unit_test(tau_is_small_and_masks_lie_about_a_half),
        cmocka_unit_test(slices_make_the_same_tasks_as_the_whole),
        cmocka_unit_test(single_tasks_are_dense),
        cmocka_unit_test(json_nests_escapes_and_has_null_for_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

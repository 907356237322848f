/* The decomposition: theta against dense arithmetic, sizes against counts, digests of slices against the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "method/decomposition.h"
#include "method/solvers/tau_by_weight.h"
#include "method_cases.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 40, ROWS = 8 };

typedef struct toy_bed {
    apd_block blocks[TOY_BLOCKS];
    apd_layout layout;
    apd_decomposition *d;
} toy_bed;

/* Thirds `from` to `to` of every block; random tasks 0, 1, 4, a single one at 3, a forgotten one at 2. */
static void bed_init(toy_bed *bed, int from, int to, bool tasks) {
    apd_rows rows[TOY_BLOCKS];
    bed->layout = toy_layout(bed->blocks);
    toy_rows(&bed->layout, from, to, rows);
    bed->d = apd_decomposition_create(&bed->layout, rows);
    memset(rows, 0, sizeof rows); /* they were copied */
    fill_sigma(bed->d, 0.3);
    for (int t = 0; t < 5 && tasks; t++) {
        if (t == 3)
            append_single_task(bed->d);
        else
            append_random_task(bed->d, 0.3, 0.2, false, false);
    }
    if (tasks) {
        apd_task_part_destroy(bed->d, bed->d->tasks[2]);
        bed->d->tasks[2] = NULL;
    }
}

static void bed_clear(toy_bed *bed) {
    apd_decomposition_destroy(bed->d);
}

static void create_new_decomposition_is_zero(void **state) {
    (void)state;
    toy_bed bed;
    apd_rows rows[TOY_BLOCKS] = {{0, 5}, {1, 3}, {0, 3}};
    bed.layout = toy_layout(bed.blocks);
    bed.d = apd_decomposition_create(&bed.layout, rows);
    assert_int_equal(bed.d->task_count, 0);
    assert_int_equal(apd_local_rows(bed.d, 1), 2);
    for (int j = 0; j < 10; j++)
        assert_true(bed.d->sigma[1][j] == 0.0f);
    assert_null(bed.d->sigma[2]);
    bed_clear(&bed);
    apd_decomposition_destroy(NULL);
}

static void part_new_task_has_masks_and_an_empty_tau(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 0, 3, false);
    apd_task_part *part = apd_task_part_create(bed.d, 2, APD_STORAGE_DECOMPOSED);
    assert_int_equal(part->classes, 2);
    assert_non_null(part->blocks[0].mask);
    assert_null(part->blocks[0].dense);
    assert_null(part->blocks[2].mask);
    assert_non_null(part->blocks[2].dense);
    for (int r = 0; r <= 5; r++)
        assert_int_equal(part->blocks[0].tau.offsets[r], 0);
    apd_task_part *single = apd_task_part_create(bed.d, 2, APD_STORAGE_SINGLE);
    for (int b = 0; b < TOY_BLOCKS; b++) {
        assert_null(single->blocks[b].mask);
        assert_non_null(single->blocks[b].dense);
    }
    apd_task_part_destroy(bed.d, part);
    apd_task_part_destroy(bed.d, single);
    apd_task_part_destroy(bed.d, NULL);
    bed_clear(&bed);
}

static void append_keeps_the_order(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 0, 3, false);
    for (int t = 0; t < 40; t++) {
        apd_task_part *part = apd_task_part_create(bed.d, t + 1, APD_STORAGE_DECOMPOSED);
        apd_decomposition_append(bed.d, part);
    }
    assert_int_equal(bed.d->task_count, 40);
    for (int t = 0; t < 40; t++)
        assert_int_equal(bed.d->tasks[t]->classes, t + 1);
    bed_clear(&bed);
}

static void theta_is_mask_times_sigma_with_the_stored_values(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 0, 3, true);
    for (int t = 0; t < 5; t++)
        for (int b = 0; b < TOY_BLOCKS && t != 2; b++) {
            const apd_task_block *part = &bed.d->tasks[t]->blocks[b];
            int64_t rows = bed.layout.blocks[b].rows, cols = bed.layout.blocks[b].cols;
            float weights[ROOM], bias[ROWS];
            apd_decomposition_theta(bed.d, t, b, weights, bias);
            assert_memory_equal(bias, part->bias, (size_t)rows * sizeof(float));
            for (int64_t j = 0; j < rows * cols; j++) {
                float expected =
                    part->dense != NULL ? part->dense[j] : part->mask[j / cols] * bed.d->sigma[b][j];
                for (int64_t e = 0; part->mask != NULL && e < part->tau.offsets[rows]; e++)
                    if (e >= part->tau.offsets[j / cols] && e < part->tau.offsets[j / cols + 1] &&
                        part->tau.columns[e] == j % cols)
                        expected = part->tau.values[e];
                assert_memory_equal(&weights[j], &expected, sizeof expected);
            }
        }
    bed_clear(&bed);
}

static void nonzeros_and_bytes_agree_with_counting(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 0, 3, true);
    for (int t = 0; t < 5; t++) {
        int64_t differing = 0;
        for (int b = 0; b < 2 && t != 2; b++) {
            float weights[ROOM], bias[ROWS];
            const float *mask = bed.d->tasks[t]->blocks[b].mask;
            apd_decomposition_theta(bed.d, t, b, weights, bias);
            int64_t cols = bed.layout.blocks[b].cols;
            for (int64_t j = 0; j < bed.layout.blocks[b].rows * cols; j++) {
                float product = mask != NULL ? mask[j / cols] * bed.d->sigma[b][j] : 0.0f;
                differing += mask == NULL || weights[j] != product;
            }
        }
        assert_int_equal(apd_decomposition_nonzeros(bed.d, t), differing);
    }
    assert_int_equal(apd_decomposition_nonzeros(bed.d, 2), 0);
    assert_int_equal(apd_decomposition_nonzeros(bed.d, 3), 50);
    bed_clear(&bed);
}

static void bytes_count_masks_biases_weights_and_entries(void **state) {
    (void)state;
    int block = (int)sizeof(apd_task_block);
    assert_int_equal(apd_task_block_bytes(APD_STORAGE_SINGLE, 5, 6, 0), block + 5 * 6 * 4 + 5 * 4);
    assert_int_equal(apd_task_block_bytes(APD_STORAGE_DECOMPOSED, 5, 0, 7),
                     block + 5 * 4 + 5 * 4 + 6 * 8 + 7 * 8);
    assert_int_equal(apd_task_block_bytes(APD_STORAGE_DECOMPOSED, 0, 0, 0), block + 8);
    /* capacities are multiples of 1024 entries from there on */
    assert_int_equal(apd_sparse_bytes(1, 1025), 2 * 8 + 2048 * 8);
}

/* A matrix written row by row, some rows copied from another one, and read with a cursor. */
static void writer_and_cursor_agree_with_a_dense_matrix(void **state) {
    (void)state;
    enum { R = 9, C = 70 };
    float dense[R][C] = {{0}};
    numbers n = numbers_of(78, 0);
    apd_sparse_writer first = apd_sparse_begin(R, 0), second = apd_sparse_begin(R, 3);
    for (int r = 0; r < R; r++) {
        for (int32_t c = 0; c < C; c++)
            if (r != 4 && below(&n, 3) > 0)
                apd_sparse_put(&first, c, dense[r][c] = (float)(1 + r * C + c));
        apd_sparse_end_row(&first, r);
    }
    apd_sparse from = apd_sparse_end(&first);
    apd_sparse_copy_rows(&second, &from, 0, 3);
    for (int32_t c = 0; c < C; c += 2)
        apd_sparse_put(&second, c, dense[3][c] = -1.0f);
    for (int32_t c = 1; c < C; c += 2)
        dense[3][c] = 0.0f;
    apd_sparse_end_row(&second, 3);
    apd_sparse_copy_rows(&second, &from, 4, R);
    apd_sparse made = apd_sparse_end(&second);
    for (int r = 0; r < R; r++) {
        apd_sparse_cursor seek = apd_sparse_row(&made, r), take = seek;
        for (int32_t c = 0; c < C; c++) {
            const float *sought = apd_sparse_seek(&seek, c), *taken = apd_sparse_take(&take, c);
            assert_true((sought != NULL ? *sought : 0.0f) == dense[r][c]);
            assert_true((taken != NULL ? *taken : 0.0f) == dense[r][c]);
        }
        assert_int_equal(take.left, 0);
        assert_int_equal(apd_sparse_next(&take), INT32_MAX);
    }
    apd_sparse_clear(&from);
    apd_sparse_clear(&made);
}

static void resize_twice_starts_afresh(void **state) {
    (void)state;
    apd_sparse sparse = {0};
    apd_sparse_resize(&sparse, 3, 5);
    sparse.offsets[3] = 5;
    sparse.columns[4] = 1;
    sparse.values[4] = 1.0f;
    apd_sparse_resize(&sparse, 6, 2);
    assert_int_equal(sparse.rows, 6);
    for (int r = 0; r <= 6; r++)
        assert_int_equal(sparse.offsets[r], 0);
    apd_sparse_resize(&sparse, 0, 0);
    assert_int_equal(sparse.offsets[0], 0);
    apd_sparse_clear(&sparse);
    assert_null(sparse.offsets);
    apd_sparse_clear(&sparse);
}

static void row_digests_do_not_depend_on_the_slice(void **state) {
    (void)state;
    static const int cuts[][2] = {{0, 1}, {1, 2}, {2, 3}, {0, 2}, {1, 3}, {1, 1}};
    toy_bed whole;
    bed_init(&whole, 0, 3, true);
    for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
        toy_bed part;
        bed_init(&part, cuts[k][0], cuts[k][1], true);
        for (int t = -1; t < 5; t++)
            for (int b = 0; b < (t < 0 ? 2 : TOY_BLOCKS) && t != 2; b++) {
                uint64_t all[ROWS], some[ROWS];
                apd_decomposition_row_digests(whole.d, t, b, all);
                apd_decomposition_row_digests(part.d, t, b, some);
                for (int64_t r = 0; r < apd_local_rows(part.d, b); r++)
                    assert_true(all[part.d->rows[b].begin + r] == some[r]);
            }
        bed_clear(&part);
    }
    bed_clear(&whole);
}

/* A change of any bit of a row's theta or bias changes that row's digest and no other. */
static void row_digests_show_every_change_and_where(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 0, 3, true);
    uint64_t before[ROWS], after[ROWS];
    apd_decomposition_row_digests(bed.d, 0, 0, before);
    for (int r = 0; r < 5; r++) {
        float *numbers_of_row[] = {&bed.d->sigma[0][r * 6], &bed.d->tasks[0]->blocks[0].bias[r],
                                   &bed.d->tasks[0]->blocks[0].mask[r]};
        /* column 0 of a row with an entry there is the entry's, not sigma's */
        const apd_sparse *tau = &bed.d->tasks[0]->blocks[0].tau;
        if (tau->offsets[r] < tau->offsets[r + 1] && tau->columns[tau->offsets[r]] == 0)
            numbers_of_row[0] = &tau->values[tau->offsets[r]];
        for (int k = 0; k < 3; k++) {
            float kept = *numbers_of_row[k];
            *numbers_of_row[k] = kept * 1.0001f;
            apd_decomposition_row_digests(bed.d, 0, 0, after);
            for (int i = 0; i < 5; i++)
                assert_true((before[i] == after[i]) == (i != r));
            *numbers_of_row[k] = kept;
        }
    }
    bed_clear(&bed);
}

/* Remove entries and insert them again, more than the matrix has capacity for. */
static void insert_restores_removed_entries(void **state) {
    (void)state;
    enum { ROWS_OF = 7, COLS_OF = 40 };
    for (int k = 0; k < 40; k++) {
        numbers n = numbers_of(77, (uint32_t)k);
        apd_sparse whole = {0}, part = {0};
        apd_sparse_entry added[ROWS_OF * COLS_OF];
        int64_t entries = 0, left = 0, missing = 0;
        apd_sparse_resize(&whole, ROWS_OF, ROWS_OF * COLS_OF);
        apd_sparse_resize(&part, ROWS_OF, k % 2 == 0 ? ROWS_OF * COLS_OF : 0);
        part.columns =
            apd_reallocate(part.columns, part.capacity, ROWS_OF * COLS_OF, sizeof(int32_t), "columns");
        part.values = apd_reallocate(part.values, part.capacity, ROWS_OF * COLS_OF, sizeof(float), "values");
        for (int64_t r = 0; r < ROWS_OF; r++) {
            for (int32_t c = 0; c < COLS_OF; c++) {
                if (below(&n, 3) == 0 || r == k % 9) /* an empty row, sometimes */
                    continue;
                whole.columns[entries] = c;
                whole.values[entries] = (float)(1 + entries);
                if (below(&n, 1 + k) == 0) {
                    added[missing++] = (apd_sparse_entry){r, left, c, whole.values[entries]};
                } else {
                    part.columns[left] = c;
                    part.values[left++] = whole.values[entries];
                }
                entries++;
            }
            whole.offsets[r + 1] = entries;
            part.offsets[r + 1] = left;
        }
        apd_sparse_insert(&part, added, missing);
        assert_true(part.capacity >= entries || missing == 0);
        assert_memory_equal(part.offsets, whole.offsets, (ROWS_OF + 1) * sizeof(int64_t));
        assert_memory_equal(part.columns, whole.columns, (size_t)entries * sizeof(int32_t));
        assert_memory_equal(part.values, whole.values, (size_t)entries * sizeof(float));
        apd_sparse_clear(&whole);
        apd_sparse_clear(&part);
    }
}

static void empty_slice_works_everywhere(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 1, 1, true);
    for (int t = 0; t < 5; t++) {
        float nothing[1] = {7.0f};
        uint64_t no_digest[1] = {7};
        assert_int_equal(apd_decomposition_nonzeros(bed.d, t), 0);
        for (int b = 0; b < TOY_BLOCKS && t != 2; b++) {
            apd_decomposition_theta(bed.d, t, b, nothing, nothing);
            apd_decomposition_row_digests(bed.d, t, b, no_digest);
            assert_true(nothing[0] == 7.0f && no_digest[0] == 7);
        }
    }
    bed_clear(&bed);
}

/* Every entry of every decomposed task is listed once at its weight, by ascending breakpoint. */
static void tau_by_weight_has_every_entry_once_in_order(void **state) {
    (void)state;
    toy_bed bed;
    bed_init(&bed, 0, 3, true);
    int64_t met = 0, most = 0;
    for (int64_t r = 0; r < 5; r++) {
        apd_tau_row by_weight;
        apd_tau_row_build(bed.d, 0, r, &by_weight);
        met += by_weight.starts[by_weight.count];
        for (int32_t c = 0; c < 6; c++) {
            int64_t here = 0, w = by_weight.index[c];
            if (w >= 0)
                apd_tau_row_sort(&by_weight, w);
            for (int t = 0; t < 5; t++) {
                if (!apd_task_is_decomposed(bed.d, t, 0))
                    continue;
                const apd_task_block *part = &bed.d->tasks[t]->blocks[0];
                for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
                    bool found = false;
                    for (int64_t k = w < 0 ? 0 : by_weight.starts[w]; w >= 0 && k < by_weight.starts[w + 1];
                         k++)
                        found = found || (by_weight.entries[k].task == t &&
                                          by_weight.entries[k].theta == part->tau.values[e] &&
                                          by_weight.entries[k].point == part->tau.values[e] / part->mask[r]);
                    here += part->tau.columns[e] == c;
                    assert_true(found || part->tau.columns[e] != c);
                }
            }
            assert_int_equal(w < 0 ? 0 : by_weight.starts[w + 1] - by_weight.starts[w], here);
            for (int64_t k = w < 0 ? 0 : by_weight.starts[w] + 1; w >= 0 && k < by_weight.starts[w + 1]; k++)
                assert_true(by_weight.entries[k - 1].point <= by_weight.entries[k].point);
            met -= here;
            most = here > most ? here : most;
        }
        assert_int_equal(met, 0);
        apd_tau_row_clear(&by_weight);
    }
    assert_true(most > 1);
    bed_clear(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_new_decomposition_is_zero),
        cmocka_unit_test(part_new_task_has_masks_and_an_empty_tau),
        cmocka_unit_test(append_keeps_the_order),
        cmocka_unit_test(theta_is_mask_times_sigma_with_the_stored_values),
        cmocka_unit_test(nonzeros_and_bytes_agree_with_counting),
        cmocka_unit_test(bytes_count_masks_biases_weights_and_entries),
        cmocka_unit_test(writer_and_cursor_agree_with_a_dense_matrix),
        cmocka_unit_test(resize_twice_starts_afresh),
        cmocka_unit_test(insert_restores_removed_entries),
        cmocka_unit_test(row_digests_do_not_depend_on_the_slice),
        cmocka_unit_test(row_digests_show_every_change_and_where),
        cmocka_unit_test(empty_slice_works_everywhere),
        cmocka_unit_test(tau_by_weight_has_every_entry_once_in_order),
    };
    return cmocka_run_group_tests_name("decomposition", tests, NULL, NULL);
}

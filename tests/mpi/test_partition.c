#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "mpi/exchange/tree.h"
#include "network/partition.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static apd_partition made(int shards, int ranks, int rank) {
    apd_partition partition;
    assert_int_equal(apd_partition_init(&partition, shards, ranks, rank, NULL), APD_OK);
    return partition;
}

static void part_any_count_is_cut_into_even_adjacent_ranges(void **state) {
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 5, 20, 500, 801, 65536, INT64_C(1) << 40, INT64_MAX - 7};
    static const int parts[] = {1, 2, 3, 4, 7, 64, 1000, 65536};
    for (int c = 0; c < COUNT(counts); c++)
        for (int p = 0; p < COUNT(parts); p++) {
            int64_t at = 0, least = counts[c] / parts[p];
            for (int k = 0; k < parts[p]; k++) {
                apd_rows range = apd_part(counts[c], parts[p], k);
                assert_true(range.begin == at);
                assert_true(range.end - range.begin == least || range.end - range.begin == least + 1);
                at = range.end;
            }
            assert_true(at == counts[c]);
        }
}

static void part_small_numbers_follow_the_formula(void **state) {
    (void)state;
    for (int64_t count = 0; count < 50; count++)
        for (int parts = 1; parts < 20; parts++)
            for (int k = 0; k < parts; k++) {
                apd_rows range = apd_part(count, parts, k);
                assert_int_equal(range.begin, count * k / parts);
                assert_int_equal(range.end, count * (k + 1) / parts);
            }
}

static void check_shards(int shards, int ranks) {
    int next = 0;
    for (int r = 0; r < ranks; r++) {
        apd_partition partition = made(shards, ranks, r);
        apd_rows range = apd_partition_shards(&partition, r);
        assert_int_equal(partition.shard_begin, next);
        assert_int_equal(range.begin, next);
        assert_int_equal(partition.shard_end, range.end);
        assert_true(range.end > range.begin);
        for (; next < range.end; next++)
            assert_int_equal(apd_partition_shard_owner(&partition, next), r);
    }
    assert_int_equal(next, shards);
}

static void shards_every_one_has_one_owner_and_every_rank_has_one(void **state) {
    (void)state;
    for (int shards = 1; shards <= 40; shards++)
        for (int ranks = 1; ranks <= shards; ranks++)
            check_shards(shards, ranks);
    check_shards(65536, 1000);
    check_shards(65536, 65536);
}

static void init_impossible_numbers_are_refused_with_a_line(void **state) {
    (void)state;
    static const int bad[][3] = {{0, 1, 0},  {-1, 1, 0}, {65537, 1, 0}, {4, 5, 0},        {4, 0, 0},
                                 {4, -2, 0}, {4, 4, 4},  {4, 4, -1},    {INT32_MAX, 1, 0}};
    for (int i = 0; i < COUNT(bad); i++) {
        apd_partition partition = {.shards = -77};
        apd_error error = {0};
        assert_int_equal(apd_partition_init(&partition, bad[i][0], bad[i][1], bad[i][2], &error),
                         APD_ERROR_USAGE);
        assert_int_equal(error.status, APD_ERROR_USAGE);
        assert_true(strlen(error.message) > 20);
        assert_int_equal(partition.shards, -77);
    }
    apd_error error = {0};
    apd_partition partition;
    (void)apd_partition_init(&partition, 4, 5, 0, &error);
    assert_non_null(strstr(error.message, "ranks is 5 and of shards 4; start at most 4"));
}

static void rows_of_each_block_are_owned_once_with_and_without_enough_rows(void **state) {
    (void)state;
    apd_block blocks[] = {{.rows = 20}, {.rows = 1}, {.rows = 0}, {.rows = 801}, {.rows = 7}};
    apd_layout layout = {.block_count = COUNT(blocks), .blocks = blocks};
    for (int ranks = 1; ranks <= 9; ranks++)
        for (int b = 0; b < COUNT(blocks); b++) {
            int64_t next = 0;
            for (int r = 0; r < ranks; r++) {
                apd_partition partition = made(9, ranks, r);
                apd_rows range = apd_partition_rows(&partition, &layout, b, r);
                apd_rows *slice = apd_partition_slice(&partition, &layout);
                assert_int_equal(range.begin, next);
                assert_int_equal(slice[b].begin, range.begin);
                assert_int_equal(slice[b].end, range.end);
                next = range.end;
                free(slice);
            }
            assert_int_equal(next, blocks[b].rows);
        }
}

/* Cut N samples into steps and count each shard's images, slot by slot. */
static void check_batches(int64_t samples, int64_t batch, int shards) {
    apd_partition partition = made(shards, 1, 0);
    int64_t *expected = calloc((size_t)shards, sizeof *expected);
    int64_t *used = calloc((size_t)shards, sizeof *used);
    assert_true(expected != NULL && used != NULL);
    for (int64_t i = 0; i < samples; i++)
        expected[apd_partition_shard_of_sample(&partition, i, batch)]++;
    int64_t steps = (samples + batch - 1) / batch, all = 0;
    for (int64_t step = 0; step < steps; step++) {
        int64_t left = samples - step * batch, count = left < batch ? left : batch;
        for (int s = 0; s < shards; s++) {
            int slots = 0;
            for (int64_t slot = s; slot < count; slot += shards)
                slots++;
            assert_int_equal(apd_partition_micro_batch(&partition, count, s), slots);
            used[s] += slots;
            all += slots;
        }
    }
    assert_int_equal(all, samples);
    assert_memory_equal(expected, used, (size_t)shards * sizeof *expected);
    free(expected);
    free(used);
}

static void micro_batch_every_sample_is_used_once_whatever_the_sizes(void **state) {
    (void)state;
    static const int64_t samples[] = {0, 1, 2, 3, 7, 99, 100, 101, 1000, 2003};
    static const int64_t batches[] = {1, 2, 3, 10, 64, 100, 5000};
    static const int shards[] = {1, 2, 3, 4, 7, 8, 100};
    for (int n = 0; n < COUNT(samples); n++)
        for (int b = 0; b < COUNT(batches); b++)
            for (int s = 0; s < COUNT(shards); s++)
                check_batches(samples[n], batches[b], shards[s]);
}

static void shard_of_sample_restarts_with_every_batch(void **state) {
    (void)state;
    apd_partition partition = made(4, 2, 0);
    static const int expected[] = {0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 0, 1, 0};
    for (int i = 0; i < COUNT(expected); i++)
        assert_int_equal(apd_partition_shard_of_sample(&partition, i, 6), expected[i]);
}

/* Sums written out by hand, of numbers whose sum from the left has other bits. */
static void tree_sum_few_shards_gives_the_sums_written_by_hand(void **state) {
    (void)state;
    const double v[] = {1.0, 1e16, -1e16, 1.0, 1e-3, 7e15, 1.0 / 3.0};
    const double expected[] = {0,
                               v[0],
                               v[0] + v[1],
                               (v[0] + v[1]) + v[2],
                               (v[0] + v[1]) + (v[2] + v[3]),
                               ((v[0] + v[1]) + v[2]) + (v[3] + v[4]),
                               ((v[0] + v[1]) + v[2]) + ((v[3] + v[4]) + v[5]),
                               ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + v[6])};
    for (int shards = 1; shards <= 7; shards++) {
        double wide[7 * 3], sums[3];
        for (int s = 0; s < shards; s++)
            for (int i = 0; i < 3; i++)
                wide[s * 3 + i] = v[s] * (i + 1);
        apd_partition_tree_sum(shards, 1, v, sums);
        assert_true(sums[0] == expected[shards]);
        apd_partition_tree_sum(shards, 3, wide, sums);
        assert_true(sums[0] == expected[shards]);
        assert_true(sums[1] == 2 * expected[shards]);
    }
    assert_true(expected[4] != ((v[0] + v[1]) + v[2]) + v[3]);
}

static void tree_sum_no_columns_touches_nothing(void **state) {
    (void)state;
    double value = 1, sum = -5;
    apd_partition_tree_sum(1, 0, &value, &sum);
    assert_true(sum == -5);
}

/* --- the exchange's tree in float ------------------------------------------------------------------------
 */

static float oracle(const float *values, int count) {
    int left = (count + 1) / 2;
    return count == 1 ? values[0] : oracle(values, left) + oracle(values + left, count - left);
}

static void check_float_tree(int shards, int64_t count) {
    apd_random random = apd_random_stream(5, APD_RANDOM_TEST, 0, 0);
    float *values = apd_allocate(shards * count, sizeof *values, "a test");
    const float **leaves = apd_allocate(shards, sizeof *leaves, "a test");
    apd_rows *ranges = apd_allocate(shards, sizeof *ranges, "a test");
    float *out = apd_allocate(count, sizeof *out, "a test");
    float *column = apd_allocate(shards, sizeof *column, "a test");
    apd_random_normal(&random, 0, shards * count, values);
    for (int s = 0; s < shards; s++) {
        leaves[s] = values + s * count;
        ranges[s] = (apd_rows){s, s + 1};
    }
    apd_tree *tree = apd_tree_create(ranges, shards);
    const float *sum = apd_tree_sum(tree, leaves, count, out);
    for (int64_t i = 0; i < count; i++) {
        for (int s = 0; s < shards; s++)
            column[s] = leaves[s][i];
        float expected = oracle(column, shards);
        assert_memory_equal(&sum[i], &expected, sizeof expected);
    }
    apd_tree_destroy(tree);
    free(values);
    free(leaves);
    free(ranges);
    free(out);
    free(column);
}

static void tree_float_sums_have_the_bits_of_the_recursion(void **state) {
    (void)state;
    for (int shards = 1; shards <= 33; shards++)
        check_float_tree(shards, 37);
    check_float_tree(7, 0);
    check_float_tree(5, 10000);
    check_float_tree(65536, 3);
}

static bool is_tree_node(int lo, int hi, int64_t begin, int64_t end) {
    if (lo == begin && hi == end)
        return true;
    int middle = lo + (hi - lo + 1) / 2;
    return hi - lo > 1 && (end <= middle ? is_tree_node(lo, middle, begin, end)
                                         : begin >= middle && is_tree_node(middle, hi, begin, end));
}

static bool one_group(const int *group, int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; s++)
        if (group[s] != group[begin])
            return false;
    return true;
}

/* Every range is a whole subtree of one group and inside no larger one; together they are all shards. */
static void check_cut(const int *group, int shards) {
    apd_rows *ranges = NULL;
    int count = apd_tree_cut(group, shards, &ranges), at = 0;
    for (int k = 0; k < count; k++) {
        assert_int_equal(ranges[k].begin, at);
        assert_true(is_tree_node(0, shards, ranges[k].begin, ranges[k].end));
        assert_true(one_group(group, ranges[k].begin, ranges[k].end));
        at = (int)ranges[k].end;
        for (int hi = at + 1; hi <= shards; hi++)
            for (int lo = 0; lo <= ranges[k].begin; lo++)
                assert_false(is_tree_node(0, shards, lo, hi) && one_group(group, lo, hi));
    }
    assert_int_equal(at, shards);
    free(ranges);
}

static void tree_cut_gives_the_fewest_whole_subtrees(void **state) {
    (void)state;
    int group[17];
    apd_random random = apd_random_stream(6, APD_RANDOM_TEST, 0, 0);
    for (int shards = 1; shards <= 17; shards++)
        for (int trial = 0; trial < 20; trial++) {
            for (int s = 0; s < shards; s++)
                group[s] = trial == 0   ? 0
                           : trial == 1 ? s
                                        : (int)(apd_random_bits(&random, trial * 32 + s / 2) % 3);
            check_cut(group, shards);
        }
}

/* A leaf that is a range's sum gives the same bits as the range's shards. */
static void tree_with_summed_subtrees_has_the_same_bits(void **state) {
    (void)state;
    const float v[] = {1.0f, 1e7f, 0.3f, -1e7f, 3e-2f, 16777216.0f, 1.0f, -5.5f};
    const apd_rows ranges[] = {{0, 2}, {2, 3}, {3, 4}, {4, 8}};
    float sums[] = {v[0] + v[1], v[2], v[3], (v[4] + v[5]) + (v[6] + v[7])}, out = 0;
    const float *leaves[] = {&sums[0], &sums[1], &sums[2], &sums[3]};
    apd_tree *tree = apd_tree_create(ranges, 4);
    float expected = oracle(v, 8), sum = *apd_tree_sum(tree, leaves, 1, &out);
    assert_memory_equal(&sum, &expected, sizeof sum);
    assert_true(apd_tree_bytes(tree) > 0);
    apd_tree_destroy(tree);
    apd_tree_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_any_count_is_cut_into_even_adjacent_ranges),
        cmocka_unit_test(part_small_numbers_follow_the_formula),
        cmocka_unit_test(shards_every_one_has_one_owner_and_every_rank_has_one),
        cmocka_unit_test(init_impossible_numbers_are_refused_with_a_line),
        cmocka_unit_test(rows_of_each_block_are_owned_once_with_and_without_enough_rows),
        cmocka_unit_test(micro_batch_every_sample_is_used_once_whatever_the_sizes),
        cmocka_unit_test(shard_of_sample_restarts_with_every_batch),
        cmocka_unit_test(tree_sum_few_shards_gives_the_sums_written_by_hand),
        cmocka_unit_test(tree_sum_no_columns_touches_nothing),
        cmocka_unit_test(tree_float_sums_have_the_bits_of_the_recursion),
        cmocka_unit_test(tree_cut_gives_the_fewest_whole_subtrees),
        cmocka_unit_test(tree_with_summed_subtrees_has_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

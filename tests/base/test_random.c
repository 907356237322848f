/* The base room: random numbers, errors, memory, digests. Numbers are compared with published vectors and
 * with the moments and chi-square bounds that theory gives; seeds are fixed, so that no case fails by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static apd_random stream(uint32_t a) {
    return apd_random_stream(20200426, APD_RANDOM_TEST, a, 7);
}

/* --- random ---------------------------------------------------------------------------------------------- */

/* Random123 1.14, tests/kat_vectors, the lines "philox4x32 10". */
static void block_published_vectors_agree(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], value[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const uint32_t *counter = vectors[i].counter, *key = vectors[i].key;
        apd_random random = {
            .seed = (uint64_t)key[1] << 32 | key[0], .a = counter[1], .b = counter[2], .purpose = counter[3]};
        uint32_t value[4];
        apd_random_block(&random, counter[0], value);
        assert_memory_equal(value, vectors[i].value, sizeof value);
    }
}

static void stream_each_coordinate_changes_the_numbers(void **state) {
    (void)state;
    const apd_random streams[] = {
        apd_random_stream(1, APD_RANDOM_TEST, 2, 3),
        apd_random_stream(4, APD_RANDOM_TEST, 2, 3),
        apd_random_stream(1 + (UINT64_C(1) << 32), APD_RANDOM_TEST, 2, 3),
        apd_random_stream(1, APD_RANDOM_SPLIT, 2, 3),
        apd_random_stream(1, APD_RANDOM_TEST, 5, 3),
        apd_random_stream(1, APD_RANDOM_TEST, 2, 6),
    };
    const int count = sizeof streams / sizeof streams[0];
    for (int i = 0; i < count; i++) {
        uint32_t first[4], again[4], other[4];
        apd_random_block(&streams[i], 9, first);
        apd_random_block(&streams[i], 9, again);
        assert_memory_equal(first, again, sizeof first);
        for (int j = 0; j < i; j++) {
            apd_random_block(&streams[j], 9, other);
            assert_memory_not_equal(first, other, sizeof first);
        }
    }
}

static void bits_any_index_is_a_lane_of_its_block(void **state) {
    (void)state;
    const apd_random random = stream(1);
    const int64_t indices[] = {0, 1, 2, 3, 4, 4097, (INT64_C(1) << 34) - 1};
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        uint32_t block[4];
        apd_random_block(&random, (uint32_t)(indices[i] / 4), block);
        assert_int_equal(apd_random_bits(&random, indices[i]), block[indices[i] % 4]);
    }
}

/* n uniform numbers: the mean has deviation sqrt(1/12n), the variance sqrt(1/180n); both within 4 of them. */
static void uniform_many_numbers_have_uniform_moments(void **state) {
    (void)state;
    enum { N = 1000000 };
    const apd_random random = stream(2);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < N; i++) {
        float value = apd_random_uniform(&random, i);
        assert_true(value >= 0.0f && value < 1.0f);
        assert_true(value * 0x1p24f == truncf(value * 0x1p24f));
        sum += value;
        squares += ((double)value - 0.5) * ((double)value - 0.5);
    }
    assert_true(fabs(sum / N - 0.5) < 4 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N - 1.0 / 12) < 4 * sqrt(1.0 / 180 / N));
}

/* n normal numbers: deviations of the mean 1, variance 2, third moment 15, fourth moment 96, all over n. */
static void normal_many_numbers_have_normal_moments(void **state) {
    (void)state;
    enum { N = 1000000 };
    const apd_random random = stream(3);
    float *value = apd_allocate(N, sizeof *value, "normal numbers");
    apd_random_normal(&random, 0, N, value);
    double moment[5] = {0}, neighbours = 0;
    for (int64_t i = 0; i < N; i++) {
        double power = 1;
        for (int k = 1; k <= 4; k++)
            moment[k] += (power *= (double)value[i]) / N;
        neighbours += i > 0 ? (double)value[i] * (double)value[i - 1] / N : 0.0;
    }
    free(value);
    assert_true(fabs(moment[1]) < 4 * sqrt(1.0 / N));
    assert_true(fabs(moment[2] - 1) < 4 * sqrt(2.0 / N));
    assert_true(fabs(moment[3]) < 4 * sqrt(15.0 / N));
    assert_true(fabs(moment[4] - 3) < 4 * sqrt(96.0 / N));
    assert_true(fabs(neighbours) < 4 * sqrt(1.0 / N));
}

static void normal_any_piece_equals_the_whole(void **state) {
    (void)state;
    enum { N = 101 };
    const apd_random random = stream(4);
    float whole[N], piece[N];
    apd_random_normal(&random, 1000, N, whole);
    for (int first = 0; first < N; first += 7)
        for (int count = 0; first + count <= N; count += 13) {
            apd_random_normal(&random, 1000 + first, count, piece);
            assert_memory_equal(piece, whole + first, (size_t)count * sizeof piece[0]);
        }
}

static void normal_no_number_writes_nothing(void **state) {
    (void)state;
    const apd_random random = stream(5);
    float untouched = 3.5f;
    apd_random_normal(&random, 12, 0, &untouched);
    assert_true(untouched == 3.5f);
}

/* With k cells and n draws chi-square has mean k-1 and deviation sqrt(2(k-1)). */
static double chi_square(const int64_t *counts, int64_t cells, int64_t draws) {
    double expected = (double)draws / (double)cells, sum = 0;
    for (int64_t cell = 0; cell < cells; cell++)
        sum += ((double)counts[cell] - expected) * ((double)counts[cell] - expected) / expected;
    return sum;
}

static void assert_uniform_counts(const int64_t *counts, int64_t cells, int64_t draws) {
    double deviations =
        (chi_square(counts, cells, draws) - (double)(cells - 1)) / sqrt(2.0 * (double)(cells - 1));
    assert_true(fabs(deviations) < 4.5);
}

static void below_small_bounds_are_even(void **state) {
    (void)state;
    enum { DRAWS = 200000 };
    const int64_t bounds[] = {2, 3, 6, 7, 100, 1000};
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        const apd_random random = stream((uint32_t)bounds[b]);
        int64_t counts[1000] = {0};
        for (int64_t i = 0; i < DRAWS; i++) {
            int64_t value = apd_random_below(&random, i, bounds[b]);
            assert_in_range(value, 0, bounds[b] - 1);
            counts[value]++;
        }
        assert_uniform_counts(counts, bounds[b], DRAWS);
    }
}

/* A bound of 3 * 2^30 shows the bias of 32 bits modulo the bound: values below 2^30 would come twice as
 * often. */
static void below_large_bound_has_no_modulo_bias(void **state) {
    (void)state;
    enum { DRAWS = 200000 };
    const apd_random random = stream(6);
    const int64_t third = INT64_C(1) << 30;
    int64_t counts[3] = {0};
    for (int64_t i = 0; i < DRAWS; i++)
        counts[apd_random_below(&random, i, 3 * third) / third]++;
    assert_uniform_counts(counts, 3, DRAWS);
}

static void below_bound_one_is_zero(void **state) {
    (void)state;
    const apd_random random = stream(7);
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(apd_random_below(&random, i, 1), 0);
}

static void permutation_any_length_holds_each_number_once(void **state) {
    (void)state;
    const int64_t lengths[] = {1, 2, 3, 10, 997};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        const apd_random random = stream(100 + (uint32_t)l);
        int64_t order[997];
        bool seen[997] = {false};
        apd_random_permutation(&random, lengths[l], order);
        for (int64_t i = 0; i < lengths[l]; i++) {
            assert_in_range(order[i], 0, lengths[l] - 1);
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
        }
    }
}

static void permutation_no_number_writes_nothing(void **state) {
    (void)state;
    const apd_random random = stream(8);
    int64_t untouched = -5;
    apd_random_permutation(&random, 0, &untouched);
    assert_int_equal(untouched, -5);
}

/* All 24 orders of four numbers come equally often. */
static void permutation_of_four_all_orders_are_even(void **state) {
    (void)state;
    enum { DRAWS = 48000 };
    int64_t counts[256] = {0}, found[24], orders = 0;
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        const apd_random random = stream(1000 + draw);
        int64_t order[4];
        apd_random_permutation(&random, 4, order);
        counts[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    for (int code = 0; code < 256; code++)
        if (counts[code] > 0) {
            assert_true(orders < 24);
            found[orders++] = counts[code];
        }
    assert_int_equal(orders, 24);
    assert_uniform_counts(found, 24, DRAWS);
}

/* --- status ---------------------------------------------------------------------------------------------- */

static void fail_fresh_error_keeps_status_and_text(void **state) {
    (void)state;
    apd_error error = {0};
    assert_int_equal(apd_fail(&error, APD_ERROR_DATA, "%s: line %d", "a.yaml", 12), APD_ERROR_DATA);
    assert_int_equal(error.status, APD_ERROR_DATA);
    assert_string_equal(error.message, "a.yaml: line 12");
}

static void fail_second_call_first_error_wins(void **state) {
    (void)state;
    apd_error error = {0};
    (void)apd_fail(&error, APD_ERROR_IO, "first");
    assert_int_equal(apd_fail(&error, APD_ERROR_USAGE, "second"), APD_ERROR_IO);
    assert_int_equal(error.status, APD_ERROR_IO);
    assert_string_equal(error.message, "first");
}

static void fail_newlines_become_spaces(void **state) {
    (void)state;
    apd_error error = {0};
    (void)apd_fail(&error, APD_ERROR_DATA, "key '%s'\r\nis\nnot known", "a\nb");
    assert_string_equal(error.message, "key 'a b'  is not known");
}

static void fail_long_text_is_cut_to_one_line(void **state) {
    (void)state;
    apd_error error = {0};
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)apd_fail(&error, APD_ERROR_DATA, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void fail_no_error_still_returns_the_status(void **state) {
    (void)state;
    assert_int_equal(apd_fail(NULL, APD_ERROR_USAGE, "nobody listens"), APD_ERROR_USAGE);
}

/* Run `action` in a child whose stderr is read into `text`; the child's exit code. */
static int run_apart(void (*action)(void), char *text, size_t size) {
    int channel[2];
    assert_int_equal(pipe(channel), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(channel[1], STDERR_FILENO);
        action();
        _exit(0);
    }
    (void)close(channel[1]);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < size && (got = read(channel[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    (void)close(channel[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void break_an_invariant(void) {
    APD_ASSERT(1 + 1 == 3);
}

static void assert_broken_invariant_ends_with_70_and_the_expression(void **state) {
    (void)state;
    char text[2000];
    assert_int_equal(run_apart(break_an_invariant, text, sizeof text), APD_ERROR_INTERNAL);
    assert_non_null(strstr(text, "rank 0 on "));
    assert_non_null(strstr(text, "test_random.c:"));
    assert_non_null(strstr(text, "broken invariant: 1 + 1 == 3"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void abort_the_job(int exit_code) {
    _exit(exit_code + 1);
}

static void fail_as_rank_three(void) {
    apd_fatal_install(3, abort_the_job);
    apd_fatal(APD_ERROR_IO, "disk %d", 9);
}

static void fatal_installed_abort_ends_the_job(void **state) {
    (void)state;
    char text[2000];
    assert_int_equal(run_apart(fail_as_rank_three, text, sizeof text), APD_ERROR_IO + 1);
    assert_non_null(strstr(text, "rank 3 on "));
    assert_non_null(strstr(text, ": disk 9\n"));
}

/* --- memory ---------------------------------------------------------------------------------------------- */

static void allocate_any_count_is_aligned_and_zero(void **state) {
    (void)state;
    const int64_t counts[] = {0, 1, 15, 16, 17, 100003};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        uint32_t *array = apd_allocate(counts[c], sizeof *array, "a test");
        assert_non_null(array);
        assert_int_equal((uintptr_t)array % APD_ALIGNMENT, 0);
        for (int64_t i = 0; i < counts[c]; i++)
            assert_int_equal(array[i], 0);
        memset(array, 0xa5, (size_t)counts[c] * sizeof *array);
        free(array);
    }
}

static void allocate_beyond_any_machine(void) {
    free(apd_allocate(INT64_MAX, 16, "the moon"));
}

static void allocate_impossible_size_ends_with_70_and_what_for(void **state) {
    (void)state;
    char text[2000];
    assert_int_equal(run_apart(allocate_beyond_any_machine, text, sizeof text), APD_ERROR_INTERNAL);
    assert_non_null(strstr(text, "the moon: 9223372036854775807 elements of 16 bytes"));
}

static void reallocate_growing_keeps_the_old_and_zeroes_the_new(void **state) {
    (void)state;
    int32_t *array = apd_reallocate(NULL, 0, 3, sizeof *array, "a test");
    for (int32_t i = 0; i < 3; i++)
        array[i] = 10 + i;
    array = apd_reallocate(array, 3, 40, sizeof *array, "a test");
    for (int32_t i = 0; i < 40; i++)
        assert_int_equal(array[i], i < 3 ? 10 + i : 0);
    array = apd_reallocate(array, 40, 2, sizeof *array, "a test");
    assert_int_equal(array[1], 11);
    array = apd_reallocate(array, 2, 0, sizeof *array, "a test");
    assert_non_null(array);
    free(array);
}

static void duplicate_text_makes_a_copy_of_its_own(void **state) {
    (void)state;
    char text[] = "sigma";
    char *copy = apd_duplicate_text(text);
    text[0] = 'x';
    assert_string_equal(copy, "sigma");
    free(copy);
    copy = apd_duplicate_text("");
    assert_string_equal(copy, "");
    free(copy);
    assert_null(apd_duplicate_text(NULL));
}

/* --- digest ---------------------------------------------------------------------------------------------- */

/* xxHash's own sanity check (cli/xsum_sanity_check.c): its buffer, and XXH3_64bits of the first bytes of it.
 */
static void digest_published_vectors_agree(void **state) {
    (void)state;
    static const struct {
        size_t count;
        uint64_t value;
    } vectors[] = {{0, 0x2D06800538D394C2},   {1, 0xC44BDFF4074EECDB},    {6, 0x27B56A84CD2D7325},
                   {12, 0xA713DAF0DFBB77E7},  {24, 0xA3FE70BF9D3510EB},   {48, 0x397DA259ECBA1F11},
                   {80, 0xBCDEFBBB2C47C90A},  {195, 0xCD94217EE362EC3A},  {403, 0xCDEB804D65C6DEA4},
                   {512, 0x617E49599013CB6B}, {2048, 0xDD59E2C3A5F038E0}, {2240, 0x6E73A90539CF2948},
                   {2367, 0xCB37AEB9E5D361ED}};
    uint8_t bytes[2367];
    uint64_t generator = 2654435761;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(generator >> 56);
        generator *= UINT64_C(11400714785074694797);
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        assert_true(apd_digest(bytes, vectors[i].count) == vectors[i].value);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        for (size_t run = 1; run < 1000; run = 3 * run + 1) {
            apd_digest_stream *stream = apd_digest_begin();
            for (size_t at = 0, count; at < vectors[i].count; at += count) {
                count = vectors[i].count - at < run ? vectors[i].count - at : run;
                apd_digest_add(stream, bytes + at, count);
            }
            assert_true(apd_digest_end(stream) == vectors[i].value);
        }
}

static void digest_join_depends_on_order_and_on_every_element(void **state) {
    (void)state;
    const uint64_t a = apd_digest("a", 1), b = apd_digest("b", 1);
    const uint64_t forward = apd_digest_join(apd_digest_join(0, a), b);
    assert_true(forward == apd_digest_join(apd_digest_join(0, a), b));
    assert_true(forward != apd_digest_join(apd_digest_join(0, b), a));
    assert_true(forward != apd_digest_join(0, a));
    assert_true(forward != apd_digest_join(apd_digest_join(0, a), b ^ 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_published_vectors_agree),
        cmocka_unit_test(stream_each_coordinate_changes_the_numbers),
        cmocka_unit_test(bits_any_index_is_a_lane_of_its_block),
        cmocka_unit_test(uniform_many_numbers_have_uniform_moments),
        cmocka_unit_test(normal_many_numbers_have_normal_moments),
        cmocka_unit_test(normal_any_piece_equals_the_whole),
        cmocka_unit_test(normal_no_number_writes_nothing),
        cmocka_unit_test(below_small_bounds_are_even),
        cmocka_unit_test(below_large_bound_has_no_modulo_bias),
        cmocka_unit_test(below_bound_one_is_zero),
        cmocka_unit_test(permutation_any_length_holds_each_number_once),
        cmocka_unit_test(permutation_no_number_writes_nothing),
        cmocka_unit_test(permutation_of_four_all_orders_are_even),
        cmocka_unit_test(fail_fresh_error_keeps_status_and_text),
        cmocka_unit_test(fail_second_call_first_error_wins),
        cmocka_unit_test(fail_newlines_become_spaces),
        cmocka_unit_test(fail_long_text_is_cut_to_one_line),
        cmocka_unit_test(fail_no_error_still_returns_the_status),
        cmocka_unit_test(assert_broken_invariant_ends_with_70_and_the_expression),
        cmocka_unit_test(fatal_installed_abort_ends_the_job),
        cmocka_unit_test(allocate_any_count_is_aligned_and_zero),
        cmocka_unit_test(allocate_impossible_size_ends_with_70_and_what_for),
        cmocka_unit_test(reallocate_growing_keeps_the_old_and_zeroes_the_new),
        cmocka_unit_test(duplicate_text_makes_a_copy_of_its_own),
        cmocka_unit_test(digest_published_vectors_agree),
        cmocka_unit_test(digest_join_depends_on_order_and_on_every_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

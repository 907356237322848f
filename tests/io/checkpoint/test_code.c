/* The code of sparse rows: round trips, a row by hand, and bytes that are no code. That NumPy reads the same: test_checkpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"
#include "io/checkpoint/code.h"
#include "method/decomposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { FLOATS, INTEGERS, FORMER, FORMER_AND_INTEGERS, FORMER_AND_FLOATS, ODD, KINDS } kind;

static uint64_t counter;
static float room[8192];

static uint32_t draw(uint32_t below) {
    static const apd_random *stream;
    static apd_random random;
    if (stream == NULL) {
        random = apd_random_stream(11, APD_RANDOM_TEST, 0, 0);
        stream = &random;
    }
    return (uint32_t)apd_random_below(&random, (int64_t)counter++, below);
}

static float any_float(void) {
    uint32_t bits = draw(UINT32_MAX);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float value_of(kind what, float mask, int bits, int exponent) {
    static const float odd[] = {-0.0f, 0.0f, 1e-41f, -1e-45f, 3e38f, 1.0f};
    float former = mask * apd_half(((float)draw(20000) - 10000.0f) / 8192.0f);
    float integer = ldexpf((float)((int32_t)draw(1u << bits) - (1 << (bits - 1))), exponent);
    switch (what) {
    case FLOATS: return any_float();
    case INTEGERS: return integer;
    case FORMER: return former;
    case FORMER_AND_INTEGERS: return draw(2) != 0 ? former : integer;
    case FORMER_AND_FLOATS: return draw(2) != 0 ? former : any_float();
    case ODD: return draw(7) == 6 ? NAN : odd[draw(6)];
    case KINDS: break;
    }
    return 0.0f;
}

/* `count` of `cols` columns: the first ones, the last ones, or spread. */
static void choose(int32_t *columns, int64_t count, int64_t cols, int how) {
    for (int64_t e = 0; e < count; e++)
        columns[e] = (int32_t)(how == 0 ? e : how == 1 ? cols - count + e : e * cols / count);
    if (how == 2 && count > 1)
        columns[count - 1] = (int32_t)(cols - 1);
}

/* `dense`: it is written without its columns. */
static void check_round_trip(const apd_code_row *row, bool dense) {
    const apd_code_row written = {dense ? NULL : row->columns, row->values, row->count, row->cols, row->mask};
    int64_t bytes = apd_code_bytes(&written, room);
    assert_true(bytes <= apd_code_most(row->cols));
    unsigned char *code = apd_allocate(apd_code_most(row->cols) + 16, 1, "code"), *copy;
    assert_ptr_equal(apd_code_write(&written, room, code), code + bytes);
    copy = malloc((size_t)bytes + APD_CODE_SPARE); /* so that a sanitizer sees reads behind it */
    assert_non_null(copy);
    memcpy(copy, code, (size_t)bytes);
    const unsigned char *at = copy;
    apd_sparse_writer back = apd_sparse_begin(1, 0);
    assert_true(apd_code_read(&at, copy + bytes, row->cols, row->mask, row->count, &back));
    assert_ptr_equal(at, copy + bytes);
    assert_int_equal(back.count, row->count);
    assert_true(row->count == 0 ||
                memcmp(back.sparse.columns, row->columns, (size_t)row->count * sizeof(int32_t)) == 0);
    assert_true(row->count == 0 ||
                memcmp(back.sparse.values, row->values, (size_t)row->count * sizeof(float)) == 0);
    apd_sparse_clear(&back.sparse);
    free(copy);
    free(code);
}

static void read_after_write_any_row_is_the_row(void **state) {
    (void)state;
    static const int64_t widths[] = {1, 2, 7, 8, 9, 31, 64, 100, 1023, 3200};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t cols = widths[w], counts[] = {0, 1, cols / 100, cols / 2, cols - 1, cols};
        int32_t *columns = apd_allocate(cols, sizeof *columns, "columns");
        float *values = apd_allocate(cols, sizeof *values, "values");
        for (int i = 0; i < 6 * 3 * KINDS; i++) {
            const int64_t count = counts[i % 6];
            const kind what = (kind)(i / 18);
            const float mask = what == FLOATS ? 0.0f : apd_half(0.1f + (float)draw(1000) / 1200.0f);
            const int bits = 1 + (int)draw(24), exponent = (int)draw(200) - 110;
            choose(columns, count, cols, i / 6 % 3);
            for (int64_t e = 0; e < count; e++)
                values[e] = value_of(what, mask, bits, exponent);
            const apd_code_row row = {columns, values, count, cols, mask};
            check_round_trip(&row, false);
            if (count == cols)
                check_round_trip(&row, true);
        }
        free(values);
        free(columns);
    }
}

/* The largest column that a layout may have. */
static void read_after_write_largest_column_is_the_row(void **state) {
    (void)state;
    const int64_t cols = INT32_MAX;
    const int32_t columns[] = {0, 1, INT32_MAX / 2, INT32_MAX - 1};
    const float values[] = {1.5f, -2.0f, 0.1f, 0.0f};
    unsigned char code[64 + APD_CODE_SPARE];
    const apd_code_row row = {columns, values, 4, cols, 0.0f};
    const unsigned char *at = code, *end = apd_code_write(&row, room, code);
    apd_sparse_writer back = apd_sparse_begin(1, 0);
    assert_true(apd_code_read(&at, end, cols, 0.0f, 4, &back) && at == end && back.count == 4);
    assert_memory_equal(back.sparse.columns, columns, sizeof columns);
    assert_memory_equal(back.sparse.values, values, sizeof values);
    apd_sparse_clear(&back.sparse);
}

/* By hand, from code.h: columns 1, 4, 9 of 12 are 0|1 1|00 10|01 with l = 2: ones at 0, 2, 4 of 3 + 2 bits; values 1, -2, 3 halves:
 * three bits each, exponent -1. */
static void write_gives_the_bytes_of_the_header(void **state) {
    (void)state;
    const int32_t columns[] = {1, 4, 9};
    const float values[] = {0.5f, -1.0f, 1.5f};
    unsigned char code[64];
    const apd_code_row row = {columns, values, 3, 12, 0.0f};
    /* 10101 01 00 01 001 110 011 -> 10101010 00100111 00110000 */
    const unsigned char expected[] = {3, 3, 0xff, 0xaa, 0x27, 0x30};
    assert_int_equal(apd_code_bytes(&row, room), sizeof expected);
    assert_ptr_equal(apd_code_write(&row, room, code), code + sizeof expected);
    assert_memory_equal(code, expected, sizeof expected);
    assert_int_equal(apd_code_position_bits(3, 12), 8 + 5 + 6);
}

/* A number in each of 4 columns: no bits say where; 1, -2, 3 and 0 halves have three bits each. */
static void write_full_row_has_no_positions(void **state) {
    (void)state;
    const float values[] = {0.5f, -1.0f, 1.5f, 0.0f};
    unsigned char code[64];
    const apd_code_row row = {NULL, values, 4, 4, 0.0f};
    /* 001 110 011 000 -> 00111001 10000000 */
    const unsigned char expected[] = {4, 3, 0xff, 0x39, 0x80};
    assert_int_equal(apd_code_bytes(&row, room), sizeof expected);
    assert_ptr_equal(apd_code_write(&row, room, code), code + sizeof expected);
    assert_memory_equal(code, expected, sizeof expected);
    assert_int_equal(apd_code_position_bits(4, 4), 8);
}

/* The same with a former value: mask 0.75 times 1/3 in 16 bits, 0x3555; flag 1, then one bit for the other value, 1. */
static void write_former_value_takes_sixteen_bits(void **state) {
    (void)state;
    const int32_t columns[] = {0, 1};
    const float third = apd_half(1.0f / 3.0f), values[] = {0.75f * third, 3.0f};
    unsigned char code[64];
    const apd_code_row row = {columns, values, 2, 2, 0.75f};
    const unsigned char *at = code, *end;
    assert_int_equal(apd_half_bits(third), 0x3555);
    end = apd_code_write(&row, room, code);
    /* flags 11; 0011010101010101; 3 is 3 = 4 * 0.75, a former value, too */
    apd_sparse_writer back = apd_sparse_begin(1, 0);
    assert_true(apd_code_read(&at, end, 2, 0.75f, 2, &back) && at == end);
    assert_memory_equal(back.sparse.values, values, sizeof values);
    assert_true((code[1] & 128) != 0);
    at = code;
    assert_false(apd_code_read(&at, end, 2, 0.0f, 2, &back)); /* no mask: no former values */
    apd_sparse_clear(&back.sparse);
}

static bool reads(const unsigned char *code, int64_t bytes, int64_t cols, int64_t most) {
    unsigned char *copy = malloc((size_t)bytes + APD_CODE_SPARE);
    assert_non_null(copy);
    memcpy(copy, code, (size_t)bytes);
    const unsigned char *at = copy;
    apd_sparse_writer back = apd_sparse_begin(1, 0);
    bool sound = apd_code_read(&at, copy + bytes, cols, 0.5f, most, &back);
    for (int64_t e = 0; e < back.count && sound; e++)
        assert_true(back.sparse.columns[e] >= 0 && back.sparse.columns[e] < cols &&
                    (e == 0 || back.sparse.columns[e] > back.sparse.columns[e - 1]));
    assert_true(at <= copy + bytes && back.count <= most);
    apd_sparse_clear(&back.sparse);
    free(copy);
    return sound;
}

static void read_what_is_no_code_is_refused(void **state) {
    (void)state;
    enum { COLS = 100, COUNT = 17 };
    int32_t columns[COUNT];
    float values[COUNT];
    unsigned char code[512];
    for (int what = 0; what < KINDS; what++) {
        choose(columns, COUNT, COLS, 2);
        for (int e = 0; e < COUNT; e++)
            values[e] = value_of((kind)what, 0.5f, 9, -8);
        const apd_code_row row = {columns, values, COUNT, COLS, 0.5f};
        int64_t bytes = apd_code_write(&row, room, code) - code;
        assert_true(reads(code, bytes, COLS, COUNT));
        assert_false(reads(code, bytes, COLS, COUNT - 1)); /* more entries than the file says */
        for (int64_t cut = 0; cut < bytes; cut++)
            assert_false(reads(code, cut, COLS, COUNT));
        for (int64_t bit = 0; bit < 8 * bytes; bit++) { /* refused, or another row */
            code[bit / 8] ^= (unsigned char)(128 >> bit % 8);
            (void)reads(code, bytes, COLS, COLS);
            code[bit / 8] ^= (unsigned char)(128 >> bit % 8);
        }
    }
    const unsigned char endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, many[] = {101, 6, 0, 0, 0};
    const unsigned char past[] = {1, 1, 0, 0x9f, 0xf0}; /* column 127 of 100: l = 6, high 1, low 63 */
    const unsigned char fill[] = {3, 3, 0xff, 0xaa, 0x27, 0x31}, twice[] = {2, 1, 0, 0xc0, 0x00};
    const unsigned char form[] = {1, 25, 0, 0xff, 0xff, 0xff, 0xff, 0xff}, none[] = {1, 0, 0, 0xff, 0xff};
    assert_false(reads(endless, sizeof endless, COLS, COLS));
    assert_false(reads(many, sizeof many, COLS, COLS));
    assert_false(reads(past, sizeof past, COLS, COLS));
    assert_false(reads(fill, sizeof fill, 12, 12));       /* a one in the fill */
    assert_false(reads(twice, sizeof twice, COLS, COLS)); /* column 0 twice */
    assert_false(reads(form, sizeof form, COLS, COLS));
    assert_false(reads(none, sizeof none, COLS, COLS));
}

/* Every number of 16 bits by IEEE 754's formula; halves in between go to the even one. */
static void half_is_the_nearest_number(void **state) {
    (void)state;
    float last = 0.0f;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        int exponent = (int)(h >> 10);
        float value = exponent == 0 ? ldexpf((float)h, -24) : ldexpf((float)(1024 + h % 1024), exponent - 25);
        assert_true(apd_half_value((uint16_t)h) == value && apd_half_bits(value) == h);
        assert_true(apd_half(value) == value && apd_half(-value) == -value);
        if (h > 0) {
            assert_true(apd_half_value((uint16_t)(h | 0x8000)) == -value &&
                        apd_half_bits(-value) == (h | 0x8000));
            float middle = last + (value - last) / 2;
            assert_true(apd_half(middle) == (h % 2 == 0 ? value : last));
            assert_true(apd_half(nextafterf(middle, 0.0f)) == last);
            assert_true(apd_half(nextafterf(middle, 1e9f)) == value);
        }
        last = value;
    }
    assert_true(apd_half(1e9f) == 65504.0f && apd_half(-INFINITY) == -65504.0f && isnan(apd_half(NAN)));
    assert_true(apd_same_bits(apd_half(-0.0f), 0.0f) && apd_same_bits(apd_half(-1e-9f), 0.0f));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_after_write_any_row_is_the_row),
        cmocka_unit_test(read_after_write_largest_column_is_the_row),
        cmocka_unit_test(write_gives_the_bytes_of_the_header),
        cmocka_unit_test(write_full_row_has_no_positions),
        cmocka_unit_test(write_former_value_takes_sixteen_bits),
        cmocka_unit_test(read_what_is_no_code_is_refused),
        cmocka_unit_test(half_is_the_nearest_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

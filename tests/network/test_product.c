/* The dense products against plain sums in double, at shapes with every kind of remainder. */
#include "network/kernels/product.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

typedef struct bench {
    apd_dense_shape shape;
    float *x, *y, *weights, *bias, *scratch;
} bench;

/* Normal numbers, 64 bytes aligned as an arena is, with `margin` floats behind that must stay as they are. */
enum { MARGIN = 64 };

static float *numbers(int64_t count, uint32_t stream) {
    size_t bytes = ((size_t)(count + MARGIN) * sizeof(float) + 63) / 64 * 64;
    float *made = aligned_alloc(64, bytes);
    apd_random random = apd_random_stream(9, APD_RANDOM_INITIAL_WEIGHTS, stream, 0);
    memset(made, 0, bytes);
    apd_random_normal(&random, 0, count, made);
    for (int64_t i = count; i < count + MARGIN; i++)
        made[i] = 77.0f;
    return made;
}

static void check_margin(const float *floats, int64_t count) {
    for (int64_t i = count; i < count + MARGIN; i++)
        assert_true(floats[i] == 77.0f);
}

/* Rows lie `gap` floats further apart than they are long. */
static bench bench_open(int64_t n, int64_t units, int64_t cols, int64_t gap) {
    bench b = {.shape = {n, units, cols, cols + gap, units + gap}};
    b.x = numbers(n * b.shape.x_step, 1);
    b.y = numbers(n * b.shape.y_step, 2);
    b.weights = numbers(units * cols, 3);
    b.bias = numbers(units, 4);
    b.scratch = numbers(apd_dense_scratch(cols), 5);
    return b;
}

static void bench_close(bench *b) {
    check_margin(b->x, b->shape.n * b->shape.x_step);
    check_margin(b->y, b->shape.n * b->shape.y_step);
    check_margin(b->weights, b->shape.units * b->shape.cols);
    check_margin(b->scratch, apd_dense_scratch(b->shape.cols));
    free(b->x);
    free(b->y);
    free(b->weights);
    free(b->bias);
    free(b->scratch);
}

static void check_near(double is, double expected, double size) {
    if (!(fabs(is - expected) <= 1e-5 * size))
        fail_msg("%.9g, by the formula %.9g", is, expected);
}

static void check_forward(int64_t n, int64_t units, int64_t cols, int64_t gap) {
    bench b = bench_open(n, units, cols, gap);
    const apd_dense_shape *s = &b.shape;
    float *before = malloc((size_t)(n * s->y_step + 1) * sizeof(float));
    memcpy(before, b.y, (size_t)(n * s->y_step) * sizeof(float));
    apd_dense_forward(s, b.x, b.weights, b.bias, b.y, b.scratch);
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < s->y_step; r++) {
            double sum = r < units ? (double)b.bias[r] : 0.0, size = 1.0;
            for (int64_t k = 0; k < cols && r < units; k++) {
                double term = (double)b.x[i * s->x_step + k] * (double)b.weights[r * cols + k];
                sum += term;
                size += fabs(term);
            }
            if (r < units)
                check_near((double)b.y[i * s->y_step + r], sum, size);
            else
                assert_true(b.y[i * s->y_step + r] == before[i * s->y_step + r]);
        }
    free(before);
    bench_close(&b);
}

static void check_by_weights(int64_t n, int64_t units, int64_t cols, int64_t gap) {
    bench b = bench_open(n, units, cols, gap);
    const apd_dense_shape *s = &b.shape;
    apd_dense_by_weights(s, b.y, b.x, b.weights, b.scratch);
    for (int64_t r = 0; r < units; r++)
        for (int64_t k = 0; k < cols; k++) {
            double sum = 0.0, size = 1.0;
            for (int64_t i = 0; i < n; i++) {
                double term = (double)b.x[i * s->x_step + k] * (double)b.y[i * s->y_step + r];
                sum += term;
                size += fabs(term);
            }
            check_near((double)b.weights[r * cols + k], sum, size);
        }
    bench_close(&b);
}

/* Rows and columns multiplied out of factors have the bits of the whole product. */
static void check_part(const bench *b, const float *factors, apd_rows rows, apd_rows cols) {
    const apd_dense_shape *s = &b->shape;
    int64_t step = cols.end - cols.begin + 3, count = (rows.end - rows.begin) * step;
    float *out = numbers(count, 6), *before = malloc((size_t)(count + 1) * sizeof(float));
    memcpy(before, out, (size_t)count * sizeof(float));
    apd_dense_by_factors(s->units, s->cols, factors, rows, cols, out, step);
    for (int64_t i = 0; i < count; i++) {
        int64_t r = rows.begin + i / step, c = cols.begin + i % step;
        const float *expected = c < cols.end ? &b->weights[r * s->cols + c] : &before[i];
        assert_memory_equal(&out[i], expected, sizeof(float));
    }
    check_margin(out, count);
    free(before);
    free(out);
}

static void check_by_factors(int64_t n, int64_t units, int64_t cols, int64_t gap) {
    bench b = bench_open(n, units, cols, gap);
    int64_t floats = apd_dense_factor_floats(n, units, cols);
    float *factors = numbers(floats, 7);
    if (n > 0)
        apd_dense_by_weights(&b.shape, b.y, b.x, b.weights, b.scratch);
    else
        memset(b.weights, 0, (size_t)(units * cols) * sizeof(float));
    apd_dense_pack_factors(&b.shape, b.y, b.x, factors);
    check_margin(factors, floats);
    memset(b.x, 0, (size_t)(n * b.shape.x_step) * sizeof(float)); /* nobody looks at them again */
    memset(b.y, 0, (size_t)(n * b.shape.y_step) * sizeof(float));
    for (int64_t r = 0, rows = 1; r < units; r += rows, rows = 1 + (rows * 5) % 31) {
        apd_rows some = {r, r + rows < units ? r + rows : units};
        int64_t middle = cols / 2 / APD_DENSE_COLUMNS * APD_DENSE_COLUMNS;
        check_part(&b, factors, some, (apd_rows){0, cols});
        check_part(&b, factors, some, (apd_rows){0, middle});
        check_part(&b, factors, some, (apd_rows){middle, cols});
    }
    free(factors);
    bench_close(&b);
}

static void check_by_inputs(int64_t n, int64_t units, int64_t cols, int64_t gap) {
    bench b = bench_open(n, units, cols, gap);
    const apd_dense_shape *s = &b.shape;
    float *before = malloc((size_t)(n * s->x_step + 1) * sizeof(float));
    memcpy(before, b.x, (size_t)(n * s->x_step) * sizeof(float));
    apd_dense_by_inputs(s, b.y, b.weights, b.x, b.scratch);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < s->x_step; k++) {
            double sum = 0.0, size = 1.0;
            for (int64_t r = 0; r < units && k < cols; r++) {
                double term = (double)b.y[i * s->y_step + r] * (double)b.weights[r * cols + k];
                sum += term;
                size += fabs(term);
            }
            if (k < cols)
                check_near((double)b.x[i * s->x_step + k], sum, size);
            else
                assert_true(b.x[i * s->x_step + k] == before[i * s->x_step + k]);
        }
    free(before);
    bench_close(&b);
}

/* images, units, inputs: one and two blocks of each, with and without remainders */
static const int64_t shapes[][3] = {{1, 1, 1},     {1, 25, 7},     {5, 6, 16},     {50, 24, 64},
                                    {50, 10, 784}, {97, 31, 48},   {130, 5, 33},   {104, 4, 600},
                                    {211, 7, 257}, {3, 50, 208},   {100, 31, 48},  {4, 50, 300},
                                    {12, 7, 530},  {25, 129, 385}, {121, 514, 40}, {2, 1100, 17}};

static void forward_matches_formula_at_every_remainder(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++)
        for (int64_t gap = 0; gap <= 3; gap += 3)
            check_forward(shapes[i][0], shapes[i][1], shapes[i][2], gap);
}

static void by_weights_matches_formula_at_every_remainder(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++)
        for (int64_t gap = 0; gap <= 3; gap += 3)
            check_by_weights(shapes[i][0], shapes[i][1], shapes[i][2], gap);
}

static void by_factors_any_part_has_the_bits_of_the_whole(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++)
        for (int64_t gap = 0; gap <= 3; gap += 3)
            check_by_factors(shapes[i][0], shapes[i][1], shapes[i][2], gap);
}

static void by_inputs_matches_formula_at_every_remainder(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++)
        for (int64_t gap = 0; gap <= 3; gap += 3)
            check_by_inputs(shapes[i][0], shapes[i][1], shapes[i][2], gap);
}

static void no_images_give_empty_sums(void **state) {
    (void)state;
    check_forward(0, 5, 20, 0);
    check_by_weights(0, 5, 20, 0);
    check_by_factors(0, 5, 130, 0);
    check_by_inputs(0, 5, 20, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_matches_formula_at_every_remainder),
        cmocka_unit_test(by_weights_matches_formula_at_every_remainder),
        cmocka_unit_test(by_factors_any_part_has_the_bits_of_the_whole),
        cmocka_unit_test(by_inputs_matches_formula_at_every_remainder),
        cmocka_unit_test(no_images_give_empty_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

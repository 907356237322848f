/* method_cases: random numbers, a small layout and random finished tasks for the tests of the method.
 *
 * Every number is a function of what it stands for (task, block, row, column), so that a slice of a case has
 * the same numbers as the whole. */
#ifndef APD_TESTS_METHOD_CASES_H
#define APD_TESTS_METHOD_CASES_H

#include "base/random.h"
#include "method/decomposition.h"

#include <math.h>
#include <stdint.h>

/* A stream read one number after the other. */
typedef struct numbers {
    apd_random random;
    int64_t next;
} numbers;

static inline numbers numbers_of(uint32_t a, uint32_t b) {
    return (numbers){.random = apd_random_stream(77, APD_RANDOM_TEST, a, b)};
}

static inline double between(numbers *n, double low, double high) {
    return low + (high - low) * (double)apd_random_uniform(&n->random, n->next++);
}

/* 0 .. bound-1 */
static inline int below(numbers *n, int bound) {
    return (int)between(n, 0.0, (double)bound);
}

/* cmocka.h comes before this header. A NaN is near nothing. */
#define assert_near(actual, expected, tolerance) \
    near_((double)(actual), (double)(expected), (double)(tolerance), __FILE__, __LINE__)

static inline void near_(double actual, double expected, double tolerance, const char *file, int line) {
    if (fabs(actual - expected) <= tolerance)
        return;
    print_error("%.12g is not within %.3g of %.12g\n", actual, tolerance, expected);
    _fail(file, line);
}

/* Low to high, evenly by its logarithm. */
static inline double magnitude(numbers *n, double low, double high) {
    return exp(between(n, log(low), log(high)));
}

/* The distance from |x| to the next float. */
static inline double float_step(double x) {
    float at = fabsf((float)x);
    return (double)(nextafterf(at, INFINITY) - at);
}

enum { TOY_BLOCKS = 3, TOY_CLASSES = 3 };

/* What a network 6 - 5 - 4 - head of 3 has. */
static inline apd_layout toy_layout(apd_block blocks[TOY_BLOCKS]) {
    blocks[0] = (apd_block){"dense1", .rows = 5, .cols = 6, .decomposed = true};
    blocks[1] = (apd_block){"dense2", .rows = 4, .cols = 5, .decomposed = true};
    blocks[2] = (apd_block){"head", .rows = TOY_CLASSES, .cols = 4, .decomposed = false};
    return (apd_layout){.block_count = TOY_BLOCKS, .blocks = blocks, .decomposed = 50};
}

/* All rows of a layout, cut at `from` and `to` thirds (0 .. 3) of every block. */
static inline void toy_rows(const apd_layout *layout, int from, int to, apd_rows *rows) {
    for (int b = 0; b < layout->block_count; b++)
        rows[b] = (apd_rows){layout->blocks[b].rows * from / 3,
                             to == 3 ? layout->blocks[b].rows : layout->blocks[b].rows * to / 3};
}

static inline numbers weight_numbers(const apd_decomposition *d, int task, int block, int64_t r, int64_t c) {
    int64_t weight = (d->rows[block].begin + r) * d->layout->blocks[block].cols + c;
    return numbers_of((uint32_t)(task * 16 + block), (uint32_t)weight + 1);
}

static inline void fill_sigma(apd_decomposition *d, double scale) {
    for (int b = 0; b < d->layout->block_count; b++)
        for (int64_t r = 0, j = 0; d->sigma[b] != NULL && r < apd_local_rows(d, b); r++)
            for (int64_t c = 0; c < d->layout->blocks[b].cols; c++, j++) {
                numbers n = weight_numbers(d, 2000, b, r, c);
                d->sigma[b][j] = (float)between(&n, -scale, scale);
            }
}

/* A row of a random task's tau: theta at `density` of the weights, away from mask*sigma by up to `spread`,
 * or, at half of them when `ties`, at mask*point with a point that all tasks share. */
static inline int64_t random_row(const apd_decomposition *d, int task, int b, int64_t r, double density,
                                 double spread, bool ties, apd_task_block *part, int64_t next) {
    int64_t cols = d->layout->blocks[b].cols;
    for (int64_t c = 0; c < cols; c++) {
        numbers n = weight_numbers(d, task, b, r, c), shared = weight_numbers(d, 1000, b, r, c);
        float sigma = d->sigma[b][r * cols + c], product = part->mask[r] * sigma;
        if (between(&n, 0.0, 1.0) >= density)
            continue;
        float theta = product + (float)between(&n, -spread, spread);
        if (ties && below(&n, 2) == 0)
            theta = part->mask[r] * (sigma + (float)between(&shared, -spread, spread));
        if (theta == product)
            continue;
        part->tau.columns[next] = (int32_t)c;
        part->tau.values[next++] = theta;
    }
    part->tau.offsets[r + 1] = next;
    return next;
}

/* Append a random finished task; equal_masks: 0.5 in every row. */
static inline void append_random_task(apd_decomposition *d, double density, double spread, bool ties,
                                      bool equal_masks) {
    int task = d->task_count;
    apd_task_part *part = apd_task_part_create(d, TOY_CLASSES, APD_STORAGE_DECOMPOSED);
    for (int b = 0; b < d->layout->block_count; b++) {
        apd_task_block *block = &part->blocks[b];
        int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols, next = 0;
        if (block->mask != NULL)
            apd_sparse_resize(&block->tau, rows, rows * cols);
        for (int64_t r = 0; r < rows; r++) {
            numbers n = weight_numbers(d, task + 4000, b, r, 0);
            block->bias[r] = (float)between(&n, -1.0, 1.0);
            for (int64_t c = 0; block->dense != NULL && c < cols; c++)
                block->dense[r * cols + c] = (float)between(&n, -1.0, 1.0);
            if (block->mask == NULL)
                continue;
            block->mask[r] = equal_masks ? 0.5f : (float)between(&n, 0.05, 0.95);
            next = random_row(d, task, b, r, density, spread, ties, block, next);
        }
    }
    part->moved = false;
    apd_decomposition_append(d, part);
}

/* Append a task with a network of its own. */
static inline void append_single_task(apd_decomposition *d) {
    int task = d->task_count;
    apd_task_part *part = apd_task_part_create(d, TOY_CLASSES, APD_STORAGE_SINGLE);
    for (int b = 0; b < d->layout->block_count; b++)
        for (int64_t r = 0; r < apd_local_rows(d, b); r++) {
            numbers n = weight_numbers(d, task + 6000, b, r, 0);
            part->blocks[b].bias[r] = (float)between(&n, -1.0, 1.0);
            for (int64_t c = 0, cols = d->layout->blocks[b].cols; c < cols; c++)
                part->blocks[b].dense[r * cols + c] = (float)between(&n, -1.0, 1.0);
        }
    part->moved = false;
    apd_decomposition_append(d, part);
}

#endif

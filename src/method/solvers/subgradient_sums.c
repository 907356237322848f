#include "method/solvers/subgradient_sums.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define CACHED   8192 /* weights whose sums and sigma fit in 128 kB of cache */
#define LOOK_UPS 16   /* entries added in the time of one bisection */

void apd_subgradient_sums_init(apd_subgradient_sums *subgradients, const apd_decomposition *decomposition,
                               int block) {
    int64_t rows = apd_local_rows(decomposition, block), cols = decomposition->layout->blocks[block].cols;
    *subgradients = (apd_subgradient_sums){.revision = decomposition->revisions[block]};
    subgradients->sigma =
        apd_allocate(rows * cols, sizeof *subgradients->sigma, "the old tasks' subgradients");
    subgradients->masks = apd_allocate(rows, sizeof *subgradients->masks, "the old tasks' subgradients");
    subgradients->off_centre =
        apd_allocate(rows * cols, sizeof *subgradients->off_centre, "the old tasks' subgradients");
    subgradients->below =
        apd_allocate(rows * cols, sizeof *subgradients->below, "the old tasks' subgradients");
}

void apd_subgradient_sums_clear(apd_subgradient_sums *subgradients) {
    free(subgradients->sigma);
    free(subgradients->masks);
    free(subgradients->off_centre);
    free(subgradients->below);
    *subgradients = (apd_subgradient_sums){0};
}

static void start_over(apd_subgradient_sums *subgradients, const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block), size = rows * d->layout->blocks[block].cols;
    memcpy(subgradients->sigma, d->sigma[block], (size_t)size * sizeof *subgradients->sigma);
    memset(subgradients->masks, 0, (size_t)rows * sizeof *subgradients->masks);
    memset(subgradients->off_centre, 0, (size_t)size * sizeof *subgradients->off_centre);
    memset(subgradients->below, 0, (size_t)size * sizeof *subgradients->below);
    subgradients->tasks = subgradients->count = 0;
    subgradients->revision = d->revisions[block];
}

/* Add an entry of a task: theta `value` at weight j, where sigma_g is `group`. */
static void add_entry(apd_subgradient_sums *subgradients, int64_t j, float value, float group, float mask) {
    float sigma = subgradients->sigma[j], point = (value - group) / mask;
    if (point == sigma)
        return;
    subgradients->off_centre[j] += mask;
    subgradients->below[j] += point < sigma ? mask : -mask;
}

static void add_row(apd_subgradient_sums *subgradients, const apd_decomposition *d, int block,
                    const apd_task_block *part, int64_t r) {
    int64_t first = r * d->layout->blocks[block].cols;
    float mask = part->mask[r];
    apd_sparse_cursor group = apd_group_cursor(d, block, part->group, r);
    subgradients->masks[r] += mask;
    for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
        int32_t c = part->tau.columns[e];
        const float *sigma_g = apd_sparse_seek(&group, c);
        add_entry(subgradients, first + c, part->tau.values[e], sigma_g != NULL ? *sigma_g : 0.0f, mask);
    }
}

/* Add rows begin .. end-1 of the tasks that are not in the sums yet. */
static void add_tasks(apd_subgradient_sums *subgradients, const apd_decomposition *d, int block,
                      int64_t begin, int64_t end) {
    for (int t = subgradients->tasks; t < d->task_count; t++)
        for (int64_t r = begin; r < end && apd_task_is_decomposed(d, t, block); r++)
            add_row(subgradients, d, block, &d->tasks[t]->blocks[block], r);
}

/* Add the entry of task `part` at weight j, if it has one. */
static void add_weight(apd_subgradient_sums *subgradients, const apd_decomposition *d, int block,
                       const apd_task_block *part, int64_t j) {
    int64_t cols = d->layout->blocks[block].cols, r = j / cols;
    int32_t c = (int32_t)(j % cols);
    int64_t end = part->tau.offsets[r + 1];
    int64_t e = part->tau.offsets[r];
    e += apd_find_column(part->tau.columns + e, end - e, c);
    if (e < end && part->tau.columns[e] == c)
        add_entry(subgradients, j, part->tau.values[e], apd_group_value(d, block, part->group, r, c),
                  part->mask[r]);
}

/* Recompute the sums at the `count` of `size` weights where sigma moved. */
static void follow_sigma(apd_subgradient_sums *subgradients, const apd_decomposition *d, int block,
                         int64_t size, int64_t count) {
    const float *sigma = d->sigma[block];
    int64_t *moved = apd_allocate(count, sizeof *moved, "where sigma moved");
    for (int64_t j = 0, next = 0; j < size; j++) {
        if (apd_same_bits(sigma[j], subgradients->sigma[j]))
            continue;
        moved[next++] = j;
        subgradients->sigma[j] = sigma[j];
        subgradients->off_centre[j] = subgradients->below[j] = 0.0f;
    }
    for (int t = 0; t < subgradients->tasks; t++)
        for (int64_t k = 0; k < count && apd_task_is_decomposed(d, t, block); k++)
            add_weight(subgradients, d, block, &d->tasks[t]->blocks[block], moved[k]);
    free(moved);
}

void apd_subgradient_sums_update(apd_subgradient_sums *subgradients, const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, moved = 0;
    for (int64_t j = 0; j < rows * cols; j++)
        moved += !apd_same_bits(d->sigma[block][j], subgradients->sigma[j]);
    if (subgradients->revision != d->revisions[block] || moved > rows * cols / LOOK_UPS)
        start_over(subgradients, d, block);
    else if (moved > 0)
        follow_sigma(subgradients, d, block, rows * cols, moved);
    /* several new tasks: take a few rows of all of them at a time, whose sums stay in the cache */
    int64_t few = d->task_count - subgradients->tasks > 1 ? 1 + CACHED / cols : rows;
    for (int64_t r = 0; r < rows; r += few)
        add_tasks(subgradients, d, block, r, r + few < rows ? r + few : rows);
    for (; subgradients->tasks < d->task_count; subgradients->tasks++)
        subgradients->count += apd_task_is_decomposed(d, subgradients->tasks, block);
}

int64_t apd_subgradient_sums_bytes(const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block);
    return rows * (1 + 3 * d->layout->blocks[block].cols) * (int64_t)sizeof(float);
}

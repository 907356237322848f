#include "method/pulls.h"

#include "base/memory.h"
#include "method/cells.h"

#include <stdlib.h>
#include <string.h>

#define CACHED   8192 /* weights whose sums and sigma stay in a cache of 128 kB */
#define LOOK_UPS 16   /* entries added one after the other in the time of a look for one */

void apd_pulls_init(apd_pulls *pulls, const apd_decomposition *decomposition, int block) {
    int64_t rows = apd_local_rows(decomposition, block), cols = decomposition->layout->blocks[block].cols;
    *pulls = (apd_pulls){.revision = decomposition->revisions[block]};
    pulls->sigma = apd_allocate(rows * cols, sizeof *pulls->sigma, "the old tasks' pulls");
    pulls->masks = apd_allocate(rows, sizeof *pulls->masks, "the old tasks' pulls");
    pulls->strays = apd_allocate(rows * cols, sizeof *pulls->strays, "the old tasks' pulls");
    pulls->below = apd_allocate(rows * cols, sizeof *pulls->below, "the old tasks' pulls");
}

void apd_pulls_clear(apd_pulls *pulls) {
    free(pulls->sigma);
    free(pulls->masks);
    free(pulls->strays);
    free(pulls->below);
    *pulls = (apd_pulls){0};
}

static void forget_all(apd_pulls *pulls, const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block), size = rows * d->layout->blocks[block].cols;
    memcpy(pulls->sigma, d->sigma[block], (size_t)size * sizeof *pulls->sigma);
    memset(pulls->masks, 0, (size_t)rows * sizeof *pulls->masks);
    memset(pulls->strays, 0, (size_t)size * sizeof *pulls->strays);
    memset(pulls->below, 0, (size_t)size * sizeof *pulls->below);
    pulls->tasks = pulls->count = 0;
    pulls->revision = d->revisions[block];
}

/* One entry of a task: theta `value` at weight j, where its group has `group`. */
static void add_entry(apd_pulls *pulls, int64_t j, float value, float group, float mask) {
    float sigma = pulls->sigma[j], point = (value - group) / mask;
    if (point == sigma)
        return;
    pulls->strays[j] += mask;
    pulls->below[j] += point < sigma ? mask : -mask;
}

static void add_row(apd_pulls *pulls, const apd_decomposition *d, int block, const apd_task_block *part,
                    int64_t r) {
    int64_t first = r * d->layout->blocks[block].cols;
    float mask = part->mask[r];
    apd_group_walk group = apd_group_walk_begin(d, block, part->group, r);
    pulls->masks[r] += mask;
    for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
        int32_t c = part->tau.columns[e];
        add_entry(pulls, first + c, part->tau.values[e], apd_group_walk_at(&group, c), mask);
    }
}

/* Rows `begin` .. `end-1` of all tasks that are not in the sums yet. */
static void add_tasks(apd_pulls *pulls, const apd_decomposition *d, int block, int64_t begin, int64_t end) {
    for (int t = pulls->tasks; t < d->task_count; t++)
        for (int64_t r = begin; r < end && apd_task_is_decomposed(d, t, block); r++)
            add_row(pulls, d, block, &d->tasks[t]->blocks[block], r);
}

/* What task part `part` has at weight (r, c) where sigma moved, j of its block. */
static void look_up(apd_pulls *pulls, const apd_decomposition *d, int block, const apd_task_block *part,
                    int64_t j) {
    int64_t cols = d->layout->blocks[block].cols, r = j / cols;
    int32_t c = (int32_t)(j % cols);
    int64_t end = part->tau.offsets[r + 1];
    int64_t e = part->tau.offsets[r];
    e += apd_find_column(part->tau.columns + e, end - e, c);
    if (e < end && part->tau.columns[e] == c)
        add_entry(pulls, j, part->tau.values[e], apd_group_value(d, block, part->group, r, c), part->mask[r]);
}

/* The sums of the tasks that are in them, where sigma moved: `count` of `size` weights. */
static void follow_sigma(apd_pulls *pulls, const apd_decomposition *d, int block, int64_t size,
                         int64_t count) {
    const float *sigma = d->sigma[block];
    int64_t *moved = apd_allocate(count, sizeof *moved, "where sigma moved");
    for (int64_t j = 0, next = 0; j < size; j++) {
        if (apd_same_bits(sigma[j], pulls->sigma[j]))
            continue;
        moved[next++] = j;
        pulls->sigma[j] = sigma[j];
        pulls->strays[j] = pulls->below[j] = 0.0f;
    }
    for (int t = 0; t < pulls->tasks; t++)
        for (int64_t k = 0; k < count && apd_task_is_decomposed(d, t, block); k++)
            look_up(pulls, d, block, &d->tasks[t]->blocks[block], moved[k]);
    free(moved);
}

void apd_pulls_update(apd_pulls *pulls, const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, moved = 0;
    for (int64_t j = 0; j < rows * cols; j++)
        moved += !apd_same_bits(d->sigma[block][j], pulls->sigma[j]);
    if (pulls->revision != d->revisions[block] || moved > rows * cols / LOOK_UPS)
        forget_all(pulls, d, block);
    else if (moved > 0)
        follow_sigma(pulls, d, block, rows * cols, moved);
    /* many tasks: a few rows of all, whose sums stay in the cache */
    int64_t few = d->task_count - pulls->tasks > 1 ? 1 + CACHED / cols : rows;
    for (int64_t r = 0; r < rows; r += few)
        add_tasks(pulls, d, block, r, r + few < rows ? r + few : rows);
    for (; pulls->tasks < d->task_count; pulls->tasks++)
        pulls->count += apd_task_is_decomposed(d, pulls->tasks, block);
}

int64_t apd_pulls_bytes(const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block);
    return rows * (1 + 3 * d->layout->blocks[block].cols) * (int64_t)sizeof(float);
}

#include "method/pulls.h"

#include "base/memory.h"
#include "method/cells.h"

#include <stdlib.h>
#include <string.h>

#define CACHED 8192 /* weights whose sums and sigma stay in a cache of 128 kB */

void apd_pulls_init(apd_pulls *pulls, const apd_decomposition *decomposition, int block) {
    int64_t rows = apd_local_rows(decomposition, block), cols = decomposition->layout->blocks[block].cols;
    *pulls = (apd_pulls){.revision = decomposition->revisions[block]};
    pulls->masks = apd_allocate(rows, sizeof *pulls->masks, "the old tasks' pulls");
    pulls->strays = apd_allocate(rows * cols, sizeof *pulls->strays, "the old tasks' pulls");
    pulls->below = apd_allocate(rows * cols, sizeof *pulls->below, "the old tasks' pulls");
}

void apd_pulls_clear(apd_pulls *pulls) {
    free(pulls->masks);
    free(pulls->strays);
    free(pulls->below);
    *pulls = (apd_pulls){0};
}

static void forget_all(apd_pulls *pulls, const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block), size = rows * d->layout->blocks[block].cols;
    memset(pulls->masks, 0, (size_t)rows * sizeof *pulls->masks);
    memset(pulls->strays, 0, (size_t)size * sizeof *pulls->strays);
    memset(pulls->below, 0, (size_t)size * sizeof *pulls->below);
    pulls->tasks = pulls->count = 0;
    pulls->revision = d->revisions[block];
}

static void add_row(apd_pulls *pulls, const apd_decomposition *d, int block, const apd_task_block *part,
                    int64_t r) {
    int64_t first = r * d->layout->blocks[block].cols;
    const float *sigma = d->sigma[block] + first;
    float *strays = pulls->strays + first, *below = pulls->below + first, mask = part->mask[r];
    apd_group_walk group = apd_group_walk_begin(d, block, part->group, r);
    pulls->masks[r] += mask;
    for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
        int32_t c = part->tau.columns[e];
        float point = (part->tau.values[e] - apd_group_walk_at(&group, c)) / mask;
        if (point == sigma[c])
            continue;
        strays[c] += mask;
        below[c] += point < sigma[c] ? mask : -mask;
    }
}

/* Rows `begin` .. `end-1` of all tasks that are not in the sums yet. */
static void add_tasks(apd_pulls *pulls, const apd_decomposition *d, int block, int64_t begin, int64_t end) {
    for (int t = pulls->tasks; t < d->task_count; t++)
        for (int64_t r = begin; r < end && apd_task_is_decomposed(d, t, block); r++)
            add_row(pulls, d, block, &d->tasks[t]->blocks[block], r);
}

void apd_pulls_update(apd_pulls *pulls, const apd_decomposition *d, int block) {
    if (pulls->revision != d->revisions[block])
        forget_all(pulls, d, block);
    /* many tasks: a few rows of all, whose sums stay in the cache */
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols;
    int64_t few = d->task_count - pulls->tasks > 1 ? 1 + CACHED / cols : rows;
    for (int64_t r = 0; r < rows; r += few)
        add_tasks(pulls, d, block, r, r + few < rows ? r + few : rows);
    for (; pulls->tasks < d->task_count; pulls->tasks++)
        pulls->count += apd_task_is_decomposed(d, pulls->tasks, block);
}

int64_t apd_pulls_bytes(const apd_decomposition *d, int block) {
    int64_t rows = apd_local_rows(d, block);
    return rows * (1 + 2 * d->layout->blocks[block].cols) * (int64_t)sizeof(float);
}

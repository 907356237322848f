#include "method/solvers/retroactive_update.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_UPS 16 /* entries copied in the time of one bisection */

/* The weights of a block whose sigma moved, row by row. */
typedef struct moves {
    int64_t *offsets; /* (rows+1) */
    int32_t *columns;
} moves;

static int64_t moves_find(const apd_decomposition *d, int block, const float *old_sigma, moves *out) {
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, count = 0;
    const float *sigma = d->sigma[block];
    for (int64_t j = 0; j < rows * cols; j++)
        count += !apd_same_bits(sigma[j], old_sigma[j]);
    out->offsets = apd_allocate(rows + 1, sizeof *out->offsets, "sigma's moves");
    out->columns = apd_allocate(count, sizeof *out->columns, "sigma's moves");
    int64_t next = 0;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++)
            if (!apd_same_bits(sigma[r * cols + c], old_sigma[r * cols + c]))
                out->columns[next++] = (int32_t)c;
        out->offsets[r + 1] = next;
    }
    return count;
}

/* A task whose tau is rewritten. */
typedef struct rewrite {
    const apd_sparse *from;
    apd_sparse_writer to;
    double threshold;
    bool moved;              /* some theta changed */
    apd_sparse_cursor group; /* sigma_g in the present row */
} rewrite;

/* theta without tau: mask*sigma, plus sigma_g where the group has an entry (`group`, else NULL). */
static float without_tau(float mask, float sigma, const float *group) {
    return group != NULL ? mask * sigma + *group : mask * sigma;
}

/* theta was `before`, and is `plain` without tau, `exact` in double: write the entry that tau needs, if any. */
static void put(rewrite *w, int32_t column, float before, double exact, float plain) {
    float theta = before;
    if (w->threshold > 0.0) {
        double tau = (double)before - exact;
        double soft = copysign(fmax(fabs(tau) - w->threshold, 0.0), tau);
        theta = soft == 0.0 ? plain : (float)(exact + soft);
    }
    w->moved = w->moved || !apd_same_bits(theta, before);
    if (!apd_same_bits(theta, plain))
        apd_sparse_put(&w->to, column, theta);
}

/* Merge a row's entries with the row's moves. `old_sigma` and `sigma` are the row's. */
static void rewrite_row(rewrite *w, int64_t r, float mask, const float *old_sigma, const float *sigma,
                        const int32_t *moved, int64_t moved_count) {
    apd_sparse_cursor tau = apd_sparse_row(w->from, r);
    int64_t k = 0;
    while (tau.left > 0 || k < moved_count) {
        int32_t own = apd_sparse_next(&tau), changed = k < moved_count ? moved[k] : INT32_MAX;
        int32_t column = own < changed ? own : changed;
        const float *theta = apd_sparse_take(&tau, column), *group = apd_sparse_seek(&w->group, column);
        double exact = (double)mask * (double)sigma[column] + (group != NULL ? (double)*group : 0.0);
        put(w, column, theta != NULL ? *theta : without_tau(mask, old_sigma[column], group), exact,
            without_tau(mask, sigma[column], group));
        k += changed == column;
    }
    apd_sparse_end_row(&w->to, r);
}

/* The first row from `r` on that may change: with a threshold every row, since all tau shrink. */
static int64_t next_row(const moves *moved, int64_t r, int64_t rows, double threshold) {
    while (r < rows && threshold == 0.0 && moved->offsets[r + 1] == moved->offsets[r])
        r++;
    return r;
}

static void rewrite_task(const apd_decomposition *d, int block, apd_task_part *task, const float *old_sigma,
                         const moves *moved, double threshold) {
    const apd_task_block *part = &task->blocks[block];
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols;
    rewrite w = {.from = &part->tau,
                 .to = apd_sparse_begin(rows, part->tau.offsets[rows] + moved->offsets[rows]),
                 .threshold = threshold};
    for (int64_t done = 0; done < rows;) {
        int64_t r = next_row(moved, done, rows, threshold);
        apd_sparse_copy_rows(&w.to, &part->tau, done, r);
        done = r + 1;
        if (r == rows)
            break;
        w.group = apd_group_cursor(d, block, part->group, r);
        rewrite_row(&w, r, part->mask[r], old_sigma + r * cols, d->sigma[block] + r * cols,
                    moved->columns + moved->offsets[r], moved->offsets[r + 1] - moved->offsets[r]);
    }
    apd_task_replace_tau(task, block, apd_sparse_end(&w.to));
    task->moved = task->moved || w.moved;
}

/* --- few moves, without a threshold ---------------------------------------------------------------------- */

/* Find the entries to add so that a task's theta stays. Returns how many, or -1 if an entry has to be removed. `added` has
 * room for one entry a move. */
static int64_t find_entries(const apd_decomposition *d, int block, const apd_task_block *part,
                            const float *old_sigma, const moves *moved, apd_sparse_entry *added) {
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, count = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = moved->offsets[r]; k < moved->offsets[r + 1]; k++) {
            int32_t column = moved->columns[k];
            int64_t e = part->tau.offsets[r], end = part->tau.offsets[r + 1];
            e += apd_find_column(part->tau.columns + e, end - e, column);
            const float *group = apd_group_entry(d, block, part->group, r, column);
            float plain = without_tau(part->mask[r], d->sigma[block][r * cols + column], group);
            bool own = e < end && part->tau.columns[e] == column;
            float before =
                own ? part->tau.values[e] : without_tau(part->mask[r], old_sigma[r * cols + column], group);
            bool needed = !apd_same_bits(before, plain);
            if (own && !needed)
                return -1;
            if (!own && needed)
                added[count++] = (apd_sparse_entry){r, e, column, before};
        }
    return count;
}

/* Insert entries in place. Returns false if the task must be rewritten instead. */
static bool add_entries(const apd_decomposition *d, int block, apd_task_part *task, const float *old_sigma,
                        const moves *moved, apd_sparse_entry *added) {
    apd_task_block *part = &task->blocks[block];
    int64_t rows = apd_local_rows(d, block);
    if (moved->offsets[rows] * LOOK_UPS > part->tau.offsets[rows])
        return false;
    int64_t count = find_entries(d, block, part, old_sigma, moved, added);
    if (count > 0)
        apd_sparse_insert(&part->tau, added, count);
    task->changed = task->changed || count > 0;
    return count >= 0;
}

int64_t apd_retroactive_update(apd_decomposition *d, int block, const float *old_sigma, double threshold) {
    if (d->task_count == 0)
        return 0;
    moves moved = {0};
    int64_t count = moves_find(d, block, old_sigma, &moved);
    if (threshold > 0.0) /* else tau changed only where sigma moved, which is detected */
        apd_decomposition_revised(d, block);
    apd_sparse_entry *added = apd_allocate(count, sizeof *added, "entries of tau to be added");
    for (int t = 0; t < d->task_count && (count > 0 || threshold > 0.0); t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        if (threshold > 0.0 || !add_entries(d, block, d->tasks[t], old_sigma, &moved, added))
            rewrite_task(d, block, d->tasks[t], old_sigma, &moved, threshold);
    }
    free(added);
    free(moved.offsets);
    free(moved.columns);
    return count;
}

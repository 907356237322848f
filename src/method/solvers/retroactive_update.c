#include "method/solvers/retroactive_update.h"

#include "base/memory.h"
#include "method/solvers/tau_by_weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_UPS 16 /* entries copied in the time of a look for one */

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

/* One task's rows on their way to new rows. */
typedef struct rewrite {
    const apd_sparse *from;
    apd_sparse *to;
    int64_t next; /* entries written */
    double threshold;
    bool moved;
    const int32_t *group_columns; /* what is left of the row of the task's group */
    const float *group_values;
    int64_t group_left;
} rewrite;

/* theta without tau at `column`: mask*sigma, plus sigma_g where the group has an entry. Columns ascend. */
static float shared_at(rewrite *w, int32_t column, float mask, float sigma, float *group) {
    while (w->group_left > 0 && *w->group_columns < column) {
        w->group_columns++;
        w->group_values++;
        w->group_left--;
    }
    bool found = w->group_left > 0 && *w->group_columns == column;
    *group = found ? *w->group_values : 0.0f;
    return found ? mask * sigma + *group : mask * sigma;
}

/* theta at (mask, sigma) had the value `kept`: write the entry that keeps it, if one is needed. `plain` is
 * theta without one. */
static void put(rewrite *w, int32_t column, float kept, double shared, float plain) {
    float theta = kept;
    if (w->threshold > 0.0) {
        double tau = (double)kept - shared;
        double soft = copysign(fmax(fabs(tau) - w->threshold, 0.0), tau);
        theta = soft == 0.0 ? plain : (float)(shared + soft);
    }
    w->moved = w->moved || !apd_same_bits(theta, kept);
    if (apd_same_bits(theta, plain))
        return;
    w->to->columns[w->next] = column;
    w->to->values[w->next++] = theta;
}

/* Merge a row's entries with the row's moves. `old_sigma` and `sigma` are the row's. */
static void rewrite_row(rewrite *w, int64_t r, float mask, const float *old_sigma, const float *sigma,
                        const int32_t *moved, int64_t moved_count) {
    const apd_sparse *from = w->from;
    int64_t e = from->offsets[r], end = from->offsets[r + 1], k = 0;
    while (e < end || k < moved_count) {
        int32_t own = e < end ? from->columns[e] : INT32_MAX;
        int32_t changed = k < moved_count ? moved[k] : INT32_MAX;
        int32_t column = own < changed ? own : changed;
        float group, before = shared_at(w, column, mask, old_sigma[column], &group);
        float plain = shared_at(w, column, mask, sigma[column], &group);
        put(w, column, own == column ? from->values[e] : before,
            (double)mask * (double)sigma[column] + (double)group, plain);
        e += own == column;
        k += changed == column;
    }
    w->to->offsets[r + 1] = w->next;
}

/* Rows first .. last-1 of a task, in which nothing moved, as they are. */
static void copy_rows(rewrite *w, int64_t first, int64_t last) {
    int64_t from = w->from->offsets[first], count = w->from->offsets[last] - from;
    memcpy(w->to->columns + w->next, w->from->columns + from, (size_t)count * sizeof *w->to->columns);
    memcpy(w->to->values + w->next, w->from->values + from, (size_t)count * sizeof *w->to->values);
    for (int64_t r = first; r < last; r++)
        w->to->offsets[r + 1] = w->next + w->from->offsets[r + 1] - from;
    w->next += count;
}

/* The first row from `r` on that has to be looked at: with a threshold each one, for tau is cut everywhere. */
static int64_t next_row(const moves *moved, int64_t r, int64_t rows, double threshold) {
    while (r < rows && threshold == 0.0 && moved->offsets[r + 1] == moved->offsets[r])
        r++;
    return r;
}

static void rewrite_task(const apd_decomposition *d, int block, apd_task_part *task, const float *old_sigma,
                         const moves *moved, double threshold) {
    const apd_task_block *part = &task->blocks[block];
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols;
    int64_t room = part->tau.offsets[rows] + moved->offsets[rows];
    apd_sparse made = {0};
    apd_sparse_resize(&made, rows, room);
    rewrite w = {.from = &part->tau, .to = &made, .threshold = threshold};
    for (int64_t done = 0; done < rows;) {
        int64_t r = next_row(moved, done, rows, threshold);
        copy_rows(&w, done, r);
        done = r + 1;
        if (r == rows)
            break;
        w.group_left = apd_group_entries(d, block, part->group, r, &w.group_columns, &w.group_values);
        rewrite_row(&w, r, part->mask[r], old_sigma + r * cols, d->sigma[block] + r * cols,
                    moved->columns + moved->offsets[r], moved->offsets[r + 1] - moved->offsets[r]);
    }
    apd_sparse_shrink(&made, w.next);
    apd_task_replace_tau(task, block, made);
    task->moved = task->moved || w.moved;
}

/* --- few moves, without a threshold ---------------------------------------------------------------------- */

/* As shared_at, for one weight. */
static float shared_of(const apd_decomposition *d, int block, const apd_task_block *part, int64_t r,
                       int32_t column, float sigma) {
    const float *group = apd_group_entry(d, block, part->group, r, column);
    float product = part->mask[r] * sigma;
    return group != NULL ? product + *group : product;
}

/* The entries that keep a task's theta, each of which is looked for; returns how many, or -1 where an entry that is
 * there has to go. `added` has room for one a move. */
static int64_t find_entries(const apd_decomposition *d, int block, const apd_task_block *part,
                            const float *old_sigma, const moves *moved, apd_sparse_entry *added) {
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, count = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = moved->offsets[r]; k < moved->offsets[r + 1]; k++) {
            int32_t column = moved->columns[k];
            int64_t e = part->tau.offsets[r], end = part->tau.offsets[r + 1];
            e += apd_find_column(part->tau.columns + e, end - e, column);
            float plain = shared_of(d, block, part, r, column, d->sigma[block][r * cols + column]);
            bool own = e < end && part->tau.columns[e] == column;
            float kept = own ? part->tau.values[e]
                             : shared_of(d, block, part, r, column, old_sigma[r * cols + column]);
            bool needed = !apd_same_bits(kept, plain);
            if (own && !needed)
                return -1;
            if (!own && needed)
                added[count++] = (apd_sparse_entry){r, e, column, kept};
        }
    return count;
}

/* Leaves alone what need not move; false: the task has to be written anew. */
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
    moves moved = {0};
    int64_t count = moves_find(d, block, old_sigma, &moved);
    if (threshold > 0.0) /* else tau changed only where sigma did */
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

#include "method/recentre.h"

#include "base/memory.h"
#include "method/cells.h"
#include "method/retarget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int zeros_at(const float *values, const float *masks, int count, float s) {
    int zeros = 0;
    for (int i = 0; i < count; i++)
        zeros += (float)(masks[i] * s) == values[i];
    return zeros;
}

static double pull_at(const float *values, const float *masks, int count, float s) {
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += fabs((double)values[i] - (double)masks[i] * (double)s);
    return sum;
}

/* theta/mask, or the neighbour of it that gives back theta exactly, where there is one. */
static float point_of(float theta, float mask) {
    float point = theta / mask;
    const float tries[3] = {point, nextafterf(point, INFINITY), nextafterf(point, -INFINITY)};
    for (int k = 0; k < 3; k++)
        if ((float)(mask * tries[k]) == theta)
            return tries[k];
    return point;
}

typedef struct choice {
    float sigma;
    int zeros;
    double pull;
} choice;

static void consider(choice *best, const float *values, const float *masks, int count, float s) {
    int zeros = zeros_at(values, masks, count, s);
    if (zeros < best->zeros)
        return;
    double pull = pull_at(values, masks, count, s);
    if (zeros > best->zeros || pull < best->pull)
        *best = (choice){s, zeros, pull};
}

/* Tasks that share a sigma have theta = mask*sigma rounded, each its own way, and several floats give back one
 * task's theta: only among all neighbours of theta/mask is there the one that gives back all of theirs. */
static float fewest_nonzeros(const float *values, const float *masks, int count, float sigma) {
    choice best = {sigma, zeros_at(values, masks, count, sigma), pull_at(values, masks, count, sigma)};
    for (int i = 0; i < count; i++) {
        float point = values[i] / masks[i];
        consider(&best, values, masks, count, point);
        consider(&best, values, masks, count, nextafterf(point, INFINITY));
        consider(&best, values, masks, count, nextafterf(point, -INFINITY));
    }
    return best.sigma;
}

static float weighted_median(const float *values, const float *masks, int count, float sigma, int *order) {
    double total = 0.0, passed = 0.0;
    for (int i = 0; i < count; i++) {
        float point = values[i] / masks[i];
        int k = i;
        for (; k > 0 && values[order[k - 1]] / masks[order[k - 1]] > point; k--)
            order[k] = order[k - 1];
        order[k] = i;
        total += (double)masks[i];
    }
    for (int k = 0; k < count; k++) {
        passed += (double)masks[order[k]];
        if (2.0 * passed >= total) {
            float median = point_of(values[order[k]], masks[order[k]]);
            /* never worse than staying: several sigma may be medians, and rounding makes near ties */
            return pull_at(values, masks, count, median) < pull_at(values, masks, count, sigma) ? median
                                                                                                : sigma;
        }
    }
    return sigma;
}

float apd_recentre_weight(apd_recentre_rule rule, const float *values, const float *masks, int count,
                          float sigma, int *scratch) {
    return rule == APD_RULE_COUNT ? fewest_nonzeros(values, masks, count, sigma)
                                  : weighted_median(values, masks, count, sigma, scratch);
}

/* The only decomposed task: sigma takes all of theta. */
static int64_t absorb(apd_decomposition *d, int place, int block) {
    apd_task_block *part = &d->tasks[place]->blocks[block];
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, entries = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++, entries++)
            d->sigma[block][r * cols + part->tau.columns[e]] = point_of(part->tau.values[e], part->mask[r]);
    apd_sparse_resize(&part->tau, rows, 0);
    d->tasks[place]->moved = d->tasks[place]->moved || entries > 0;
    return entries;
}

/* What the cells' weights are to become; the rest of sigma stays. */
typedef struct cell_view {
    const apd_decomposition *d;
    int block, count;
    const int *places; /* (count) the decomposed tasks */
    int *index_of;     /* place -> 0 .. count-1 */
    float *values, *masks;
    int *scratch;
} cell_view;

static void recentre_cell(cell_view *view, const apd_cells *cells, int64_t cell, int64_t row,
                          apd_recentre_rule rule) {
    const apd_decomposition *d = view->d;
    int64_t strays = cells->starts[cell + 1] - cells->starts[cell];
    if (rule == APD_RULE_COUNT && 2 * strays < view->count)
        return; /* at most `strays` tasks could agree elsewhere: fewer than agree here */
    float *sigma = d->sigma[view->block] + row * d->layout->blocks[view->block].cols + cells->columns[cell];
    for (int i = 0; i < view->count; i++) {
        view->masks[i] = d->tasks[view->places[i]]->blocks[view->block].mask[row];
        view->values[i] = view->masks[i] * *sigma;
    }
    for (int64_t e = cells->starts[cell]; e < cells->starts[cell + 1]; e++)
        view->values[view->index_of[cells->entries[e].task]] = cells->entries[e].theta;
    *sigma = apd_recentre_weight(rule, view->values, view->masks, view->count, *sigma, view->scratch);
}

static int64_t recentre_block(apd_decomposition *d, int block, apd_recentre_rule rule, cell_view *view) {
    int64_t size = apd_local_rows(d, block) * d->layout->blocks[block].cols;
    float *before = apd_allocate(size, sizeof(float), "sigma before re-centring");
    memcpy(before, d->sigma[block], (size_t)size * sizeof(float));
    apd_cells cells;
    apd_cells_build(d, block, &cells);
    view->block = block;
    for (int64_t r = 0; r < cells.rows; r++)
        for (int64_t k = cells.row_offsets[r]; k < cells.row_offsets[r + 1]; k++)
            recentre_cell(view, &cells, k, r, rule);
    int64_t moved = apd_retarget(d, block, before, 0.0);
    apd_cells_clear(&cells);
    free(before);
    return moved;
}

int64_t apd_recentre_sigma(apd_decomposition *d, apd_recentre_rule rule) {
    int64_t moved = 0;
    cell_view view = {.d = d};
    int *places = apd_allocate(d->task_count, sizeof(int), "the tasks to re-centre");
    view.index_of = apd_allocate(d->task_count, sizeof(int), "the tasks to re-centre");
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, 0)) {
            view.index_of[t] = view.count;
            places[view.count++] = t;
        }
    view.places = places;
    view.values = apd_allocate(view.count, sizeof(float), "a weight of all tasks");
    view.masks = apd_allocate(view.count, sizeof(float), "a mask of all tasks");
    view.scratch = apd_allocate(view.count, sizeof(int), "an order of all tasks");
    for (int b = 0; b < d->layout->block_count && view.count > 0; b++)
        if (d->layout->blocks[b].decomposed)
            moved += view.count == 1 ? absorb(d, places[0], b) : recentre_block(d, b, rule, &view);
    free(view.scratch);
    free(view.masks);
    free(view.values);
    free(view.index_of);
    free(places);
    return moved;
}

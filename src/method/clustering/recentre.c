#include "method/clustering/recentre.h"

#include "base/half.h"
#include "base/memory.h"
#include "method/solvers/retroactive_update.h"
#include "method/solvers/tau_by_weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One weight of all tasks. */
typedef struct weight {
    const float *values, *masks, *groups; /* (count); groups: sigma_g, or NULL: none has any */
    int count;
    bool half; /* sigma has 16 bits */
} weight;

static float group_of(const weight *w, int i) {
    return w->groups != NULL ? w->groups[i] : 0.0f;
}

/* theta of task i without tau, if sigma is s. */
static float plain_at(const weight *w, int i, float s) {
    float product = w->masks[i] * s, group = group_of(w, i);
    return group != 0.0f ? product + group : product;
}

static float point_of(const weight *w, int i) {
    return (w->values[i] - group_of(w, i)) / w->masks[i];
}

static int zeros_at(const weight *w, float s) {
    int zeros = 0;
    for (int i = 0; i < w->count; i++)
        zeros += plain_at(w, i, s) == w->values[i];
    return zeros;
}

static double tau_sum_at(const weight *w, float s) {
    double sum = 0.0;
    for (int i = 0; i < w->count; i++)
        sum += fabs((double)w->values[i] - (double)w->masks[i] * (double)s - (double)group_of(w, i));
    return sum;
}

/* Task i's breakpoint, or the neighbouring float at which theta comes out exactly, if there is one. */
static float exact_point_of(const weight *w, int i) {
    float point = point_of(w, i);
    const float tries[3] = {point, nextafterf(point, INFINITY), nextafterf(point, -INFINITY)};
    for (int k = 0; k < 3; k++)
        if (plain_at(w, i, tries[k]) == w->values[i])
            return tries[k];
    return point;
}

typedef struct choice {
    float sigma;
    int zeros;
    double tau_sum;
} choice;

static void consider(choice *best, const weight *w, float s) {
    int zeros = zeros_at(w, s);
    if (zeros < best->zeros)
        return;
    double tau_sum = tau_sum_at(w, s);
    if (zeros > best->zeros || tau_sum < best->tau_sum)
        *best = (choice){s, zeros, tau_sum};
}

/* Tasks with the same sigma have theta = mask*sigma, each rounded differently, and several sigma give one task's theta: the
 * one that gives all of theirs is found only among the neighbours of all breakpoints. */
static float fewest_nonzeros(const weight *w, float sigma) {
    choice best = {sigma, zeros_at(w, sigma), tau_sum_at(w, sigma)};
    for (int i = 0; i < w->count; i++) {
        float point = point_of(w, i);
        if (w->half) { /* masks have 16 bits, too, and their product is exact */
            consider(&best, w, apd_half(point));
            continue;
        }
        consider(&best, w, point);
        consider(&best, w, nextafterf(point, INFINITY));
        consider(&best, w, nextafterf(point, -INFINITY));
    }
    return best.sigma;
}

static float weighted_median(const weight *w, float sigma, int *order) {
    double total = 0.0, passed = 0.0;
    for (int i = 0; i < w->count; i++) {
        float point = point_of(w, i);
        int k = i;
        for (; k > 0 && point_of(w, order[k - 1]) > point; k--)
            order[k] = order[k - 1];
        order[k] = i;
        total += (double)w->masks[i];
    }
    for (int k = 0; k < w->count; k++) {
        passed += (double)w->masks[order[k]];
        if (2.0 * passed >= total) {
            /* only if better than the present sigma: several sigma may be medians, and rounding makes near ties */
            float median = w->half ? apd_half(point_of(w, order[k])) : exact_point_of(w, order[k]);
            return tau_sum_at(w, median) < tau_sum_at(w, sigma) ? median : sigma;
        }
    }
    return sigma;
}

static float choose(const weight *w, apd_recentre_rule rule, float sigma, int *scratch) {
    return rule == APD_RULE_COUNT ? fewest_nonzeros(w, sigma) : weighted_median(w, sigma, scratch);
}

float apd_recentre_weight(apd_recentre_rule rule, const float *values, const float *masks,
                          const float *groups, int count, float sigma, int *scratch) {
    const weight w = {values, masks, groups, count, false};
    return choose(&w, rule, sigma, scratch);
}

/* A single decomposed task: sigma takes over all of theta; where it has 16 bits, all that comes out exactly. */
static int64_t absorb(apd_decomposition *d, int place, int block) {
    apd_task_block *part = &d->tasks[place]->blocks[block];
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols, entries = 0;
    apd_sparse_writer kept = apd_sparse_begin(rows, 0);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
            const weight only = {&part->tau.values[e], &part->mask[r], NULL, 1, d->half};
            float point = d->half ? apd_half(point_of(&only, 0)) : exact_point_of(&only, 0);
            if (d->half && plain_at(&only, 0, point) != part->tau.values[e]) {
                apd_sparse_put(&kept, part->tau.columns[e], part->tau.values[e]);
                continue;
            }
            d->sigma[block][r * cols + part->tau.columns[e]] = point;
            entries++;
        }
        apd_sparse_end_row(&kept, r);
    }
    apd_sparse_clear(&part->tau);
    part->tau = apd_sparse_end(&kept);
    apd_decomposition_revised(d, block);
    d->tasks[place]->moved = d->tasks[place]->moved || entries > 0;
    d->tasks[place]->changed = d->tasks[place]->changed || entries > 0;
    return entries;
}

/* One weight at a time, gathered over all tasks. */
typedef struct gathered {
    const apd_decomposition *d;
    int block, count;
    const int *places; /* (count) the decomposed tasks */
    int *index_of;     /* place -> 0 .. count-1 */
    float *values, *masks, *groups;
    int *scratch;
} gathered;

/* Weight k of `tau`, which holds local row `row`. */
static void recentre_weight(gathered *all, const apd_tau_row *tau, int64_t k, int64_t row,
                            apd_recentre_rule rule) {
    const apd_decomposition *d = all->d;
    int64_t off_centre = tau->starts[k + 1] - tau->starts[k];
    if (rule == APD_RULE_COUNT && 2 * off_centre < all->count)
        return; /* at most `off_centre` tasks agree at another value: fewer than at the present one */
    float *sigma = d->sigma[all->block] + row * d->layout->blocks[all->block].cols + tau->columns[k];
    for (int i = 0; i < all->count; i++) {
        const apd_task_block *part = &d->tasks[all->places[i]]->blocks[all->block];
        float group = apd_group_value(d, all->block, part->group, row, tau->columns[k]);
        all->masks[i] = part->mask[row];
        all->groups[i] = group;
        all->values[i] = group != 0.0f ? part->mask[row] * *sigma + group : part->mask[row] * *sigma;
    }
    for (int64_t e = tau->starts[k]; e < tau->starts[k + 1]; e++)
        all->values[all->index_of[tau->entries[e].task]] = tau->entries[e].theta;
    const weight w = {all->values, all->masks, all->groups, all->count, d->half};
    *sigma = choose(&w, rule, *sigma, all->scratch);
}

static int64_t recentre_block(apd_decomposition *d, int block, apd_recentre_rule rule, gathered *all) {
    int64_t size = apd_local_rows(d, block) * d->layout->blocks[block].cols;
    float *before = apd_allocate(size, sizeof(float), "sigma before re-centring");
    memcpy(before, d->sigma[block], (size_t)size * sizeof(float));
    all->block = block;
    for (int64_t r = 0; r < apd_local_rows(d, block); r++) {
        apd_tau_row tau;
        apd_tau_row_build(d, block, r, &tau);
        for (int64_t k = 0; k < tau.count; k++)
            recentre_weight(all, &tau, k, r, rule);
        apd_tau_row_clear(&tau);
    }
    int64_t moved = apd_retroactive_update(d, block, before, 0.0);
    free(before);
    return moved;
}

int64_t apd_recentre_sigma(apd_decomposition *d, apd_recentre_rule rule) {
    int64_t moved = 0;
    gathered all = {.d = d};
    int *places = apd_allocate(d->task_count, sizeof(int), "the tasks to re-centre");
    all.index_of = apd_allocate(d->task_count, sizeof(int), "the tasks to re-centre");
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, 0)) {
            all.index_of[t] = all.count;
            places[all.count++] = t;
        }
    all.places = places;
    all.values = apd_allocate(all.count, sizeof(float), "a weight of all tasks");
    all.masks = apd_allocate(all.count, sizeof(float), "a mask of all tasks");
    all.groups = apd_allocate(all.count, sizeof(float), "a weight of all groups");
    all.scratch = apd_allocate(all.count, sizeof(int), "an order of all tasks");
    for (int b = 0; b < d->layout->block_count && all.count > 0; b++)
        if (d->layout->blocks[b].decomposed)
            moved += all.count == 1 ? absorb(d, places[0], b) : recentre_block(d, b, rule, &all);
    free(all.scratch);
    free(all.groups);
    free(all.masks);
    free(all.values);
    free(all.index_of);
    free(places);
    return moved;
}

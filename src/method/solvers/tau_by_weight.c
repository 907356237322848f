#include "method/solvers/tau_by_weight.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_UPS     64 /* entries of a row built in the time of one search in a task */
#define MOST_SINGLES 64 /* weights built one at a time */

/* Count row r's entries of all tasks in counts[column]. Returns how many there are. */
static int64_t count_columns(const apd_decomposition *d, int block, int64_t r, int32_t *counts) {
    int64_t total = 0;
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        apd_sparse_cursor tau = apd_sparse_row(&d->tasks[t]->blocks[block].tau, r);
        for (int64_t e = 0; e < tau.left; e++)
            counts[tau.columns[e]]++;
        total += tau.left;
    }
    return total;
}

/* Distribute row r's entries; next[column] is the place of the column's next one. */
static void place_entries(const apd_decomposition *d, int block, int64_t r, int64_t *next,
                          apd_tau_entry *entries) {
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        const apd_task_block *part = &d->tasks[t]->blocks[block];
        apd_sparse_cursor tau = apd_sparse_row(&part->tau, r);
        apd_sparse_cursor group = apd_group_cursor(d, block, part->group, r);
        for (int64_t e = 0; e < tau.left; e++) {
            const float *sigma_g = apd_sparse_seek(&group, tau.columns[e]);
            float theta = tau.values[e], shared = sigma_g != NULL ? *sigma_g : 0.0f;
            entries[next[tau.columns[e]]++] = (apd_tau_entry){
                .point = (theta - shared) / part->mask[r], .theta = theta, .group = shared, .task = t};
        }
    }
}

static void allocate_row(apd_tau_row *row, int64_t weights, int64_t entries) {
    *row = (apd_tau_row){0};
    row->columns = apd_allocate(weights, sizeof *row->columns, "tau by weight");
    row->starts = apd_allocate(weights + 1, sizeof *row->starts, "tau by weight");
    row->entries = apd_allocate(entries, sizeof *row->entries, "tau by weight");
    row->sorted = apd_allocate(weights, sizeof *row->sorted, "tau by weight");
}

void apd_tau_row_build(const apd_decomposition *d, int block, int64_t row, apd_tau_row *out) {
    int64_t cols = d->layout->blocks[block].cols, entry = 0;
    int32_t *counts = apd_allocate(cols, sizeof *counts, "tau by weight");
    int64_t *next = apd_allocate(cols, sizeof *next, "tau by weight");
    int64_t total = count_columns(d, block, row, counts);
    allocate_row(out, total < cols ? total : cols, total);
    out->index = apd_allocate(cols, sizeof *out->index, "tau by weight");
    for (int64_t c = 0; c < cols; c++) {
        out->index[c] = counts[c] == 0 ? -1 : (int32_t)out->count;
        if (counts[c] == 0)
            continue;
        out->columns[out->count] = (int32_t)c;
        out->starts[out->count++] = next[c] = entry;
        entry += counts[c];
    }
    out->starts[out->count] = entry;
    place_entries(d, block, row, next, out->entries);
    free(next);
    free(counts);
}

void apd_tau_row_clear(apd_tau_row *row) {
    free(row->columns);
    free(row->index);
    free(row->starts);
    free(row->entries);
    free(row->sorted);
    *row = (apd_tau_row){0};
}

static int by_point_then_task(const void *left, const void *right) {
    const apd_tau_entry *a = left, *b = right;
    if (a->point != b->point)
        return a->point < b->point ? -1 : 1;
    return (a->task > b->task) - (a->task < b->task);
}

void apd_tau_row_sort(apd_tau_row *row, int64_t k) {
    int64_t begin = row->starts[k], count = row->starts[k + 1] - begin;
    if (!row->sorted[k])
        qsort(row->entries + begin, (size_t)count, sizeof *row->entries, by_point_then_task);
    row->sorted[k] = true;
}

int64_t apd_tau_row_bytes(int64_t cols, int64_t weights, int64_t entries) {
    const apd_tau_row *row = NULL;
    return cols * (int64_t)sizeof *row->index +
           weights * (int64_t)(sizeof *row->columns + sizeof *row->starts + sizeof *row->sorted) +
           entries * (int64_t)sizeof *row->entries;
}

/* --- the cache ------------------------------------------------------------------------------------------- */

/* Build the weight at `column` alone, with or without entries. Returns the row's entries in all tasks. */
static int64_t build_single(const apd_decomposition *d, int block, int64_t row, int32_t column,
                            apd_tau_row *out) {
    int64_t total = 0, count = 0;
    allocate_row(out, 1, d->task_count);
    out->count = 1;
    out->columns[0] = column;
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        const apd_task_block *part = &d->tasks[t]->blocks[block];
        apd_sparse_cursor tau = apd_sparse_row(&part->tau, row);
        total += tau.left;
        apd_sparse_skip(&tau, apd_find_column(tau.columns, tau.left, column));
        if (apd_sparse_next(&tau) != column)
            continue;
        float theta = *tau.values, shared = apd_group_value(d, block, part->group, row, column);
        out->entries[count++] = (apd_tau_entry){
            .point = (theta - shared) / part->mask[row], .theta = theta, .group = shared, .task = t};
    }
    out->starts[1] = count;
    out->entries = apd_reallocate(out->entries, d->task_count, count, sizeof *out->entries, "tau by weight");
    return total;
}

static void clear_singles(apd_tau_row_cache *cache) {
    for (int i = 0; i < cache->single_count; i++)
        apd_tau_row_clear(&cache->singles[i]);
    free(cache->singles);
    cache->singles = NULL;
    cache->single_count = 0;
}

/* NULL: the whole row is cheaper now. */
static apd_tau_row *find_single(const apd_decomposition *d, int block, int64_t row, int32_t column,
                                apd_tau_row_cache *cache) {
    for (int i = 0; i < cache->single_count; i++)
        if (cache->singles[i].columns[0] == column)
            return &cache->singles[i];
    int count = cache->single_count;
    if (count == MOST_SINGLES || (int64_t)count * d->task_count * LOOK_UPS > cache->entries)
        return NULL;
    cache->singles =
        apd_reallocate(cache->singles, count, count + 1, sizeof *cache->singles, "tau by weight");
    cache->entries = build_single(d, block, row, column, &cache->singles[count]);
    cache->single_count++;
    return &cache->singles[count];
}

apd_tau_row *apd_tau_row_cache_find(const apd_decomposition *d, int block, int64_t row, int32_t column,
                                    apd_tau_row_cache *cache, int64_t *k) {
    apd_tau_row *single = cache->whole.columns == NULL ? find_single(d, block, row, column, cache) : NULL;
    *k = 0;
    if (single != NULL)
        return single;
    if (cache->whole.columns == NULL) {
        clear_singles(cache);
        apd_tau_row_build(d, block, row, &cache->whole);
    }
    *k = cache->whole.index[column];
    return &cache->whole;
}

void apd_tau_row_cache_clear(apd_tau_row_cache *cache) {
    clear_singles(cache);
    apd_tau_row_clear(&cache->whole);
    *cache = (apd_tau_row_cache){0};
}

int64_t apd_tau_row_cache_bytes(const apd_decomposition *d, int block, const apd_tau_row_cache *cache) {
    const apd_tau_row *row = &cache->whole;
    int64_t bytes = 0;
    for (int i = 0; i < cache->single_count; i++)
        bytes += apd_tau_row_bytes(0, 1, cache->singles[i].starts[1]);
    if (row->columns != NULL)
        bytes += apd_tau_row_bytes(d->layout->blocks[block].cols, row->count, row->starts[row->count]);
    return bytes;
}

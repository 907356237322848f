#include "method/solvers/tau_by_weight.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_UPS     64 /* entries put in place in the time of a look for one in another task */
#define MOST_SINGLES 64 /* cells of a row that are kept one by one */

bool apd_task_is_decomposed(const apd_decomposition *decomposition, int place, int block) {
    const apd_task_part *part = decomposition->tasks[place];
    return part != NULL && part->blocks[block].mask != NULL;
}

apd_group_walk apd_group_walk_begin(const apd_decomposition *decomposition, int block, int group,
                                    int64_t row) {
    apd_group_walk walk = {0};
    walk.left = apd_group_entries(decomposition, block, group, row, &walk.columns, &walk.values);
    return walk;
}

/* Add row r's entries of all tasks to counts[column]; returns how many there are. */
static int64_t count_columns(const apd_decomposition *d, int block, int64_t r, int32_t *counts) {
    int64_t total = 0;
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        const apd_sparse *tau = &d->tasks[t]->blocks[block].tau;
        for (int64_t e = tau->offsets[r]; e < tau->offsets[r + 1]; e++)
            counts[tau->columns[e]]++;
        total += tau->offsets[r + 1] - tau->offsets[r];
    }
    return total;
}

/* Put row r's entries in place; next[column] is where that column's next one goes. */
static void place_entries(const apd_decomposition *d, int block, int64_t r, int64_t *next,
                          apd_tau_entry *entries) {
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        const apd_task_block *part = &d->tasks[t]->blocks[block];
        apd_group_walk group = apd_group_walk_begin(d, block, part->group, r);
        for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
            float theta = part->tau.values[e], shared = apd_group_walk_at(&group, part->tau.columns[e]);
            entries[next[part->tau.columns[e]]++] = (apd_tau_entry){
                .point = (theta - shared) / part->mask[r], .theta = theta, .group = shared, .task = t};
        }
    }
}

static float *row_masks(const apd_decomposition *d, int block, int64_t row) {
    float *masks = apd_allocate(d->task_count, sizeof *masks, "a row's masks");
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, block))
            masks[t] = d->tasks[t]->blocks[block].mask[row];
    return masks;
}

void apd_tau_row_build(const apd_decomposition *d, int block, int64_t row, apd_tau_row *out) {
    int64_t cols = d->layout->blocks[block].cols, entry = 0;
    int32_t *counts = apd_allocate(cols, sizeof *counts, "a row's cells");
    int64_t *next = apd_allocate(cols, sizeof *next, "a row's cells");
    int64_t total = count_columns(d, block, row, counts), most = total < cols ? total : cols;
    *out = (apd_tau_row){0};
    out->columns = apd_allocate(most, sizeof *out->columns, "the cells' columns");
    out->starts = apd_allocate(most + 1, sizeof *out->starts, "the cells");
    out->entries = apd_allocate(total, sizeof *out->entries, "the cells' entries");
    out->sorted = apd_allocate(most, sizeof *out->sorted, "the cells");
    out->cells = apd_allocate(cols, sizeof *out->cells, "the columns' cells");
    for (int64_t c = 0; c < cols; c++) {
        out->cells[c] = counts[c] == 0 ? -1 : (int32_t)out->count;
        if (counts[c] == 0)
            continue;
        out->columns[out->count] = (int32_t)c;
        out->starts[out->count++] = next[c] = entry;
        entry += counts[c];
    }
    out->starts[out->count] = entry;
    place_entries(d, block, row, next, out->entries);
    out->masks = row_masks(d, block, row);
    free(next);
    free(counts);
}

void apd_tau_row_clear(apd_tau_row *row) {
    free(row->columns);
    free(row->cells);
    free(row->starts);
    free(row->entries);
    free(row->sorted);
    free(row->masks);
    *row = (apd_tau_row){0};
}

static int by_point_then_task(const void *left, const void *right) {
    const apd_tau_entry *a = left, *b = right;
    if (a->point != b->point)
        return a->point < b->point ? -1 : 1;
    return (a->task > b->task) - (a->task < b->task);
}

void apd_tau_row_sort(apd_tau_row *row, int64_t cell) {
    int64_t begin = row->starts[cell], count = row->starts[cell + 1] - begin;
    if (!row->sorted[cell])
        qsort(row->entries + begin, (size_t)count, sizeof *row->entries, by_point_then_task);
    row->sorted[cell] = true;
}

/* --- cells as they are asked for ------------------------------------------------------------------------- */

/* The one cell at `column`, which may have no entries; returns the row's entries in all tasks. */
static int64_t build_single(const apd_decomposition *d, int block, int64_t row, int32_t column,
                            apd_tau_row *out) {
    int64_t total = 0, count = 0;
    *out = (apd_tau_row){.count = 1};
    out->columns = apd_allocate(1, sizeof *out->columns, "a cell's column");
    out->starts = apd_allocate(2, sizeof *out->starts, "a cell");
    out->sorted = apd_allocate(1, sizeof *out->sorted, "a cell");
    out->entries = apd_allocate(d->task_count, sizeof *out->entries, "a cell's entries");
    out->masks = apd_allocate(d->task_count, sizeof *out->masks, "a cell's masks");
    out->columns[0] = column;
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        const apd_task_block *part = &d->tasks[t]->blocks[block];
        int64_t first = part->tau.offsets[row], there = part->tau.offsets[row + 1] - first;
        int64_t e = first + apd_find_column(part->tau.columns + first, there, column);
        total += there;
        if (e == first + there || part->tau.columns[e] != column)
            continue;
        float theta = part->tau.values[e], shared = apd_group_value(d, block, part->group, row, column);
        out->entries[count++] = (apd_tau_entry){
            .point = (theta - shared) / part->mask[row], .theta = theta, .group = shared, .task = t};
        out->masks[t] = part->mask[row];
    }
    out->starts[1] = count;
    out->entries =
        apd_reallocate(out->entries, d->task_count, count, sizeof *out->entries, "a cell's entries");
    return total;
}

static void clear_singles(apd_tau_row_cache *asked) {
    for (int i = 0; i < asked->single_count; i++)
        apd_tau_row_clear(&asked->singles[i]);
    free(asked->singles);
    asked->singles = NULL;
    asked->single_count = 0;
}

static apd_tau_row *find_single(const apd_decomposition *d, int block, int64_t row, int32_t column,
                                apd_tau_row_cache *asked) {
    for (int i = 0; i < asked->single_count; i++)
        if (asked->singles[i].columns[0] == column)
            return &asked->singles[i];
    int count = asked->single_count;
    if (count == MOST_SINGLES || (int64_t)count * d->task_count * LOOK_UPS > asked->entries)
        return NULL;
    asked->singles =
        apd_reallocate(asked->singles, count, count + 1, sizeof *asked->singles, "the cells of a row");
    asked->entries = build_single(d, block, row, column, &asked->singles[count]);
    asked->single_count++;
    return &asked->singles[count];
}

apd_tau_row *apd_tau_row_cache_find(const apd_decomposition *d, int block, int64_t row, int32_t column,
                                    apd_tau_row_cache *asked, int64_t *cell) {
    apd_tau_row *single = asked->whole.columns == NULL ? find_single(d, block, row, column, asked) : NULL;
    *cell = 0;
    if (single != NULL)
        return single;
    if (asked->whole.columns == NULL) {
        clear_singles(asked);
        apd_tau_row_build(d, block, row, &asked->whole);
    }
    *cell = asked->whole.cells[column];
    return &asked->whole;
}

void apd_tau_row_cache_clear(apd_tau_row_cache *asked) {
    clear_singles(asked);
    apd_tau_row_clear(&asked->whole);
    *asked = (apd_tau_row_cache){0};
}

int64_t apd_tau_row_cache_bytes(const apd_decomposition *d, int block, const apd_tau_row_cache *asked) {
    const apd_tau_row *row = &asked->whole;
    int64_t cell = sizeof *row->columns + sizeof *row->starts + sizeof *row->sorted;
    int64_t masks = d->task_count * (int64_t)sizeof *row->masks;
    int64_t bytes = 0;
    for (int i = 0; i < asked->single_count; i++)
        bytes += cell + masks + asked->singles[i].starts[1] * (int64_t)sizeof *row->entries;
    if (row->columns == NULL)
        return bytes;
    return bytes + row->count * cell + row->starts[row->count] * (int64_t)sizeof *row->entries + masks +
           d->layout->blocks[block].cols * (int64_t)sizeof *row->cells;
}

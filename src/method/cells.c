#include "method/cells.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool apd_task_is_decomposed(const apd_decomposition *decomposition, int place, int block) {
    const apd_task_part *part = decomposition->tasks[place];
    return part != NULL && part->blocks[block].mask != NULL;
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

/* sigma_g of the task's group at an ascending sequence of columns of one row; 0 where it has no entry. */
typedef struct group_walk {
    const int32_t *columns;
    const float *values;
    int64_t left;
} group_walk;

static float group_at(group_walk *walk, int32_t column) {
    for (; walk->left > 0 && *walk->columns < column; walk->left--) {
        walk->columns++;
        walk->values++;
    }
    return walk->left > 0 && *walk->columns == column ? *walk->values : 0.0f;
}

/* Put row r's entries in place; next[column] is where that column's next one goes. */
static void place_entries(const apd_decomposition *d, int block, int64_t r, int64_t *next,
                          apd_cell_entry *entries) {
    for (int t = 0; t < d->task_count; t++) {
        if (!apd_task_is_decomposed(d, t, block))
            continue;
        const apd_task_block *part = &d->tasks[t]->blocks[block];
        group_walk group = {0};
        group.left = apd_group_entries(d, block, part->group, r, &group.columns, &group.values);
        for (int64_t e = part->tau.offsets[r]; e < part->tau.offsets[r + 1]; e++) {
            float theta = part->tau.values[e], shared = group_at(&group, part->tau.columns[e]);
            entries[next[part->tau.columns[e]]++] = (apd_cell_entry){
                .point = (theta - shared) / part->mask[r], .theta = theta, .group = shared, .task = t};
        }
    }
}

/* Insertion sort by point; stable, so ties stay in task order. Cells are short. */
static void sort_cell(apd_cell_entry *entries, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        apd_cell_entry moving = entries[i];
        int64_t k = i;
        for (; k > 0 && entries[k - 1].point > moving.point; k--)
            entries[k] = entries[k - 1];
        entries[k] = moving;
    }
}

static int64_t entries_of_block(const apd_decomposition *d, int block) {
    int64_t total = 0;
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, block))
            total += d->tasks[t]->blocks[block].tau.offsets[apd_local_rows(d, block)];
    return total;
}

void apd_cells_build(const apd_decomposition *d, int block, apd_cells *cells) {
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols;
    int64_t total = entries_of_block(d, block), most_cells = total < rows * cols ? total : rows * cols;
    int32_t *counts = apd_allocate(cols, sizeof *counts, "a row's cells");
    int64_t *next = apd_allocate(cols, sizeof *next, "a row's cells");
    *cells = (apd_cells){.rows = rows};
    cells->row_offsets = apd_allocate(rows + 1, sizeof *cells->row_offsets, "the cells' rows");
    cells->columns = apd_allocate(most_cells, sizeof *cells->columns, "the cells' columns");
    cells->starts = apd_allocate(most_cells + 1, sizeof *cells->starts, "the cells");
    cells->entries = apd_allocate(total, sizeof *cells->entries, "the cells' entries");
    int64_t cell = 0, entry = 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t first_cell = cell;
        if (count_columns(d, block, r, counts) > 0) {
            for (int64_t c = 0; c < cols; c++) {
                if (counts[c] == 0)
                    continue;
                cells->columns[cell] = (int32_t)c;
                cells->starts[cell++] = next[c] = entry;
                entry += counts[c];
                cells->most = counts[c] > cells->most ? counts[c] : cells->most;
                counts[c] = 0;
            }
            place_entries(d, block, r, next, cells->entries);
        }
        cells->starts[cell] = entry;
        for (int64_t k = first_cell; k < cell; k++)
            sort_cell(cells->entries + cells->starts[k], cells->starts[k + 1] - cells->starts[k]);
        cells->row_offsets[r + 1] = cell;
    }
    free(next);
    free(counts);
}

void apd_cells_clear(apd_cells *cells) {
    free(cells->row_offsets);
    free(cells->columns);
    free(cells->starts);
    free(cells->entries);
    *cells = (apd_cells){0};
}

int64_t apd_cells_find(const apd_cells *cells, int64_t row, int32_t column) {
    int64_t low = cells->row_offsets[row], high = cells->row_offsets[row + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (cells->columns[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low < cells->row_offsets[row + 1] && cells->columns[low] == column ? low : -1;
}

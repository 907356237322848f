#include "method/solvers/adaptive.h"

#include <stddef.h>

/* Walk a row's tau entries and its group's entries in one ascending order of columns. */
int64_t apd_adaptive_row(const apd_decomposition *d, int place, int block, int64_t row, int32_t *columns,
                         double *values) {
    const apd_task_block *part = &d->tasks[place]->blocks[block];
    const int64_t cols = d->layout->blocks[block].cols;
    const float *sigma = d->sigma[block] + row * cols;
    const double mask = (double)part->mask[row];
    const int32_t *group_columns = NULL;
    const float *group_values = NULL;
    int64_t group_count = apd_group_entries(d, block, part->group, row, &group_columns, &group_values);
    int64_t e = part->tau.offsets[row], end = part->tau.offsets[row + 1], g = 0, count = 0;
    while (e < end || g < group_count) {
        int32_t own = e < end ? part->tau.columns[e] : INT32_MAX;
        int32_t shared = g < group_count ? group_columns[g] : INT32_MAX;
        int32_t column = own < shared ? own : shared;
        double value = column == own ? (double)part->tau.values[e] - mask * (double)sigma[column]
                                     : (double)group_values[g];
        e += column == own;
        g += column == shared;
        columns[count] = column;
        values[count++] = value;
    }
    return count;
}

int64_t apd_group_row(const apd_decomposition *d, int group, int block, int64_t row, int32_t *columns,
                      double *values) {
    const int32_t *from = NULL;
    const float *shared = NULL;
    int64_t count = apd_group_entries(d, block, group, row, &from, &shared);
    for (int64_t e = 0; e < count; e++) {
        columns[e] = from[e];
        values[e] = (double)shared[e];
    }
    return count;
}

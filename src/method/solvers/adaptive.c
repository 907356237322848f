#include "method/solvers/adaptive.h"

/* Merges a row's tau entries and its group's entries in ascending order of columns. */
int64_t apd_adaptive_row(const apd_decomposition *d, int place, int block, int64_t row, int32_t *columns,
                         double *values) {
    const apd_task_block *part = &d->tasks[place]->blocks[block];
    const float *sigma = d->sigma[block] + row * d->layout->blocks[block].cols;
    const double mask = (double)part->mask[row];
    apd_sparse_cursor tau = apd_sparse_row(&part->tau, row);
    apd_sparse_cursor group = apd_group_cursor(d, block, part->group, row);
    int64_t count = 0;
    while (tau.left > 0 || group.left > 0) {
        int32_t own = apd_sparse_next(&tau), shared = apd_sparse_next(&group);
        int32_t column = own < shared ? own : shared;
        const float *theta = apd_sparse_take(&tau, column), *sigma_g = apd_sparse_take(&group, column);
        columns[count] = column;
        values[count++] = theta != NULL ? (double)*theta - mask * (double)sigma[column] : (double)*sigma_g;
    }
    return count;
}

int64_t apd_group_row(const apd_decomposition *d, int group, int block, int64_t row, int32_t *columns,
                      double *values) {
    apd_sparse_cursor entries = apd_group_cursor(d, block, group, row);
    for (int64_t e = 0; e < entries.left; e++) {
        columns[e] = entries.columns[e];
        values[e] = (double)entries.values[e];
    }
    return entries.left;
}

/* cells: the finished tasks' sparse parameters turned round, by weight instead of by task, a row at a time.
 *
 * A *cell* is a weight of a block at which at least one finished task has tau != 0. Its entries are those
 * tasks; the breakpoint of each, (theta - sigma_g)/mask, is the value of sigma at which the task would need no
 * tau there. The solver of the one-dimensional problem walks along these in ascending order, re-centring
 * takes them as they come; weights that are no cell have all their tasks at sigma itself. A row costs its
 * entries, and a look at every task. */
#ifndef APD_METHOD_SOLVERS_TAU_BY_WEIGHT_H
#define APD_METHOD_SOLVERS_TAU_BY_WEIGHT_H

#include "method/decomposition.h"

typedef struct apd_tau_entry {
    float point; /* (theta - sigma_g)/mask */
    float theta;
    float group;  /* sigma_g of the task's group there */
    int32_t task; /* its place in the stream */
} apd_tau_entry;

typedef struct apd_tau_row {
    int64_t count;          /* cells */
    int32_t *columns;       /* (count) ascending */
    int32_t *cells;         /* (C): the cell at a column; -1: none; NULL in a row of a single cell */
    int64_t *starts;        /* (count+1): cell k's entries are starts[k] .. starts[k+1]-1 */
    apd_tau_entry *entries; /* within a cell in the order of tasks */
    bool *sorted;           /* (count): by apd_tau_row_sort */
    float *masks;           /* (T): masks of this row, of the tasks that have an entry at least; else 0 */
} apd_tau_row;

/* The cells of local row `row` of block `block` over all tasks that have a mask. Clear with
 * apd_tau_row_clear. */
void apd_tau_row_build(const apd_decomposition *decomposition, int block, int64_t row, apd_tau_row *out);
void apd_tau_row_clear(apd_tau_row *row);

/* What has been asked for of a row: single cells while they are few, for each of which every task is searched, and
 * the whole row once that would have taken longer. */
typedef struct apd_tau_row_cache {
    apd_tau_row whole; /* columns NULL: not built */
    apd_tau_row *singles;
    int single_count;
    int64_t entries; /* of the row in all tasks, once a cell was asked for */
} apd_tau_row_cache;

/* The cell at `column` of local row `row`: returned are the row that has it and, in *cell, its number there. Valid
 * until the next call. Tasks must not change meanwhile. */
apd_tau_row *apd_tau_row_cache_find(const apd_decomposition *decomposition, int block, int64_t row,
                                    int32_t column, apd_tau_row_cache *asked, int64_t *cell);
void apd_tau_row_cache_clear(apd_tau_row_cache *asked);
int64_t apd_tau_row_cache_bytes(const apd_decomposition *decomposition, int block,
                                const apd_tau_row_cache *asked);

/* Bring cell `cell`'s entries into ascending order of their points, ties in the order of tasks. */
void apd_tau_row_sort(apd_tau_row *row, int64_t cell);

/* sigma_g of a task's group at an ascending sequence of columns of one row. */
typedef struct apd_group_walk {
    const int32_t *columns;
    const float *values;
    int64_t left;
} apd_group_walk;

/* Begin at the row's first column; group -1: none. */
apd_group_walk apd_group_walk_begin(const apd_decomposition *decomposition, int block, int group,
                                    int64_t row);

/* sigma_g at `column`, not below those asked for before; 0 where the group has no entry. */
static inline float apd_group_walk_at(apd_group_walk *walk, int32_t column) {
    for (; walk->left > 0 && *walk->columns < column; walk->left--) {
        walk->columns++;
        walk->values++;
    }
    return walk->left > 0 && *walk->columns == column ? *walk->values : 0.0f;
}

/* Whether the task at `place` takes part: it is there, and it has a mask on block `block`. */
bool apd_task_is_decomposed(const apd_decomposition *decomposition, int place, int block);

#endif

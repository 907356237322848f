/* cells: the finished tasks' sparse parameters turned round, by weight instead of by task.
 *
 * A *cell* is a weight of a block at which at least one finished task has tau != 0. Its entries are those
 * tasks, ordered by their breakpoint (theta - sigma_g)/mask: the value of sigma at which the task would need
 * no tau there. The solver of the one-dimensional problem and re-centring walk along these; weights that are
 * no cell have all their tasks at sigma itself. Built in one pass, cost O(R*C + entries). */
#ifndef APD_METHOD_CELLS_H
#define APD_METHOD_CELLS_H

#include "method/decomposition.h"

typedef struct apd_cell_entry {
    float point; /* (theta - sigma_g)/mask */
    float theta;
    float group;  /* sigma_g of the task's group there */
    int32_t task; /* its place in the stream */
} apd_cell_entry;

typedef struct apd_cells {
    int64_t rows;
    int64_t *row_offsets; /* (rows+1): row r's cells are row_offsets[r] .. row_offsets[r+1]-1 */
    int32_t *columns;     /* (cells) ascending within a row */
    int64_t *starts;      /* (cells+1): cell k's entries are starts[k] .. starts[k+1]-1 */
    apd_cell_entry *entries;
    int64_t most; /* entries of the largest cell */
} apd_cells;

/* The cells of block `block` over all tasks that have a mask. Clear with apd_cells_clear. */
void apd_cells_build(const apd_decomposition *decomposition, int block, apd_cells *cells);
void apd_cells_clear(apd_cells *cells);

/* The cell at (row, column), or -1. */
int64_t apd_cells_find(const apd_cells *cells, int64_t row, int32_t column);

/* Whether the task at `place` takes part: it is there, and it has a mask on block `block`. */
bool apd_task_is_decomposed(const apd_decomposition *decomposition, int place, int block);

#endif

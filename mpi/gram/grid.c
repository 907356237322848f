#include "mpi/gram/grid.h"

#include "base/heartbeat.h"
#include "base/memory.h"
#include "mpi/team/chunk.h"
#include "mpi/team/comm.h"

#include <limits.h>
#include <stdlib.h>

#define BLOCK 64        /* rows of a block; the usual size, small enough for several blocks a process */
#define CHUNK (1 << 24) /* numbers a call of MPI */

static int divide_up(int count, int parts) {
    return (count + parts - 1) / parts;
}

/* The largest divisor of `ranks` not above its square root. */
static int grid_rows(int ranks) {
    int rows = 1;
    for (int d = 1; d <= ranks / d; d++)
        rows = ranks % d == 0 ? d : rows;
    return rows;
}

void apd_grid_init(apd_grid *grid, const apd_team *team, int order) {
    char by_rows[] = "Row";
    *grid = (apd_grid){.rows = grid_rows(team->size)};
    grid->cols = team->size / grid->rows;
    /* BLACS keeps one handle of a communicator for the process's life */
    apd_heartbeat_begin(APD_MAY_WAIT);
    grid->context = Csys2blacs_handle(team->everyone);
    Cblacs_gridinit(&grid->context, by_rows, grid->rows, grid->cols);
    apd_heartbeat_end();
    Cblacs_gridinfo(grid->context, &grid->rows, &grid->cols, &grid->row, &grid->col);
    APD_ASSERT(grid->rows * grid->cols == team->size);
    int even = divide_up(order, grid->cols); /* every process column gets a part of a small matrix */
    grid->block = even < 1 ? 1 : (even < BLOCK ? even : BLOCK);
}

void apd_grid_clear(apd_grid *grid) {
    apd_heartbeat_begin(APD_MAY_WAIT);
    Cblacs_gridexit(grid->context);
    apd_heartbeat_end();
    *grid = (apd_grid){0};
}

void apd_grid_matrix_init(apd_grid_matrix *matrix, const apd_grid *grid, int rows, int cols) {
    int first = 0, info = 0;
    matrix->rows = numroc_(&rows, &grid->block, &grid->row, &first, &grid->rows);
    matrix->cols = numroc_(&cols, &grid->block, &grid->col, &first, &grid->cols);
    matrix->leading = matrix->rows > 0 ? matrix->rows : 1;
    int64_t size = (int64_t)matrix->leading * matrix->cols;
    if (size > INT_MAX)
        apd_fatal(APD_ERROR_USAGE,
                  "the Gram matrix of tasks has %lld entries a rank and ScaLAPACK takes %d; use more ranks",
                  (long long)size, INT_MAX);
    matrix->part = apd_allocate(size, sizeof *matrix->part, "a part of the Gram matrix");
    descinit_(matrix->descriptor, &rows, &cols, &grid->block, &grid->block, &first, &first, &grid->context,
              &matrix->leading, &info);
    APD_ASSERT(info == 0);
}

void apd_grid_matrix_clear(apd_grid_matrix *matrix) {
    free(matrix->part);
    *matrix = (apd_grid_matrix){0};
}

static int local_index(int index, int block, int processes, int process) {
    if (index / block % processes != process)
        return -1;
    return index / block / processes * block + index % block;
}

int apd_grid_local_row(const apd_grid *grid, int row) {
    return local_index(row, grid->block, grid->rows, grid->row);
}

int apd_grid_local_col(const apd_grid *grid, int col) {
    return local_index(col, grid->block, grid->cols, grid->col);
}

void apd_grid_spread(const apd_team *team, double *values, int64_t count) {
    for (int64_t at = 0; at < count; at += CHUNK) {
        int chunk = (int)(count - at < CHUNK ? count - at : CHUNK);
        APD_MPI(MPI_Allreduce(MPI_IN_PLACE, values + at, chunk, MPI_DOUBLE, MPI_SUM, team->everyone));
    }
}

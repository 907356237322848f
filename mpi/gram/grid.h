/* grid: matrices distributed block-cyclically over a process grid of all ranks. For the files of mpi/gram only.
 *
 * The grid is the most square one with P = rows * cols. Every rank holds its blocks as one column-major array: its
 * entry (l, k) is entry (apd_grid_row(l), apd_grid_col(k)) of the matrix. */
#ifndef APD_MPI_GRAM_GRID_H
#define APD_MPI_GRAM_GRID_H

#include "mpi/gram/scalapack.h"
#include "mpi/team/team.h"

#include <stdint.h>

typedef struct apd_grid {
    int context;    /* BLACS' handle */
    int rows, cols; /* of processes */
    int row, col;   /* this process */
    int block;      /* rows and columns of a block */
} apd_grid;

typedef struct apd_grid_matrix {
    int rows, cols; /* of this rank's part */
    int leading;    /* its leading dimension */
    int descriptor[APD_DESCRIPTOR];
    double *part; /* (cols, leading) */
} apd_grid_matrix;

/* A grid for matrices of `order` rows and columns. Collective. */
void apd_grid_init(apd_grid *grid, const apd_team *team, int order);
void apd_grid_clear(apd_grid *grid); /* Collective. */

/* A matrix of zeros. Local. Ends the job if a part has more entries than ScaLAPACK can count. */
void apd_grid_matrix_init(apd_grid_matrix *matrix, const apd_grid *grid, int rows, int cols);
void apd_grid_matrix_clear(apd_grid_matrix *matrix); /* Local. */

/* The matrix's row or column of a local one. Local. */
static inline int apd_grid_row(const apd_grid *grid, int local) {
    return (local / grid->block * grid->rows + grid->row) * grid->block + local % grid->block;
}

static inline int apd_grid_col(const apd_grid *grid, int local) {
    return (local / grid->block * grid->cols + grid->col) * grid->block + local % grid->block;
}

/* The local row or column of one of the matrix, or -1 if another process has it. Local. */
int apd_grid_local_row(const apd_grid *grid, int row);
int apd_grid_local_col(const apd_grid *grid, int col);

/* Give all ranks the numbers that exactly one rank has: all others hold 0, so the sum rounds nothing. Collective. */
void apd_grid_spread(const apd_team *team, double *values, int64_t count);

#endif

/* matrix: what is in a Gram matrix. For the files of mpi/gram only. */
#ifndef APD_MPI_GRAM_MATRIX_H
#define APD_MPI_GRAM_MATRIX_H

#include "mpi/gram/grid.h"
#include "mpi/gram/sums.h"

typedef struct apd_gram {
    const apd_team *team; /* not owned */
    int vectors, tasks;   /* N, T */
    double unit;          /* of the whole numbers below, in squared parameters */
    apd_gram_sums sums;   /* this rank's share, for the next matrix */
    double *diagonal;     /* (N) */
    bool distributed;
    double *whole;          /* (N, N) if replicated, else NULL */
    apd_grid grid;          /* if distributed: */
    apd_grid_matrix matrix; /* (N, N) */
} apd_gram;

#endif

/* gram_matrix: what is in an apd_gram. For gram's files only. */
#ifndef APD_MPI_GRAM_MATRIX_H
#define APD_MPI_GRAM_MATRIX_H

#include "mpi/gram/gram.h"
#include "mpi/gram/grid.h"
#include "mpi/gram/sums.h"

struct apd_gram {
    const apd_team *team; /* not owned */
    int vectors, tasks;   /* N, T */
    double unit;          /* of the whole numbers below */
    apd_gram_sums sums;   /* this rank's share, for the next matrix to take over */
    double *diagonal;     /* (N) */
    bool distributed;
    double *whole;          /* (N, N) on the direct road, else NULL */
    apd_grid grid;          /* on the ScaLAPACK road */
    apd_grid_matrix matrix; /* (N, N) there */
};

/* sums (T, clusters): sums[i][c] = sum of G_ij over tasks j of cluster c. Collective. */
void apd_gram_products(const apd_gram *gram, const int *assignment, int clusters, double *sums);

#endif

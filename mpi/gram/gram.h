/* gram: the Gram matrix G of the tasks' adaptive parameters, G_ij = sum over weights w of x_iw * x_jw.
 *
 * The long dimension, millions of weights, is spread over ranks: each rank adds the products of its own rows, and the
 * sums are added over ranks. The N x N matrix is either replicated, whole on every rank, or distributed
 * block-cyclically over a process grid of all ranks, with PBLAS for products and ScaLAPACK for eigenvalues.
 *
 * Exact at every P and on every grid: values are rounded to 31-bit whole numbers relative to the longest vector
 * (sums.h), so that inner products are exact in 64 bits in any order. The sums are then rounded to whole numbers of at
 * most 2^(52 - 2*ceil(log2 N)), so that every sum which K-means takes of them is exact in double. Assignments are
 * therefore the same bits everywhere; an inner product is off by about 1e-10 of the longest vector's squared length.
 * Only the last bits of eigenvectors depend on the grid.
 *
 * Memory a rank, in bytes: replicated 8N^2, distributed 8N^2/P, for the matrix; 4N^2/P for this rank's share of the
 * 64-bit sums, which the next matrix reuses; and 4N^2 for all sums while a matrix is made. */
#ifndef APD_MPI_GRAM_GRAM_H
#define APD_MPI_GRAM_GRAM_H

#include "method/clustering/kmeans.h"
#include "mpi/gram/source.h"
#include "mpi/team/team.h"

typedef enum apd_gram_storage { APD_GRAM_AUTO, APD_GRAM_REPLICATED, APD_GRAM_DISTRIBUTED } apd_gram_storage;

typedef struct apd_gram apd_gram;

/* Make the matrix. Collective. `former`, which may be NULL and is not used if source->changed is NULL: an earlier
 * matrix of the same team and block. Vectors keep their indices, and those beyond the former's count as changed.
 * Products of two unchanged vectors are taken from it if the longest vector's length has the same binary exponent, and
 * computed anew otherwise, with the same result. AUTO distributes large matrices. Cost: two passes over the rows, a
 * product for each pair of entries in a column, and a sum over ranks of N^2/2 numbers. */
apd_gram *apd_gram_create(const apd_team *team, const apd_gram_source *source, const apd_gram *former,
                          apd_gram_storage storage);
void apd_gram_destroy(apd_gram *gram); /* Collective. Takes NULL. */

/* The matrix as K-means reads it. Local, but the view's functions are collective: all ranks run K-means with the same
 * arguments. */
apd_gram_view apd_gram_view_of(apd_gram *gram);

/* sums (T, clusters): sums[i][c] = sum of G_ij over tasks j with assignment[j] = c. Collective. */
void apd_gram_products(const apd_gram *gram, const int *assignment, int clusters, double *sums);

double apd_gram_unit(const apd_gram *gram); /* What 1 in the matrix means in squared parameters. Local. */
bool apd_gram_is_distributed(const apd_gram *gram); /* Local. */

/* `values` (T): the eigenvalues of the tasks' centred Gram matrix, descending, in squared parameters. `vectors`, unless
 * NULL: the first `count` eigenvectors (count, T), each with its largest component positive (the first of nearly equal
 * ones). By LAPACK's dsyev or ScaLAPACK's pdsyev; rounded to 40 bits, so that both agree except for eigenvectors of
 * equal eigenvalues. Collective. Ends the job if the solver does not converge. */
void apd_gram_eigen(const apd_gram *gram, double *values, int count, double *vectors);

/* exp of the entropy of the normalised eigenvalues (Roy & Vetterli 2007), and the share of the first `first` in the
 * sum. Eigenvalues below 0 count as 0; both are 0 if all are. Local. */
double apd_effective_rank(const double *eigenvalues, int count);
double apd_explained_variance(const double *eigenvalues, int total, int first);

#endif

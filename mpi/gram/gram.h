/* gram: the Gram matrix of the tasks' adaptive parameters, over slices and over ranks.
 *
 * The long dimension (millions of weights) is summed where it lies: each rank takes the inner products of its
 * own rows. The T x T side is held whole on every rank while T is small (the direct road), and
 * block-cyclic on a process grid over all ranks when T is large (the ScaLAPACK road): products with an
 * assignment by PBLAS, eigenvalues by the symmetric eigensolver.
 *
 * Exact, whatever P: values are rounded to whole numbers of 31 bits below the longest vector's length
 * (mpi/gram_sums.h), so that inner products are whole numbers in 64 bits and order does not matter; the sums
 * are rounded once more, to whole numbers so small (at most 2^(52 - 2*ceil(log2 N))) that every sum K-means
 * takes of them is exact in double. So assignments are the same to the bit at every P and on every grid, and
 * an inner product is off by some 1e-10 of the longest vector's squared length. What remains of the grid is in
 * the eigenvectors' last bits.
 *
 * Of a matrix, every rank keeps a 1/P share of the 64-bit sums for the next one to take over. */
#ifndef APD_MPI_GRAM_GRAM_H
#define APD_MPI_GRAM_GRAM_H

#include "method/clustering/kmeans.h"
#include "method/decomposition.h"
#include "mpi/team/team.h"

typedef enum apd_gram_storage { APD_GRAM_AUTO, APD_GRAM_REPLICATED, APD_GRAM_DISTRIBUTED } apd_gram_storage;

typedef struct apd_gram apd_gram;

/* Where gram's vectors come from: rows of sparse vectors, so that tests can bring any. */
typedef struct apd_gram_source {
    int vectors;  /* N: tasks, then former locally shared parameters */
    int tasks;    /* T */
    int64_t rows; /* local rows of the block */
    int64_t cols; /* C */
    void *context;
    /* row `row` of vector `vector`: ascending columns, values; returns the count. NULL context is the
     * caller's. */
    int64_t (*row)(void *context, int vector, int64_t row, int32_t *columns, double *values);
    const bool *changed; /* (N) which vectors changed since `former` was made; NULL: all */
} apd_gram_source;

/* Collective. Values must be finite. `former` (may be NULL; not used when `changed` is NULL): a matrix of the
 * same team and block, of which the products of unchanged vectors are taken over, when the longest vector's
 * length has the same binary order of magnitude; all are computed anew otherwise, with the same result. A
 * vector keeps its index; those beyond the former's count as changed. `auto` takes ScaLAPACK when N is large.
 * Cost: each row is read twice (once for the lengths); then a product for each pair of entries in a column; N^2
 * numbers to add over ranks. Memory at the peak: 4*N^2 bytes of sums, and the matrix. */
apd_gram *apd_gram_create(const apd_team *team, const apd_gram_source *source, const apd_gram *former,
                          apd_gram_storage storage);
void apd_gram_destroy(apd_gram *gram); /* Collective. Takes NULL. */

/* K-means' view. Its callbacks are Collective: all ranks run K-means with the same arguments. */
apd_gram_view apd_gram_view_of(apd_gram *gram);

/* The factor from the matrix's whole numbers to inner products of parameters. */
double apd_gram_unit(const apd_gram *gram);
bool apd_gram_is_distributed(const apd_gram *gram);

/* Eigenvalues of the tasks' centred Gram matrix, descending (T), in units of squared parameters; and the
 * first `count` eigenvectors (count, T) when `vectors` is not NULL. LAPACK's dsyev on the direct road,
 * ScaLAPACK's pdsyev on the other; rounded to 40 bits, so that the roads agree, but for the vectors of equal
 * eigenvalues. A vector's largest component (the first of nearly equal ones) is positive. Collective. */
void apd_gram_eigen(const apd_gram *gram, double *values, int count, double *vectors);

/* exp of the entropy of the normalised eigenvalues (Roy & Vetterli 2007), and the share of the first `first`.
 * Eigenvalues below 0 count as 0; both are 0 when all are. */
double apd_effective_rank(const double *eigenvalues, int count);
double apd_explained_variance(const double *eigenvalues, int total, int first);

#endif

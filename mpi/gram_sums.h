/* gram_sums: inner products of sparse vectors as whole numbers. For gram's files only.
 *
 * All values are first rounded to whole numbers on one grid: x becomes q = round(x * 2^g), with g as large as
 * it may be so that the squared length of the longest vector stays below 2^60. Then |q| <= 2^30, every
 * product is exact in 64 bits, and by Cauchy's inequality no sum of products, over any part of the columns,
 * rows and ranks, leaves 63 bits. So inner products do not depend on the order in which they are added, on
 * where a row lies, on the way (pairs of a sparse column, or a dense tile by the BLAS) or on which other
 * vectors there are. An inner product is off by at most 2^-30 of the longest vector's length times the
 * shorter sum of |x|, in practice some 1e-10 of the longest squared length.
 *
 * Sparse way: a row's entries sorted by column; each column adds the products of all its pairs. Its cost goes
 * with the sum of squares of column counts; a row in which the BLAS is cheaper is made dense. */
#ifndef APD_MPI_GRAM_SUMS_H
#define APD_MPI_GRAM_SUMS_H

#include "mpi/gram.h"

/* Part of the packed upper triangle of N x N inner products: entries begin .. end-1 of the triangle. */
typedef struct apd_gram_sums {
    int vectors;   /* N */
    int exponent;  /* g: the inner product is sums * 2^(-2g) */
    int64_t begin; /* of the triangle's N(N+1)/2 entries */
    int64_t end;
    int64_t *sums; /* (end-begin) */
} apd_gram_sums;

/* Entry (i, j), i <= j, of the packed triangle is number apd_gram_row_start(i) + j: rows one after the other.
 */
static inline int64_t apd_gram_row_start(int vectors, int i) {
    return (int64_t)i * vectors - (int64_t)i * (i + 1) / 2;
}

static inline int64_t apd_gram_triangle(int vectors) {
    return (int64_t)vectors * (vectors + 1) / 2;
}

/* The whole triangle on every rank, summed over ranks. `former`: each rank's part of an earlier one, or NULL;
 * of it are taken over the pairs of vectors that both have that did not change, when the grid is the same.
 * Collective. */
void apd_gram_sums_build(apd_gram_sums *sums, const apd_team *team, const apd_gram_source *source,
                         const apd_gram_sums *former);

/* Keep this rank's share alone: all ranks' shares make the triangle. Local. */
void apd_gram_sums_share(apd_gram_sums *sums, const apd_team *team);
void apd_gram_sums_clear(apd_gram_sums *sums);

#endif

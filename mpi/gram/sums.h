/* gram_sums: inner products of sparse vectors as whole numbers. For gram's files only.
 *
 * All values are first rounded to whole numbers on one grid: x becomes q = round(x * 2^(k/2)), with k as
 * large as it may be so that the squared length of the longest vector stays below 2^62. Then |q| < 2^31, every
 * product is exact in 64 bits, and by Cauchy's inequality no sum of products, over any part of the columns,
 * rows and ranks, leaves 63 bits. So inner products do not depend on the order in which they are added, on
 * where a row lies, on the way (sparse or dense, below) or, but for k, on which other vectors there are.
 * What the grid costs: an error of some 1e-10 of the longest squared length in an inner product, which is
 * about what the parameters' own float rounding costs.
 *
 * The sparse way: a row's entries are sorted by column, and each column adds the products of all its pairs,
 * at a cost that goes with the square of its count. The dense way: a few neighbouring columns are written out
 * in full, and all pairs of vectors take them in one pass, without indices. */
#ifndef APD_MPI_GRAM_SUMS_H
#define APD_MPI_GRAM_SUMS_H

#include "mpi/gram/gram.h"

/* Part of the packed upper triangle of N x N inner products: entries begin .. end-1 of the triangle. */
typedef struct apd_gram_sums {
    int vectors;   /* N */
    int exponent;  /* k: the inner product is sums * 2^(-k) */
    int64_t begin; /* of the triangle's N(N+1)/2 entries */
    int64_t end;
    int64_t *sums; /* (end-begin) */
} apd_gram_sums;

/* Entry (i, j), i <= j, of the packed triangle is number apd_gram_row_start(i) + j: rows one after the other. */
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

/* sums: inner products of sparse vectors as whole numbers. For the files of mpi/gram only.
 *
 * A value x becomes q = round(x * 2^(k/2)), with the largest k for which the squared length of the longest vector stays
 * below 2^62. Then |q| < 2^31, every product is exact in 64 bits, and by Cauchy's inequality no sum of products, over
 * any columns, rows and ranks, exceeds 63 bits. So inner products depend neither on the order of addition, nor on
 * which rank has a row, nor, except through k, on the other vectors. The rounding costs about 1e-10 of the longest
 * squared length, as much as the parameters' own rounding to float. */
#ifndef APD_MPI_GRAM_SUMS_H
#define APD_MPI_GRAM_SUMS_H

#include "mpi/gram/row.h"
#include "mpi/team/team.h"

/* Entries begin .. end-1 of the packed upper triangle (row.h) of N x N inner products. */
typedef struct apd_gram_sums {
    int vectors;  /* N */
    int exponent; /* k: an inner product is its sum times 2^(-k) */
    int64_t begin, end;
    int64_t *sums; /* (end-begin) */
} apd_gram_sums;

/* Make the whole triangle on every rank, summed over ranks. Collective. `former`: this rank's share of an earlier
 * triangle, or NULL; products of two unchanged vectors are taken from it if k is the same. */
void apd_gram_sums_build(apd_gram_sums *sums, const apd_team *team, const apd_gram_source *source,
                         const apd_gram_sums *former);

/* Keep only this rank's share; the shares of all ranks make up the triangle. Local. */
void apd_gram_sums_share(apd_gram_sums *sums, const apd_team *team);
void apd_gram_sums_clear(apd_gram_sums *sums); /* Local. */

#endif

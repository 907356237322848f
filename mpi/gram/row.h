/* row: one row of all vectors, sorted by column, and the inner products that it adds. For sums.c only. Local.
 *
 * A column with few entries adds the products of all pairs of its entries, at a cost that grows with the square of
 * their number. Where columns are nearly full, a few neighbouring ones are written out as dense vectors, and one pass
 * over the triangle adds the products of all of them, without indices. Both give the same whole numbers. */
#ifndef APD_MPI_GRAM_ROW_H
#define APD_MPI_GRAM_ROW_H

#include "mpi/gram/source.h"

/* Entry (i, j), i <= j, of the packed upper triangle of N x N numbers is at index apd_gram_row_start(N, i) + j: rows
 * one after another. */
static inline int64_t apd_gram_row_start(int vectors, int i) {
    return (int64_t)i * vectors - (int64_t)i * (i + 1) / 2;
}

static inline int64_t apd_gram_triangle(int vectors) {
    return (int64_t)vectors * (vectors + 1) / 2;
}

typedef struct apd_gram_entry {
    int32_t vector;
    int32_t value; /* rounded */
} apd_gram_entry;

typedef struct apd_gram_row {
    int vectors;        /* N */
    int64_t cols;       /* C */
    bool *changed;      /* (N): products of pairs with a changed vector are wanted */
    int64_t *row_start; /* (N): apd_gram_row_start */

    int32_t *columns; /* (C): one vector's row */
    double *values;   /* (C) */

    int64_t count, capacity;  /* entries of the row */
    int32_t *entry_columns;   /* (capacity), by vector, then column */
    apd_gram_entry *gathered; /* (capacity), in the same order */
    apd_gram_entry *entries;  /* (capacity), by column, then vector */
    int64_t *starts;          /* (C+1): column c has entries starts[c] .. starts[c+1]-1 */
    int32_t *movers;          /* (N): indices of a column's entries of changed vectors */

    int32_t *dense; /* (some columns, N) */
} apd_gram_row;

/* `changed` (N), or NULL if all vectors changed; vectors from `known` on count as changed in any case. */
void apd_gram_row_init(apd_gram_row *row, const apd_gram_source *source, const bool *changed, int known);
void apd_gram_row_clear(apd_gram_row *row);

/* Read local row `index` of all vectors: round(value * 2^(exponent/2)). */
void apd_gram_row_read(apd_gram_row *row, const apd_gram_source *source, int64_t index, int exponent);

/* Add the row's inner products to the packed triangle `sums`. */
void apd_gram_row_add(const apd_gram_row *row, int64_t *sums);

#endif

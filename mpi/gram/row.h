/* gram_row: one row of all vectors, its entries by column, and their inner products. For gram_sums only. */
#ifndef APD_MPI_GRAM_ROW_H
#define APD_MPI_GRAM_ROW_H

#include "mpi/gram/sums.h"

typedef struct apd_gram_entry {
    int32_t vector;
    int32_t value; /* on the grid */
} apd_gram_entry;

typedef struct apd_gram_row {
    int vectors;        /* N */
    int64_t cols;       /* C */
    bool *changed;      /* (N) which vectors' products are wanted: those of pairs with a changed one */
    int64_t *row_start; /* (N) apd_gram_row_start */

    int32_t *columns; /* (C) one vector's row */
    double *values;   /* (C) */

    int64_t count, capacity;  /* entries of the row */
    int32_t *entry_columns;   /* (capacity) by vector, then column */
    apd_gram_entry *gathered; /* (capacity) in the same order */
    apd_gram_entry *entries;  /* (capacity) by column, then vector */
    int64_t *starts;          /* (C+1) column c's entries are starts[c] .. starts[c+1]-1 */
    int32_t *movers;          /* (N) places of one column's changed vectors among its entries */

    int32_t *dense; /* (some columns, N) */
} apd_gram_row;

/* `changed` (N) NULL: all; vectors from `known` on count as changed in any case. */
void apd_gram_row_init(apd_gram_row *row, const apd_gram_source *source, const bool *changed, int known);
void apd_gram_row_clear(apd_gram_row *row);

/* Read local row `index` of all vectors, values times 2^(exponent/2). */
void apd_gram_row_read(apd_gram_row *row, const apd_gram_source *source, int64_t index, int exponent);

/* Add the inner products of this row to the packed triangle. */
void apd_gram_row_add(const apd_gram_row *row, int64_t *sums);

#endif

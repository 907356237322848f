/* source: where the vectors of a Gram matrix come from. */
#ifndef APD_MPI_GRAM_SOURCE_H
#define APD_MPI_GRAM_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

/* This rank's rows of one block of all N vectors, each row sparse. */
typedef struct apd_gram_source {
    int vectors;   /* N: the tasks, then the former locally shared parameters */
    int tasks;     /* T, 1 .. N */
    int64_t rows;  /* local rows of the block, >= 0 */
    int64_t cols;  /* C */
    void *context; /* the caller's */
    /* Write row `row` of vector `vector`: `columns` (C), ascending, and `values` (C), finite. Returns the count. */
    int64_t (*row)(void *context, int vector, int64_t row, int32_t *columns, double *values);
    const bool *changed; /* (N): vectors that changed since the former matrix was made; NULL: all */
} apd_gram_source;

#endif

/* rows: a range of a block's rows, the unit in which work on a matrix is divided. */
#ifndef APD_BASE_ROWS_H
#define APD_BASE_ROWS_H

#include <stdint.h>

/* Rows begin .. end-1. A *slice* is an array of B of these, one for each block: the rows that one rank owns. */
typedef struct apd_rows {
    int64_t begin, end;
} apd_rows;

#endif

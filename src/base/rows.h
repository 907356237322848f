/* rows: a half-open range of a block's rows, the unit in which work on a matrix is divided. */
#ifndef APD_BASE_ROWS_H
#define APD_BASE_ROWS_H

#include <stdint.h>

/* begin <= row < end. An array of B of these, one a block, is a *slice*: the rows that one rank owns. */
typedef struct apd_rows {
    int64_t begin, end;
} apd_rows;

#endif

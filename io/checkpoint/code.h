/* code: the rows of a matrix as bytes in the files of a commit: the sparse ones of tau and sigma_g, and those of a sigma of few bits.
 *
 * A row with `count` entries among `cols` columns:
 *
 *   count    7 bits a byte, the lowest first; the top bit: more follow. 0: the row ends here
 *   form     a byte: the bits b of an integer, 1 .. 24, or 32: float32; plus 128 where some values are former
 *   exponent a byte with a sign, k
 *   and bits, the most significant of a byte first, filled up with zeros to whole bytes; high and low only where count < cols:
 *   high     count + ((cols - 1) >> l) bits: those at (column >> l) + e, e = 0 .. count-1, are 1
 *   low      count numbers of l bits: the lower ones of the columns;   l = floor(log2(cols / count))
 *   former   count bits, where the form says that there are some: the value is mask * (a number of 16 bits)
 *   numbers  of those: 16 bits each
 *   integers of the others: b bits each, in two's complement: the value is integer * 2^k; or its 32 bits
 *
 * Columns: Elias-Fano, within 0.6 bits an entry of what positions drawn at random need, and read without a loop over bits
 * (docs/file-formats.md: ten lines of NumPy); Golomb-Rice codes are 0.3 bits shorter and need the loop.
 *
 * Values: nothing is rounded here. The solver makes theta a multiple of a power of two where tau is not zero
 * (method/solvers/stored.h). Where sigma moved after a task ended, theta is mask * (what sigma was), which both have 16 bits.
 * A row in which other values turn up (finite lambda2, clusters, storage float32) holds them as they are.
 *
 * Why no versions of sigma. A sigma that moves after a task has ended costs the task an entry; with former values of sigma kept
 * aside it would cost one for all tasks. Measured (20 superclasses, LeNet, tasks 7 to 20): sigma moved at 139,160 weights and gave
 * finished tasks 96,868 entries, 17 % of all: fewer than moves. For it is nearly always the same weights that move, at which all
 * tasks but the last one have entries already. So a version a move would take more room.
 *
 * Local. */
#ifndef APD_IO_CHECKPOINT_CODE_H
#define APD_IO_CHECKPOINT_CODE_H

#include "method/sparse.h"

#include <stdbool.h>

/* A row to be coded. */
typedef struct apd_code_row {
    const int32_t *columns; /* (count), ascending; may be NULL where count = cols */
    const float *values;    /* (count) */
    int64_t count, cols;
    float mask; /* 0: no value is taken for a former one */
} apd_code_row;

/* Bytes that a row takes at most, whatever its entries. */
int64_t apd_code_most(int64_t cols);

/* Bytes of a row. `room` (2 count) is overwritten. */
int64_t apd_code_bytes(const apd_code_row *row, float *room);

/* Write them at `out`. Returns where they end. `room` (2 count) is overwritten. */
unsigned char *apd_code_write(const apd_code_row *row, float *room, unsigned char *out);

/* Bits of a row that say where its entries are: count, high, low. */
int64_t apd_code_position_bits(int64_t count, int64_t cols);

/* Bytes behind a code that may be read, whatever they are. */
#define APD_CODE_SPARE 8

/* Append the row whose bytes begin at *at and end before `end` to a matrix, and move *at behind it; apd_sparse_end_row is the
 * caller's. False: the bytes are not those of a row of `cols` columns, or have more than `most` entries. APD_CODE_SPARE bytes from `end` on are readable. `mask` 0: no value may be
 * a former one. */
bool apd_code_read(const unsigned char **at, const unsigned char *end, int64_t cols, float mask, int64_t most,
                   apd_sparse_writer *out);

#endif

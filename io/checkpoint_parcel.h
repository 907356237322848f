/* checkpoint_parcel: rows of one block of one task as words that one message carries.
 *
 * A parcel of n rows is: bias (n), then dense rows (n, C); or, of a sparse block, mask (n), row lengths (n,
 * as int32), columns and values of all entries. All are 32-bit words, so parcels of ranks lie one after the
 * other in row order, and the whole block is made of them, or cut into them, at any number of ranks.
 * Nothing here can fail: what comes from a file is checked before it becomes a block. */
#ifndef APD_IO_CHECKPOINT_PARCEL_H
#define APD_IO_CHECKPOINT_PARCEL_H

#include "method/decomposition.h"

/* A block with `rows` rows of `cols` columns, all zero; sparse ones with room for `entries`. */
apd_task_block *apd_checkpoint_block_create(int64_t rows, int64_t cols, bool sparse, int64_t entries);
void apd_checkpoint_block_destroy(apd_task_block *block); /* Takes NULL. */

/* Words of the parcel of rows `rows` of `block` (row 0 is the block's first). */
int64_t apd_checkpoint_parcel_words(const apd_task_block *block, int64_t cols, apd_rows rows);
void apd_checkpoint_parcel_pack(const apd_task_block *block, int64_t cols, apd_rows rows, uint32_t *words);

/* Entries of tau in a sparse parcel of `count` rows. */
int64_t apd_checkpoint_parcel_entries(const uint32_t *words, int64_t count);

/* Fill rows `rows` of `block`, which has room for them; runs of rows come in order. Returns the words used.
 */
int64_t apd_checkpoint_parcel_unpack(apd_task_block *block, int64_t cols, apd_rows rows,
                                     const uint32_t *words);

#endif

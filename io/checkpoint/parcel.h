/* checkpoint_parcel: rows of one block, of a task or of a cluster, as words that one message carries.
 *
 * A sparse parcel of n rows (sigma_g) is: row lengths (n, as int32), columns and values of all entries. A
 * task's parcel of n rows is: bias (n), then dense rows (n, C); or, where the task is sparse, mask (n) and
 * the sparse parcel of tau. All are 32-bit words, so parcels of ranks lie one after the other in row order,
 * and the whole block is made of them, or cut into them, at any number of ranks.
 * Nothing here can fail: what comes from a file is checked before it becomes a block. */
#ifndef APD_IO_CHECKPOINT_PARCEL_H
#define APD_IO_CHECKPOINT_PARCEL_H

#include "method/decomposition.h"

/* A block with `rows` rows of `cols` columns, all zero; sparse ones with room for `entries`. */
apd_task_block *apd_checkpoint_block_create(int64_t rows, int64_t cols, bool sparse, int64_t entries);
void apd_checkpoint_block_destroy(apd_task_block *block); /* Takes NULL. */

/* Sparse rows alone: words of the parcel of rows `rows` of `sparse` (row 0 is the block's first), packing
 * them, entries in a parcel of `count` rows, and filling rows `rows` of `sparse`, which has room for them;
 * runs of rows come in order. Unpack returns the words used. */
int64_t apd_checkpoint_sparse_words(const apd_sparse *sparse, apd_rows rows);
void apd_checkpoint_sparse_pack(const apd_sparse *sparse, apd_rows rows, uint32_t *words);
int64_t apd_checkpoint_sparse_entries(const uint32_t *words, int64_t count);
int64_t apd_checkpoint_sparse_unpack(apd_sparse *sparse, apd_rows rows, const uint32_t *words);

/* The same for a task. Words of the parcel of rows `rows` of `block` (row 0 is the block's first). */
int64_t apd_checkpoint_parcel_words(const apd_task_block *block, int64_t cols, apd_rows rows);
void apd_checkpoint_parcel_pack(const apd_task_block *block, int64_t cols, apd_rows rows, uint32_t *words);

/* Entries of tau in a sparse task's parcel of `count` rows. */
int64_t apd_checkpoint_parcel_entries(const uint32_t *words, int64_t count);

/* A parcel of `count` rows as a block whose arrays lie in `words`, but for tau's offsets (count + 1), which are given
 * room and set here. Returns the words used. */
int64_t apd_checkpoint_parcel_view(uint32_t *words, int64_t count, int64_t cols, bool sparse,
                                   int64_t *offsets, apd_task_block *view);

/* Fill rows `rows` of `block`, which has room for them; runs of rows come in order. Returns the words used. */
int64_t apd_checkpoint_parcel_unpack(apd_task_block *block, int64_t cols, apd_rows rows,
                                     const uint32_t *words);

#endif

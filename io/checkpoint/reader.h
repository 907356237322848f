/* reader: a commit, read by one process without MPI.
 *
 * Opening reads checkpoint.h5: the run's state, and where each item lies. Items are then read one at a time, in any order;
 * reading them in the order of apd_item_list opens each part once. Every digest on the way is checked.
 * Local. Statuses: DATA "FILE: OBJECT: reason"; IO or REQUEUE when the system refuses. */
#ifndef APD_IO_CHECKPOINT_READER_H
#define APD_IO_CHECKPOINT_READER_H

#include "io/checkpoint/part_writer.h"
#include "io/checkpoint/schema.h"

typedef struct apd_reader apd_reader;

/* `path`: checkpoint.h5, or a packed commit. `*out` is set on success only. */
apd_status apd_reader_open(const char *path, apd_reader **out, apd_error *error);

/* The same when the bytes of checkpoint.h5 are in memory already: for processes that may not see `path`. */
apd_status apd_reader_open_bytes(const char *path, const char *bytes, int64_t count, apd_reader **out,
                                 apd_error *error);
void apd_reader_destroy(apd_reader *reader); /* Takes NULL. */

/* Close its files: no item can be read any more; what was read, the state and the layout stay. */
void apd_reader_close(apd_reader *reader);

/* The reader's own; the state may be taken over by leaving {0}. */
apd_run_state *apd_reader_state(apd_reader *reader);
const apd_layout *apd_reader_layout(const apd_reader *reader);

/* checkpoint.h5 itself, which stays open in a packed commit alone; else NULL. */
const struct apd_part_reader *apd_reader_root(const apd_reader *reader);

/* Read a whole item into the views of `item`, which hold all rows: apd_item_whole, or apd_item_of at one rank. What the item
 * owns is allocated once the file is known to hold as much. */
apd_status apd_reader_item(apd_reader *reader, apd_item *item, apd_error *error);

/* Whether this process finds the part that an item lies in, with the right digest. When it does not, that is no error. */
bool apd_reader_sees(apd_reader *reader, apd_item_key key);

/* The attributes and arrays of an item's group in a file, with `code` bytes of code in all. `*group` points into `*storage`: free
 * it. */
void apd_item_describe(const apd_item *item, const apd_run_state *state, int64_t code, apd_part_group *group,
                       void **storage);

/* Append an item to a file, from `pieces` pieces one after the other. Piece p has the rows rows[p * B + b] of block b, packed at
 * packed[p], which moves to their end. `packed` NULL: the one piece is the views of `item`. */
void apd_item_append(const apd_item *item, int pieces, const apd_rows *rows, const unsigned char **packed,
                     apd_part_writer *writer);

#endif

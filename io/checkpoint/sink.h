/* checkpoint_sink: a data set of a checkpoint while it is written, whole or by rows that arrive a run at a time.
 *
 * Up to 32 KiB a data set lies in its object's header (whose checksum covers it); above it is cut in equal
 * chunks of at most 1 MiB with fletcher32, which are made here and written past HDF5's filters (io/h5_chunk):
 * collective writing through the filters took a third longer on two ranks of a node, so one process writes a file.
 * Nothing is compressed: deflate, even at level 1, of the columns alone takes a quarter off a file of sparse tasks and
 * a third more time.
 *
 * Rows go to the file as soon as a chunk of them is there, so that of a large data set no more lies in memory than a
 * chunk, which is copied, digested, summed and handed to the system while it is in the processor's cache. A small one
 * is written at its end. The data set and its digest are the same as in one call. Local. */
#ifndef APD_IO_CHECKPOINT_SINK_H
#define APD_IO_CHECKPOINT_SINK_H

#include "io/checkpoint/put.h"
#include "io/hdf5/chunk.h"

/* In one call; it enters the digest of `out`. Statuses as checkpoint_put. */
apd_status apd_checkpoint_put_data(apd_checkpoint_out *out, const char *name,
                                   const apd_checkpoint_shape *shape, const void *bytes, apd_error *error);

/* Start with {0}. */
typedef struct apd_checkpoint_sink {
    const char *name; /* not owned; NULL: not begun */
    apd_checkpoint_shape shape;
    bool in_chunks; /* written as they fill; else at the end */
    bool good;
    hid_t set;            /* -1, or one in chunks */
    int64_t row;          /* rows of the first extent that have arrived */
    apd_h5_chunks chunks; /* one of all rows where it is written at the end */
    unsigned char *piece; /* the chunk that is not full, and room for its checksum; owned */
    apd_checkpoint_digest digest;
} apd_checkpoint_sink;

/* In the group of `out`; rank 1 or 2. Failures show at the end. */
void apd_checkpoint_sink_begin(const apd_checkpoint_out *out, const char *name,
                               const apd_checkpoint_shape *shape, apd_checkpoint_sink *sink);
void apd_checkpoint_sink_append(apd_checkpoint_sink *sink, int64_t rows, const void *bytes);

/* All rows have come; it enters the digest of `out`. Statuses as checkpoint_put. */
apd_status apd_checkpoint_sink_end(apd_checkpoint_out *out, apd_checkpoint_sink *sink, apd_error *error);
void apd_checkpoint_sink_abandon(apd_checkpoint_sink *sink); /* Takes one that never began. */

#endif

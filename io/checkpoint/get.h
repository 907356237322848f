/* get: one group of a checkpoint while it is read and checked.
 *
 * The mirror of put. Type, rank and extents are compared with what is expected, and the stored bytes with the shape,
 * before memory is allocated; the group's end compares digests, and only then is what was read to be trusted.
 *
 * Local. Statuses: DATA "PATH: OBJECT: reason" when the file is wrong; IO or REQUEUE when the system refused to read it.
 * Outputs are set on success only. */
#ifndef APD_IO_CHECKPOINT_GET_H
#define APD_IO_CHECKPOINT_GET_H

#include "io/checkpoint/format.h"

#include <hdf5.h>

typedef struct apd_checkpoint_in {
    hid_t id;
    const char *path; /* of the file, for messages; not owned */
    char name[96];
    uint64_t digest;
} apd_checkpoint_in;

/* A data set whose rows are handed out in ranges, in order; the first range reads it whole. */
typedef struct apd_checkpoint_source {
    hid_t id;
    const char *name; /* not owned */
    apd_checkpoint_shape shape;
    int64_t chunk;        /* as apd_h5_shape has it */
    int64_t row;          /* the next one */
    unsigned char *whole; /* owned; NULL: not read yet */
    uint64_t digest;      /* of what was read */
} apd_checkpoint_source;

/* Fails with DATA, "PATH: GROUP/NAME: reason"; or as the system said, if it refused a read. `name` may be NULL. */
apd_status apd_checkpoint_get_fail(const apd_checkpoint_in *in, const char *name, const char *reason,
                                   apd_error *error);

apd_status apd_checkpoint_get_open(const apd_checkpoint_in *root, const char *name, apd_checkpoint_in *in,
                                   apd_error *error);

/* Read the stored digest, unchecked. */
apd_status apd_checkpoint_get_stored_digest(const apd_checkpoint_in *in, uint64_t *digest, apd_error *error);

/* Compare the digest of all that was read with the stored one. DATA when they differ. */
apd_status apd_checkpoint_get_end(const apd_checkpoint_in *in, apd_error *error);
void apd_checkpoint_get_close(apd_checkpoint_in *in);

apd_status apd_checkpoint_get_attribute(apd_checkpoint_in *in, const char *name,
                                        const apd_checkpoint_shape *shape, void *value, apd_error *error);
apd_status apd_checkpoint_get_fields(apd_checkpoint_in *in, const apd_checkpoint_field *fields, int count,
                                     void *into, apd_error *error);

/* The length of a vector attribute. */
apd_status apd_checkpoint_get_length(const apd_checkpoint_in *in, const char *name, int64_t *length,
                                     apd_error *error);

/* Read a whole data set into a new array, to be freed, with a zero byte after it. Extents of APD_CHECKPOINT_ANY and a text
 * of 0 bytes match any; `shape` gets what the file has. */
apd_status apd_checkpoint_get_data(apd_checkpoint_in *in, const char *name, apd_checkpoint_shape *shape,
                                   void **bytes, apd_error *error);
apd_status apd_checkpoint_source_begin(const apd_checkpoint_in *in, const char *name,
                                       const apd_checkpoint_shape *shape, apd_checkpoint_source *source,
                                       apd_error *error);
apd_status apd_checkpoint_source_read(const apd_checkpoint_in *in, apd_checkpoint_source *source,
                                      int64_t rows, void *bytes, apd_error *error);
void apd_checkpoint_source_end(apd_checkpoint_in *in, apd_checkpoint_source *source);
void apd_checkpoint_source_abandon(
    apd_checkpoint_source *source); /* Takes one that never began: id < 0, the rest 0. */

#endif

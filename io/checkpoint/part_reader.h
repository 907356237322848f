/* part_reader: reads a file of part_writer.h and checks it on the way.
 *
 * Opening compares the front with its digest before HDF5 sees a byte of it. The type, extents and place of an array are checked
 * against what is expected and against the file's size before memory is allocated for it; its numbers are read without
 * HDF5, and apd_part_end_group compares digests. Links are never followed.
 * A malicious file may carry right digests: callers guard HDF5 against it (io/hdf5/guard.h).
 *
 * Local. Statuses: DATA "FILE: OBJECT: reason"; IO or REQUEUE when the system refuses. Outputs are set on success only,
 * but an array's numbers are proven only by apd_part_end_group. */
#ifndef APD_IO_CHECKPOINT_PART_READER_H
#define APD_IO_CHECKPOINT_PART_READER_H

#include "io/checkpoint/part_writer.h"
#include "io/checkpoint/state.h"

#include <hdf5.h>

typedef struct apd_part_reader {
    char *path;
    int descriptor;
    hid_t file;
    int32_t commit;
    int64_t front, bytes;
    uint64_t digest;
} apd_part_reader;

/* A group being read. */
typedef struct apd_part_in {
    const apd_part_reader *reader;
    hid_t group;
    char name[64];
    uint64_t digest;
    /* the array that is being read */
    apd_part_array array;
    int64_t at, left; /* in the file; bytes to come */
    struct apd_digest_stream *numbers;
} apd_part_in;

/* `shown`: its path in messages. `expected`: what the checkpoint says of this part; NULL: any. Close it. */
apd_status apd_part_open(const char *path, const char *shown, const apd_part_record *expected,
                         apd_part_reader *reader, apd_error *error);
void apd_part_close(apd_part_reader *reader); /* Takes one that is {0} or closed. */

/* Whether the group holds an object of this name, which lies in the file itself. */
bool apd_part_has(const apd_part_reader *reader, const char *group);

apd_status apd_part_begin_group(const apd_part_reader *reader, const char *name, apd_part_in *in,
                                apd_error *error);

/* Compare digests and close; on failure before, abandon. */
apd_status apd_part_end_group(apd_part_in *in, apd_error *error);
void apd_part_abandon(apd_part_in *in);

/* The group's stored digest alone. */
apd_status apd_part_stored_digest(const apd_part_in *in, uint64_t *digest, apd_error *error);

apd_status apd_part_attribute_read(const apd_part_in *in, const char *name, const apd_shape *shape,
                                   void *value, apd_error *error);

/* Begin to read the array `name`; extents, and a text's length, that are APD_ANY in `shape` are set from the file. Then read all
 * its bytes, in pieces of any size, and end it. */
apd_status apd_part_begin_array(apd_part_in *in, const char *name, apd_shape *shape, apd_error *error);
apd_status apd_part_read(apd_part_in *in, void *bytes, int64_t count, apd_error *error);
apd_status apd_part_end_array(apd_part_in *in, apd_error *error);

/* A whole array, with one zero byte behind it. Free it. */
apd_status apd_part_read_array(apd_part_in *in, const char *name, apd_shape *shape, void **bytes,
                               apd_error *error);

/* DATA: "FILE: /GROUP/NAME: reason"; `name` may be NULL. */
apd_status apd_part_fail(const apd_part_in *in, const char *name, const char *reason, apd_error *error);

#endif

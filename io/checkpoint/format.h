/* checkpoint_format: what the writer and the reader of a checkpoint share.
 *
 * Kinds of numbers, tables of attributes, names, and the digest of a group. Both sides visit a group's
 * attributes and data sets in one fixed order and fold each into the group's digest as they pass, so that
 * the two lists can only agree when names, kinds, extents and bytes all agree. */
#ifndef APD_IO_CHECKPOINT_FORMAT_H
#define APD_IO_CHECKPOINT_FORMAT_H

#include "base/digest.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define APD_CHECKPOINT_FORMAT  "apd-checkpoint"
#define APD_CHECKPOINT_VERSION 2

typedef enum apd_checkpoint_kind {
    APD_CHECKPOINT_INT32,
    APD_CHECKPOINT_INT64,
    APD_CHECKPOINT_UINT64,
    APD_CHECKPOINT_FLOAT32,
    APD_CHECKPOINT_FLOAT64,
    APD_CHECKPOINT_TEXT /* of a fixed length in bytes, filled up with zeros */
} apd_checkpoint_kind;

/* What an attribute or a data set is: rank 0 (one element), 1 or 2. */
typedef struct apd_checkpoint_shape {
    apd_checkpoint_kind kind;
    int64_t text; /* bytes of a TEXT element; else ignored */
    int rank;
    int64_t extents[2];
} apd_checkpoint_shape;

/* Shapes in a word; an extent of APD_CHECKPOINT_ANY is taken from the file when reading. */
#define APD_CHECKPOINT_ANY (-1)
apd_checkpoint_shape apd_checkpoint_scalar(apd_checkpoint_kind kind);
apd_checkpoint_shape apd_checkpoint_text(int64_t bytes);
apd_checkpoint_shape apd_checkpoint_vector(apd_checkpoint_kind kind, int64_t count);
apd_checkpoint_shape apd_checkpoint_matrix(apd_checkpoint_kind kind, int64_t rows, int64_t cols);

/* Bytes of one element. */
int64_t apd_checkpoint_element(const apd_checkpoint_shape *shape);

/* Elements of one row of the first extent (1 for rank 0 and 1). */
int64_t apd_checkpoint_row(const apd_checkpoint_shape *shape);

/* Bytes of all elements. */
int64_t apd_checkpoint_shape_bytes(const apd_checkpoint_shape *shape);

/* HDF5's space, a hid_t to be closed with H5Sclose. */
int64_t apd_checkpoint_space(const apd_checkpoint_shape *shape);

/* HDF5's type in the file (little-endian) or in memory, a hid_t to be closed with H5Tclose. */
int64_t apd_checkpoint_type(const apd_checkpoint_shape *shape, int in_file);

/* A row of a table of attributes: the field of a C struct that attribute `name` holds. */
typedef struct apd_checkpoint_field {
    const char *name;
    apd_checkpoint_kind kind;
    size_t offset;
    int64_t text;
} apd_checkpoint_field;

extern const apd_checkpoint_field apd_checkpoint_root_fields[];     /* of apd_run_state */
extern const apd_checkpoint_field apd_checkpoint_record_fields[];   /* of apd_task_record */
extern const apd_checkpoint_field apd_checkpoint_training_fields[]; /* of apd_training_state */
extern const int apd_checkpoint_root_field_count, apd_checkpoint_record_field_count,
    apd_checkpoint_training_field_count;

/* The digest of a data set's bytes: XXH3 of every window of 64 KiB, joined in order. */
uint64_t apd_checkpoint_digest_of(const void *bytes, size_t count);

/* The same while the bytes come a run at a time. Start with {0}; end leaves it so. */
typedef struct apd_checkpoint_digest {
    uint64_t sequence;         /* of the windows so far */
    size_t filled;             /* bytes of the one that is not full */
    apd_digest_stream *window; /* owned; NULL: filled is 0 */
} apd_checkpoint_digest;
void apd_checkpoint_digest_add(apd_checkpoint_digest *digest, const void *bytes, size_t count);
uint64_t apd_checkpoint_digest_end(apd_checkpoint_digest *digest);

/* Fold one attribute or data set into a group's digest. */
uint64_t apd_checkpoint_fold(uint64_t group, const char *name, const apd_checkpoint_shape *shape,
                             uint64_t bytes);

#endif

/* h5: HDF5 calls that are checked, silent, and say where and why they failed.
 *
 * HDF5 prints its error stack and returns a negative number; here its printing is off, and every failure is
 * one line: the file, the object, what was tried, and HDF5's own innermost reason. Serial calls only, usable
 * before MPI starts. Files are written in the 1.10 format, whose metadata carry checksums (the older ones do
 * not), and opened without file locks, which many parallel file systems refuse.
 *
 * `place` is an open file or group, `name` a path below it. Sizes found in a file are held against what the
 * file stores before anybody allocates by them. Outputs are set on success only. All calls are local.
 * Statuses: IO when the system refuses, DATA when what a file holds is damaged or of the wrong kind. */
#ifndef APD_IO_HDF5_H5_H
#define APD_IO_HDF5_H5_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#define APD_H5_MAX_RANK 8

/* HDF5's innermost reason for the last failed call, as text of at most size-1 characters. To be asked for
 * before any other HDF5 call. */
void apd_h5_reason(char *text, size_t size);

/* "FILE: OBJECT: cannot WHAT (HDF5: reason)". Right after the failed call. Returns `status`. */
apd_status apd_h5_fail(apd_error *error, apd_status status, hid_t place, const char *name, const char *what);

/* "FILE: OBJECT" of `name` (may be NULL) below `place`, for messages of one's own. */
void apd_h5_locate(hid_t place, const char *name, char *text, size_t size);

/* Files. Create replaces what is there; open is read-only and says IO for a file that is missing or
 * unreadable, DATA for one that is not HDF5. Close takes handles below 0 and sets *file to -1; it syncs a created file,
 * so that a rename may follow (io/system/durable.h). What the system refuses while a created file is written (no
 * space, ...) is told by its close alone, with what the system said: io/hdf5/driver.h says why. Every created file
 * must be closed with it. */
apd_status apd_h5_create(const char *path, hid_t *file, apd_error *error);
apd_status apd_h5_open(const char *path, hid_t *file, apd_error *error);
apd_status apd_h5_close(hid_t *file, const char *path, apd_error *error);

/* The access list for data sets, groups or links by name: links into other files are followed as apd_h5_exists
 * says. Not to be closed. */
typedef enum apd_h5_access_kind {
    APD_H5_ACCESS_SET,
    APD_H5_ACCESS_GROUP,
    APD_H5_ACCESS_LINK
} apd_h5_access_kind;
hid_t apd_h5_access(apd_h5_access_kind kind);

/* Groups. Create makes missing groups in between. Close takes negative handles. */
apd_status apd_h5_group_create(hid_t place, const char *name, hid_t *group, apd_error *error);
void apd_h5_group_close(hid_t group);

/* Calls `good` for "a", "a/b" and "a/b/c" of the path "a/b/c", `last` true for the whole; stops at the first false.
 * Returns whether all were good; false for an empty path and one of more than 255 bytes. */
typedef bool apd_h5_visit(hid_t place, const char *part, bool last, void *context);
bool apd_h5_walk(hid_t place, const char *name, apd_h5_visit *good, void *context);

/* Whether every link of the path `name` is there and leads to an object. A link into another file leads nowhere
 * unless that is a plain file in the folder of the one that has the link, or below it. Never fails. */
bool apd_h5_exists(hid_t place, const char *name);

/* What a data set is. */
typedef struct apd_h5_shape {
    int rank;
    hsize_t sizes[APD_H5_MAX_RANK];
    H5T_class_t kind;  /* H5T_INTEGER, H5T_FLOAT, H5T_STRING, ... */
    bool is_signed;    /* integers */
    size_t item_bytes; /* of one element in the file */
    int64_t items;     /* product of the sizes */
} apd_h5_shape;

/* Open a data set and find its shape; checks that the file itself stores its values, that many bytes of them, and
 * that the machine can hold a chunk. Values in other files (external, virtual) and packed with filters other
 * than deflate, shuffle, fletcher32 and those that the user installed are refused. The handle is closed with
 * apd_h5_set_close (takes negative handles). */
apd_status apd_h5_set_open(hid_t place, const char *name, hid_t *set, apd_h5_shape *shape, apd_error *error);
void apd_h5_set_close(hid_t set);

/* Make a data set of `type` (H5T_STD_I32LE, H5T_IEEE_F32LE, ...), missing groups included. `checksum`: in
 * chunks with fletcher32, else contiguous. */
apd_status apd_h5_set_create(hid_t place, const char *name, hid_t type, int rank, const hsize_t *sizes,
                             bool checksum, hid_t *set, apd_error *error);

/* Rows first .. first+count-1 of the first dimension, from or to `data` of type `memory` (H5T_NATIVE_...).
 * HDF5 converts; integers out of the memory type's range become its nearest value. */
apd_status apd_h5_rows_read(hid_t set, int64_t first, int64_t count, hid_t memory, void *data,
                            apd_error *error);
apd_status apd_h5_rows_write(hid_t set, int64_t first, int64_t count, hid_t memory, const void *data,
                             apd_error *error);

/* A list of `count` numbers, to be freed: room is made when the file is seen to hold them. */
apd_status apd_h5_read_list(hid_t place, const char *name, hid_t memory, int64_t count, void **data,
                            apd_error *error);

/* A whole data set in one call. */
apd_status apd_h5_write(hid_t place, const char *name, hid_t type, int rank, const hsize_t *sizes,
                        bool checksum, hid_t memory, const void *data, apd_error *error);

/* A list of texts as a data set of fixed-length UTF-8 strings. Read takes fixed length, and variable length in
 * contiguous storage (io/h5_heap); the array and its texts are the caller's: apd_h5_texts_free. */
apd_status apd_h5_texts_write(hid_t place, const char *name, int64_t count, char *const *texts,
                              apd_error *error);
apd_status apd_h5_texts_read(hid_t place, const char *name, int64_t *count, char ***texts, apd_error *error);
void apd_h5_texts_free(int64_t count, char **texts); /* Takes NULL. */

/* Attributes of an open file or group: `count` numbers (1: a scalar), or one text of fixed length.
 * Read wants exactly `count` numbers of memory's kind. */
bool apd_h5_attribute_exists(hid_t place, const char *name);
apd_status apd_h5_attribute_write(hid_t place, const char *name, hid_t type, int64_t count, hid_t memory,
                                  const void *data, apd_error *error);
apd_status apd_h5_attribute_read(hid_t place, const char *name, int64_t count, hid_t memory, void *data,
                                 apd_error *error);
apd_status apd_h5_text_write(hid_t place, const char *name, const char *text, apd_error *error);

#endif

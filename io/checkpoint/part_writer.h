/* part_writer: one file of a commit, written once.
 *
 * HDF5 makes the metadata (groups, attributes, where arrays lie) in memory: the *front* of the file. The arrays follow it,
 * contiguous and in order, and are written without HDF5 as they come, so that each byte is copied once and HDF5 never meets a
 * failed write. A user block of 512 bytes precedes the front and holds, as text:
 *
 *   apd-checkpoint 5 / commit N / front BYTES / bytes BYTES / digest XXH3
 *
 * The digest covers the front without the user block and is checked before HDF5 reads it. Each group has an attribute `digest`
 * that covers its arrays and is checked as they are read. Equal contents give equal bytes: no object carries a time.
 *
 * Local. Statuses: IO "PATH: cannot STEP: what the system said", or REQUEUE where that may pass; INTERNAL when HDF5
 * itself fails. */
#ifndef APD_IO_CHECKPOINT_PART_WRITER_H
#define APD_IO_CHECKPOINT_PART_WRITER_H

#include "base/status.h"
#include "io/checkpoint/number.h"

#define APD_PART_HEADER  512
#define APD_PART_FORMAT  "apd-checkpoint"
#define APD_PART_VERSION 5

typedef struct apd_part_attribute {
    const char *name;
    apd_shape shape; /* rank 0 or 1 */
    const void *value;
} apd_part_attribute;

typedef struct apd_part_array {
    const char *name; /* "head/weight" */
    apd_shape shape;
} apd_part_array;

typedef struct apd_part_group {
    const char *name; /* "tasks/000017"; "": the root */
    int attribute_count, array_count;
    const apd_part_attribute *attributes;
    const apd_part_array *arrays;
} apd_part_group;

/* `object` of this file is `object` of the file `file` in the same folder, or below. */
typedef struct apd_part_link {
    char object[64], file[48];
} apd_part_link;

/* A file in memory to begin with, which has the first `links` links and nothing else. */
typedef struct apd_part_image {
    int64_t links;
    unsigned char *bytes; /* owned */
    int64_t size;
} apd_part_image;

/* What a file is to hold. `arrays` of all groups are then appended in their order. */
typedef struct apd_part_plan {
    int32_t commit;
    int group_count;
    const apd_part_group *groups;
    int64_t link_count;
    const apd_part_link *links;
    const apd_part_image *begin; /* NULL: nothing */
} apd_part_plan;

typedef struct apd_part_writer apd_part_writer;

/* Create the file `path`, which must not exist: another writer's is not touched (LOCKED). `plan` must outlive apd_part_finish. A
 * file is deleted with its writer unless apd_part_keep was called. `*out` is set on success only. */
apd_status apd_part_create(const char *path, const apd_part_plan *plan, apd_part_writer **out,
                           apd_error *error);
void apd_part_destroy(apd_part_writer *writer); /* Takes NULL. */

/* Append the next bytes of the arrays, in pieces of any size. Failures are reported by apd_part_finish. */
void apd_part_append(apd_part_writer *writer, const void *bytes, int64_t count);

/* After the last array: write the front and start a thread that syncs the file. Sets the groups' `digests` (groups), the file's
 * size `*bytes` and its front's `*digest`. */
apd_status apd_part_finish(apd_part_writer *writer, uint64_t *digests, int64_t *bytes, uint64_t *digest,
                           apd_error *error);

/* Read the file back and compare digests while it is synced, and wait until it is. */
apd_status apd_part_wait(apd_part_writer *writer, apd_error *error);
void apd_part_keep(apd_part_writer *writer);

/* The digest of a group with one more array, whose bytes have the digest `numbers`. Without arrays it is 0. */
uint64_t apd_part_fold(uint64_t group, const apd_part_array *array, uint64_t numbers);

/* Make an image of these links. Status INTERNAL. */
apd_status apd_part_image_make(const apd_part_link *links, int64_t count, apd_part_image *image,
                               apd_error *error);

#endif

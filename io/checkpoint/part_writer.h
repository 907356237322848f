/* part_writer: one file of a commit, written once.
 *
 * What the file describes (groups, attributes, the places of arrays) is made by HDF5 in memory; it is the *front* of the
 * file. Arrays lie behind it, contiguous and in order, and are written as they come, so that they pass through memory
 * once and no fault of the disk is ever HDF5's. A user block of 512 bytes before HDF5's own bytes holds, as text:
 *
 *   apd-checkpoint 3 / commit N / front BYTES / bytes BYTES / digest XXH3
 *
 * The digest is that of the front's bytes behind the user block: it is checked before HDF5 sees them. Every group has an
 * attribute `digest` of its arrays, in the front, which is checked as they are read. Equal contents give equal bytes: no
 * object carries a time.
 *
 * Local. Statuses: IO "PATH: cannot STEP: what the system said", or REQUEUE where that may pass; INTERNAL when HDF5
 * itself fails. */
#ifndef APD_IO_CHECKPOINT_PART_WRITER_H
#define APD_IO_CHECKPOINT_PART_WRITER_H

#include "base/status.h"
#include "io/checkpoint/number.h"

#define APD_PART_HEADER  512
#define APD_PART_FORMAT  "apd-checkpoint"
#define APD_PART_VERSION 3

typedef struct apd_part_attribute {
    const char *name;
    apd_shape shape; /* rank 0 or 1 */
    const void *value;
} apd_part_attribute;

typedef struct apd_part_array {
    const char *name; /* "tau/columns" */
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

/* HDF5 bytes to begin with: those of a file that has the first `links` links and nothing else. */
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

/* The file `path` must not be there: another writer's is not touched (LOCKED). `plan` must last until apd_part_finish. A file that is
 * not kept is removed when its writer is destroyed. `*out` is set on success only. */
apd_status apd_part_create(const char *path, const apd_part_plan *plan, apd_part_writer **out,
                           apd_error *error);
void apd_part_destroy(apd_part_writer *writer); /* Takes NULL. */

/* The next numbers of the arrays, in order; any cut. A failure shows at the end. */
void apd_part_append(apd_part_writer *writer, const void *bytes, int64_t count);

/* All arrays are there: write the front, and let a thread sync the file. `digests`
 * (groups) are the groups'; `*bytes` and `*digest` are the file's. */
apd_status apd_part_finish(apd_part_writer *writer, uint64_t *digests, int64_t *bytes, uint64_t *digest,
                           apd_error *error);

/* Read the file back while the disk works on it, and wait until it is synced. */
apd_status apd_part_wait(apd_part_writer *writer, apd_error *error);
void apd_part_keep(apd_part_writer *writer);

/* Fold an array into its group's digest, which begins with 0; `numbers` is the digest of its bytes. */
uint64_t apd_part_fold(uint64_t group, const apd_part_array *array, uint64_t numbers);

/* Make an image of these links. Status INTERNAL. */
apd_status apd_part_image_make(const apd_part_link *links, int64_t count, apd_part_image *image,
                               apd_error *error);

#endif

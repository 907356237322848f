/* checkpoint_put: a group of a checkpoint while it is written, and its digest.
 *
 * The mirror of checkpoint_get: attributes and data sets (io/checkpoint_sink) are folded into the group's digest in
 * the order of the calls, and closing writes the digest. Objects carry no times, so that equal contents give equal files.
 *
 * Statuses: IO "PATH: cannot write OBJECT: what the system said"; INTERNAL when HDF5 itself gives up. */
#ifndef APD_IO_CHECKPOINT_PUT_H
#define APD_IO_CHECKPOINT_PUT_H

#include "io/checkpoint/format.h"
#include "io/hdf5/driver.h"

#include <hdf5.h>

typedef struct apd_checkpoint_out {
    hid_t id;
    const char *path;          /* of the checkpoint, for messages; not owned */
    const apd_h5_fault *fault; /* not owned */
    char name[96];             /* "/tasks/000017" */
    uint64_t digest;
} apd_checkpoint_out;

/* APD_OK, or the failure of the step "write NAME" when `good` is false or the driver met a fault. */
apd_status apd_checkpoint_put_check(const apd_checkpoint_out *out, bool good, const char *name,
                                    apd_error *error);

/* A group of its own without digest: "/tasks", or "tau" in a task. */
apd_status apd_checkpoint_put_folder(const apd_checkpoint_out *out, const char *name, apd_error *error);

/* Make the groups above `name` (absolute) that are not there yet, without digest. */
apd_status apd_checkpoint_put_parents(const apd_checkpoint_out *root, const char *name, apd_error *error);

/* Make group `name` (absolute) in the file of `root` and start its digest. */
apd_status apd_checkpoint_put_open(const apd_checkpoint_out *root, const char *name, apd_checkpoint_out *out,
                                   apd_error *error);

/* Write the digest attribute and close; on failure earlier, _abandon. */
apd_status apd_checkpoint_put_close(apd_checkpoint_out *out, apd_error *error);
void apd_checkpoint_put_abandon(apd_checkpoint_out *out);

apd_status apd_checkpoint_put_attribute(apd_checkpoint_out *out, const char *name,
                                        const apd_checkpoint_shape *shape, const void *value,
                                        apd_error *error);
apd_status apd_checkpoint_put_fields(apd_checkpoint_out *out, const apd_checkpoint_field *fields, int count,
                                     const void *from, apd_error *error);

#endif

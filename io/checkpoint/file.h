/* file: an HDF5 file that is written once: a checkpoint or a segment.
 *
 * Created exclusively at its path, filled through its root, finished (flushed, closed, handed to a thread that syncs it
 * and reads it back), waited for, and then published or released. A file that is neither when it is destroyed is
 * removed.
 * Local. Statuses: IO "PATH: cannot STEP: what the system said", or REQUEUE where that may pass; LOCKED when another job
 * has made or replaced the file; INTERNAL when HDF5 itself fails. */
#ifndef APD_IO_CHECKPOINT_FILE_H
#define APD_IO_CHECKPOINT_FILE_H

#include "io/checkpoint/put.h"

typedef struct apd_checkpoint_file apd_checkpoint_file;

/* `begin`: the file's first bytes, which must outlive it; NULL for an empty file. `*out` is set on success only. */
apd_status apd_checkpoint_file_create(const char *path, const apd_h5_image *begin, apd_checkpoint_file **out,
                                      apd_error *error);
void apd_checkpoint_file_destroy(apd_checkpoint_file *file); /* Takes NULL. */

/* The group "/", to be closed by the caller when it gets a digest; it is closed with the file otherwise. */
apd_checkpoint_out *apd_checkpoint_file_root(apd_checkpoint_file *file);
const char *apd_checkpoint_file_path(const apd_checkpoint_file *file);

/* Close the file, add its size to *bytes, and let a thread sync it and then compare what the disk returns with what was
 * written (io/hdf5/pages.h). Meanwhile others may read it. */
apd_status apd_checkpoint_file_finish(apd_checkpoint_file *file, int64_t *bytes, apd_error *error);

/* Close the file, which is not synced, and return its bytes; free them. It is removed when it is destroyed. */
apd_status apd_checkpoint_file_take(apd_checkpoint_file *file, apd_h5_image *image, apd_error *error);

/* Wait until a finished file is synced and compared. Its name is safe once its folder is synced. Takes NULL. */
apd_status apd_checkpoint_file_wait(apd_checkpoint_file *file, apd_error *error);

/* Rename the file, which was waited for, to `path` and sync the folder. When the last step fails `path` is the new file
 * all the same, until a power loss at least: _stays() is true then. */
apd_status apd_checkpoint_file_publish(apd_checkpoint_file *file, const char *path, apd_error *error);

/* Keep the file at its own path. Takes NULL. */
void apd_checkpoint_file_release(apd_checkpoint_file *file);

/* Whether it was published or released. */
bool apd_checkpoint_file_stays(const apd_checkpoint_file *file);

#endif

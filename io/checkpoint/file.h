/* checkpoint_file: an HDF5 file that is written once: a checkpoint, or a segment.
 *
 * Made under its path, filled through its root, finished (flushed, closed), on the disk after a wait; what is neither
 * published nor released when it is destroyed is deleted. Statuses: IO "PATH: cannot STEP: what the system
 * said"; INTERNAL when HDF5 itself gives up. Local. */
#ifndef APD_IO_CHECKPOINT_FILE_H
#define APD_IO_CHECKPOINT_FILE_H

#include "io/checkpoint/put.h"

typedef struct apd_checkpoint_file apd_checkpoint_file;

/* Replaces what is at `path`, by an empty file or, where `begin` is not NULL, by those bytes, which must outlive the
 * file. `*out` is set on success only. */
apd_status apd_checkpoint_file_create(const char *path, const apd_h5_image *begin, apd_checkpoint_file **out,
                                      apd_error *error);
void apd_checkpoint_file_destroy(apd_checkpoint_file *file); /* Takes NULL. */

/* The group "/", to be closed by the caller when it gets a digest; it is closed with the file otherwise. */
apd_checkpoint_out *apd_checkpoint_file_root(apd_checkpoint_file *file);
const char *apd_checkpoint_file_path(const apd_checkpoint_file *file);

/* Close it, and begin to bring it and its folder entry to the disk; its size is added to *bytes. It can be read. */
apd_status apd_checkpoint_file_finish(apd_checkpoint_file *file, int64_t *bytes, apd_error *error);

/* Close it and read its bytes, to be freed; it goes when it is destroyed. */
apd_status apd_checkpoint_file_take(apd_checkpoint_file *file, apd_h5_image *image, apd_error *error);

/* Read the finished file back: it must hold what was written. */
apd_status apd_checkpoint_file_check(apd_checkpoint_file *file, apd_error *error);

/* Wait until the finished file is on the disk. Takes NULL. */
apd_status apd_checkpoint_file_wait(apd_checkpoint_file *file, apd_error *error);

/* Rename the file, which is on the disk, to `path`; it stays. */
apd_status apd_checkpoint_file_publish(apd_checkpoint_file *file, const char *path, apd_error *error);

/* It stays under its own path. Takes NULL. */
void apd_checkpoint_file_release(apd_checkpoint_file *file);

#endif

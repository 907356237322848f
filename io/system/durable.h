/* durable: whole files, and names in folders, that a power loss does not take back.
 *
 * Bytes are safe after an fsync of the descriptor that wrote them; a descriptor that is opened later may not be told of
 * a failed write. A name (made, renamed, removed) is safe after an fsync of its folder. So a file is replaced in this
 * order: write PATH.tmp, fsync it, close it, rename it to PATH, fsync the folder. Until the rename the old file is
 * whole, afterwards the new one is; after the last step the new one is safe.
 * Local. Statuses: IO, or REQUEUE for a fault that may pass, with the step, the path and what the system said. */
#ifndef APD_IO_SYSTEM_DURABLE_H
#define APD_IO_SYSTEM_DURABLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* fsync the file open at `file`; `path` is for the message. */
apd_status apd_sync_file(int file, const char *path, apd_error *error);

/* fsync a folder: the names in it are safe then. A file system that cannot sync folders (EINVAL) is taken to keep them
 * safe by itself. */
apd_status apd_sync_folder(const char *folder, apd_error *error);

/* The same for the folder that has the entry `path`. */
apd_status apd_sync_folder_of(const char *path, apd_error *error);

/* Rename the synced file `from` to `to`, in the same folder, and fsync the folder. On failure `from` may be there
 * still, or, when only the last step failed, `to` is the new file but may be the old one after a power loss. */
apd_status apd_rename_durably(const char *from, const char *to, apd_error *error);

/* Make a folder and those above it; every folder that got a new one is synced. An existing folder is left alone. */
apd_status apd_make_folder(const char *path, apd_error *error);

/* Replace `folder`/`name` by `bytes` bytes of `text`, in the order above. On failure the old file stays and the
 * temporary one is removed. */
apd_status apd_write_file(const char *folder, const char *name, const char *text, int64_t bytes,
                          apd_error *error);

/* Append to `folder`/`name`, which must exist, and fsync it. On failure a part of `text` may have been appended. */
apd_status apd_append_file(const char *folder, const char *name, const char *text, int64_t bytes,
                           apd_error *error);

/* Write all of `bytes` to `file` at its position. False, with errno, when the system refuses. */
bool apd_write_all(int file, const char *text, int64_t bytes);

#endif

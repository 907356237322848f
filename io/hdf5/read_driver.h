/* read_driver: an HDF5 file driver for reading that remembers what the system refused.
 *
 * HDF5 drops errno: an I/O error reads like damage to whoever asks it. This driver opens regular files only, read-only,
 * and notes the first open, stat or read that the system refused, a thread at a time. What was found in a file is
 * judged only after apd_h5_check_refused: while a refusal is noted it proves nothing. Local. */
#ifndef APD_IO_HDF5_READ_DRIVER_H
#define APD_IO_HDF5_READ_DRIVER_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>

/* Make `access` (a file access list) use this driver. Negative on failure. */
herr_t apd_h5_read_driver_use(hid_t access);

/* Note that the system refused to read `path`, with errno `number`. Only the first refusal is kept. */
void apd_h5_note_refused(int number, const char *path);

/* errno of the refusal noted for this thread; 0: none. Async-signal-safe. */
int apd_h5_refused(void);

/* What an attempt to read that ended with `status` and `error` means. Returns `status`, unless a refusal is noted: that
 * replaces OK, DATA and INTERNAL, status and text, and is noted no more. */
apd_status apd_h5_check_refused(apd_status status, apd_error *error);

#endif

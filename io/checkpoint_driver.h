/* checkpoint_driver: an HDF5 file driver for writing that never tells HDF5 of a failed write.
 *
 * HDF5 does not survive a full disk: when a write fails its close fails too, the file's identifier stays
 * behind, and the library crashes while the process ends (seen with 1.10.8). So this driver remembers the
 * first thing that the system refused and keeps what could not be written in memory, where reads find it;
 * HDF5 carries on and closes cleanly, and the writer learns of the fault by asking for it after each step.
 * What is kept is little: the writer stops at the first fault, so only caches are still to come.
 * There is no file locking, which cluster file systems often lack: the file is new and ours alone. */
#ifndef APD_IO_CHECKPOINT_DRIVER_H
#define APD_IO_CHECKPOINT_DRIVER_H

#include <hdf5.h>

/* The first refusal. Start with {0}; must outlive the file. */
typedef struct apd_checkpoint_fault {
    int number; /* errno, 0 while all is well */
} apd_checkpoint_fault;

/* Make `access` (a file access list) use this driver, reporting to `fault`. Negative on failure. */
herr_t apd_checkpoint_driver_use(hid_t access, apd_checkpoint_fault *fault);

#endif

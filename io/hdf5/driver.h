/* h5_driver: an HDF5 file driver for writing that never tells HDF5 of a failed write.
 *
 * HDF5 does not survive a full disk: when a write fails its close fails too, the file's identifier stays
 * behind, and the library crashes while the process ends (seen with 1.10.8). So this driver remembers the
 * first thing that the system refused, asks it for nothing more, and lets HDF5 carry on and close cleanly;
 * the writer learns of the fault by asking for it, after each step or at the end. Metadata that could not be
 * written are kept in memory, where HDF5 may read them again; elements of data sets, which may be gigabytes
 * and are not read while writing, are dropped.
 * HDF5's close leaves the file's descriptor open: an fsync of the descriptor that wrote is told of every write that
 * failed later, in the background; one of a descriptor opened afterwards may not be.
 * H5Fcreate with H5F_ACC_EXCL makes the file exclusively: number EEXIST when there is one.
 * There is no file locking, which cluster file systems often lack: the file is new and ours alone. */
#ifndef APD_IO_HDF5_DRIVER_H
#define APD_IO_HDF5_DRIVER_H

#include <hdf5.h>
#include <stdbool.h>

/* The first refusal, and what is left of the file when HDF5 has closed it. Start with {0}; must outlive the file. */
typedef struct apd_h5_fault {
    int number;     /* errno; 0 while all is well */
    bool closed;    /* HDF5 has closed the file: */
    int descriptor; /* of the file; once it is closed by HDF5 the caller syncs and closes this */
} apd_h5_fault;

/* Make `access` (a file access list) use this driver, reporting to `fault`. Negative on failure. Local. */
herr_t apd_h5_driver_use(hid_t access, apd_h5_fault *fault);

/* Whom the open file `file`, which must have been made with this driver, reports to. NULL on failure. */
apd_h5_fault *apd_h5_driver_fault(hid_t file);

#endif

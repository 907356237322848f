/* h5_driver: an HDF5 file driver for writing that never tells HDF5 of a failed write.
 *
 * HDF5 does not survive a full disk: when a write fails its close fails too, the file's identifier stays
 * behind, and the library crashes while the process ends (seen with 1.10.8). So this driver remembers the
 * first thing that the system refused, asks it for nothing more, and lets HDF5 carry on and close cleanly;
 * the writer learns of the fault by asking for it, after each step or at the end. Metadata that could not be
 * written are kept in memory, where HDF5 may read them again; elements of data sets, which may be gigabytes
 * and are not read while writing, are dropped.
 * There is no file locking, which cluster file systems often lack: the file is new and ours alone. */
#ifndef APD_IO_HDF5_DRIVER_H
#define APD_IO_HDF5_DRIVER_H

#include "io/hdf5/pages.h"

#include <hdf5.h>

/* The bytes of a whole HDF5 file. */
typedef struct apd_h5_image {
    unsigned char *bytes; /* owned */
    int64_t size;
} apd_h5_image;

/* The first refusal. Start with {0}; must outlive the file. */
typedef struct apd_h5_fault {
    int number;          /* errno, 0 while all is well */
    apd_h5_pages *pages; /* where to note what is written; may be NULL */
    const apd_h5_image
        *begin; /* what an opened file is made to hold first, whatever it held; NULL: nothing */
} apd_h5_fault;

/* Make `access` (a file access list) use this driver, reporting to `fault`. Negative on failure. */
herr_t apd_h5_driver_use(hid_t access, apd_h5_fault *fault);

/* Whom the open file `file`, which must have been made with this driver, reports to. NULL on failure. */
apd_h5_fault *apd_h5_driver_fault(hid_t file);

#endif

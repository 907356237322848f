/* driver_base: what this room's HDF5 file drivers have in common. Local. */
#ifndef APD_IO_HDF5_DRIVER_BASE_H
#define APD_IO_HDF5_DRIVER_BASE_H

#include <hdf5.h>

#include <H5FDpublic.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* An open file: the first member of every driver's own. */
typedef struct apd_h5_driver_file {
    H5FD_t hdf5;            /* HDF5's own part: first */
    haddr_t allocated, end; /* HDF5's "eoa" and "eof" */
} apd_h5_driver_file;

/* A driver named `name` that keeps both addresses in apd_h5_driver_file; the caller adds open, close, query, read and write.
 * `number` is its own: 600 write, 601 read, 602 memory, of the range that HDF5 leaves to drivers of one's own. */
H5FD_class_t apd_h5_driver_class(int number, const char *name);

/* Make `access` (a file access list) use a driver, with `info` (NULL: none). `*registered` is its identifier, -1 at first;
 * HDF5 copies `driver`. Negative on failure. */
herr_t apd_h5_driver_set(hid_t access, const H5FD_class_t *driver, hid_t *registered, const void *info);

#endif

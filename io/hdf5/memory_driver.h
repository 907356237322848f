/* memory_driver: an HDF5 file driver that keeps in memory what HDF5 writes, and nothing else.
 *
 * HDF5's own core driver makes its memory as large as the file when it is flushed. Here room that HDF5 allocates in a file
 * but never writes, for large arrays that others write to the disk, takes no memory.
 * Local. */
#ifndef APD_IO_HDF5_MEMORY_DRIVER_H
#define APD_IO_HDF5_MEMORY_DRIVER_H

#include <hdf5.h>
#include <stdint.h>

/* A file's bytes up to the last one that was written. Start with {0}, or with the bytes of a file that H5Fopen is to find.
 * Must outlive the file. */
typedef struct apd_h5_memory {
    unsigned char *bytes; /* (capacity), owned; behind `size` they are zero */
    int64_t size, capacity;
} apd_h5_memory;

/* Make `access` (a file access list) use this driver, on `memory`. Negative on failure. */
herr_t apd_h5_memory_use(hid_t access, apd_h5_memory *memory);

/* Make the capacity at least `bytes` bytes. */
void apd_h5_memory_reserve(apd_h5_memory *memory, int64_t bytes);
void apd_h5_memory_clear(apd_h5_memory *memory);

#endif

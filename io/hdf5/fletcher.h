/* fletcher: the checksum of HDF5's filter fletcher32, for chunks that are written past the filters. */
#ifndef APD_IO_HDF5_FLETCHER_H
#define APD_IO_HDF5_FLETCHER_H

#include <stddef.h>
#include <stdint.h>

/* Of `count` bytes, which is even: Fletcher's sums modulo 65535 over 16-bit words, first byte high, as HDF5 has them
 * (H5_checksum_fletcher32). HDF5 stores it behind the chunk, lowest byte first. */
uint32_t apd_fletcher32(const void *bytes, size_t count);

#endif

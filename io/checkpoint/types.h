/* types: HDF5's types and spaces for the numbers and shapes of a checkpoint. All are handles to be closed; negative on
 * failure. */
#ifndef APD_IO_CHECKPOINT_TYPES_H
#define APD_IO_CHECKPOINT_TYPES_H

#include "io/checkpoint/number.h"

#include <hdf5.h>

hid_t apd_file_type(const apd_shape *shape); /* little-endian */
hid_t apd_memory_type(const apd_shape *shape);
hid_t apd_shape_space(const apd_shape *shape);

/* Close two types or lists and a space; negative handles are ignored. */
void apd_types_close(hid_t first, hid_t second, hid_t space);

#endif

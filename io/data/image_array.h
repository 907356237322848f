/* image_array: images of any HDF5 file, one data set of them. Local.
 *
 * The data set is (N, C, H, W), uint8 or float32, as the images of a data file (dataset.h), but nothing else need be in the
 * file. */
#ifndef APD_IO_DATA_IMAGE_ARRAY_H
#define APD_IO_DATA_IMAGE_ARRAY_H

#include "base/status.h"
#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_image_array {
    char *path, *name; /* of the file, and of the data set in it */
    apd_image_shape shape;
    bool is_float;
    int64_t count;       /* N */
    int64_t image_bytes; /* C*H*W * (1 or 4) */
    int64_t file, set;   /* HDF5's handles; private */
} apd_image_array;

/* Open the data set `name` of the file `path`. Statuses: IO, DATA. `*out` is set on success only; close it. */
apd_status apd_image_array_open(const char *path, const char *name, apd_image_array *out, apd_error *error);
void apd_image_array_close(apd_image_array *array);

/* Read images first .. first+count-1 into `images` (count * image_bytes). Statuses: IO; DATA for a pixel that is not finite. */
apd_status apd_image_array_read(const apd_image_array *array, int64_t first, int64_t count, void *images,
                                apd_error *error);

/* Check that a data set of this shape has images. Status: DATA. */
struct apd_h5_shape;
apd_status apd_image_array_check(const char *path, const char *name, const struct apd_h5_shape *shape,
                                 apd_error *error);

#endif

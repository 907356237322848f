/* picture: an image file of either format, PNG or JPEG, and an image made to fit another shape. Local.
 *
 * The format is told by the first bytes, not by the name. */
#ifndef APD_IO_IMAGES_PICTURE_H
#define APD_IO_IMAGES_PICTURE_H

#include "base/status.h"
#include "network/network.h"

#include <stdint.h>

/* A size to fit; 0: none. */
typedef struct apd_image_size {
    int height, width;
} apd_image_size;

/* The shape in a file's header: 1 channel (grey) or 3 (colour). Statuses: IO; DATA for what is neither format, or damaged. */
apd_status apd_picture_shape(const char *path, apd_image_shape *shape, apd_error *error);

/* Read an image of exactly `shape` into `pixels` (C, H, W). `shape` is what apd_picture_shape says, or has 3 channels for a grey
 * file, which gives three equal planes. Statuses: IO, DATA; `pixels` is then undefined. */
apd_status apd_picture_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error);

/* Make `in` fit `out`: the largest part around its middle with the sides' ratio of `to` is resampled by a triangle filter of
 * the width of a pixel of the coarser image, rows first, rounded to nearest. One channel becomes three equal ones; of three, grey is
 * 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601). An image that fits already is copied.
 *   from, to   1 or 3 channels
 *   in, out    (C, H, W) of `from` and `to`; they do not overlap */
void apd_picture_fit(apd_image_shape from, const uint8_t *in, apd_image_shape to, uint8_t *out);

/* apd_picture_read of a file of any shape, made to fit `shape`. Statuses: IO, DATA. */
apd_status apd_picture_read_to_fit(const char *path, apd_image_shape shape, uint8_t *pixels,
                                   apd_error *error);

#endif

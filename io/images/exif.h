/* exif: which way up a photograph is. Cameras store the rows as the sensor has them, and say in an Exif segment how to turn them
 * (CIPA DC-008 "Exif", tag 0x0112 of its TIFF structure). Local. */
#ifndef APD_IO_IMAGES_EXIF_H
#define APD_IO_IMAGES_EXIF_H

#include "network/network.h"

#include <stddef.h>
#include <stdint.h>

/* The orientation, 1 .. 8, that an APP1 segment (bytes) of a JPEG file tells; 1, as stored, where it tells none. Any bytes will
 * do. */
int apd_exif_orientation(const uint8_t *segment, size_t bytes);

/* Whether an image of this orientation is shown with its sides swapped. */
static inline int apd_exif_swaps(int orientation) {
    return orientation >= 5;
}

/* Where the stored pixel (y, x) is shown, as an index into the shown image's rows. `stored` has the stored height and width. */
size_t apd_exif_place(int orientation, apd_image_shape stored, int y, int x);

#endif

/* png: PNG files to and from planes of bytes; picture.h reads JPEG files, too. Local.
 *
 * Any PNG is read as 8 bits a value without colour management, so 8-bit files keep their values exactly: 16 bits are scaled to
 * 8, palettes become colours, 1, 2 and 4 bits are spread over 0..255, transparent pixels are laid over black. */
#ifndef APD_IO_IMAGES_PNG_H
#define APD_IO_IMAGES_PNG_H

#include "base/status.h"
#include "network/network.h"

#include <stdint.h>

#define APD_IMAGE_MAX_SIDE 16384 /* pixels of a PNG or JPEG file */

/* The shape in a file's header: 1 channel (grey) or 3 (colour or palette). Statuses: IO, DATA. */
apd_status apd_png_shape(const char *path, apd_image_shape *shape, apd_error *error);

/* Read an image of exactly `shape` into `pixels` (C, H, W). `shape` is what apd_png_shape says, or has 3 channels for a grey
 * file, which gives three equal planes. Statuses: IO, DATA; `pixels` is then undefined. */
apd_status apd_png_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error);

/* Write `pixels` (C, H, W), C = 1 or 3. Status: IO; a part of the file may then be left. */
apd_status apd_png_write(const char *path, apd_image_shape shape, const uint8_t *pixels, apd_error *error);

#endif

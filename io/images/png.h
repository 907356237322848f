/* png: PNG files to and from planes of bytes.
 *
 * Any PNG is read as 8 bits a value, without colour management, so that 8-bit files keep their very values:
 * 16 bits are scaled to 8, palettes become colours, 1, 2 and 4 bits are spread over 0..255, transparency is
 * laid on black. Limits: 4096 pixels a side. All calls are local. */
#ifndef APD_IO_IMAGES_PNG_H
#define APD_IO_IMAGES_PNG_H

#include "base/status.h"
#include "network/network.h"

#include <stdint.h>

#define APD_PNG_MAX_SIDE 4096

/* What the file's header says: 1 channel (grey) or 3 (colour or palette). Statuses: IO, DATA. */
apd_status apd_png_shape(const char *path, apd_image_shape *shape, apd_error *error);

/* The pixels of an image of exactly `shape` (from apd_png_shape, or 3 channels for a grey file, which gives
 * three equal planes): (C, H, W). Statuses: IO, DATA. */
apd_status apd_png_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error);

/* Write (C, H, W), C = 1 or 3. Statuses: IO. */
apd_status apd_png_write(const char *path, apd_image_shape shape, const uint8_t *pixels, apd_error *error);

#endif

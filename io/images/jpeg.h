/* jpeg: JPEG files to planes of bytes; picture.h is what others use. Local. */
#ifndef APD_IO_IMAGES_JPEG_H
#define APD_IO_IMAGES_JPEG_H

#include "base/status.h"
#include "network/network.h"

#include <stdint.h>

/* As apd_picture_shape and apd_picture_read, the way up that the camera tells (exif.h). Files with four colours (CMYK) are refused. */
apd_status apd_jpeg_shape(const char *path, apd_image_shape *shape, apd_error *error);
apd_status apd_jpeg_read(const char *path, apd_image_shape shape, uint8_t *pixels, apd_error *error);

#endif

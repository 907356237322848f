/* import_options: how a folder of images is read. */
#ifndef APD_IO_IMAGES_IMPORT_OPTIONS_H
#define APD_IO_IMAGES_IMPORT_OPTIONS_H

#include "io/images/picture.h"

#include <stdbool.h>

typedef struct apd_import_options {
    apd_image_size fit;    /* {0}: they keep their size, and must have one */
    const char *labels;    /* a CSV file of images and their classes; NULL: a folder for each class */
    double test_share;     /* of each class' images; 0: every sixth, where nothing else says which */
    const char *test_list; /* a file of the test images' paths, or NULL */
    bool skip_damaged;     /* pass over images that are damaged, or listed and missing */
} apd_import_options;

#endif

/* import_formats: the readers behind the table of import.c, one file each; private to import*.c. Local.
 *
 * They read into an empty content. On failure, what they have made so far is left in it: apd_dataset_content_clear. */
#ifndef APD_IO_IMAGES_IMPORT_FORMATS_H
#define APD_IO_IMAGES_IMPORT_FORMATS_H

#include "io/data/dataset.h"
#include "io/images/import_options.h"

apd_status apd_import_cifar100(const char *path, apd_dataset_content *content, apd_error *error);
apd_status apd_import_mnist(const char *path, apd_dataset_content *content, apd_error *error);
apd_status apd_import_omniglot(const char *path, apd_dataset_content *content, apd_error *error);
apd_status apd_import_omniglot_turned(const char *path, apd_dataset_content *content, apd_error *error);
apd_status apd_import_images(const char *path, const apd_import_options *options,
                             apd_dataset_content *content, apd_error *error);

#endif

/* import: other people's data formats into ours. One file a format (import_*.c); the table is in import.c. */
#ifndef APD_IO_IMAGES_IMPORT_H
#define APD_IO_IMAGES_IMPORT_H

#include "io/data/dataset.h"

typedef struct apd_importer {
    const char *name; /* "cifar100" */
    const char
        *source; /* what the argument is: "a folder with train.bin and test.bin (also .gz, .xz, parts)" */
    const char *help; /* one line */
    /* Read everything under `path` into `content`, with progress through apd_progress. Statuses: IO, DATA. */
    apd_status (*read)(const char *path, apd_dataset_content *content, apd_error *error);
} apd_importer;

/* cifar100, mnist (also Fashion-MNIST), omniglot, images. Ends with a row whose name is NULL. */
extern const apd_importer apd_importers[];

#endif

/* import: published data formats read into memory. One file for each format (import_*.c); the table is in import.c. Local. */
#ifndef APD_IO_IMAGES_IMPORT_H
#define APD_IO_IMAGES_IMPORT_H

#include "io/data/dataset.h"
#include "io/images/import_options.h"

typedef struct apd_importer {
    const char *name; /* "cifar100" */
    const char
        *source; /* what the path leads to: "a folder with train.bin and test.bin (also .gz, .xz, parts)" */
    const char *help; /* one line */
    /* Read all data under `path` into `content` (to be cleared on success; empty on failure), with progress through
     * apd_progress. Statuses: IO, DATA; USAGE for options that exclude each other. */
    apd_status (*read)(const char *path, const apd_import_options *options, apd_dataset_content *content,
                       apd_error *error);
    bool takes_options; /* others ignore them */
} apd_importer;

/* cifar100, mnist (also Fashion-MNIST), omniglot, images. Ends with a row whose name is NULL. */
extern const apd_importer apd_importers[];

#endif

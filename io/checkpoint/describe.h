/* describe: the objects of a checkpoint, for docs/file-formats.md. */
#ifndef APD_IO_CHECKPOINT_DESCRIBE_H
#define APD_IO_CHECKPOINT_DESCRIBE_H

#include <stdio.h>

/* Print the tables of root_fields.h and schema.c in Markdown: each object's name, kind of numbers, shape and contents. Local. */
void apd_checkpoint_describe(FILE *file);

/* The library that reads and writes checkpoints, with its version: "HDF5 1.10.8". Local. */
const char *apd_checkpoint_library(void);

#endif

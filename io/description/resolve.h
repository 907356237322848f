/* resolve: the last step of reading: values that follow from other values, and checks that span several keys. */
#ifndef APD_IO_DESCRIPTION_RESOLVE_H
#define APD_IO_DESCRIPTION_RESOLVE_H

#include "io/description/description.h"
#include "io/description/yaml.h"

/* A description while it is read. */
typedef struct apd_reading {
    const char *file;            /* its name, for messages; data.file is looked for beside it */
    const char *const *settings; /* those of --set */
    apd_description *description;
    apd_error *error;
} apd_reading;

/* Fill in name, output, data.file as an absolute path, polish_epochs and the preset's layers, then check. Local. Status:
 * USAGE naming the key and where it was written. */
apd_status apd_description_resolve(const apd_reading *reading);

#endif

/* description_resolve: what follows once all keys are read: values made from other values, and the checks
 * that span several keys. */
#ifndef APD_IO_DESCRIPTION_RESOLVE_H
#define APD_IO_DESCRIPTION_RESOLVE_H

#include "io/description/description.h"
#include "io/description/yaml.h"

/* A description while it is read. */
typedef struct apd_reading {
    const char *file;            /* its name, for messages and for the folder that paths are relative to */
    const char *const *settings; /* those of --set */
    apd_description *description;
    apd_error *error;
} apd_reading;

/* Status: USAGE naming the key and where it was written. */
apd_status apd_description_resolve(const apd_reading *reading);

#endif

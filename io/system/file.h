/* file: a whole file as text. Local. */
#ifndef APD_IO_SYSTEM_FILE_H
#define APD_IO_SYSTEM_FILE_H

#include "base/status.h"

#include <stdint.h>

/* Read a file of at most `limit` bytes into `*text` (0-terminated, to be freed); both outputs are set on success only.
 * Statuses: IO or REQUEUE as apd_fail_errno says; DATA if it is longer. */
apd_status apd_read_file(const char *path, int64_t limit, char **text, int64_t *bytes, apd_error *error);

#endif

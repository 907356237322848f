/* gnuplot: the program, as a child process of this one. Local. */
#ifndef APD_REPORT_GNUPLOT_H
#define APD_REPORT_GNUPLOT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether there is a program `gnuplot` on the PATH. */
bool apd_gnuplot_exists(void);

/* Run `script` (a file's name) in `folder` with format `format`. What it prints goes to `*output` (0-terminated, to be freed;
 * NULL: dropped). Statuses: INTERNAL with what gnuplot says if it fails, is killed, takes longer than a minute, or prints more
 * than 64 MB. */
apd_status apd_gnuplot_run(const char *folder, const char *script, const char *format, char **output,
                           size_t *bytes, apd_error *error);

#endif

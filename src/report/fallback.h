/* fallback: what a page shows of a figure where there is no gnuplot. Local. */
#ifndef APD_REPORT_FALLBACK_H
#define APD_REPORT_FALLBACK_H

#include "base/status.h"
#include "report/figures.h"

#include <stdio.h>

/* Write a drawing as HTML: a matrix as a picture (by libpng, through a file in `folder`), a sheet whose rows have labels as
 * a table, other sheets as a sparkline for each column. Statuses: IO. */
apd_status apd_fallback_put(const apd_drawing *drawing, const char *folder, FILE *page, apd_error *error);

#endif

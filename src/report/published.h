/* published: results that papers state, to be shown beside a report's lines. Local. */
#ifndef APD_REPORT_PUBLISHED_H
#define APD_REPORT_PUBLISHED_H

#include "io/system/csv.h"

typedef struct apd_published_point {
    const char *name;          /* in the file's text */
    double accuracy, capacity; /* per cent */
} apd_published_point;

typedef struct apd_published {
    int count;
    apd_published_point *points; /* (count) */
    apd_csv file;
} apd_published;

/* Read a CSV file with the columns name, accuracy (0 to 100) and capacity (above 0), both in per cent. Statuses: IO, REQUEUE; DATA
 * with the line. `*out` is set on success only; clear it. */
apd_status apd_published_read(const char *path, apd_published *out, apd_error *error);

/* Takes an empty one, {0}. */
void apd_published_clear(apd_published *published);

#endif

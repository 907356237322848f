/* row: how far a run is, from its folder's files, and as a row of a table: of `apd status`, and of a study's screen.
 * Local; beside running jobs, too. */
#ifndef APD_STUDY_ROW_H
#define APD_STUDY_ROW_H

#include "study/folder.h"

#include <stdio.h>

typedef struct apd_run_row {
    apd_run_kind kind;
    apd_standing standing;
    int task, epoch; /* of a running one, from 1; 0: unknown */
} apd_run_row;

void apd_run_row_read(const char *folder, apd_run_row *row);

/* A line each. */
void apd_run_row_head(FILE *file);
void apd_run_row_put(const char *folder, const apd_run_row *row, FILE *file);

/* "5 runs: 2 waiting, 3 done" */
void apd_run_counts_put(const int counts[APD_RUN_KINDS], FILE *file);

/* The last 16 kB of a file of the folder, "" without one; free it. */
char *apd_run_file_end(const char *folder, const char *name);

#endif

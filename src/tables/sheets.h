/* sheets: a study's results for programs, as CSV (docs/tables.md). Shares are 0..1, seconds s, memory bytes; a figure that is
 * not defined is an empty cell; texts are quoted. Local. */
#ifndef APD_TABLES_SHEETS_H
#define APD_TABLES_SHEETS_H

#include "tables/table_set.h"

#include <stdio.h>

void apd_sheet_results(FILE *file, const apd_table_set *study); /* a row a run */
void apd_sheet_tasks(FILE *file, const apd_table_set *study);   /* a row a run and finished task */
void apd_sheet_summary(FILE *file, const apd_table_set *study); /* a row a line of the tables */
void apd_sheet_paired(FILE *file, const apd_table_set *study);  /* a row a pair of lines of one table */

#endif

/* scaling_files: points of scaling as files.
 *
 *   scaling.csv     a row a point of a series, with all that follows from it (docs/scaling.md)
 *   scaling.md      a table a series; predictions apart and marked
 *   scaling.tex     the same; needs \usepackage{booktabs,graphicx}
 *   scaling.jsonl   a line a measurement of series over ranks, for Extra-P: what was measured in every point; no predictions
 *   tasks.jsonl     the same of series over tasks
 *
 * Local. */
#ifndef APD_TABLES_SCALING_FILES_H
#define APD_TABLES_SCALING_FILES_H

#include "base/status.h"
#include "tables/scaling.h"

#include <stdio.h>

void apd_scaling_put_csv(FILE *file, const apd_scaling *scaling);
void apd_scaling_put_markdown(FILE *file, const apd_scaling *scaling);
void apd_scaling_put_latex(FILE *file, const apd_scaling *scaling);
void apd_scaling_put_lines(FILE *file, const apd_scaling *scaling);
void apd_scaling_put_tasks_lines(FILE *file, const apd_scaling *scaling);

/* Write them into `folder`, which exists; none that is empty. Status: IO. */
apd_status apd_scaling_write(const char *folder, const apd_scaling *scaling, apd_error *error);

#endif

/* tables: the results of a study as files, from what its runs have written; nothing is trained.
 *
 *   results.csv   a row a run (wide): its keys, state and figures                       sheets.c
 *   tasks.csv     a row a run and finished task (tidy)
 *   summary.csv   a row a line of the tables: means, deviations, AOPD, MOPD             sheets.c
 *   paired.csv    a row a pair of lines: differences over the same orders and seeds
 *   tables.md     the tables as Markdown                                                print.c
 *   tables.tex    the same as LaTeX; needs \usepackage{booktabs,graphicx}
 *   scaling.*     where runs differ in ranks or tasks: how they scale                   scaling_files.c
 *
 * What the columns hold: docs/tables.md. Local; one process. */
#ifndef APD_TABLES_TABLES_H
#define APD_TABLES_TABLES_H

#include "tables/table_set.h"

/* Write the files into `folder`, which exists.
 *   runs   (count), in the order in which the lines shall stand: a line takes the place of its first run
 *   keys   (key_count): the keys of run descriptions in which the runs differ, "method.name"
 * A line of a table is one method and one combination of the keys' values but those of seed and stream.order; lines are
 * compared with each other only where they have the same data, tasks and part of the data that is evaluated. A run that is not
 * finished is in no mean and is named below the tables. A run that cannot be read is treated likewise: the files are written
 * without it, and then its failure is returned.
 * Statuses: DATA, IO, REQUEUE; RUNS, once all is written, if equal descriptions gave other results on other ranks. */
apd_status apd_tables_write(const char *folder, const apd_table_run *runs, int count, const char *const *keys,
                            int key_count, apd_error *error);

#endif

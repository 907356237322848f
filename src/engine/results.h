/* results: the run's tables, for a person on the terminal and as CSV in the run's folder. */
#ifndef APD_ENGINE_RESULTS_H
#define APD_ENGINE_RESULTS_H

#include "engine/run.h"

#include <stdio.h>

/* accuracy.csv, tasks.csv and manifest.json of what run->state holds. Collective. */
apd_status apd_results_write(apd_run *run, apd_error *error);

/* The table of results on stdout: a row a task, then averages, capacity, time and memory. `layers`: a table
 * of non-zeros a layer too. Collective. */
void apd_results_print(apd_run *run, bool layers);

#endif

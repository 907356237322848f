/* results: the run's tables, printed and as files in the run's folder. */
#ifndef APD_ENGINE_RESULTS_H
#define APD_ENGINE_RESULTS_H

#include "engine/run.h"

#include <stdio.h>

/* Write accuracy.csv, tasks.csv and manifest.json from run->state. Collective. Status: IO. */
apd_status apd_results_write(apd_run *run, apd_error *error);

/* Write manifest.json for a start of training; the results in it are none until apd_results_write. Collective. Status: IO. */
apd_status apd_results_begin(apd_run *run, apd_error *error);

/* The largest resident set of any rank so far. Collective. */
int64_t apd_run_peak_bytes(const apd_run *run);

/* Print the results on stdout: a row for each task, then averages, capacity, time and memory; with `layers` also a row
 * for each layer. Collective. */
void apd_results_print(apd_run *run, bool layers);

/* The same, and where a commit stands, as a JSON object: docs/tools.md. Collective. */
void apd_results_print_json(apd_run *run, bool layers);

#endif

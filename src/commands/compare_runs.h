/* compare_runs: runs of one stream in several orders, read and held against each other: one line of a study's table.
 *
 * Runs belong together when everything that results depend on is the same but for seed and stream.order (and for
 * log.evaluate_batch, which rounds): the data, every other key of the description, and how far they are. Each difference is
 * refused, naming the run, the key and both values. */
#ifndef APD_COMMANDS_COMPARE_RUNS_H
#define APD_COMMANDS_COMPARE_RUNS_H

#include "tables/side.h"

typedef struct apd_comparison {
    int run_count;
    apd_result *runs; /* in the order of the command line */
    apd_side side;    /* of them, in the same order */
    apd_line line;    /* of all */
} apd_comparison;

/* Read the runs (folders, or paths of checkpoints) and compare them. Statuses: USAGE for runs that do not belong together, IO,
 * DATA. `*out` is set on success only; clear it. */
apd_status apd_comparison_make(const char *const *names, int count, apd_comparison *out, apd_error *error);
void apd_comparison_clear(apd_comparison *comparison);

/* Write the tables of a study with these runs (folders), which may differ in any key: tables/tables.h. Statuses as there, and
 * USAGE for a run that has not started. */
apd_status apd_compare_tables(const char *folder, const char *const *names, int count, apd_error *error);

#endif

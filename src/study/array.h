/* array: a study as a Slurm array and a job that gathers the results.
 *
 * Every element of the array is one `apd study` on all its ranks: it takes the next run that nobody has, and another when
 * that one ends, so that there may be fewer elements than runs. The gathering job comes after any end of the array
 * (afterany); it trains nothing that is done, names what failed, and writes the tables. */
#ifndef APD_STUDY_ARRAY_H
#define APD_STUDY_ARRAY_H

#include "commands/options.h"
#include "study/folder.h"

typedef struct apd_array {
    const char *folder; /* that gets the scripts */
    const apd_cli_list *vary, *settings;
    const char *ranks_a_run, *at_once; /* as on the command line; NULL */
    bool fail_fast, submit;
} apd_array;

/* Write array.sbatch and gather.sbatch, print how to submit them, and do it if asked. Local. Statuses: USAGE, IO. */
apd_status apd_array_write(apd_study *study, const apd_array *array, apd_error *error);

#endif

/* scaling_runs: the points and series that a study's finished runs make.
 *
 * Runs of one description on one number of ranks are repeats of a point. Points are a series, where there are at least two:
 *
 *   strong   of one description
 *   weak     that differ in training.batch, shards and training.epochs alone, with as many images a rank
 *   tasks    that differ in stream.tasks and method.consolidate_every alone, on one number of ranks
 *
 * A run that was continued on another number of ranks is in none. Local. */
#ifndef APD_TABLES_SCALING_RUNS_H
#define APD_TABLES_SCALING_RUNS_H

#include "tables/scaling.h"
#include "tables/table_set.h"

/* Make them; without any, scaling->count is 0. Clear it on failure, too. Statuses: IO, DATA of a metrics.jsonl. */
apd_status apd_scaling_of_runs(const apd_table_set *study, apd_scaling *scaling, apd_error *error);

#endif

/* compare_runs: runs of one stream in several orders, read, held against each other, and laid side by side by
 * the tasks' identity.
 *
 * Runs belong together when everything that results depend on is the same but for seed and stream.order (and
 * for log.evaluate_batch, which rounds): the data, every other key of the description, and how far they are.
 * Each difference is refused, naming the run, the key and both values. */
#ifndef APD_COMMANDS_COMPARE_RUNS_H
#define APD_COMMANDS_COMPARE_RUNS_H

#include "io/checkpoint/checkpoint.h"
#include "io/description/description.h"
#include "method/metrics.h"
#include "method/order.h"

typedef struct apd_compared_run {
    const char *name; /* as the user wrote it; not owned */
    apd_run_state state;
    apd_description *description;
    apd_capacity capacity;
    apd_metrics metrics; /* without the tasks that are left out */
} apd_compared_run;

typedef struct apd_comparison {
    int run_count, task_count, order_count;
    apd_compared_run *runs; /* (runs) in the order of the command line */
    int *tasks;             /* (tasks) the identities, rising */
    int *places;            /* (runs, tasks) the place in the run's stream of each identity */
    int *order_of;          /* (runs) 0 .. orders-1 */
    double *accuracy;       /* (runs, tasks) final; NaN in every run for a task that is left out */
    int *left_out;          /* (tasks) the first run that has forgotten the task; -1: none has */
    double *means, *opd;    /* (orders, tasks), (tasks) */
    apd_order_spread spread;
} apd_comparison;

/* Read the runs (folders, or paths of checkpoints) and compare them; `names` must outlive the comparison. A
 * task that one run has forgotten is left out of every figure of every run, so that all are means over the
 * same tasks. Statuses: USAGE for runs that do not belong together, IO, DATA. `*out` is set on success only;
 * clear it. */
apd_status apd_comparison_make(const char *const *names, int count, apd_comparison *out, apd_error *error);
void apd_comparison_clear(apd_comparison *comparison);

/* The record of identity number `task` (0 .. tasks-1) in run `run`. */
const apd_task_record *apd_comparison_record(const apd_comparison *comparison, int run, int task);

#endif

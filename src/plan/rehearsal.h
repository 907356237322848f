/* rehearsal: a run's training in memory alone, to measure it: all that `apd train` would hold, and its very
 * steps, but no folder, no log and no commit. */
#ifndef APD_PLAN_REHEARSAL_H
#define APD_PLAN_REHEARSAL_H

#include "engine/run.h"
#include "plan/timing.h"

typedef struct apd_rehearsal {
    apd_run *run;
    apd_train_set *set; /* of the stream's first task */
    int id, classes;    /* that task's */
    apd_stepper stepper;
    int64_t step;        /* of the stepper, over all epochs */
    double load_seconds; /* for the set */
} apd_rehearsal;

/* Give a prepared run its decomposition and solver, and read its first task. `rehearsal` is to be cleared
 * whatever the status. Collective. Statuses: IO, DATA, USAGE. */
apd_status apd_rehearsal_init(apd_rehearsal *rehearsal, apd_run *run, apd_error *error);
void apd_rehearsal_clear(apd_rehearsal *rehearsal); /* the run stays */

/* Start the task anew, behind the tasks that the decomposition holds. Returns the slowest rank's seconds.
 * Collective. */
double apd_rehearsal_begin_task(apd_rehearsal *rehearsal);

/* `count` steps, each into times[i] (NULL: not wanted). Collective. */
void apd_rehearsal_steps(apd_rehearsal *rehearsal, int count, apd_step_time *times);

/* A step after `earlier` tasks, to be measured. */
typedef struct apd_scan {
    int earlier;  /* in: the first so many of the decomposition's tasks */
    double begin; /* out: seconds to begin a task, and what its first steps take more than others; median */
    int steps;    /* out: how many steps were measured */
    apd_step_time step; /* out: what stands for them */
    double median;      /* out: seconds of a step, median */
} apd_scan;

/* Measure all `scans` (count) in turn, `rounds` times over, each for about `seconds` in all and at least three
 * steps a round, so that what disturbs the machine for a while disturbs all of them. A round begins the task anew
 * and lets a few steps pass. Collective. */
void apd_rehearsal_scan(apd_rehearsal *rehearsal, apd_scan *scans, int count, int rounds, double seconds);

/* Let the decomposition have its first `count` tasks only; those beyond stay allocated, for a later call. The
 * solver is told, so that it looks at all of them anew when a task begins, as it does after sigma has moved. */
void apd_rehearsal_show_tasks(apd_rehearsal *rehearsal, int count);

/* End the task: a finished task more. Returns the slowest rank's seconds. Collective. */
double apd_rehearsal_end_task(apd_rehearsal *rehearsal);

#endif

/* rehearsal: a run's training in memory, to measure it: everything that `apd train` would hold, and its steps, but no
 * folder, log or commit. */
#ifndef APD_PLAN_REHEARSAL_H
#define APD_PLAN_REHEARSAL_H

#include "engine/run.h"
#include "plan/timing.h"

typedef struct apd_rehearsal {
    apd_run *run;
    apd_batches *batches; /* of the stream's first task */
    apd_train_set *set;   /* its images */
    int id, classes;      /* that task's */
    apd_stepper stepper;
    int64_t step;        /* the next one, over all epochs */
    double load_seconds; /* to load the set; the slowest rank's */
} apd_rehearsal;

/* Create the decomposition and the solver of a prepared run, and load its first task. Call clear on failure, too.
 * Collective. Statuses: IO, DATA, USAGE. */
apd_status apd_rehearsal_init(apd_rehearsal *rehearsal, apd_run *run, apd_error *error);
void apd_rehearsal_clear(apd_rehearsal *rehearsal); /* the run stays */

/* Begin the task again, after the tasks that the decomposition holds. Returns the slowest rank's seconds. Collective. */
double apd_rehearsal_begin_task(apd_rehearsal *rehearsal);

/* Take `count` steps; their times go to `times` (count), which may be NULL. Collective. */
void apd_rehearsal_steps(apd_rehearsal *rehearsal, int count, apd_step_time *times);

/* Begin the task, take `steps` steps, and digest theta. Called once, before anything else of the rehearsal, it is the same at
 * every P with equal shards. Collective. */
uint64_t apd_rehearsal_digest(apd_rehearsal *rehearsal, int steps);

/* A measurement of steps after `earlier` tasks. */
typedef struct apd_scan {
    int earlier;        /* in: the first so many of the decomposition's tasks */
    double begin;       /* out: seconds to begin a task, with the extra time of its first steps; median */
    int steps;          /* out: how many were measured */
    apd_step_time step; /* out: the typical one (timing.h) */
    double median;      /* out: seconds of a step, median */
} apd_scan;

/* Measure the `scans` (count), each for about `seconds` in all, at least three steps a round. They are interleaved in
 * `rounds` rounds, so that a disturbance of the machine affects all of them. Every round begins the task again and skips
 * a few steps. Collective. */
void apd_rehearsal_scan(apd_rehearsal *rehearsal, apd_scan *scans, int count, int rounds, double seconds);

/* Temporarily truncate the decomposition to its first `count` tasks; the others stay allocated. Invalidates the caches
 * derived from finished tasks. */
void apd_rehearsal_show_tasks(apd_rehearsal *rehearsal, int count);

/* End the task, which becomes a finished one. Returns the slowest rank's seconds. Collective. */
double apd_rehearsal_end_task(apd_rehearsal *rehearsal);

#endif

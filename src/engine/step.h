/* step: one training step on all ranks.
 *
 *   forward, backward   each rank passes its shards' micro-batches, publishing gradients block by block
 *   reduce, update      each rank adds its rows' gradients over all shards in a fixed order; the solver updates them
 *   share               the new theta goes to all ranks; the next forward pass starts as blocks arrive */
#ifndef APD_ENGINE_STEP_H
#define APD_ENGINE_STEP_H

#include "base/phase.h"
#include "engine/batches.h"
#include "engine/prefetcher.h"
#include "engine/run.h"

/* Sums over the images of one shard. */
typedef struct apd_tally {
    double loss, correct, images;
} apd_tally;

typedef struct apd_stepper {
    apd_run *run;
    apd_batches *batches;
    apd_prefetcher *prefetcher;
    int id;                    /* of the task */
    int64_t shard_numbers;     /* random numbers of a shard's dropout in one step */
    int64_t done;              /* steps of this task */
    int64_t timed;             /* how many of them `phases` covers */
    apd_tally *tallies;        /* (shards of this rank) since they were last read */
    double phases[APD_PHASES]; /* seconds of this rank */
    apd_phase phase;           /* since `mark` */
    double mark;
} apd_stepper;

void apd_stepper_init(apd_stepper *stepper, apd_run *run, apd_batches *batches, int id);
void apd_stepper_clear(apd_stepper *stepper);

/* Send the solver's present theta of a task to all ranks: of the finished one at `place`, or of that in training (-1).
 * Collective. */
void apd_step_share_theta(apd_run *run, int place);

/* Take step `step` of epoch `epoch`. Collective. */
void apd_step(apd_stepper *stepper, int epoch, int step, double learning_rate);

/* The sum of all shards' tallies by the fixed tree, the same at every P; resets them. Collective. */
apd_tally apd_stepper_read(apd_stepper *stepper);

/* What `steps` steps took a step, over the team's ranks; `seconds`: of this rank's phases in all. Collective. */
apd_phase_times apd_step_times(const apd_team *team, const double seconds[APD_PHASES], int64_t steps);

#endif

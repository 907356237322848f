/* step: one training step on all ranks, and what it measured. */
#ifndef APD_ENGINE_STEP_H
#define APD_ENGINE_STEP_H

#include "engine/prefetcher.h"
#include "engine/run.h"

/* Seconds spent in each part of the steps so far. */
typedef enum apd_phase {
    APD_PHASE_GATHER, /* batches made */
    APD_PHASE_FORWARD,
    APD_PHASE_BACKWARD,
    APD_PHASE_REDUCE, /* waiting for gradients */
    APD_PHASE_UPDATE, /* adding them, and the solver */
    APD_PHASE_SHARE,  /* waiting for theta */
    APD_PHASES
} apd_phase;

extern const char *const apd_phase_names[APD_PHASES];

/* Sums over the images a shard has seen, for each shard of this rank. */
typedef struct apd_tally {
    double loss, correct, images;
} apd_tally;

typedef struct apd_stepper {
    apd_run *run;
    apd_train_set *set;
    apd_prefetcher *prefetcher; /* of the set's micro-batches */
    int id, classes;            /* the task's */
    int64_t shard_numbers;      /* how far apart shards lie in dropout's stream of numbers */
    int64_t done;               /* steps of this task */
    int64_t timed;              /* those among them that `phases` is about */
    apd_tally *tallies;         /* (shards of this rank) since they were last read */
    double phases[APD_PHASES];
    apd_phase phase; /* under way since `mark` */
    double mark;
} apd_stepper;

void apd_stepper_init(apd_stepper *stepper, apd_run *run, apd_train_set *set, int id, int classes);
void apd_stepper_clear(apd_stepper *stepper);

/* Theta of the task in training, as the solver has it now, into the exchange: before the first step. Collective. */
void apd_step_share_theta(apd_run *run);

/* Step `step` of epoch `epoch` with the given learning rate. Collective. */
void apd_step(apd_stepper *stepper, int epoch, int step, double learning_rate);

/* The tallies of all shards added up by the fixed tree, the same on every rank; starts new ones. Collective. */
apd_tally apd_stepper_read(apd_stepper *stepper);

#endif

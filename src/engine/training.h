/* training: a task while it trains, and how it is committed half way and brought back. */
#ifndef APD_ENGINE_TRAINING_H
#define APD_ENGINE_TRAINING_H

#include "engine/consolidation.h"
#include "engine/requests.h"
#include "engine/step.h"

typedef struct apd_training {
    apd_run *run;
    apd_requests *requests;
    int place, id;
    int epochs; /* of this task: what the description said when it began */
    apd_train_set *set;
    apd_stepper stepper;
    int64_t total_steps;
    apd_tally epoch_tally;
    double rate; /* the last step's */
    double best; /* validation accuracy of the epoch that was kept; -1 before */
    double started;
    int64_t recentred; /* weights of sigma that re-centring moved */
    int measured;      /* tasks evaluated at its end */
    apd_consolidator *consolidator;
} apd_training;

/* What was asked for since the last step, when step `step` of epoch `epoch` comes next: nothing, a commit, or a
 * commit and the end, whose status is REQUEUE. Collective. */
apd_status apd_training_answer(const apd_training *training, int epoch, int step, apd_error *error);

/* Back to where the commit left the task, which the solver has begun: run->state.training says which step comes
 * next. Collective. */
apd_status apd_training_restore(apd_training *training, apd_error *error);

/* REQUEUE, with a line that says what was asked for and where the run stands. */
apd_status apd_training_stop(const apd_run *run, const apd_requests *requests, apd_error *error);

#endif

/* training: one task from its first step to its last, with commits and stops in between.
 *
 * A commit half way holds the solver's arrays, the number of the next step and the losses since the last logged one, so
 * a resumed task takes the same steps with the same bits, on any number of ranks. */
#ifndef APD_ENGINE_TRAINING_H
#define APD_ENGINE_TRAINING_H

#include "engine/requests.h"
#include "engine/step.h"

typedef struct apd_training {
    apd_run *run;
    apd_requests *requests;
    int place, id;
    int epochs;           /* of this task: what the description said when it began */
    apd_batches *batches; /* owned by the trainer */
    apd_stepper stepper;
    int64_t total_steps;
    apd_tally epoch_tally;
    double rate; /* of the last step */
    double best; /* validation accuracy of the snapshot; -1: there is none */
    double started;
    int64_t recentred; /* weights of sigma that re-centring moved at the task's end */
} apd_training;

/* Train the task of run->stream at `place`, or continue if run->state.half_way. Collective. On APD_OK the solver holds
 * the trained task and run->state.half_way is false. Statuses: REQUEUE after a commit and a stop, which the message
 * tells; DATA if the loss is not a number; IO. */
apd_status apd_training_run(apd_training *training, apd_error *error);

/* REQUEUE, with the reason for the stop and where the run stands. Local. */
apd_status apd_training_stop(const apd_run *run, const apd_requests *requests, apd_error *error);

#endif

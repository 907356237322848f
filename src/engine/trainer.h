/* trainer: the stream of tasks, from the first unfinished one to the last. */
#ifndef APD_ENGINE_TRAINER_H
#define APD_ENGINE_TRAINER_H

#include "engine/requests.h"

/* Train what run->state has not finished, and end each task with its evaluations, consolidation and commit. Collective.
 * Statuses: REQUEUE after a commit and a requested stop; IO, DATA, USAGE. */
apd_status apd_train_stream(apd_run *run, apd_requests *requests, apd_error *error);

#endif

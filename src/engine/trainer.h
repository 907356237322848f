/* trainer: the task stream, from the first unfinished task to the last. */
#ifndef APD_ENGINE_TRAINER_H
#define APD_ENGINE_TRAINER_H

#include "engine/requests.h"

/* Train what run->state has not finished; after each task evaluate, commit and write the tables. Collective. */
apd_status apd_train_stream(apd_run *run, apd_requests *requests, apd_error *error);

#endif

/* trainer: the task stream, from the first unfinished task to the last. */
#ifndef APD_APP_TRAINER_H
#define APD_APP_TRAINER_H

#include "app/run.h"

/* Train what run->state has not finished; after each task evaluate, commit and write the tables. Collective. */
apd_status apd_train_stream(apd_run *run, apd_error *error);

#endif

/* standing: RUN/status.json, how far a run is: for `apd study`, `apd status` and other programs.
 *
 *   state             running, done, stopped (to be continued), failed
 *   starts            since the last commit that did not end by themselves, this one included
 *   commit            the newest one
 *   tasks_done, tasks of the stream; tasks is 0 before the data was read
 *   average_accuracy  a share; null before the first evaluation
 *   capacity          of the weights, as a share of one network's; null before the first task ends
 *   seconds           of training, all starts together
 *   host, ranks       of the last start
 *   message           why it stopped or failed, one line
 *   written           UTC
 * It is replaced at a start, with every commit, and at the end. Local. */
#ifndef APD_ENGINE_STANDING_H
#define APD_ENGINE_STANDING_H

#include "engine/run.h"

typedef struct apd_standing {
    char state[16]; /* "" without a file */
    int starts, commit, tasks_done, tasks, ranks;
    double average, capacity, seconds; /* NaN where unknown */
    char host[64], message[1024], written[32];
} apd_standing;

/* Write `standing` as `folder`/status.json. Statuses: IO, REQUEUE. */
apd_status apd_standing_put(const char *folder, const apd_standing *standing, apd_error *error);

/* The same for how `run` stands. */
apd_status apd_standing_write(const apd_run *run, const char *state, const char *message, apd_error *error);

/* The same after a commit of a run that goes on: no start has died since. */
apd_status apd_standing_committed(apd_run *run, apd_error *error);

/* What cannot be read is taken for a file that is not there. */
void apd_standing_read(const char *folder, apd_standing *standing);

#endif

/* evaluate_auto: accuracies when nobody says which task an image belongs to, and what guessing costs.
 *
 * Both ways are timed over all measured images: with known tasks each task's network is read once and passes its images; guessing
 * computes keys' distances, reads networks and passes images (trained/guess.h). Reading the images is in neither. Each rank guesses
 * portions of up to 128 MB of them, from as many tasks as that takes, and reads a network once a portion. */
#ifndef APD_COMMANDS_EVALUATE_AUTO_H
#define APD_COMMANDS_EVALUATE_AUTO_H

#include "engine/run.h"
#include "io/system/json.h"

/* Guess the measured images of every task but forgotten ones; print a table, unless `json` is not NULL: then an object "auto" into
 * that. Rank 0 prints. Collective. Statuses: USAGE without keys; IO, DATA. */
apd_status apd_evaluate_auto(apd_run *run, apd_json *json, apd_error *error);

#endif

/* guess: images to classes when nobody says which task they belong to.
 *
 * The nearest key of all classes (io/data/key.h) gives an image's task, and the network of that task its class: one pass an image
 * and 128 T classes multiply-adds. All images of a call that are given to one task pass its network together,
 * which is read once a call: calls should have thousands of images. Local. */
#ifndef APD_TRAINED_GUESS_H
#define APD_TRAINED_GUESS_H

#include "trained/trained.h"

typedef struct apd_guesser apd_guesser;

typedef struct apd_guess {
    int place;         /* of the task */
    int number;        /* of the class, in the data file */
    float probability; /* of that class, by the task's network */
} apd_guess;

/* Where the time of guesses went, in seconds. */
typedef struct apd_guess_times {
    double keys;    /* features and nearest keys */
    double reading; /* theta of the guessed tasks */
    double passes;  /* the images through their networks */
} apd_guess_times;

/* USAGE, naming `path`, where no task has keys: what to do. */
apd_status apd_guess_check(const apd_run_state *state, const char *path, apd_error *error);

/* Read the keys of all tasks. `file` outlives it. Statuses: those of apd_guess_check and apd_theta_read_task; DATA. `*out`
 * is set on success only. */
apd_status apd_guesser_create(const apd_trained_run *file, apd_guesser **out, apd_error *error);
void apd_guesser_destroy(apd_guesser *guesser); /* Takes NULL. */

/* Guess n images (n, C, H, W) of uint8, as a network sees them but for normalisation: no transform is applied. What an image gets
 * depends on no other image, to the bit. `times` is added to. Statuses: those of apd_trained_read. */
apd_status apd_guesser_guess(apd_guesser *guesser, const uint8_t *images, int n, apd_guess *guesses,
                             apd_guess_times *times, apd_error *error);

#endif

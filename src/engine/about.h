/* about: what a commit says of itself, for readers without the program (io/checkpoint/state.h). Local. */
#ifndef APD_ENGINE_ABOUT_H
#define APD_ENGINE_ABOUT_H

#include "io/checkpoint/state.h"
#include "io/data/dataset.h"
#include "io/description/description.h"

/* YAML text, to be freed: input, scaling, layers as resolved, where sigma came from (`init`; NULL: chance), and the classes' names
 * where the data file has them. */
char *apd_about_text(const apd_description *description, const apd_dataset *dataset, const char *init);

/* What a state's text says of where sigma came from, to be freed: "RUN, commit 12, digest 0123456789abcdef"; NULL: chance. */
char *apd_about_init(const apd_run_state *state);

/* Set state->program and state->kernels to this process's. */
void apd_about_sign(apd_run_state *state);

/* Whether another program, or the same one with other kernels, signed the state: its results may differ in the last bits. */
bool apd_about_differs(const apd_run_state *state);

#endif

/* initial: the first values of a new stream's sigma, where they are those of a finished run (the key init).
 *
 * A task begins with theta = mask * sigma. So the other run needs the same layers, and masks that begin with the same value, or no
 * masks either; data, classes, heads and all other keys may differ. Where bodies are shared, the first task also begins with the
 * biases of the other run's last task, as the other run's next one would; a decomposed task begins with biases 0 as ever. Sigma is
 * in the first commit: nothing needs the other run after that. */
#ifndef APD_ENGINE_INITIAL_H
#define APD_ENGINE_INITIAL_H

#include "engine/run.h"

/* Whether the description names a run. */
bool apd_initial_is_given(const apd_description *description);

/* Set sigma, and the first biases, of the new run->decomposition from the run that run->description->init names; `*text` (free it):
 * which run and commit that was, NULL where there is none. Each rank reads for itself. Collective; all ranks return the same.
 * Statuses: USAGE where the run does not fit, naming the key and both values; DATA where ranks see different runs; those of
 * apd_trained_run_open. */
apd_status apd_initial_load(apd_run *run, char **text, apd_error *error);

#endif

/* extension: the description of a finished run with more tasks, from other data files (apd extend).
 *
 * The tasks of a file are cut from its own data by its own keys of section stream, and become lists of classes behind the run's
 * tasks (data.added, stream.added), in the order in which they are to be trained. That is all: training goes on from the last commit
 * under the new description as after any stop (start.h), and the first commit that follows holds it. Local. */
#ifndef APD_ENGINE_EXTENSION_H
#define APD_ENGINE_EXTENSION_H

#include "io/checkpoint/state.h"
#include "io/description/description.h"

/* The description of the run whose newest commit `path` has the state `state`, under `settings` (count), with the tasks of the file
 * `tasks_path`: text, to be freed. A run that has them already, finished or not, keeps its description. Statuses: USAGE where a key
 * does not belong in the file or the run has other unfinished tasks; DATA where the data files do not fit each other or are
 * not those that the run was trained on; those of reading descriptions and data files. */
apd_status apd_extension_describe(const char *path, const apd_run_state *state, const char *const *settings,
                                  int count, const char *tasks_path, char **text, apd_error *error);

#endif

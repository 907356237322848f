/* launcher: a study's runs as processes of their own, started by a command such as "mpirun -n 2".
 *
 * {ranks} in the command becomes the run's ranks. A run is `COMMAND apd train RUN/run.yaml`, with its output in RUN/train.log. The study itself is one process without MPI:
 * what kills the processes of one run leaves the others alone. Such a start counts as one that died. */
#ifndef APD_STUDY_LAUNCHER_H
#define APD_STUDY_LAUNCHER_H

#include "study/folder.h"

/* Start the runs that are left, `at_once` at a time, until none is or a signal comes, which is passed on. `limit`: as in
 * groups.h. Local. Statuses: OK, whatever the runs' were; IO. */
apd_status apd_launch_runs(const apd_study *study, int at_once, double limit, bool fail_fast,
                           apd_error *error);

#endif

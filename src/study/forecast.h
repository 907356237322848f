/* forecast: what a study will need, before it runs: memory, disk and hours of each run, as apd plan measures them. Runs
 * that differ in seed, order and repeat alone are measured once, and a run that names more ranks than there are is scaled. Hours of finished runs are what they took. */
#ifndef APD_STUDY_FORECAST_H
#define APD_STUDY_FORECAST_H

#include "mpi/team/team.h"
#include "study/folder.h"

/* List the runs of a settled study on stdout, measured on the first group for about `seconds` each, for
 * `ranks` ranks a run. Collective over `world`; `team` is the group's. Statuses: USAGE, DATA, IO of a run that cannot
 * start. */
apd_status apd_forecast(const apd_study *study, const apd_team *world, apd_team *team, int ranks,
                        double seconds, apd_error *error);

/* The same without measurements, and without MPI. Local. */
void apd_forecast_list(const apd_study *study);

#endif

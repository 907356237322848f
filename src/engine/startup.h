/* startup: what has to be equal on all ranks before anything is computed.
 *
 * Nodes of unlike processors, a stale copy of the program on one node, or another description on some ranks would
 * not fail: the run would go on with bits that depend on which rank did what. So each rank brings one line of
 * text, and the first that differs from rank 0's is named, with its host. */
#ifndef APD_ENGINE_STARTUP_H
#define APD_ENGINE_STARTUP_H

#include "mpi/team/team.h"

/* How many copies of this program one srun started: 1 outside of srun, and under mpirun, which runs jobs of any size
 * inside a step of any size. Comes before MPI is started, which may set the variables that tell. An MPI that cannot
 * start in copies that know nothing of one another (srun without PMIx) ends them with a page of its own text, so the
 * line that helps is printed here, where no sign of a PMI is seen. Local. */
int apd_startup_copies(void);

/* Refuse copies that each believe to be rank 0 of 1, and that would all write the same files; the first one's error
 * has the text. Then the kernels that OpenBLAS chose, then the program itself: version, build type, compiler, MPI library, and the
 * digest of the program's file. APD_ERROR_USAGE where they differ. Collective. */
apd_status apd_startup_check(const apd_team *team, int copies, apd_error *error);

/* The description and the settings that each rank was given; only rank 0's are used. APD_ERROR_USAGE where they
 * differ. Collective. */
apd_status apd_startup_check_request(const apd_team *team, const char *path, const char *const *settings,
                                     int count, apd_error *error);

#endif

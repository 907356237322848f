/* startup: what must be equal on all ranks before anything is computed.
 *
 * Different processors, an old copy of the program on one node, or different arguments would not fail: the run would
 * compute bits that depend on which rank does what. So every rank's text is compared with rank 0's, and an error names
 * the first rank that differs, with its host. */
#ifndef APD_ENGINE_STARTUP_H
#define APD_ENGINE_STARTUP_H

#include "mpi/team/team.h"

/* How many copies of this program one srun started; 1 outside of srun and under mpirun. Call it before MPI is started,
 * which may set the variables that this reads. If there is no sign of PMIx, it warns and says what to do: MPI itself
 * would end such copies with a page of other text. Local. */
int apd_startup_copies(void);

/* Refuse copies of which each would be rank 0 of 1 and write the same files; then compare the kernels that OpenBLAS
 * chose, and the program: version, build type, compiler, MPI library, digest of its file. Collective. Status: USAGE. */
apd_status apd_startup_check(const apd_team *team, int copies, apd_error *error);

/* Compare the description's path and the settings, of which only rank 0's are used. Collective. Status: USAGE. */
apd_status apd_startup_check_request(const apd_team *team, const char *path, const char *const *settings,
                                     int count, apd_error *error);

#endif

/* commits: reading, verifying, packing and deleting a run's commits in one process, without MPI.
 *
 * The run may go on committing: when a part is deleted under a reader, it starts again on the newer commit.
 * Local. Statuses: DATA naming the file and the group; IO, or REQUEUE where a fault may pass. */
#ifndef APD_IO_CHECKPOINT_COMMITS_H
#define APD_IO_CHECKPOINT_COMMITS_H

#include "base/status.h"
#include "io/checkpoint/state.h"

#include <stddef.h>

/* RUN as commands take it, a run's folder or a checkpoint: set `*path` to the checkpoint's path; free it. */
apd_status apd_checkpoint_path(const char *run, char **path, apd_error *error);

/* Whether the folder that has the entry `path` is a run's: it has a commit, the commit before, or a lock. A folder that
 * cannot be searched is taken for one. */
bool apd_checkpoint_is_run(const char *path);

/* Call `attempt` until it succeeds, as long as the commit is replaced meanwhile: a reader may then have lost its parts. It sets
 * `out` on success only. */
typedef apd_status apd_checkpoint_reading(const char *path, void *out, apd_error *error);
apd_status apd_checkpoint_read_newest(const char *path, apd_checkpoint_reading *attempt, void *out,
                                      apd_error *error);

/* Read the run's state, no parameters. `*state` is set on success only. */
apd_status apd_checkpoint_read_state(const char *path, apd_run_state *state, apd_error *error);

/* Read the run's state and count what the file keeps (apd_capacity_of's counts). Set on success only. */
apd_status apd_checkpoint_survey(const char *path, apd_run_state *state, apd_capacity *capacity,
                                 apd_error *error);

/* Read a commit through and check every digest. `*groups` is set to the number of groups, on success only. */
apd_status apd_checkpoint_verify(const char *path, int *groups, apd_error *error);

/* What goes into a packed file: the commit, with its results for viewers (results.h), or these alone, which is no checkpoint. */
typedef enum apd_pack_kind { APD_PACK_COMMIT, APD_PACK_BOTH, APD_PACK_RESULTS } apd_pack_kind;

/* Copy the commit `path` into one self-contained file `to`, replacing it, and check that. `*groups` as verify. Status: also USAGE
 * where there are no results yet. */
apd_status apd_checkpoint_pack(const char *path, const char *to, apd_pack_kind kind, int *groups,
                               apd_error *error);

/* Which commit of the run to use: the newest at `path` when it verifies, else the one before. `*use` is the path
 * (free it), or NULL when there is no commit at all; `note` (room: size) says what was wrong with the newest, "" when
 * nothing was. Only proven damage makes it fall back; any other failure is returned. */
apd_status apd_checkpoint_choose(const char *path, char **use, char *note, size_t size, apd_error *error);

/* Before a process adds commits: make the commit that apd_checkpoint_choose found the newest (a damaged one is put
 * aside as PATH's .damaged.h5), remove temporary files and parts that nobody needs. The run is locked. */
apd_status apd_checkpoint_settle(const char *path, const char *use, apd_error *error);

/* Remove a run's commits, all of them, with their parts. The run is locked. */
apd_status apd_checkpoint_remove(const char *path, apd_error *error);

/* Remove the commit before the newest, and the parts that it alone needs. The run is locked. */
apd_status apd_checkpoint_remove_previous(const char *path, apd_error *error);

/* Bytes of the commit's files as `state` (loaded or saved) knows them. */
int64_t apd_checkpoint_bytes(const char *path, const apd_run_state *state);

#endif

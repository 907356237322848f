/* checkpoint: all that a run has learned, in one HDF5 file with a group a task.
 *
 *   /                      attributes: format "apd-checkpoint", format_version, commit, config_digest,
 *                          data_digest, shards, seed, task_count, consolidations (from the first one on),
 *                          digest (over all groups, in this order)
 *   /accuracy              float64 (T, T): R[i][j], NaN above the diagonal
 *   /run_yaml              the description as resolved (string)
 *   /layout/               what the blocks are, in order: name (strings), rows, cols (int64), decomposed
 *                          (int32), each (B); attribute digest
 *   /shared/NAME/          sigma: float32 (R, C); attribute digest
 *   /tasks/000017/         a finished task by its place in the stream; attributes: id, name, accuracy,
 *                          seconds, epochs, classes (int32 list), single (0 or 1), digest
 *       normalisation      float32 (2, channels): mean, deviation; channels up to the last not all zero
 *       mask               float32 (sum of R over decomposed blocks), block after block
 *       bias               float32 (sum of R over decomposed blocks)
 *       head/weight        float32 (classes, C)
 *       head/bias          float32 (classes)
 *       tau/theta          float32 (entries): theta where tau is not zero, all blocks one after the other,
 *                          rows in order (src/method/decomposition.h says why theta and not tau)
 *       tau/columns        int32 (entries)
 *       tau/row_offsets    int64 (sum of R + 1)
 *       weight             float32 (D) instead of mask and tau for a single task
 *   /forgotten/000004/     in place of /tasks/000004 for a forgotten task: attributes id, name, accuracy,
 *                          seconds, epochs, digest, and nothing that it learned
 *   /groups/NAME/          locally shared parameters of a block; only from the first consolidation on.
 *                          Attributes clusters (int32), digest
 *       assignment         int32 (T): the cluster of the task at each place; -1: none, or forgotten
 *       003/               sigma_g of a cluster, without entries where nothing is shared; attribute digest
 *           values         float32 (entries): rows in order
 *           columns        int32 (entries)
 *           row_offsets    int64 (R + 1)
 *
 * A task's theta, to the bit, in float32 arithmetic and in this order: the product mask * sigma, row by row;
 * plus the values of the task's cluster at their columns, where it is in one; then, at tau/columns, what
 * tau/theta says instead.
 *
 * The layout knows neither P nor who wrote it: equal contents give equal files, byte for byte, at every P.
 * Large data sets carry fletcher32; every group carries an XXH3 digest of its contents, so that a missing,
 * stale or changed part is found. h5py and h5dump read it alone.
 * Writing: rank 0 writes what the others send, a piece of at most a block at a time; new file PATH.tmp,
 * flush, close, fsync, read back and compare digests, rename, fsync of the folder.
 *
 * The files: checkpoint_save and _load move rows between ranks (_parcel); one process writes (_write, _put,
 * over h5_driver, which survives a full disk) and reads (_read, _read_root, _get); _format, _task and
 * _cluster hold what both sides share. */
#ifndef APD_IO_CHECKPOINT_H
#define APD_IO_CHECKPOINT_H

#include "base/status.h"
#include "io/loader.h"
#include "method/decomposition.h"
#include "method/metrics.h"
#include "mpi/partition.h"
#include "mpi/team.h"

typedef struct apd_task_record {
    int id; /* the task's identity in the stream */
    char name[64];
    int class_count; /* 0: forgotten */
    int *classes;    /* owned by the record */
    double accuracy; /* when it was learned, 0..1 */
    double seconds;
    int epochs;
    apd_normalisation normalisation;
} apd_task_record;

/* What a run knows besides parameters; the same on all ranks. */
typedef struct apd_run_state {
    int commit; /* grows by one with each */
    uint64_t config_digest, data_digest, seed;
    int shards;
    int task_count;
    int consolidations;       /* how many have been done */
    apd_task_record *records; /* (task_count) by place in the stream */
    double *accuracy;         /* (task_count, task_count), NaN above the diagonal */
    char *run_yaml;
} apd_run_state;

void apd_run_state_clear(apd_run_state *state);

/* Collective. Statuses: IO naming path and step (with what the system said), INTERNAL. All ranks return the
 * same. On failure the former file is untouched and the temporary one removed (if the last step alone fails,
 * the fsync of the folder, the new file is in place already). A task whose part is NULL is saved as
 * forgotten.
 */
apd_status apd_checkpoint_save(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_decomposition *decomposition, const apd_run_state *state,
                               apd_error *error);

/* Load at any P: rank 0 reads and checks every digest, each rank gets its rows. `*decomposition` is created
 * for `layout` (which must equal the file's: DATA names the block that differs) and `*state` overwritten, on
 * success only. All ranks return the same. Collective. Statuses: IO, DATA. */
apd_status apd_checkpoint_load(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_layout *layout, apd_decomposition **decomposition,
                               apd_run_state *state, apd_error *error);

/* RUN as commands take it, a run's folder or a checkpoint, as the checkpoint's path; free it. Local. */
char *apd_checkpoint_path(const char *run);

/* Read the run's state alone (no parameters; task groups' attributes): for inspect, evaluate and resume,
 * before a network can be built. Of the task groups the attributes alone are checked. `*state` is set on
 * success only. Local. Statuses: IO, DATA. */
apd_status apd_checkpoint_read_state(const char *path, apd_run_state *state, apd_error *error);

/* Read the run's state, and from the same opening count what the file keeps (apd_capacity_of's counts; sigma
 * is read, tau's entries are what its data sets hold). Both outputs are set on success only. Local.
 * Statuses: IO, DATA. */
apd_status apd_checkpoint_survey(const char *path, apd_run_state *state, apd_capacity *capacity,
                                 apd_error *error);

/* Read the file through and check every digest, without MPI: `*groups` is how many groups were good,
 * the root included; set on success only. Local. Statuses: IO, DATA naming the group. */
apd_status apd_checkpoint_verify(const char *path, int *groups, apd_error *error);

#endif

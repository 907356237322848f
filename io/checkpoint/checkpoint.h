/* checkpoint: all that a run has learned, in HDF5 files with a group a task.
 *
 *   RUN/checkpoint.h5            the newest commit: small, its groups are external links into
 *   RUN/segments/                what commits wrote (io/checkpoint_segment.h), each never changed again
 *   RUN/checkpoint.previous.h5   the commit before, for when the newest turns out to be damaged
 *
 *   /                      attributes: format "apd-checkpoint", format_version, commit, config_digest,
 *                          data_digest, shards, seed, task_count, alone (1: tasks were forgotten, no commit
 *                          from before may be kept), consolidations (from the first one on), ending (while the
 *                          last task's end is not complete: apd_ending), digest (over all groups, in this
 *                          order)
 *   /run_yaml              the description as resolved (string)
 *   /digests               uint64 (T): of the groups of tasks, by place
 *   /layout/               what the blocks are, in order: name (strings), rows, cols (int64), decomposed
 *                          (int32), each (B); attribute digest
 *   /shared/NAME/          sigma: float32 (R, C); attribute digest
 *   /tasks/000017/         a finished task by its place in the stream; attributes: id, name, accuracy,
 *                          seconds, epochs, classes (int32 list), single (0 or 1), digest
 *       row                float64 (18): R[17][0..17], the accuracies of the tasks so far once it was learned
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
 *                          seconds, epochs, digest, its row, and nothing that it learned
 *   /groups/NAME/          locally shared parameters of a block; only from the first consolidation on.
 *                          Attributes clusters (int32), digest
 *       assignment         int32 (T): the cluster of the task at each place; -1: none, or forgotten
 *       003/               sigma_g of a cluster, without entries where nothing is shared; attribute digest
 *           values         float32 (entries): rows in order
 *           columns        int32 (entries)
 *           row_offsets    int64 (R + 1)
 *   /training/             only while a task is half way: io/checkpoint_training.h
 *
 * A task's theta, to the bit, in float32 arithmetic and in this order: the product mask * sigma, row by row;
 * plus the values of the task's cluster at their columns, where it is in one; then, at tau/columns, what
 * tau/theta says instead.
 *
 * The layout knows neither P nor who wrote it: equal contents give equal files, byte for byte, at every P.
 * Large data sets carry fletcher32; every group carries an XXH3 digest of its contents, so that a missing,
 * stale or changed part is found. h5py and h5dump read it alone, following the links.
 * Writing: the tasks whose parameters changed since the last commit, in parts of some 16 MB that the ranks write
 * side by side; sigma when a task ended and the task in training when one is half way, which rank 0 writes. Each
 * segment is closed; a thread syncs it and compares every byte that the disk returns with what was written
 * (io/hdf5/pages.h), while one task of each part goes through the reader, digest and all; then the same for PATH.tmp,
 * which a rename makes the newest commit (io/checkpoint/write.h); the one before stays as PATH's .previous; segments
 * that neither links to are removed, a thread giving back their room.
 *
 * The files: checkpoint_save and _load move rows between ranks (_parcel, _training); tasks go to files through
 * _tasks_out and _parts, everything else through _write (all over _put and _sink, and h5_driver, which survives a full disk),
 * which begins with the _links that the commit before had; one
 * process reads (_read with _read_task, _read_shared and _read_training, which share _reader; over _read_root and
 * _get); _walk checks and packs commits, _history keeps and chooses them; _format, _task, _cluster and _segment
 * hold what both sides share. */
#ifndef APD_IO_CHECKPOINT_CHECKPOINT_H
#define APD_IO_CHECKPOINT_CHECKPOINT_H

#include "base/status.h"
#include "method/decomposition.h"
#include "method/metrics.h"
#include "method/solvers/solver.h"
#include "mpi/exchange/partition.h"
#include "mpi/team/team.h"
#include "network/normalisation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct apd_task_record {
    int id; /* the task's identity in the stream */
    char name[64];
    int class_count; /* 0: forgotten */
    int *classes;    /* owned by the record */
    double accuracy; /* when it was learned, 0..1 */
    double seconds;
    int epochs;
    apd_normalisation normalisation;
    int segment; /* the commit whose segment holds its group; 0: none does yet, or it was forgotten since */
    int part;    /* of that commit's segment of tasks */
    int segment_groups; /* how many groups that part holds; 0: none ever did */
    uint64_t digest;    /* of its group; rank 0 */
} apd_task_record;

/* A task half way, besides the solver's arrays. */
typedef struct apd_training_state {
    int id;          /* the task's identity */
    int epochs;      /* it is to have */
    int epoch, step; /* the next one */
    double best;     /* validation accuracy of the copy that was kept; -1: none */
    double seconds;  /* that it has taken so far */
    double epoch_loss, epoch_correct, epoch_images; /* sums of the epoch so far, up to the last logged step */
    apd_solver_progress progress;
    int tally_count; /* numbers in tallies */
    double *
        tallies; /* (S, 3): sums since the last logged step, by shard; rank 0's when saving, all when loaded */
} apd_training_state;

/* How far the end of the run's last task has come. Until it is complete the last row of `accuracy` is NaN for the tasks
 * that are still to be evaluated. */
typedef enum apd_ending {
    APD_ENDING_COMPLETE,
    APD_ENDING_TRAINED,     /* not yet all evaluated; after that consolidated, if a consolidation is due */
    APD_ENDING_CONSOLIDATED /* not yet all evaluated again */
} apd_ending;

/* Kept from commit to commit by the rank that writes (io/checkpoint_links.h). */
typedef struct apd_checkpoint_links apd_checkpoint_links;

/* What a run knows besides parameters; the same on all ranks. */
typedef struct apd_run_state {
    int commit; /* grows by one with each */
    int alone;  /* 1: no commit from before may be kept */
    uint64_t config_digest, data_digest, seed;
    int shards;
    int task_count;
    int consolidations;       /* how many have been done */
    apd_ending ending;        /* of the last task; COMPLETE while the next one trains */
    apd_task_record *records; /* (task_count) by place in the stream */
    double *accuracy;         /* (task_count, task_count), NaN above the diagonal */
    char *run_yaml;
    bool half_way; /* a task is in training: */
    apd_training_state training;
    int shared_segment;          /* the commit whose segment holds sigma and the clusters; 0: none does yet */
    bool shared_moved;           /* since then: a task ended */
    uint64_t shared_digest;      /* of these groups; rank 0 */
    int64_t written;             /* bytes of the last save's files */
    apd_checkpoint_links *links; /* NULL: none yet; rank 0 */
    struct apd_lock *lock; /* of the run (io/system/lock.h), not owned; NULL: nobody else can write; rank 0 */
} apd_run_state;

/* Whether the folder that has the entry `path` is a run's: it has a commit, the commit before, or a lock. A folder that
 * cannot be searched is taken for one. Local. */
bool apd_checkpoint_is_run(const char *path);

void apd_run_state_clear(apd_run_state *state);

/* Save a commit: state->commit grows by one. `solver` has the task in training when state->half_way, else it may be
 * NULL. What did not change since the last save or load is linked to, not written: tasks whose part says so, and
 * while a task is half way sigma and the clusters if no task ended since then. Tasks forgotten since then make the
 * commit `alone`: every segment that held them is written anew without them, and nothing older is kept. Records and
 * parts note where they lie now. On failure the former commit is untouched, and state->commit what it was. (If only the
 * sync of the folder after the rename, or the removal of old files, fails, the new commit is in place already.) On
 * success the commit and the removals are safe from a power loss. A task whose part is NULL is saved as forgotten. All
 * ranks return the same. Collective. Statuses: IO, or REQUEUE, naming path and step (with what the system said);
 * LOCKED when another job has taken the run's lock or committed; INTERNAL. */
apd_status apd_checkpoint_save(const apd_team *team, const apd_partition *partition, const char *path,
                               apd_decomposition *decomposition, apd_run_state *state,
                               const apd_solver *solver, apd_error *error);

/* Load at any P: rank 0 reads and checks every digest, each rank gets its rows. `*decomposition` is created
 * for `layout` (which must equal the file's: DATA names the block that differs) and `*state` overwritten, on
 * success only. All ranks return the same. Collective. Statuses: IO, DATA. */
apd_status apd_checkpoint_load(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_layout *layout, apd_decomposition **decomposition,
                               apd_run_state *state, apd_error *error);

/* Fill the arrays of the solver, which has begun the task of state->training, from the checkpoint `path` (the one
 * that `state` was loaded from). All ranks return the same. Collective. Statuses: IO, DATA. */
apd_status apd_checkpoint_load_training(const apd_team *team, const apd_partition *partition,
                                        const char *path, const apd_run_state *state, apd_solver *solver,
                                        const apd_layout *layout, apd_error *error);

/* RUN as commands take it, a run's folder or a checkpoint: set `*path` to the checkpoint's path; free it. Local.
 * Statuses: IO, REQUEUE when the system refuses to say what `run` is. */
apd_status apd_checkpoint_path(const char *run, char **path, apd_error *error);

/* Read the run's state alone (no parameters; task groups' attributes): for inspect, evaluate and resume,
 * before a network can be built. Of the task groups the attributes alone are checked. `*state` is set on
 * success only. Local. Statuses: IO, DATA. */
apd_status apd_checkpoint_read_state(const char *path, apd_run_state *state, apd_error *error);

/* Read the run's state, and from the same opening count what the file keeps (apd_capacity_of's counts; sigma
 * is read, tau's entries are what its data sets hold). Both outputs are set on success only. Local.
 * Statuses: IO, DATA. */
apd_status apd_checkpoint_survey(const char *path, apd_run_state *state, apd_capacity *capacity,
                                 apd_error *error);

/* Read a commit through and check every digest, without MPI: `*groups` is how many groups were good,
 * the root included; set on success only. A run that commits meanwhile is read again. Local.
 * Statuses: IO, DATA naming the file and the group. */
apd_status apd_checkpoint_verify(const char *path, int *groups, apd_error *error);

/* Copy the commit `path` into one self-contained file `to`, replacing it, and check that. `*groups` as verify.
 * Works on a run that commits meanwhile. Local. Statuses: IO, DATA. */
apd_status apd_checkpoint_pack(const char *path, const char *to, int *groups, apd_error *error);

/* Which commit of the run to use: the newest at `path` when it verifies, else the one before. `*use` is the path
 * (free it), or NULL when there is no commit at all; `note` (room: size) says what was wrong with the newest, ""
 * when nothing was. Local. Statuses: DATA or IO of the newest when neither is good. */
apd_status apd_checkpoint_choose(const char *path, char **use, char *note, size_t size, apd_error *error);

/* Before a process adds commits: make the commit that apd_checkpoint_choose found the newest (a damaged one is put
 * aside as PATH's .damaged.h5), remove temporary files and segments that nobody refers to. Local. Status: IO. */
apd_status apd_checkpoint_settle(const char *path, const char *use, apd_error *error);

/* Remove a run's commits, all of them, with their segments. Local. Status: IO. */
apd_status apd_checkpoint_remove(const char *path, apd_error *error);

/* Bytes of the commit's files as `state` (loaded or saved) knows them. Local. */
int64_t apd_checkpoint_bytes(const char *path, const apd_run_state *state);

#endif

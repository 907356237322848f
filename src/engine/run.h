/* run: everything that a process holds of one run, and how it is set up, for training and for reading alike. */
#ifndef APD_ENGINE_RUN_H
#define APD_ENGINE_RUN_H

#include "io/data/dataset.h"
#include "io/data/loader.h"
#include "io/data/stream.h"
#include "io/description/description.h"
#include "io/saving/checkpoint.h"
#include "io/system/lock.h"
#include "io/system/runlog.h"
#include "method/metrics.h"
#include "method/solvers/solver.h"
#include "mpi/exchange/exchange.h"
#include "mpi/team/team.h"
#include "mpi/watchdog/watch.h"
#include "network/network.h"
#include "network/partition.h"

typedef struct apd_run {
    apd_team *team;
    bool owns_team;   /* it is the world's */
    apd_watch *watch; /* from apd_run_prepare on */
    apd_description *description;
    apd_dataset *dataset;
    apd_stream *stream;
    apd_network *network;
    apd_partition partition;
    apd_exchange *exchange;
    apd_decomposition *decomposition;
    apd_solver *solver; /* training only */
    bool sigma_given;   /* sigma has the values that the description's init names; training */
    apd_run_state state;
    apd_runlog *log; /* training, rank 0 only */
    int listed;      /* rows of accuracy.csv that this process wrote; 0: write the whole file */
    apd_workspace *workspace;
    int batch_room;   /* images that the next two arrays hold */
    float *images;    /* (batch_room, C, H, W) */
    int32_t *labels;  /* (batch_room) */
    apd_lock *lock;   /* writers only (engine/claim.h); NULL on a rank that does not see the folder */
    char *checkpoint; /* path of the commit in use: checkpoint.h5, or the previous one */
    double started;
    int starts;      /* since the last commit that did not end by themselves (standing.h); training, rank 0 */
    double capacity; /* of the weights, at the last task's end; 0: not yet; training */
    char stopped[128]; /* what asked a training to stop; "": nothing did; rank 0 */
} apd_run;

static inline bool apd_run_speaks(const apd_run *run) {
    return apd_team_rank(run->team) == 0;
}

/* Tasks whose end is complete. */
static inline int apd_run_tasks_done(const apd_run *run) {
    return run->state.task_count - (run->state.ending != APD_ENDING_COMPLETE);
}

/* Start MPI, and refuse ranks on different processors or of different builds (startup.h): the team of all ranks.
 * Destroy `*team` on failure, too. Collective. Status: USAGE. */
apd_status apd_world_begin(apd_team **team, apd_error *error);

/* A run on `team`, which outlives it. Comes first. Local. */
void apd_run_init(apd_run *run, apd_team *team);

/* The same on the team of all ranks, which is the run's own. Call apd_run_end on failure, too. Collective. Status: USAGE. */
apd_status apd_run_begin(apd_run *run, apd_error *error);

/* Rank 0 reads the description, from the file `path` or from `text` if that is not NULL, and all ranks get it.
 * Collective. Statuses: USAGE, also if the ranks were given different arguments; IO. */
apd_status apd_run_describe(apd_run *run, const char *path, const char *text, const char *const *settings,
                            int count, apd_error *error);

/* Open the data files of a description as one data set. Local. Statuses: those of apd_dataset_open_files. */
apd_status apd_open_described_data(const apd_description *described, apd_dataset **out, apd_error *error);

/* Set up data, stream, network, partition into `shards` (0: one a rank), exchange and buffers. Collective. Statuses:
 * USAGE, DATA, IO. */
apd_status apd_run_prepare(apd_run *run, int shards, apd_error *error);

/* Choose the commit of `path` (RUN as on the command line) to use, with a warning if it is not the newest. Sets
 * run->checkpoint to its path, or to checkpoint.h5's if there is none, and `*found`. Collective. Statuses: DATA, IO. */
apd_status apd_run_choose(apd_run *run, const char *path, bool *found, apd_error *error);

/* Load run->checkpoint into run->state and run->decomposition. Collective. Statuses: DATA, IO. */
apd_status apd_run_load(apd_run *run, apd_error *error);

/* Create the described solver on run->decomposition. Local. */
void apd_run_create_solver(apd_run *run);

/* Set up a run from its folder or a checkpoint: choose, describe, prepare, load. Collective. Statuses as theirs. */
apd_status apd_run_open(apd_run *run, const char *path, const char *const *settings, int count,
                        apd_error *error);

/* Release everything, and end MPI if the run began it. Collective. */
void apd_run_end(apd_run *run);

#endif

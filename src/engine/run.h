/* run: all that a process holds of one run, and how it is set up: the same way for training and for looking
 * at a finished run. */
#ifndef APD_ENGINE_RUN_H
#define APD_ENGINE_RUN_H

#include "io/checkpoint/checkpoint.h"
#include "io/data/dataset.h"
#include "io/data/loader.h"
#include "io/data/stream.h"
#include "io/description/description.h"
#include "io/system/lock.h"
#include "io/system/runlog.h"
#include "method/metrics.h"
#include "method/solvers/solver.h"
#include "mpi/exchange/exchange.h"
#include "mpi/exchange/partition.h"
#include "mpi/team/team.h"
#include "mpi/watchdog/watch.h"
#include "network/network.h"

typedef struct apd_run {
    apd_team *team;
    apd_watch *watch; /* from apd_run_prepare on */
    apd_description *description;
    apd_dataset *dataset;
    apd_stream *stream;
    apd_network *network;
    apd_partition partition;
    apd_exchange *exchange;
    apd_decomposition *decomposition;
    apd_solver *solver; /* training only */
    apd_run_state state;
    apd_runlog *log; /* training, rank 0 only */
    int listed;      /* rows of accuracy.csv as this process wrote it; 0: it is to be written anew */
    apd_workspace *workspace;
    int batch_room;   /* images that fit in what follows */
    float *images;    /* (batch_room, C, H, W) */
    int32_t *labels;  /* (batch_room) */
    apd_lock *lock;   /* writers only (engine/claim.h); NULL on a rank that does not see the folder */
    char *checkpoint; /* path of the commit in use: checkpoint.h5, or the one before */
    double started;
} apd_run;

static inline bool apd_run_speaks(const apd_run *run) {
    return apd_team_rank(run->team) == 0;
}

/* R[after][place]: the accuracy (0..1) of the task at `place` once the one at `after` was learned. NaN if it was forgotten
 * or is not evaluated yet. */
static inline double *apd_run_accuracy(const apd_run *run, int after, int place) {
    return &run->state.accuracy[(int64_t)after * run->state.task_count + place];
}

/* Tasks whose end is complete. */
static inline int apd_run_tasks_done(const apd_run *run) {
    return run->state.task_count - (run->state.ending != APD_ENDING_COMPLETE);
}

/* Start MPI; refuse ranks on unlike processors or of unlike builds (app/startup). Collective; comes first. */
apd_status apd_run_begin(apd_run *run, apd_error *error);

/* Rank 0 reads the description (a file, or the text of a finished run), all ranks get the same; refused when they
 * were asked for different ones. Collective. */
apd_status apd_run_describe(apd_run *run, const char *path, const char *text, const char *const *settings,
                            int count, apd_error *error);

/* Data, stream, network, partition for S shards (0: as many as there are ranks), exchange, buffers.
 * Collective. */
apd_status apd_run_prepare(apd_run *run, int shards, apd_error *error);

/* Rank 0 finds which commit of `path` (as RUN) to use and says so when it is not the newest: run->checkpoint is
 * then its path, checkpoint.h5's where there is none; `*found` on all ranks. Collective. */
apd_status apd_run_choose(apd_run *run, const char *path, bool *found, apd_error *error);

/* Load run->checkpoint into state and decomposition. Collective. */
apd_status apd_run_load(apd_run *run, apd_error *error);

/* The solver that the description asks for, on run->decomposition. Local. */
void apd_run_create_solver(apd_run *run);

/* Set up a finished run from its folder (or a checkpoint's path): describe, prepare, load. Collective. */
apd_status apd_run_open(apd_run *run, const char *path, const char *const *settings, int count,
                        apd_error *error);

/* folder/name; free it. */
char *apd_join_path(const char *folder, const char *name);

/* The folder that has the entry `path`, "." for a plain name; free it. */
char *apd_parent_folder(const char *path);

/* Release everything and end MPI. Collective. */
void apd_run_end(apd_run *run);

#endif

/* start: a described run from its start, or from its last commit, to its end: what `apd train` does with one run, and
 * `apd study` with many, one after the other in one process. */
#ifndef APD_ENGINE_START_H
#define APD_ENGINE_START_H

#include "engine/requests.h"

typedef struct apd_start {
    bool fresh, force; /* a new run; with force existing commits are deleted */
    bool break_lock;   /* take the run over from another job */
    const char *name;  /* what stderr is told that begins, once the run is claimed; NULL: nothing */
    bool takes_turns;  /* with other jobs: a run that has ended meanwhile, done or failed, counts as locked */
    double time_limit; /* seconds from run->started; INFINITY: the Slurm job's end, if there is one */
    const char *log;   /* a file in the run's folder that takes the log's lines; NULL: stderr */
    const char *stop;  /* a path: a file that stops the run as RUN/stop does, but stays; may be NULL */
} apd_start;

/* Claim the run that apd_run_describe has described, load its last commit if there is one, and train what is left.
 * Writes status.json (standing.h) from the claim on. A requested stop gives REQUEUE and sets run->stopped. Collective;
 * all ranks return the same. Statuses: LOCKED, before anything is changed; USAGE, DATA, IO, REQUEUE. */
apd_status apd_start_run(apd_run *run, const apd_start *start, apd_error *error);

#endif

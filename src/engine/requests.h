/* requests: what a running job is asked to do.
 *
 *   SIGUSR1, SIGTERM      commit and stop
 *   SIGUSR2               commit and continue
 *   RUN/stop              a file: commit and stop; it is renamed to RUN/stopped, so that a batch script does not requeue
 *   checkpoint.minutes    commit and continue, at this interval
 *   time limit            commit and stop before it
 *
 * A signal to any rank counts for all. All ranks ask together, so a request is answered at the same point everywhere:
 * between steps about five times a second (rank 0 says after how many steps, so most steps cost nothing), and at a
 * task's end before every evaluation and every consolidation. No result depends on when a request comes.
 *
 * Near the time limit the run stops if what comes next, until ranks ask again, might not leave time for a commit. Work
 * between two questions is a stretch; each kind has its own longest time so far. */
#ifndef APD_ENGINE_REQUESTS_H
#define APD_ENGINE_REQUESTS_H

#include "engine/run.h"

typedef enum apd_request { APD_GO_ON, APD_COMMIT, APD_STOP } apd_request;

typedef enum apd_stretch {
    APD_STRETCH_STEPS,
    APD_STRETCH_BOUNDARY, /* from one task's last step to the next one's first */
    APD_STRETCH_EVALUATION,
    APD_STRETCH_CONSOLIDATION,
    APD_STRETCHES
} apd_stretch;

typedef struct apd_requests {
    const apd_run *run;
    double limit;                  /* when the job ends, on apd_seconds' clock; INFINITY: no limit */
    double committed;              /* when the last commit was made */
    double commit_seconds;         /* of the longest commit; before the first one, an estimate */
    bool estimated;                /* commit_seconds is the estimate */
    double longest[APD_STRETCHES]; /* seconds; 0: none of this kind yet */
    bool worked; /* ranks have asked before: each start makes some progress, however short the limit */
    apd_stretch stretch; /* under way since `asked` */
    double asked;
    int64_t steps, next;   /* steps since `asked`, and after how many to ask again */
    char reason[128];      /* of the last request; rank 0 */
    const char *stop_file; /* a second one, which stays; or NULL */
    bool stops;            /* the last answer was APD_STOP */
} apd_requests;

/* Seconds from a time limit as Slurm writes it: MINUTES, M:S, H:M:S, D-H, D-H:M, D-H:M:S. Status: USAGE. */
apd_status apd_time_limit_parse(const char *text, double *seconds, apd_error *error);

/* Install the signal handlers; the first question answers what came since. Local. */
void apd_requests_catch(void);

/* Take a signal that came to this process: its number, or 0. For a process that trains no run itself. Local. */
int apd_requests_signal(void);

/* `time_limit`: seconds from the program's start, or INFINITY to take the end of the Slurm job, if there is one.
 * `load_seconds`: how long the commit took to load, the estimate for writing one; 0 if none was loaded. Local. */
void apd_requests_begin(apd_requests *requests, const apd_run *run, double time_limit, double load_seconds);

/* What to do now, the same on all ranks; `next` is the work that follows. A request is answered once. Collective. */
apd_request apd_requests_ask(apd_requests *requests, apd_stretch next);

/* The same after a step, but most calls return APD_GO_ON without asking. Collective. */
apd_request apd_requests_after_step(apd_requests *requests);

/* A commit was made and took so many seconds. Local. */
void apd_requests_committed(apd_requests *requests, double seconds);

#endif

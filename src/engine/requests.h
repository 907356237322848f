/* requests: what a running job is asked to do between two steps.
 *
 *   SIGUSR1, SIGTERM      commit and stop           a file named stop in the run's folder: the same; it is then
 *   SIGUSR2               commit and go on          called stopped, which tells a batch script not to requeue
 *   checkpoint.minutes    commit and go on          time limit near: commit and stop
 *
 * A signal to any rank counts for all. Ranks ask each other only every so many steps (about five times a second),
 * rank 0 saying how many: so a step costs nothing, and no result depends on when somebody asked. */
#ifndef APD_ENGINE_REQUESTS_H
#define APD_ENGINE_REQUESTS_H

#include "engine/run.h"

typedef enum apd_request { APD_GO_ON, APD_COMMIT, APD_STOP } apd_request;

typedef struct apd_requests {
    const apd_run *run;
    double limit;          /* when the job ends, on apd_seconds' clock; INFINITY: no limit */
    double committed;      /* when the last commit was made */
    double longest_commit; /* seconds */
    double longest_gap;    /* seconds from one question to the next: no stop can come sooner */
    double asked;          /* when ranks last asked each other */
    int64_t steps, next;   /* since then, and how many to wait for */
    char reason[128];      /* of the last request; rank 0 */
} apd_requests;

/* Seconds from a time limit as Slurm writes it: MINUTES, M:S, H:M:S, D-H, D-H:M, D-H:M:S. Status: USAGE. */
apd_status apd_time_limit_parse(const char *text, double *seconds, apd_error *error);

/* From here on the signals are noted, to be answered at the first step. Local. */
void apd_requests_catch(void);

/* `time_limit`: seconds from the program's start, or INFINITY for what Slurm says of
 * the job's end (no limit outside of Slurm). */
void apd_requests_begin(apd_requests *requests, const apd_run *run, double time_limit);

/* After a step (or, `now`, whenever all ranks are here): what to do, the same on all ranks. A request is answered
 * once. Collective. */
apd_request apd_requests_check(apd_requests *requests, bool now);

/* A commit took so many seconds. Local. */
void apd_requests_committed(apd_requests *requests, double seconds);

#endif

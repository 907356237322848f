/* result: what one run has come to, from the files that it writes for other programs.
 *
 * run.yaml       how it is described: method, order, seed
 * manifest.json  how far it is; data, ranks, memory, capacity
 * tasks.csv      its finished tasks
 * accuracy.csv   R[i][j]
 * A run whose commits were deleted keeps these files. A checkpoint by itself (a packed one, or a run of an older version) says
 * the same but for ranks and memory. Local. */
#ifndef APD_TABLES_RESULT_H
#define APD_TABLES_RESULT_H

#include "io/description/description.h"
#include "method/accuracies.h"
#include "method/metrics.h"

typedef struct apd_result_task {
    int id;
    char name[64];
    int classes; /* 0: forgotten */
    int epochs;
    double seconds;
    double nonzeros, bytes; /* of tau; in a checkpoint; NaN: not said */
    double learned, last;   /* R[j][j], R[T-1][j]; NaN: forgotten, or not measured */
} apd_result_task;

typedef struct apd_result {
    char *name;                   /* owned */
    apd_description *description; /* NULL: the run has not started */
    char *method, *order,
        *part; /* as text; the part of the data that is evaluated; "" without a description */
    uint64_t data_digest;
    int tasks, done;           /* of the stream, and finished; 0: none yet */
    apd_result_task *records;  /* (done) in the order of training */
    int *places;               /* (done) the tasks' places in it, by rising identity */
    apd_accuracies accuracies; /* (done) */
    apd_capacity capacity;     /* NaN: not said */
    double seconds;            /* of all finished tasks */
    double ranks, memory;      /* at its last start; memory: bytes of the largest rank; NaN: not said */
    double checkpoint;         /* bytes; NaN: not said */
    int nodes;                 /* hosts at its last start; 0: not said */
    uint64_t results_digest;   /* of accuracies and parameters; 0: not said */
} apd_result;

/* Read a run's folder. One without run.yaml is a run that has not started, one without manifest.json has finished no task;
 * both are no failure. Statuses: DATA naming the file and the line; IO, REQUEUE; USAGE for a run.yaml of another version. `*out` is
 * set on success only; clear it. */
apd_status apd_result_read(const char *folder, apd_result *out, apd_error *error);

/* Read RUN as commands take it: a run's folder or a checkpoint, which has at least one finished task. Statuses: USAGE without one;
 * those of apd_result_read and of apd_checkpoint_survey. */
apd_status apd_result_open(const char *run, apd_result *out, apd_error *error);
void apd_result_clear(apd_result *result);

/* The value of a key of the description as YAML on a line, without quotes around it; "" if there is no such key. Free it. */
char *apd_result_value(const apd_description *description, const char *key);

/* Whether all tasks of the stream are finished. */
static inline bool apd_result_finished(const apd_result *result) {
    return result->done > 0 && result->done == result->tasks;
}

#endif

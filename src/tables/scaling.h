/* scaling: how time, memory and bytes grow with ranks and tasks.
 *
 * A point is one computation on a number of ranks, measured several times. A series has points in which only what is scaled
 * differs, rising:
 *
 *   strong   ranks; the batch stays
 *   weak     ranks; the batch grows with them
 *   tasks    tasks of the stream; the ranks stay
 *
 * The first point, with the fewest ranks or tasks, is the baseline (P0). With t the median of a point's seconds a step, B its
 * batch, P its ranks and Q those of the row before:
 *
 *   speed-up       s(P) = (B(P)/t(P)) / (B(P0)/t(P0))        images a second, over the baseline's
 *   efficiency     s(P) * P0/P
 *   for doubling   (s(P)/s(Q))^(1/log2(P/Q))                 2 is perfect
 *   load balance, communication, parallel efficiency         base/phase.h; medians of the repeats
 *   computation    B(P)/(P*c(P)) * P0*c(P0)/B(P0)            c: mean computing of a rank; work a core second, over the baseline's
 *   growth         t(T)/t(T0)                                of tasks
 *
 * Local. */
#ifndef APD_TABLES_SCALING_H
#define APD_TABLES_SCALING_H

#include "base/phase.h"

#include <stdint.h>

typedef enum apd_scaling_kind { APD_STRONG, APD_WEAK, APD_TASKS } apd_scaling_kind;

extern const char *const apd_scaling_names[]; /* "strong", ... */

/* What is measured in a point: seconds, bytes or shares. */
typedef enum apd_quantity {
    APD_Q_STEP,                           /* training, a step */
    APD_Q_MEAN,                           /* and its phases: means over ranks */
    APD_Q_MOST = APD_Q_MEAN + APD_PHASES, /* maxima over ranks */
    APD_Q_COMPUTE = APD_Q_MOST + APD_PHASES,
    APD_Q_COMPUTE_MOST,
    APD_Q_TASK,          /* a task: steps, evaluations, consolidation */
    APD_Q_EVALUATION,    /* of one task */
    APD_Q_CONSOLIDATION, /* of all tasks so far */
    APD_Q_COMMIT,
    APD_Q_LOOP,   /* all tasks, without start-up and commits */
    APD_Q_MEMORY, /* bytes, the largest rank's */
    APD_Q_BYTES,  /* of the checkpoint */
    APD_Q_CAPACITY,
    APD_Q_ACCURACY, /* average */
    APD_QUANTITIES
} apd_quantity;

typedef struct apd_quantity_row {
    const char *name;              /* in scaling.csv */
    const char *callpath, *metric; /* in scaling.jsonl; NULL: left out there */
} apd_quantity_row;

extern const apd_quantity_row apd_quantity_rows[APD_QUANTITIES];

typedef struct apd_scaling_point {
    int ranks, nodes, shards, batch, tasks; /* nodes 0: not said; tasks 0: steps without earlier tasks */
    int64_t steps;                          /* measured, all repeats together; 0: not said */
    int repeats;
    double (*values)[APD_QUANTITIES]; /* (repeats); NaN: not measured */
    uint64_t digest;                  /* of the results; 0: not said */
    bool differs;                     /* not all repeats gave the same */
} apd_scaling_point;

typedef struct apd_scaling_series {
    char *name; /* of what is the same in all points */
    char *root; /* the same without ranks and tasks, which may be so in other series */
    apd_scaling_kind kind;
    char *assumptions; /* of a prediction; NULL: measured */
    int count;
    apd_scaling_point *points;
} apd_scaling_series;

/* Start with {0}. */
typedef struct apd_scaling {
    int count;
    apd_scaling_series *series;
    char *about; /* of machine and measurement, for people; may be NULL */
} apd_scaling;

void apd_scaling_clear(apd_scaling *scaling);

/* Begin a series; valid until the next one begins. The texts are copied. `root`: NULL for the name; `assumptions`: NULL for
 * measurements. */
apd_scaling_series *apd_scaling_add(apd_scaling *scaling, const char *name, const char *root,
                                    apd_scaling_kind kind, const char *assumptions);

/* Append a copy of the point with `repeats` rows of values, all NaN. Returns it; valid until the next one. Points rise. */
apd_scaling_point *apd_series_add(apd_scaling_series *series, apd_scaling_point point);

/* Set the values of a repeat that follow from a step's phases. */
void apd_point_set_phases(double *values, const apd_phase_times *times);

/* --- what follows ------------------------------------------------------------------------------------------------ */

typedef struct apd_spread {
    double median, least, most; /* NaN: in no repeat */
} apd_spread;

apd_spread apd_point_spread(const apd_scaling_point *point, apd_quantity quantity);

/* Of point `i`; NaN: not defined for this kind of series, or not measured. */
double apd_series_speed_up(const apd_scaling_series *series, int i);
double apd_series_efficiency(const apd_scaling_series *series, int i);
double apd_series_doubling(const apd_scaling_series *series, int i); /* NaN for the first, too */
double apd_series_computation(const apd_scaling_series *series, int i);
double apd_series_growth(const apd_scaling_series *series, int i);
double apd_point_load_balance(const apd_scaling_point *point);
double apd_point_communication(const apd_scaling_point *point);
double apd_point_parallel(const apd_scaling_point *point);

/* The last point from the baseline on whose efficiency has not fallen below 75 %, the least that large allocations are
 * commonly granted for; -1 for tasks. */
int apd_series_last_good(const apd_scaling_series *series);

/* Whether all points of a strong series that say a digest say the same one, and all repeats did. */
bool apd_series_agrees(const apd_scaling_series *series);

#endif

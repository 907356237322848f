/* side: runs of the same tasks side by side, by the tasks' identity; and a line of a table: the runs of one method.
 *
 * A task that one run has forgotten, or not measured, is left out of every figure of every run of the side, so that all are
 * means over the same tasks. Local. */
#ifndef APD_TABLES_SIDE_H
#define APD_TABLES_SIDE_H

#include "method/order.h"
#include "tables/result.h"

/* --- what is measured -------------------------------------------------------------------------------------------- */

typedef enum apd_measure {
    APD_ACC,        /* mean_j R[T-1][j] */
    APD_LA,         /* mean_j R[j][j] */
    APD_BWT,        /* mean_{j<T-1} (R[T-1][j] - R[j][j]); none for one task */
    APD_FORGETTING, /* mean_{j<T-1} (max_{j<=t<T-1} R[t][j] - R[T-1][j]); none for one task */
    APD_WORST,      /* min_j R[T-1][j] */
    APD_CAPACITY,   /* the four of apd_capacity */
    APD_CAPACITY_HEADS,
    APD_CAPACITY_BYTES,
    APD_CAPACITY_CODED,
    APD_SECONDS, /* of all tasks, with evaluations and consolidations */
    APD_MEMORY,  /* bytes, the largest rank's */
    APD_MEASURES
} apd_measure;

/* A measure as a row of CSV headings and as a column of a table. */
typedef struct apd_measure_row {
    const char *name;    /* in CSV: "acc" */
    const char *heading; /* "accuracy" */
    const char *unit;    /* "%" */
    double scale;        /* from the CSV's unit to the table's */
    int digits;          /* after the point, in tables */
    bool less;           /* less is better */
    bool spread;         /* tables show its deviation, too */
} apd_measure_row;

extern const apd_measure_row apd_measure_rows[APD_MEASURES];
extern const apd_measure_row apd_aopd_row, apd_mopd_row;

/* --- side by side ------------------------------------------------------------------------------------------------ */

typedef struct apd_side {
    int run_count, task_count, order_count;
    apd_result **runs;               /* (runs), not owned */
    int *tasks;                      /* (tasks) the identities, rising */
    int *places;                     /* (runs, tasks) the place in the run's stream of each identity */
    int *order_of;                   /* (runs) 0 .. orders-1 by first appearance */
    int *left_out;                   /* (tasks) the first run that has no accuracy on the task; -1: none */
    double *accuracy;                /* (runs, tasks) final; NaN in every run for a task that is left out */
    double (*figures)[APD_MEASURES]; /* (runs); NaN: not defined or not said */
} apd_side;

/* Lay `count` runs, each with a finished task, side by side; `runs` is copied, the results must outlive the side. Sets their
 * accuracies to NaN for tasks that are left out. Status: USAGE if they have not finished the same tasks. `*out` is set on
 * success only; clear it. */
apd_status apd_side_make(apd_result *const *runs, int count, apd_side *out, apd_error *error);
void apd_side_clear(apd_side *side);

/* The record of identity number `task` (0 .. tasks-1) in run `run`. */
const apd_result_task *apd_side_record(const apd_side *side, int run, int task);

/* --- a line ------------------------------------------------------------------------------------------------------ */

typedef struct apd_summary {
    int count;        /* runs that have the figure */
    double mean;      /* NaN without any */
    double deviation; /* of the sample, divided by count - 1; NaN for fewer than two */
} apd_summary;

/* Of `values` (count) without NaN. */
apd_summary apd_summarize(const double *values, int count);

typedef struct apd_line {
    int count; /* runs */
    int *runs; /* (count) of the side */
    int order_count;
    int *order_of;       /* (count) 0 .. order_count-1, by first appearance */
    double *means, *opd; /* (order_count, tasks), (tasks): order.h */
    apd_order_spread spread;
    const char *missing; /* why there is no AOPD and MOPD; NULL: there is */
    apd_summary of[APD_MEASURES];
} apd_line;

/* The line of the side's runs `runs` (count > 0, copied). Clear it. */
apd_line apd_line_make(const apd_side *side, const int *runs, int count);
void apd_line_clear(apd_line *line);

#endif

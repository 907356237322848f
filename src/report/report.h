/* report: what a report is made from: runs, their tables and events, grouped into the lines of its figures.
 *
 * Runs with a table (tables/table_set.h) are grouped as it groups them. Where no run is finished, those with a finished task
 * are one group, a line each. Local; everything is read from files. */
#ifndef APD_REPORT_REPORT_H
#define APD_REPORT_REPORT_H

#include "io/system/csv.h"
#include "report/events.h"
#include "report/published.h"
#include "study/folder.h"
#include "tables/table_set.h"

enum { APD_REPORT_CURVES = 9 };

typedef struct apd_report_run {
    const apd_tabled_run *tabled;
    const apd_result *result;
    apd_events events;
    apd_run_kind kind;
    apd_standing standing;
    double
        *average; /* (result->done): mean accuracy after each task, of the tasks that have one at the end */
} apd_report_run;

/* Runs that share a curve: its mean over them, and a band of one deviation. */
typedef struct apd_report_line {
    char *name;            /* "apd", "apd, lambda1 0.004"; owned */
    const char *method;    /* gives the colour */
    int variant;           /* the how many-th line of this method, from 0: gives the dashes */
    int count;             /* runs */
    int *runs;             /* (count) of the report; owned */
    int typical;           /* the run of median average accuracy */
    const apd_line *table; /* NULL: not of a table */
} apd_report_line;

typedef struct apd_report_group {
    int table; /* of the set; -1: runs that are not finished */
    int tasks; /* the most finished tasks of a run */
    int line_count;
    apd_report_line *lines;
    double low, high; /* the range of all accuracies of its typical runs */
} apd_report_group;

typedef struct apd_report {
    char *title;  /* the study's or the run's name */
    char *folder; /* of the first argument: where the page goes by default */
    bool is_study;
    int run_count, group_count;
    apd_table_set set;
    apd_report_run *runs; /* (runs) */
    apd_report_group *groups;
    int hidden_count;
    int *hidden; /* (hidden) numbers of tasks that some run has forgotten: their names are shown nowhere */
    apd_csv scaling,
        roofline; /* scaling.csv and roofline.csv of the first folder that has them; columns 0: none has */
    apd_published published;                    /* of the caller, who sets it; empty: none */
    int curve_count, curves[APD_REPORT_CURVES]; /* places from 0: whose accuracy is followed */
    /* private: */
    int key_count;
    const char *keys[APD_TABLE_KEYS + 1];
    char **folders, **values; /* (runs), (runs, keys) */
    apd_table_run *given;
} apd_report;

/* Read runs' folders, studies' folders, and those that `apd bench --tables` has written, `names` (count). Statuses: USAGE for one
 * that is none of these; IO, REQUEUE; DATA where
 * a single run is damaged (of several, a damaged one is left out and said). `*out` is set on success only; clear it. */
apd_status apd_report_read(const char *const *names, int count, apd_report *out, apd_error *error);
void apd_report_clear(apd_report *report);

/* Whether a run is being trained; and whether no run is, nor is one of a study still to come. */
bool apd_report_is_running(const apd_report *report);
bool apd_report_is_over(const apd_report *report);

/* A task's name; NULL where some run of the report has forgotten it. */
const char *apd_report_task_name(const apd_report *report, const apd_result_task *task);

#endif

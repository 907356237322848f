/* events: what metrics.jsonl says beyond the tables: capacity and times as the tasks came, consolidations, restarts.
 *
 * A run that was killed repeats the lines after its last commit, so the last line of a place, or of a consolidation and layer,
 * counts. A line that a kill cut short is passed over. No name of a task is taken from the file: lines from before a
 * forgetting still hold them. Local. */
#ifndef APD_REPORT_EVENTS_H
#define APD_REPORT_EVENTS_H

#include "base/phase.h"
#include "base/status.h"

#include <stdint.h>

/* After a task. NaN: not said. */
typedef struct apd_task_event {
    double capacity;           /* 1.0: one network */
    double phases[APD_PHASES]; /* milliseconds a step */
} apd_task_event;

/* A layer in a consolidation. */
typedef struct apd_layer_event {
    int after_tasks;
    char *layer;   /* owned */
    char *members; /* owned: "0: 3 7 12; 1: 4 8", clusters with their tasks' numbers */
    int clusters;
    double rank,
        explained; /* effective rank of the tasks' parameters; share of their variance between clusters */
    double merged, shared; /* weights; non-zeros of all clusters' shared parameters */
} apd_layer_event;

/* A consolidation as a whole. */
typedef struct apd_consolidated {
    int after_tasks;
    double before, after; /* average accuracy */
} apd_consolidated;

typedef struct apd_events {
    int task_count, layer_count, consolidation_count, forgotten_count;
    int starts;
    apd_task_event *tasks;            /* (tasks) by place in the stream */
    apd_layer_event *layers;          /* (layers) by after_tasks, then in the order of the network */
    apd_consolidated *consolidations; /* (consolidations) by after_tasks */
    int *forgotten;                   /* (forgotten) after how many tasks one was forgotten, rising */
} apd_events;

/* Read `folder`/metrics.jsonl, of a run that has finished `done` tasks: what comes after them is dropped. An absent file has no
 * events. Statuses: IO, REQUEUE. `*out` is set on success only; clear it. */
apd_status apd_events_read(const char *folder, int done, apd_events *out, apd_error *error);
void apd_events_clear(apd_events *events);

/* The cluster of each task `ids` (count) in a layer; -1: in none. cluster_of (count), out. */
void apd_events_clusters(const apd_layer_event *layer, const int *ids, int count, int *cluster_of);

#endif

/* results: what a packed file has besides the commit: its results, as viewers of HDF5 draw them.
 *
 *   /results            NXentry: what the run has come to, as attributes
 *   /results/accuracy   NXdata: accuracy (T, T), R[t][j]; after_task (T), task (T): places in the stream, from 1
 *   /results/average    NXdata: average_accuracy (T), over all tasks so far; tasks (T), from 1
 *   /results/tasks      NXdata: accuracy (T), now, and accuracy_learned (T); task (T)
 *   /results/capacity   NXdata: capacity (T) of what the commit keeps for the first tasks, in weights of one network; tasks (T)
 *
 * The root's and the entry's attribute `default`, and `signal` and `axes` of the data, lead a viewer to a picture (NeXus, NXdata;
 * H5Web, silx and NeXpy follow them). Accuracies are shares, NaN above the diagonal and of forgotten tasks. Everything follows
 * from the state: nothing reads it back but verify. */
#ifndef APD_IO_CHECKPOINT_RESULTS_H
#define APD_IO_CHECKPOINT_RESULTS_H

#include "io/checkpoint/part_reader.h"

enum { APD_RESULT_GROUPS = 5, APD_RESULT_ATTRIBUTES = 16, APD_RESULT_ARRAYS = 4 };

typedef struct apd_results_part {
    apd_part_group groups[APD_RESULT_GROUPS];
    int group_count; /* 0: there is no finished task */
    /* --- storage that the above points into --- */
    apd_part_attribute attributes[APD_RESULT_GROUPS][APD_RESULT_ATTRIBUTES];
    apd_part_array arrays[APD_RESULT_GROUPS][APD_RESULT_ARRAYS];
    const void *bytes[APD_RESULT_GROUPS][APD_RESULT_ARRAYS];
    double numbers[6];
    float *matrix;  /* (T, T) */
    int32_t *place; /* (T) */
    double *average, *now, *learned, *capacity;
} apd_results_part;

/* `capacity` (T): with the first t+1 tasks. `alone`: the file has nothing else, so that the description is put beside them, too.
 * `state` must outlive it; clear it. */
void apd_results_describe(const apd_run_state *state, const double *capacity, bool alone,
                          apd_results_part *out);
void apd_results_clear(apd_results_part *results);

/* Append their arrays to a file whose plan has these groups next. */
void apd_results_append(const apd_results_part *results, apd_part_writer *writer);

/* The attributes that the root of a file with results has more: `count` of them. */
const apd_part_attribute *apd_results_root(int *count);

/* Check the results of a file, if it has any, and add their groups to `*groups`. Status: DATA. */
apd_status apd_results_verify(const apd_part_reader *reader, int *groups, apd_error *error);

#endif

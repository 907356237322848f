/* stream: how tasks are cut from a data set, and in which order they come.
 *
 * A task has an identity that does not depend on the order: task id k is the k-th of the stream as described
 * (its classes, superclass, permutation or angle), and `order[p]` is the id that comes p-th. */
#ifndef APD_IO_DATA_STREAM_H
#define APD_IO_DATA_STREAM_H

#include "io/data/dataset.h"
#include "io/description/description.h"

typedef struct apd_task {
    int id;
    char name[64]; /* "classes 10-19", "aquatic_mammals", "permutation 7", "rotation 35" */
    int class_count;
    int *classes;  /* (class_count) data-set labels; a sample's label in the task is its place here */
    bool permuted; /* pixels permuted by the stream (seed, PIXEL_PERMUTATION, id); one for all channels */
    double angle;  /* degrees; 0 = none */
} apd_task;

typedef struct apd_stream {
    int task_count;
    apd_task *tasks; /* (task_count) by id */
    int *order;      /* (task_count) ids in the order of training */
    int max_classes;
    int turns;     /* 1, 2 or 4 */
    uint64_t seed; /* the run's */
} apd_stream;

/* Split takes whole tasks only: classes that would be left over must be left out by stream.tasks.
 * Statuses: USAGE or DATA (a class that the data lacks, coarse labels missing, an order of the wrong length,
 * a class twice in a task, a task without training or test images, ...), naming key and value. */
apd_status apd_stream_create(const apd_description *description, const apd_dataset *dataset, apd_stream **out,
                             apd_error *error);
void apd_stream_destroy(apd_stream *stream); /* Takes NULL. */

/* A sample: an image of the data set, how many quarter turns it gets, and its label within the task. */
typedef struct apd_sample {
    int64_t image;
    int32_t turn; /* 0 .. 3 quarter turns, counter-clockwise */
    int32_t label;
} apd_sample;

typedef enum apd_part_kind { APD_PART_TRAIN, APD_PART_VALIDATION, APD_PART_TEST } apd_part_kind;

/* The samples of one part of a task, in a fixed order: by image index, then turn. Validation is dealt from
 * the training split by class (the nearest whole share of each class, at least one image left to train on)
 * with the stream (seed, SPLIT, task id); the turns of an image stay together. `*out` is to be freed. */
int64_t apd_stream_samples(const apd_stream *stream, const apd_dataset *dataset, int task, double validation,
                           apd_part_kind part, apd_sample **out);

#endif

/* stream: how tasks are cut from a data set, and in which order they are trained. Local.
 *
 * A task's id does not depend on the order: task k is the k-th of the stream as described (its classes, superclass,
 * permutation or angle), and order[p] is the id of the task that is trained p-th. */
#ifndef APD_IO_DATA_STREAM_H
#define APD_IO_DATA_STREAM_H

#include "io/data/dataset.h"
#include "io/description/description.h"

typedef struct apd_task {
    int id;
    char name[64]; /* "classes 10-19", "cat, dog", "aquatic_mammals", "permutation 7", "rotation 35" */
    int class_count;
    int *classes; /* (class_count) labels of the data set; a class' index here is its label within the task */
    bool permuted; /* pixels are permuted, all channels alike, by the stream (seed, PIXEL_PERMUTATION, id) */
    double angle;  /* of rotation, in degrees; 0: none */
} apd_task;

typedef enum apd_part_kind { APD_PART_TRAIN, APD_PART_VALIDATION, APD_PART_TEST } apd_part_kind;

typedef struct apd_stream {
    int task_count;
    apd_task *tasks;        /* (task_count) by id */
    int *order;             /* (task_count) ids in the order of training */
    int max_classes;        /* of one task */
    int turns;              /* 1, 2 or 4 */
    bool scrambled;         /* data.layout */
    apd_part_kind measured; /* that accuracies are measured on: the test or the validation part */
    uint64_t seed;          /* the run's */
} apd_stream;

/* Cut the data set into tasks: the classes of data.file by stream.kind, then those of stream.added. A split needs classes_per_task
 * to divide the classes, or stream.tasks to leave some out.
 * Subsets are cut from one endless sequence of classes: random permutations of all classes with training images, the n-th by
 * the stream (class_seed, CLASS_ORDER, n), one after the other; a class that a task already has, from the end of the
 * permutation before, swaps places with the next that it has not. So at any length the classes' numbers of tasks differ by
 * one at most, and a task depends on its id and class_seed alone. The first permutation is that of a split.
 * Statuses: USAGE, DATA, naming the key or the file, the value and what is needed (a class that the data lacks, no coarse
 * labels, an order of the wrong length, a task without training or test images, ...). `*out` is set on success only. */
apd_status apd_stream_create(const apd_description *description, const apd_dataset *dataset, apd_stream **out,
                             apd_error *error);
void apd_stream_destroy(apd_stream *stream); /* Takes NULL. */

/* The name of classes, or of a task by them (count): "class 5", "classes 10-19", or "classes 3,17,...", cut to the name's size. */
void apd_classes_name(const int *classes, int count, char name[64]);

/* How the images of task `id` are transformed, where stream.kind is one that transforms and the task is none of stream.added: whether
 * their pixels are permuted, and the angle that they are rotated by. */
static inline bool apd_task_is_permuted(const apd_description *description, int id) {
    return description->stream.kind == APD_STREAM_PERMUTATION && id > 0 && id < description->stream.tasks;
}

static inline double apd_task_angle(const apd_description *description, int id) {
    const bool rotated = description->stream.kind == APD_STREAM_ROTATION && id < description->stream.tasks;
    return rotated ? id * description->stream.rotation_step : 0.0;
}

/* A sample: an image of the data set at a number of quarter turns, with its label within the task. */
typedef struct apd_sample {
    int64_t image;
    int32_t turn; /* 0 .. 3 quarter turns, counter-clockwise */
    int32_t label;
} apd_sample;

/* List the samples of one part of a task into `*out` (to be freed), by image index, then turn; returns how many. Validation
 * images are drawn from the training split, class by class, by the stream (seed, SPLIT, task id): the share `validation` of
 * each class, rounded, but at least one image is left to train on. The turns of an image are in one part. */
int64_t apd_stream_samples(const apd_stream *stream, const apd_dataset *dataset, int task, double validation,
                           apd_part_kind part, apd_sample **out);

#endif

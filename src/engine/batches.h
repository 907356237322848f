/* batches: the batches of a task's epochs.
 *
 * With most methods these are the batches of the task's own images. A method that rehearses (method/solvers/methods.h) trains on
 * the images of all tasks seen and not forgotten: its epoch passes once over all of them. Each batch is of one task, and the
 * tasks' batches are mixed by a random permutation (stream (seed, BATCH_ORDER), a: the task in training, b: the epoch), so every
 * rank knows which task's turn it is. The images of all these tasks are in memory. */
#ifndef APD_ENGINE_BATCHES_H
#define APD_ENGINE_BATCHES_H

#include "engine/run.h"

/* A task whose batches are taken. */
typedef struct apd_batch_source {
    apd_train_set *set;
    int place; /* of a finished task; -1: the task in training */
    int id, classes;
} apd_batch_source;

typedef struct apd_batch {
    const apd_batch_source *source;
    int epoch, step; /* within the source's set */
    int64_t number;  /* of the batch among the source's, from 1 */
} apd_batch;

typedef struct apd_batches apd_batches;

/* The batches of task `id`, which comes after the `place` first tasks of the stream; from run->decomposition it takes which of
 * these are not forgotten. Teachers are asked here. Collective. Statuses: those of apd_train_set_load and apd_teachers_teach; `*out` is set on success only. */
apd_status apd_batches_load(const apd_run *run, int place, int id, apd_batches **out, apd_error *error);
void apd_batches_destroy(apd_batches *batches); /* Takes NULL. */

int apd_batches_steps(const apd_batches *batches);   /* of an epoch */
int apd_batches_classes(const apd_batches *batches); /* the most of any task */

/* The images of the task in training. */
apd_train_set *apd_batches_own(const apd_batches *batches);

/* The batch of step `step` of epoch `epoch`; one past an epoch's last step is the next epoch's first. */
apd_batch apd_batches_at(apd_batches *batches, int epoch, int step);

#endif

/* loader: a task's images in memory, and batches made of them. Local.
 *
 * A rank reads only the samples of its own shards. Samples are assigned to shards class by class: sorted by label, in random
 * order within a class (stream (seed, SHARD_DEAL, task id)), then round robin like the slots of a batch
 * (apd_partition_shard_of_sample). In every epoch a shard goes through its samples in a new order (EPOCH_ORDER), and each
 * sample is used exactly once, whatever the batch size. Images stay in memory as stored (uint8), after the task's transform;
 * normalisation and augmentation are applied when a batch is gathered. An image of a batch depends on (seed, task id, epoch,
 * sample) only, never on ranks; augmentation is drawn by the sample's index in the task's part (AUGMENT). */
#ifndef APD_IO_DATA_LOADER_H
#define APD_IO_DATA_LOADER_H

#include "io/data/pixels.h"
#include "io/data/stream.h"
#include "network/partition.h"

typedef struct apd_train_set apd_train_set;
typedef struct apd_eval_set apd_eval_set;

/* Load this rank's shards of task `task` (an id). With normalise = task, mean and deviation are those of the task's training
 * images after the transform, without validation, over all shards: every rank then reads all of them and keeps its own. They
 * come from exact integer sums (float32 data: sums of each sample, added in sample order), so they are the same at any
 * number of ranks. Statuses: IO, DATA; USAGE if a batch is smaller than S. `*out` is set on success only and does not refer
 * to the arguments. */
apd_status apd_train_set_load(const apd_description *description, const apd_stream *stream,
                              apd_dataset *dataset, const apd_partition *partition, int task,
                              apd_train_set **out, apd_error *error);
void apd_train_set_destroy(apd_train_set *set); /* Takes NULL. */

int apd_train_set_steps(const apd_train_set *set);                     /* steps of an epoch */
int64_t apd_train_set_batch_count(const apd_train_set *set, int step); /* images of a step, all shards */
double apd_train_set_chance(const apd_train_set *set); /* the share of the task's most frequent class */
const apd_normalisation *apd_train_set_normalisation(const apd_train_set *set);

/* Gather the micro-batch of shard `shard` (one of this rank's) in a step: images (n, C, H, W), labels (n), and, unless `taught` is
 * NULL, what apd_train_set_teach said of each image, augmented or not: (n, classes). Returns n, which is apd_partition_micro_batch of apd_train_set_batch_count and may be 0. Calls may come in any order and from any
 * thread; a shard's order of an epoch is computed at its first call and kept until another epoch is asked for. */
int apd_train_set_gather(apd_train_set *set, int shard, int epoch, int step, float *images, int32_t *labels,
                         float *taught);

/* Samples of a shard, one of this rank's, and the sample `index` of them, class by class, without augmentation: (C, H, W).
 * Returns its label. */
int64_t apd_train_set_shard_count(const apd_train_set *set, int shard);
int32_t apd_train_set_image(const apd_train_set *set, int shard, int64_t index, float *image);

/* The same sample as stored, after the task's transform: (C, H, W) of uint8 or float32, the set's. `*label` is set. */
const uint8_t *apd_train_set_stored(const apd_train_set *set, int shard, int64_t index, int32_t *label);

/* What teachers say of this rank's samples, shard after shard in the order of apd_train_set_image: probabilities (samples,
 * classes), which become the set's. */
void apd_train_set_teach(apd_train_set *set, float *taught, int classes);

/* Load this rank's share of a validation or test part, in chunks of `log.evaluate_batch` images in sample order; chunk b is
 * evaluated by rank b mod P. So a chunk has the same shape, and the same bits, on any rank. `normalisation` is the one that
 * the task was trained with. Statuses: IO, DATA. `*out` is set on success only. */
apd_status apd_eval_set_load(const apd_description *description, const apd_stream *stream,
                             apd_dataset *dataset, const apd_partition *partition, int task,
                             apd_part_kind part, const apd_normalisation *normalisation, apd_eval_set **out,
                             apd_error *error);
void apd_eval_set_destroy(apd_eval_set *set);        /* Takes NULL. */
int64_t apd_eval_set_count(const apd_eval_set *set); /* images, all ranks */
int apd_eval_set_chunks(const apd_eval_set *set);    /* this rank's chunks */

/* Gather this rank's chunk `chunk`: images (n, C, H, W) and labels (n). Returns n. */
int apd_eval_set_gather(const apd_eval_set *set, int chunk, float *images, int32_t *labels);

/* All of this rank's images as stored, after the task's transform: (n, C, H, W) of uint8 or float32, and labels (n), the set's.
 * Returns n. */
int64_t apd_eval_set_stored(const apd_eval_set *set, const uint8_t **images, const int32_t **labels);

#endif

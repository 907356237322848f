/* loader: a task's images in memory, and batches made of them.
 *
 * A rank reads only the samples of its own shards. Samples are dealt to shards by class: sorted by label, in
 * each class in a random order (seed, SHARD_DEAL, task id), then dealt round like the slots of a batch
 * (apd_partition_shard_of_sample). Every epoch each shard goes through its samples in a new order
 * (EPOCH_ORDER), and every sample is used exactly once an epoch whatever the batch size. Images stay as
 * stored (uint8) after the task's transform (turns, permutation, rotation: once, when loaded); normalisation
 * and augmentation are applied when a batch is gathered. An image of a batch depends on (seed, task id,
 * epoch, sample) only, never on ranks; augmentation's numbers are of the sample's place in the task's part
 * (APD_RANDOM_AUGMENT). */
#ifndef APD_IO_DATA_LOADER_H
#define APD_IO_DATA_LOADER_H

#include "io/data/pixels.h"
#include "io/data/stream.h"
#include "mpi/exchange/partition.h"

typedef struct apd_train_set apd_train_set;
typedef struct apd_eval_set apd_eval_set;

/* Load this rank's shards of task `task` (an id). With normalise = task, mean and deviation are those of the
 * task's training images (without validation, after the transform), over all shards, made of exact integer
 * sums (float32 data: of sums a sample in sample order), and therefore the same at every P; every rank then
 * reads the whole part, a piece at a time, and keeps its own samples. Local. Statuses: IO, DATA; USAGE when a
 * batch is smaller than S. `*out` is set on success only; it does not need the arguments afterwards. */
apd_status apd_train_set_load(const apd_description *description, const apd_stream *stream,
                              apd_dataset *dataset, const apd_partition *partition, int task,
                              apd_train_set **out, apd_error *error);
void apd_train_set_destroy(apd_train_set *set); /* Takes NULL. */

int apd_train_set_steps(const apd_train_set *set);                     /* steps an epoch */
int64_t apd_train_set_batch_count(const apd_train_set *set, int step); /* images of step `step`, all shards */
const apd_normalisation *apd_train_set_normalisation(const apd_train_set *set);

/* Shard `shard`'s (one of this rank's) micro-batch of a step: fills images (n, C, H, W) and labels (n),
 * returns n (0 is possible); n is apd_partition_micro_batch of apd_train_set_batch_count. Calls may come in
 * any order and from any thread: a shard's order of epoch `epoch` is worked out when it is asked for and kept until
 * another epoch is. */
int apd_train_set_gather(apd_train_set *set, int shard, int epoch, int step, float *images, int32_t *labels);

/* Validation or test samples in fixed pieces of `log.evaluate_batch` images by sample order; piece b belongs
 * to rank b mod P. So a piece has one shape and one set of bits wherever it is evaluated. Local.
 * `normalisation`: what the task was trained with. */
apd_status apd_eval_set_load(const apd_description *description, const apd_stream *stream,
                             apd_dataset *dataset, const apd_partition *partition, int task,
                             apd_part_kind part, const apd_normalisation *normalisation, apd_eval_set **out,
                             apd_error *error);
void apd_eval_set_destroy(apd_eval_set *set);        /* Takes NULL. */
int64_t apd_eval_set_count(const apd_eval_set *set); /* images, all ranks */
int apd_eval_set_pieces(const apd_eval_set *set);    /* this rank's pieces */
int apd_eval_set_gather(const apd_eval_set *set, int piece, float *images, int32_t *labels);

#endif

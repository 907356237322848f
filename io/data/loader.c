#include "io/data/loader.h"

#include "base/memory.h"
#include "io/data/task_images.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TASK_BITS = 20 }; /* of task ids: a stream has at most a million tasks */

/* The samples of one shard: slots first .. first+count-1 of the set. */
typedef struct shard_part {
    int64_t first, count;
    int epoch;      /* that `order` belongs to; -1: none yet */
    int64_t *order; /* (count) offsets from `first` */
} shard_part;

struct apd_train_set {
    apd_partition partition;
    uint64_t seed;
    int task;
    bool flip;
    int shift;
    int64_t batch;
    int64_t count; /* samples of the task, all shards */
    int64_t most;  /* of one class */
    int64_t image_bytes;
    apd_normalisation normalisation;
    apd_pixels pixels;
    pthread_mutex_t lock; /* of the parts' orders */
    shard_part *parts;    /* this rank's shards */
    int64_t slot_count;   /* this rank's samples */
    int64_t *places;      /* (slot_count) the sample's index in the task's part */
    int32_t *labels;      /* (slot_count) */
    uint8_t *images;      /* (slot_count) as stored, transformed */
    float *taught;        /* (slot_count, classes), or NULL */
    int classes;          /* of `taught` */
};

/* --- assigning samples to shards --------------------------------------------------------------------- */

/* The indices of the samples sorted by label, in random order within a class: (count), to be freed. Also sets `most`. */
static int64_t *sort_by_class(apd_train_set *set, const apd_sample *samples, int classes) {
    int64_t *shuffled = apd_allocate(set->count, sizeof *shuffled, "the samples by class");
    int64_t *sorted = apd_allocate(set->count, sizeof *sorted, "the samples by class");
    int64_t *start = apd_allocate(classes + 1, sizeof *start, "the samples by class");
    apd_random random = apd_random_stream(set->seed, APD_RANDOM_SHARD_DEAL, (uint32_t)set->task, 0);
    apd_random_permutation(&random, set->count, shuffled);
    for (int64_t i = 0; i < set->count; i++)
        start[samples[i].label + 1]++;
    for (int label = 0; label < classes; label++) {
        set->most = start[label + 1] > set->most ? start[label + 1] : set->most;
        start[label + 1] += start[label];
    }
    for (int64_t i = 0; i < set->count; i++)
        sorted[start[samples[shuffled[i]].label]++] = shuffled[i];
    free(start);
    free(shuffled);
    return sorted;
}

/* Lay out this rank's shards. Every full batch takes the same number of samples from a shard. */
static void make_parts(apd_train_set *set) {
    const apd_partition *partition = &set->partition;
    int shards = partition->shard_end - partition->shard_begin;
    set->parts = apd_allocate(shards, sizeof *set->parts, "the shards of a task");
    for (int i = 0; i < shards; i++) {
        int shard = partition->shard_begin + i;
        shard_part *part = &set->parts[i];
        part->count = set->count / set->batch * apd_partition_micro_batch(partition, set->batch, shard) +
                      apd_partition_micro_batch(partition, set->count % set->batch, shard);
        part->first = set->slot_count;
        part->epoch = -1;
        part->order = apd_allocate(part->count, sizeof *part->order, "a shard's order");
        set->slot_count += part->count;
    }
}

/* The slot of each sample, -1 for those of other ranks: (count), to be freed. Also sets places and labels. */
static int64_t *make_slots(apd_train_set *set, const apd_sample *samples, const int64_t *sorted) {
    const apd_partition *partition = &set->partition;
    int shards = partition->shard_end - partition->shard_begin;
    int64_t *slots = apd_allocate(set->count, sizeof *slots, "the samples' slots");
    int64_t *filled = apd_allocate(shards, sizeof *filled, "the samples' slots");
    set->places = apd_allocate(set->slot_count, sizeof *set->places, "the samples' places");
    set->labels = apd_allocate(set->slot_count, sizeof *set->labels, "the samples' labels");
    for (int64_t i = 0; i < set->count; i++) {
        int part = apd_partition_shard_of_sample(partition, i, set->batch) - partition->shard_begin;
        slots[sorted[i]] = -1;
        if (part < 0 || part >= shards)
            continue;
        int64_t slot = set->parts[part].first + filled[part]++;
        slots[sorted[i]] = slot;
        set->places[slot] = sorted[i];
        set->labels[slot] = samples[sorted[i]].label;
    }
    for (int part = 0; part < shards; part++)
        APD_ASSERT(filled[part] == set->parts[part].count);
    free(filled);
    return slots;
}

/* --- loading ----------------------------------------------------------------------------------------- */

/* Without a normalisation, mean 0 and deviation 1. */
static apd_normalisation identity(void) {
    apd_normalisation made = {0};
    for (int c = 0; c < APD_MAX_CHANNELS; c++)
        made.deviation[c] = 1;
    return made;
}

/* Allocate `count` images of `bytes` and read them; `*kept` is to be freed on failure, too. */
static apd_status keep_images(apd_task_images *images, int64_t count, int64_t bytes, uint8_t **kept,
                              apd_error *error) {
    APD_TRY(apd_memory_limit_check(images->dataset->path, "images", count, (size_t)bytes, error));
    *kept = images->kept = apd_allocate(count, (size_t)bytes, "a task's images");
    return apd_task_images_load(images, error);
}

/* Assign samples to shards, read those of this rank, find the normalisation. */
static apd_status fill(apd_train_set *set, const apd_stream *stream, apd_dataset *dataset,
                       apd_normalise normalise, const apd_sample *samples, apd_error *error) {
    int64_t *sorted = sort_by_class(set, samples, stream->tasks[set->task].class_count);
    make_parts(set);
    int64_t *slots = make_slots(set, samples, sorted);
    apd_pixel_sums sums = {0};
    apd_task_images images = {
        .stream = stream,
        .dataset = dataset,
        .task = set->task,
        .part = APD_PART_TRAIN,
        .samples = samples,
        .count = set->count,
        .slots = slots,
        .sums = normalise == APD_NORMALISE_TASK ? &sums : NULL,
    };
    apd_status status = keep_images(&images, set->slot_count, set->image_bytes, &set->images, error);
    set->normalisation = normalise == APD_NORMALISE_TASK
                             ? apd_pixel_sums_normalisation(&sums, dataset->is_float)
                         : normalise == APD_NORMALISE_DATASET ? dataset->normalisation
                                                              : identity();
    apd_pixels_init(&set->pixels, dataset->shape, dataset->is_float, &set->normalisation);
    free(slots);
    free(sorted);
    return status;
}

apd_status apd_train_set_load(const apd_description *description, const apd_stream *stream,
                              apd_dataset *dataset, const apd_partition *partition, int task,
                              apd_train_set **out, apd_error *error) {
    int batch = description->training.batch;
    if (batch < partition->shards)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "training.batch is %d, fewer than the %d shards; %d or more, or fewer shards, are needed", batch,
            partition->shards, partition->shards);
    apd_train_set *set = apd_allocate(1, sizeof *set, "a task's training set");
    (void)pthread_mutex_init(&set->lock, NULL);
    set->partition = *partition;
    set->seed = stream->seed;
    set->task = task;
    set->flip = description->data.flip;
    set->shift = description->data.shift;
    set->batch = batch;
    set->image_bytes = dataset->image_bytes;
    apd_sample *samples;
    set->count =
        apd_stream_samples(stream, dataset, task, description->data.validation, APD_PART_TRAIN, &samples);
    apd_status status = fill(set, stream, dataset, description->data.normalise, samples, error);
    free(samples);
    if (status == APD_OK)
        *out = set;
    else
        apd_train_set_destroy(set);
    return status;
}

void apd_train_set_destroy(apd_train_set *set) {
    if (set == NULL)
        return;
    for (int i = 0; i < set->partition.shard_end - set->partition.shard_begin; i++)
        free(set->parts[i].order);
    (void)pthread_mutex_destroy(&set->lock);
    free(set->parts);
    free(set->places);
    free(set->labels);
    free(set->images);
    free(set->taught);
    free(set);
}

/* --- batches ----------------------------------------------------------------------------------------- */

int apd_train_set_steps(const apd_train_set *set) {
    return (int)((set->count + set->batch - 1) / set->batch);
}

int64_t apd_train_set_batch_count(const apd_train_set *set, int step) {
    APD_ASSERT(step >= 0 && step < apd_train_set_steps(set));
    int64_t left = set->count - step * set->batch;
    return left < set->batch ? left : set->batch;
}

double apd_train_set_chance(const apd_train_set *set) {
    return (double)set->most / (double)set->count;
}

const apd_normalisation *apd_train_set_normalisation(const apd_train_set *set) {
    return &set->normalisation;
}

/* The stream's (a, b) is (task, epoch * 2^16 + shard). b holds 2^16 epochs; the bits of later epochs above these go above
 * the task's, so that no two epochs share a stream. */
static apd_random epoch_stream(const apd_train_set *set, int shard, int epoch) {
    APD_ASSERT(shard < 1 << 16 && set->task < 1 << TASK_BITS && epoch < 1 << (48 - TASK_BITS));
    uint32_t a = (uint32_t)epoch >> 16 << TASK_BITS | (uint32_t)set->task;
    uint32_t b = (uint32_t)epoch << 16 | (uint32_t)shard;
    return apd_random_stream(set->seed, APD_RANDOM_EPOCH_ORDER, a, b);
}

static const int64_t *epoch_order(const apd_train_set *set, shard_part *part, int shard, int epoch) {
    if (part->epoch != epoch) {
        apd_random random = epoch_stream(set, shard, epoch);
        apd_random_permutation(&random, part->count, part->order);
        part->epoch = epoch;
    }
    return part->order;
}

int apd_train_set_gather(apd_train_set *set, int shard, int epoch, int step, float *images, int32_t *labels,
                         float *taught) {
    const apd_partition *partition = &set->partition;
    APD_ASSERT(shard >= partition->shard_begin && shard < partition->shard_end && epoch >= 0);
    shard_part *part = &set->parts[shard - partition->shard_begin];
    (void)pthread_mutex_lock(&set->lock);
    int n = apd_partition_micro_batch(partition, apd_train_set_batch_count(set, step), shard);
    const int64_t *order = epoch_order(set, part, shard, epoch) +
                           (int64_t)step * apd_partition_micro_batch(partition, set->batch, shard);
    apd_random random =
        apd_random_stream(set->seed, APD_RANDOM_AUGMENT, (uint32_t)set->task, (uint32_t)epoch);
    apd_image_shape shape = set->pixels.shape;
    int64_t size = (int64_t)shape.channels * shape.height * shape.width;
    for (int i = 0; i < n; i++) {
        int64_t slot = part->first + order[i];
        apd_augmentation drawn = apd_augmentation_draw(&random, set->places[slot], set->flip, set->shift);
        apd_pixels_gather(&set->pixels, set->images + slot * set->image_bytes, drawn, images + i * size);
        labels[i] = set->labels[slot];
        if (taught != NULL && set->taught != NULL)
            memcpy(taught + (int64_t)i * set->classes, set->taught + slot * set->classes,
                   (size_t)set->classes * sizeof *taught);
    }
    (void)pthread_mutex_unlock(&set->lock);
    return n;
}

static const shard_part *part_of(const apd_train_set *set, int shard) {
    APD_ASSERT(shard >= set->partition.shard_begin && shard < set->partition.shard_end);
    return &set->parts[shard - set->partition.shard_begin];
}

int64_t apd_train_set_shard_count(const apd_train_set *set, int shard) {
    return part_of(set, shard)->count;
}

const uint8_t *apd_train_set_stored(const apd_train_set *set, int shard, int64_t index, int32_t *label) {
    const shard_part *part = part_of(set, shard);
    APD_ASSERT(index >= 0 && index < part->count);
    int64_t slot = part->first + index;
    *label = set->labels[slot];
    return set->images + slot * set->image_bytes;
}

int32_t apd_train_set_image(const apd_train_set *set, int shard, int64_t index, float *image) {
    int32_t label;
    const uint8_t *stored = apd_train_set_stored(set, shard, index, &label);
    apd_pixels_gather(&set->pixels, stored, (apd_augmentation){0}, image);
    return label;
}

void apd_train_set_teach(apd_train_set *set, float *taught, int classes) {
    free(set->taught);
    set->taught = taught;
    set->classes = classes;
}

/* --- evaluation -------------------------------------------------------------------------------------- */

struct apd_eval_set {
    int64_t count;      /* samples, all ranks */
    int64_t chunk;      /* samples of a chunk */
    int chunks;         /* this rank's */
    int64_t slot_count; /* this rank's samples: its chunks one after the other */
    int64_t image_bytes;
    apd_pixels pixels;
    int32_t *labels; /* (slot_count) */
    uint8_t *images; /* (slot_count) */
};

/* The slot of each sample in this rank's chunks, -1 for those of other ranks: (count), to be freed. */
static int64_t *evaluation_slots(apd_eval_set *set, const apd_partition *partition,
                                 const apd_sample *samples) {
    int64_t *slots = apd_allocate(set->count, sizeof *slots, "the samples' slots");
    set->labels = apd_allocate(set->count, sizeof *set->labels, "the samples' labels");
    for (int64_t i = 0; i < set->count; i++) {
        bool mine = i / set->chunk % partition->ranks == partition->rank;
        slots[i] = mine ? set->slot_count++ : -1;
        if (mine)
            set->labels[slots[i]] = samples[i].label;
    }
    set->chunks = (int)((set->slot_count + set->chunk - 1) / set->chunk);
    return slots;
}

apd_status apd_eval_set_load(const apd_description *description, const apd_stream *stream,
                             apd_dataset *dataset, const apd_partition *partition, int task,
                             apd_part_kind part, const apd_normalisation *normalisation, apd_eval_set **out,
                             apd_error *error) {
    APD_ASSERT(description->log.evaluate_batch >= 1);
    apd_eval_set *set = apd_allocate(1, sizeof *set, "a task's evaluation set");
    apd_sample *samples;
    set->count = apd_stream_samples(stream, dataset, task, description->data.validation, part, &samples);
    set->chunk = description->log.evaluate_batch;
    set->image_bytes = dataset->image_bytes;
    apd_pixels_init(&set->pixels, dataset->shape, dataset->is_float, normalisation);
    int64_t *slots = evaluation_slots(set, partition, samples);
    apd_task_images images = {
        .stream = stream,
        .dataset = dataset,
        .task = task,
        .part = part,
        .samples = samples,
        .count = set->count,
        .slots = slots,
    };
    apd_status status = keep_images(&images, set->slot_count, set->image_bytes, &set->images, error);
    free(slots);
    free(samples);
    if (status == APD_OK)
        *out = set;
    else
        apd_eval_set_destroy(set);
    return status;
}

void apd_eval_set_destroy(apd_eval_set *set) {
    if (set == NULL)
        return;
    free(set->labels);
    free(set->images);
    free(set);
}

int64_t apd_eval_set_count(const apd_eval_set *set) {
    return set->count;
}

int apd_eval_set_chunks(const apd_eval_set *set) {
    return set->chunks;
}

int64_t apd_eval_set_stored(const apd_eval_set *set, const uint8_t **images, const int32_t **labels) {
    *images = set->images;
    *labels = set->labels;
    return set->slot_count;
}

int apd_eval_set_gather(const apd_eval_set *set, int chunk, float *images, int32_t *labels) {
    APD_ASSERT(chunk >= 0 && chunk < set->chunks);
    int64_t first = chunk * set->chunk;
    int64_t left = set->slot_count - first;
    int n = (int)(left < set->chunk ? left : set->chunk);
    apd_image_shape shape = set->pixels.shape;
    int64_t size = (int64_t)shape.channels * shape.height * shape.width;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *image = set->images + (first + i) * set->image_bytes;
        apd_pixels_gather(&set->pixels, image, (apd_augmentation){0}, images + i * size);
        labels[i] = set->labels[first + i];
    }
    return n;
}

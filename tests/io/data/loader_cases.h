/* loader_cases: a small data file for tests of the loader: images of 2 x 6 x 6; class c has TRAIN_IMAGES[c] training images.
 * The first two pixels of an image are its number in the split, so images in a batch can be recognised. Include cmocka.h
 * first. */
#ifndef APD_TESTS_LOADER_CASES_H
#define APD_TESTS_LOADER_CASES_H

#include "base/digest.h"
#include "base/memory.h"
#include "io/data/loader.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLASSES = 7, SIDE = 6, CHANNELS = 2, PLANE = SIDE * SIDE, SIZE = CHANNELS * PLANE };
static const int TRAIN_IMAGES[CLASSES] = {1, 2, 5, 16, 37, 30, 30};
static const int TEST_IMAGES[CLASSES] = {1, 1, 2, 3, 5, 8, 13};
/* Tasks of 1, 2, 5, 53 and 121 images; the classes of the last are not in order. */
static int task0[] = {0}, task1[] = {1}, task2[] = {2}, task3[] = {4, 3}, task4[] = {6, 0, 1, 4, 3, 2, 5};
static int *task_rows[] = {task0, task1, task2, task3, task4};
static int task_sizes[] = {1, 1, 1, 2, 7};
enum { TASKS = 5, TRAIN = 121, TEST = 33 };

static char folder[] = "/tmp/apd_loader_XXXXXX";
static char data_path[64];
static apd_dataset_content content; /* what the file was made of */
static apd_dataset *data;

static inline uint8_t pixel_of(int split, int image, int pixel) {
    uint32_t mixed = (uint32_t)(image * 7919 + pixel * 104729 + split * 31) * 2654435761u;
    return (uint8_t)(mixed >> 24);
}

static inline void make_split(apd_split split, const int *images, int total) {
    content.count[split] = total;
    content.images[split] = apd_allocate((int64_t)total * SIZE, 1, "images");
    content.labels[split] = apd_allocate(total, sizeof(int32_t), "labels");
    int left[CLASSES];
    memcpy(left, images, sizeof left);
    for (int i = 0, class = 0; i < total; class = (class + 3) % CLASSES) {
        if (left[class] == 0)
            continue;
        left[class]--;
        content.labels[split][i] = class;
        uint8_t *image = content.images[split] + i * SIZE;
        for (int pixel = 0; pixel < SIZE; pixel++)
            image[pixel] = pixel_of((int)split, i, pixel);
        image[0] = (uint8_t)(i & 255);
        image[1] = (uint8_t)(i >> 8);
        i++;
    }
}

static inline int set_up(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(data_path, sizeof data_path, "%s/data.h5", folder);
    content =
        (apd_dataset_content){.source = "test_loader", .shape = {CHANNELS, SIDE, SIDE}, .classes = CLASSES};
    make_split(APD_SPLIT_TRAIN, TRAIN_IMAGES, TRAIN);
    make_split(APD_SPLIT_TEST, TEST_IMAGES, TEST);
    apd_error error = {0};
    uint64_t digest;
    if (apd_dataset_write(data_path, &content, &digest, &error) != APD_OK ||
        apd_dataset_open(data_path, &data, &error) != APD_OK) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    apd_dataset_close(data);
    apd_dataset_content_clear(&content);
    static const char *const names[] = {"data.h5", "large.h5",
                                        "damaged.h5"}; /* a failed test leaves its own */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* The five tasks of the top; batches of 8, no normalisation. */
static inline apd_description describe(void) {
    apd_description description = {.seed = 42};
    description.data.normalise = APD_NORMALISE_UNIT;
    description.stream.kind = APD_STREAM_LIST;
    description.stream.classes = task_rows;
    description.stream.class_counts = task_sizes;
    description.stream.class_lists = TASKS;
    description.stream.turns = 1;
    description.stream.order_letter = 'A';
    description.training.batch = 8;
    description.log.evaluate_batch = 10;
    return description;
}

static inline apd_description describe_rotation(int tasks, double step) {
    apd_description description = describe();
    description.stream.kind = APD_STREAM_ROTATION;
    description.stream.tasks = tasks;
    description.stream.rotation_step = step;
    return description;
}

static inline apd_stream *make_stream(const apd_description *description) {
    apd_stream *stream = NULL;
    apd_error error = {0};
    if (apd_stream_create(description, data, &stream, &error) != APD_OK)
        fail_msg("%s", error.message);
    return stream;
}

static inline apd_partition part_of(int shards, int ranks, int rank) {
    apd_partition partition;
    assert_int_equal(apd_partition_init(&partition, shards, ranks, rank, NULL), APD_OK);
    return partition;
}

static inline apd_train_set *load(const apd_description *description, const apd_stream *stream, int shards,
                                  int ranks, int rank, int task) {
    apd_partition partition = part_of(shards, ranks, rank);
    apd_train_set *set = NULL;
    apd_error error = {0};
    if (apd_train_set_load(description, stream, data, &partition, task, &set, &error) != APD_OK)
        fail_msg("%s", error.message);
    return set;
}

/* Images of an epoch, over all shards. */
static inline int64_t image_count(const apd_train_set *set) {
    int64_t count = 0;
    for (int step = 0; step < apd_train_set_steps(set); step++)
        count += apd_train_set_batch_count(set, step);
    return count;
}

/* The byte that a pixel in 0..1 stands for. */
static inline int byte_of(float value) {
    int byte = (int)lrintf(value * 255);
    assert_true(fabsf(value * 255 - (float)byte) < 1e-3f);
    return byte;
}

static inline int number_of(const float *image) {
    return byte_of(image[0]) + 256 * byte_of(image[1]);
}

static inline int compare_images(const void *a, const void *b) {
    return memcmp(a, b, SIZE * sizeof(float));
}

/* All images of an epoch of task `task`, sorted by their bytes, into `all` (TRAIN, SIZE). */
static inline int64_t epoch_images(const apd_description *description, int shards, int task, int epoch,
                                   float *all) {
    apd_stream *stream = make_stream(description);
    apd_train_set *set = load(description, stream, shards, 1, 0, task);
    int32_t labels[64];
    int64_t count = 0;
    for (int shard = 0; shard < shards; shard++)
        for (int step = 0; step < apd_train_set_steps(set); step++)
            count += apd_train_set_gather(set, shard, epoch, step, all + count * SIZE, labels, NULL);
    assert_int_equal(count, image_count(set));
    qsort(all, (size_t)count, SIZE * sizeof(float), compare_images);
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
    return count;
}

#endif

/* Batches of a small data file: 2 channels of 6 by 6; class c has TRAIN_IMAGES[c] training images. The first
 * two pixels of an image are its number in the split, so that a batch of unmoved images can be recognised. */
#include "base/memory.h"
#include "io/loader.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

static uint8_t pixel_of(int split, int image, int pixel) {
    uint32_t mixed = (uint32_t)(image * 7919 + pixel * 104729 + split * 31) * 2654435761u;
    return (uint8_t)(mixed >> 24);
}

static void make_split(apd_split split, const int *images, int total) {
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

static int set_up(void **state) {
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

static int tear_down(void **state) {
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
static apd_description describe(void) {
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

static apd_description describe_rotation(int tasks, double step) {
    apd_description description = describe();
    description.stream.kind = APD_STREAM_ROTATION;
    description.stream.tasks = tasks;
    description.stream.rotation_step = step;
    return description;
}

static apd_stream *make_stream(const apd_description *description) {
    apd_stream *stream = NULL;
    apd_error error = {0};
    if (apd_stream_create(description, data, &stream, &error) != APD_OK)
        fail_msg("%s", error.message);
    return stream;
}

static apd_partition part_of(int shards, int ranks, int rank) {
    apd_partition partition;
    assert_int_equal(apd_partition_init(&partition, shards, ranks, rank, NULL), APD_OK);
    return partition;
}

static apd_train_set *load(const apd_description *description, const apd_stream *stream, int shards,
                           int ranks, int rank, int task) {
    apd_partition partition = part_of(shards, ranks, rank);
    apd_train_set *set = NULL;
    apd_error error = {0};
    if (apd_train_set_load(description, stream, data, &partition, task, &set, &error) != APD_OK)
        fail_msg("%s", error.message);
    return set;
}

/* The byte that a pixel in 0..1 stands for. */
static int byte_of(float value) {
    int byte = (int)lrintf(value * 255);
    assert_true(fabsf(value * 255 - (float)byte) < 1e-3f);
    return byte;
}

static int number_of(const float *image) {
    return byte_of(image[0]) + 256 * byte_of(image[1]);
}

/* --- every sample once ------------------------------------------------------------------------------------
 */

/* Check one micro-batch against the images it must be made of, and count them in `times`. */
static void check_batch(const apd_description *description, int task, int n, const float *images,
                        const int32_t *labels, int *times) {
    for (int i = 0; i < n; i++) {
        int number = number_of(images + i * SIZE);
        assert_true(number < TRAIN);
        for (int pixel = 0; pixel < SIZE; pixel++)
            assert_int_equal(byte_of(images[i * SIZE + pixel]),
                             content.images[APD_SPLIT_TRAIN][number * SIZE + pixel]);
        assert_true(labels[i] >= 0 && labels[i] < description->stream.class_counts[task]);
        assert_int_equal(description->stream.classes[task][labels[i]],
                         content.labels[APD_SPLIT_TRAIN][number]);
        times[number]++;
    }
}

/* Two epochs of a task on all ranks: sizes of batches, shapes of micro-batches, every image once an epoch. */
static void check_epochs(const apd_description *description, const apd_stream *stream, int shards, int ranks,
                         int task) {
    float images[64 * SIZE];
    int32_t labels[64];
    int batch = description->training.batch, times[2][TRAIN] = {{0}};
    int64_t gathered[2][TRAIN] = {{0}}; /* by step */
    apd_train_set *set = NULL;
    for (int rank = 0; rank < ranks; rank++) {
        apd_train_set_destroy(set);
        set = load(description, stream, shards, ranks, rank, task);
        apd_partition partition = part_of(shards, ranks, rank);
        for (int epoch = 0; epoch < 2; epoch++)
            for (int shard = partition.shard_begin; shard < partition.shard_end; shard++)
                for (int step = 0; step < apd_train_set_steps(set); step++) {
                    int n = apd_train_set_gather(set, shard, epoch, step, images, labels);
                    if (apd_train_set_batch_count(set, step) == batch)
                        assert_int_equal(n, apd_partition_micro_batch(&partition, batch, shard));
                    check_batch(description, task, n, images, labels, times[epoch]);
                    gathered[epoch][step] += n;
                }
    }
    int total = 0;
    for (int i = 0; i < description->stream.class_counts[task]; i++)
        total += TRAIN_IMAGES[description->stream.classes[task][i]];
    assert_int_equal(apd_train_set_count(set), total);
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int step = 0; step < apd_train_set_steps(set); step++) {
            assert_int_equal(gathered[epoch][step], apd_train_set_batch_count(set, step));
            assert_int_equal(gathered[epoch][step],
                             total - step * batch < batch ? total - step * batch : batch);
        }
        int images_seen = 0;
        for (int i = 0; i < TRAIN; i++) {
            assert_true(times[epoch][i] <= 1);
            images_seen += times[epoch][i];
        }
        assert_int_equal(images_seen, total);
    }
    apd_train_set_destroy(set);
}

static void gather_ofAnyShape_usesEverySampleOnceAnEpoch(void **state) {
    (void)state;
    static const int batches[] = {1, 2, 3, 7, 8, 10, 53, 64};
    apd_description description = describe();
    apd_stream *stream = make_stream(&description);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
        for (int shards = 1; shards <= 8 && shards <= batches[b]; shards += 1 + (shards > 3))
            for (int ranks = 1; ranks <= 4 && ranks <= shards; ranks++)
                for (int task = 0; task < TASKS; task++) {
                    description.training.batch = batches[b];
                    check_epochs(&description, stream, shards, ranks, task);
                }
    apd_stream_destroy(stream);
}

static void gather_ofAShardWithoutSamples_givesNone(void **state) {
    (void)state;
    apd_description description = describe();
    apd_stream *stream = make_stream(&description);
    apd_train_set *set =
        load(&description, stream, 4, 4, 3, 1); /* two images: shards 0 and 1 have one each */
    float image[SIZE] = {5};
    int32_t label = 77;
    assert_int_equal(apd_train_set_count(set), 2);
    assert_int_equal(apd_train_set_steps(set), 1);
    assert_int_equal(apd_train_set_gather(set, 3, 0, 0, image, &label), 0);
    assert_int_equal(label, 77);
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
}

/* counts[shard][class] of the images that each shard has. */
static void count_classes(const apd_description *description, const apd_stream *stream, int shards,
                          int counts[][CLASSES]) {
    float images[64 * SIZE];
    int32_t labels[64];
    apd_train_set *set = load(description, stream, shards, 1, 0, TASKS - 1);
    for (int shard = 0; shard < shards; shard++) {
        memset(counts[shard], 0, sizeof counts[shard]);
        for (int step = 0; step < apd_train_set_steps(set); step++) {
            int n = apd_train_set_gather(set, shard, 0, step, images, labels);
            for (int i = 0; i < n; i++)
                counts[shard][labels[i]]++;
        }
    }
    apd_train_set_destroy(set);
}

static void deal_toShards_balancesClassesWithinOne(void **state) {
    (void)state;
    static const int cases[][2] = {{1, 8}, {2, 8}, {3, 9}, {4, 8}, {5, 10}, {8, 8}, {8, 64}};
    apd_description description = describe();
    apd_stream *stream = make_stream(&description);
    int counts[8][CLASSES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int shards = cases[i][0];
        description.training.batch = cases[i][1];
        count_classes(&description, stream, shards, counts);
        for (int label = 0; label < CLASSES; label++)
            for (int shard = 0; shard < shards; shard++) {
                double share = (double)TRAIN_IMAGES[task4[label]] / shards;
                assert_true(fabs(counts[shard][label] - share) < 1);
            }
    }
    apd_stream_destroy(stream);
}

/* --- the same whatever the ranks, the order of calls, the shards ------------------------------------------
 */

static apd_description describe_all_at_once(void) {
    apd_description description = describe_rotation(3, 25);
    description.data.normalise = APD_NORMALISE_TASK;
    description.data.validation = 0.2;
    description.data.flip = true;
    description.data.shift = 2;
    description.stream.turns = 2;
    description.training.batch = 10;
    return description;
}

static void gather_atAnyNumberOfRanks_givesTheSameBits(void **state) {
    (void)state;
    enum { SHARDS = 4, STEPS = 20, ROOM = 3 };
    static float reference[2][SHARDS][STEPS][ROOM * SIZE], images[ROOM * SIZE];
    static int32_t reference_labels[2][SHARDS][STEPS][ROOM], labels[ROOM];
    apd_description description = describe_all_at_once();
    apd_stream *stream = make_stream(&description);
    for (int ranks = 1; ranks <= 4; ranks++)
        for (int rank = 0; rank < ranks; rank++) {
            apd_partition partition = part_of(SHARDS, ranks, rank);
            apd_train_set *set = load(&description, stream, SHARDS, ranks, rank, 2);
            int steps = apd_train_set_steps(set);
            assert_in_range(steps, 18, STEPS);
            for (int e = 0; e < 2; e++)
                for (int shard = partition.shard_begin; shard < partition.shard_end; shard++)
                    for (int step = 0; step < steps; step++) {
                        float *to = ranks == 1 ? reference[e][shard][step] : images;
                        int32_t *to_labels = ranks == 1 ? reference_labels[e][shard][step] : labels;
                        int n = apd_train_set_gather(set, shard, e, step, to, to_labels);
                        assert_memory_equal(to, reference[e][shard][step], (size_t)n * SIZE * sizeof(float));
                        assert_memory_equal(to_labels, reference_labels[e][shard][step],
                                            (size_t)n * sizeof(int32_t));
                    }
            apd_train_set_destroy(set);
        }
    assert_memory_not_equal(reference[0], reference[1], sizeof reference[0]);
    apd_stream_destroy(stream);
}

static void gather_inAnyOrderOfCalls_givesTheSameBits(void **state) {
    (void)state;
    static float first[8 * SIZE], again[8 * SIZE];
    int32_t labels[8], labels_again[8];
    apd_description description = describe();
    description.data.flip = true;
    apd_stream *stream = make_stream(&description);
    apd_train_set *set = load(&description, stream, 2, 1, 0, 4);
    for (int epoch = 3; epoch >= 0; epoch--) {
        int n = apd_train_set_gather(set, 1, epoch, 5, first, labels);
        apd_train_set_gather(set, 0, epoch + 7, 2, again, labels_again);
        apd_train_set_gather(set, 1, 9, 0, again, labels_again);
        apd_train_set *fresh = load(&description, stream, 2, 1, 0, 4);
        assert_int_equal(apd_train_set_gather(fresh, 1, epoch, 5, again, labels_again), n);
        assert_memory_equal(first, again, (size_t)n * SIZE * sizeof(float));
        assert_memory_equal(labels, labels_again, (size_t)n * sizeof *labels);
        apd_train_set_destroy(fresh);
    }
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
}

static void gather_ofAnotherEpoch_takesTheSamplesInAnotherOrder(void **state) {
    (void)state;
    enum { EPOCHS = 3 };
    static float images[TRAIN * SIZE];
    int32_t labels[TRAIN];
    int numbers[EPOCHS][TRAIN] = {{0}};
    apd_description description = describe();
    description.training.batch = TRAIN;
    apd_stream *stream = make_stream(&description);
    apd_train_set *set = load(&description, stream, 1, 1, 0, 4);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        assert_int_equal(apd_train_set_gather(set, 0, epoch, 0, images, labels), TRAIN);
        for (int i = 0; i < TRAIN; i++)
            numbers[epoch][i] = number_of(images + i * SIZE);
        for (int before = 0; before < epoch; before++) {
            int kept = 0; /* one place in TRAIN by chance */
            for (int i = 0; i < TRAIN; i++)
                kept += numbers[before][i] == numbers[epoch][i];
            assert_true(kept < 10);
        }
    }
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
}

static int compare_images(const void *a, const void *b) {
    return memcmp(a, b, SIZE * sizeof(float));
}

/* All images of an epoch of task `task`, sorted by their bytes, into `all` (TRAIN, SIZE). */
static int64_t epoch_images(const apd_description *description, int shards, int task, int epoch, float *all) {
    apd_stream *stream = make_stream(description);
    apd_train_set *set = load(description, stream, shards, 1, 0, task);
    int32_t labels[64];
    int64_t count = 0;
    for (int shard = 0; shard < shards; shard++)
        for (int step = 0; step < apd_train_set_steps(set); step++)
            count += apd_train_set_gather(set, shard, epoch, step, all + count * SIZE, labels);
    assert_int_equal(count, apd_train_set_count(set));
    qsort(all, (size_t)count, SIZE * sizeof(float), compare_images);
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
    return count;
}

static void augmentation_ofASample_dependsOnSeedTaskEpochAndSampleOnly(void **state) {
    (void)state;
    static float reference[TRAIN * SIZE], other[TRAIN * SIZE];
    const size_t bytes = sizeof reference;
    apd_description description = describe_rotation(2, 0);
    description.data.flip = true;
    description.data.shift = 1;
    assert_int_equal(epoch_images(&description, 1, 0, 1, reference), TRAIN);
    description.training.batch = 11;
    epoch_images(&description, 3, 0, 1, other);
    assert_memory_equal(reference, other, bytes);
    epoch_images(&description, 3, 0, 2, other);
    assert_memory_not_equal(reference, other, bytes);
    epoch_images(&description, 3, 1, 1, other);
    assert_memory_not_equal(reference, other, bytes);
    description.seed++;
    epoch_images(&description, 3, 0, 1, other);
    assert_memory_not_equal(reference, other, bytes);
}

/* --- augmentation -----------------------------------------------------------------------------------------
 */

/* Pixel (c, y, x) of training image `image` seen through a window, after a mirror or not; -1: outside. */
static int seen_through(int image, bool flip, int down, int right, int pixel) {
    int x = pixel % SIDE, y = pixel / SIDE % SIDE + down, c = pixel / PLANE;
    x = (flip ? SIDE - 1 - x : x) + right;
    if (x < 0 || y < 0 || x >= SIDE || y >= SIDE)
        return -1;
    return content.images[APD_SPLIT_TRAIN][image * SIZE + c * PLANE + y * SIDE + x];
}

/* Whether `out` is that view of `image` under data-set normalisation (padding is then exactly 0). */
static bool is_view(const float *out, int image, bool flip, int down, int right) {
    for (int pixel = 0; pixel < SIZE; pixel++) {
        int byte = seen_through(image, flip, down, right, pixel), c = pixel / PLANE;
        float value = byte < 0 ? 0 : ((float)byte / 255 - data->mean[c]) / data->deviation[c];
        if (byte < 0 ? out[pixel] < 0 || out[pixel] > 0 : fabsf(out[pixel] - value) > 1e-5f)
            return false;
    }
    return true;
}

/* Find the view that each image of an epoch is; counts[flip][down + 2][right + 2]. */
static void count_views(bool flip, int shift, int epoch, int counts[2][5][5]) {
    static float images[TRAIN * SIZE];
    apd_description description = describe();
    description.data.normalise = APD_NORMALISE_DATASET;
    description.data.flip = flip;
    description.data.shift = shift;
    int64_t count = epoch_images(&description, 2, TASKS - 1, epoch, images);
    bool used[TRAIN] = {false};
    for (int64_t i = 0; i < count; i++) {
        int found = 0;
        for (int view = 0; view < TRAIN * 50; view++) {
            int image = view / 50, mirrored = view % 2, down = view / 2 % 5 - 2, right = view / 10 % 5 - 2;
            if (!is_view(images + i * SIZE, image, mirrored, down, right))
                continue;
            found++;
            assert_false(used[image]);
            used[image] = true;
            counts[mirrored][down + 2][right + 2]++;
        }
        assert_int_equal(found, 1);
    }
}

static void augmentation_ofNothing_givesTheImageItself(void **state) {
    (void)state;
    int counts[2][5][5] = {{{0}}};
    count_views(false, 0, 0, counts);
    assert_int_equal(counts[0][2][2], TRAIN);
}

static void augmentation_byFlips_mirrorsAboutHalfOfTheImages(void **state) {
    (void)state;
    int counts[2][5][5] = {{{0}}};
    for (int epoch = 0; epoch < 4; epoch++)
        count_views(true, 0, epoch, counts);
    assert_int_equal(counts[0][2][2] + counts[1][2][2], 4 * TRAIN);
    assert_in_range(counts[1][2][2], 2 * TRAIN - 55, 2 * TRAIN + 55); /* five standard deviations */
}

static void augmentation_byShifts_cropsUniformlyFromAPaddedImage(void **state) {
    (void)state;
    int counts[2][5][5] = {{{0}}}, total = 0;
    for (int epoch = 0; epoch < 6; epoch++)
        count_views(true, 2, epoch, counts);
    for (int cell = 0; cell < 50; cell++) { /* 14.5 expected */
        assert_in_range(counts[cell / 25][cell / 5 % 5][cell % 5], 1, 40);
        total += counts[cell / 25][cell / 5 % 5][cell % 5];
    }
    assert_int_equal(total, 6 * TRAIN);
    memset(counts, 0, sizeof counts);
    count_views(false, 1, 0, counts);
    total = 0;
    for (int cell = 0; cell < 9; cell++)
        total += counts[0][1 + cell / 3][1 + cell % 3];
    assert_int_equal(total, TRAIN);
}

static void augmentation_ofFloats_flippedTwiceIsTheIdentity(void **state) {
    (void)state;
    enum { WIDTH = 37, HEIGHT = 3 };
    apd_pixels pixels;
    apd_normalisation identity = {.deviation = {1, 1}};
    apd_pixels_init(&pixels, (apd_image_shape){2, HEIGHT, WIDTH}, true, &identity);
    float image[2 * HEIGHT * WIDTH], once[2 * HEIGHT * WIDTH], twice[2 * HEIGHT * WIDTH];
    for (int i = 0; i < 2 * HEIGHT * WIDTH; i++)
        image[i] = 1 / (1 + (float)i);
    apd_pixels_gather(&pixels, image, (apd_augmentation){.flip = true}, once);
    assert_memory_not_equal(once, image, sizeof image);
    apd_pixels_gather(&pixels, once, (apd_augmentation){.flip = true}, twice);
    assert_memory_equal(twice, image, sizeof image);
}

static void augmentation_beyondTheImage_leavesZeros(void **state) {
    (void)state;
    apd_pixels pixels;
    apd_normalisation grey = {.mean = {0.5f}, .deviation = {0.25f}};
    apd_pixels_init(&pixels, (apd_image_shape){1, 2, 3}, false, &grey);
    uint8_t image[6] = {255, 255, 255, 255, 255, 255};
    for (int away = -5; away <= 5; away++)
        for (int flip = 0; flip < 2; flip++) {
            float right[6], down[6];
            apd_pixels_gather(&pixels, image, (apd_augmentation){.flip = flip, .right = away}, right);
            apd_pixels_gather(&pixels, image, (apd_augmentation){.flip = flip, .down = away}, down);
            int left_right = 0, left_down = 0;
            for (int i = 0; i < 6; i++) {
                assert_true(fabsf(right[i]) < 1e-6f || fabsf(right[i] - 2) < 1e-6f);
                assert_true(fabsf(down[i]) < 1e-6f || fabsf(down[i] - 2) < 1e-6f);
                left_right += right[i] > 1;
                left_down += down[i] > 1;
            }
            assert_int_equal(left_right, abs(away) < 3 ? 2 * (3 - abs(away)) : 0);
            assert_int_equal(left_down, abs(away) < 2 ? 3 * (2 - abs(away)) : 0);
        }
}

/* --- turns ------------------------------------------------------------------------------------------------
 */

static void gather_withTurns_usesEveryTurnOfEveryImageOnce(void **state) {
    (void)state;
    apd_description description = describe();
    description.stream.turns = 4;
    apd_stream *stream = make_stream(&description);
    static float images[8 * SIZE];
    int32_t labels[8];
    bool used[4][TRAIN] = {{false}};
    apd_train_set *set = load(&description, stream, 1, 1, 0, TASKS - 1);
    assert_int_equal(apd_train_set_count(set), 4 * TRAIN);
    for (int step = 0; step < apd_train_set_steps(set); step++) {
        int n = apd_train_set_gather(set, 0, 0, step, images, labels);
        for (int i = 0; i < n; i++) {
            /* pixels (0, 0) and (0, 1) of the image go once around with the turns */
            static const int first[4] = {0, PLANE - SIDE, PLANE - 1, SIDE - 1};
            static const int second[4] = {1, PLANE - 2 * SIDE, PLANE - 2, 2 * SIDE - 1};
            int found = 0;
            for (int turn = 0; turn < 4; turn++) {
                int low = byte_of(images[i * SIZE + first[turn]]),
                    high = byte_of(images[i * SIZE + second[turn]]);
                if (high != 0 || low >= TRAIN || used[turn][low] ||
                    byte_of(images[i * SIZE + PLANE + first[turn]]) !=
                        content.images[APD_SPLIT_TRAIN][low * SIZE + PLANE])
                    continue;
                used[turn][low] = true;
                assert_int_equal(task4[labels[i]], content.labels[APD_SPLIT_TRAIN][low]);
                found++;
            }
            assert_int_equal(found, 1);
        }
    }
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
}

/* --- normalisation ----------------------------------------------------------------------------------------
 */

static void normalisation_ofATask_isThatOfItsTrainingImages(void **state) {
    (void)state;
    apd_description description = describe();
    description.data.normalise = APD_NORMALISE_TASK;
    apd_stream *stream = make_stream(&description);
    for (int channel = 0; channel < CHANNELS; channel++) {
        double sum = 0, squares = 0, mean, count = 53 * PLANE; /* task 3: classes 3 and 4 */
        for (int pass = 0; pass < 2; pass++) {
            mean = sum / count;
            for (int i = 0; i < TRAIN * PLANE; i++) {
                int class = content.labels[APD_SPLIT_TRAIN][i / PLANE];
                if (class != 3 && class != 4)
                    continue;
                double value =
                    content.images[APD_SPLIT_TRAIN][i / PLANE * SIZE + channel * PLANE + i % PLANE] / 255.0;
                if (pass == 0)
                    sum += value;
                else
                    squares += (value - mean) * (value - mean);
            }
        }
        for (int ranks = 1; ranks <= 4; ranks++) {
            apd_train_set *set = load(&description, stream, 4, ranks, ranks - 1, 3);
            const apd_normalisation *found = apd_train_set_normalisation(set);
            assert_true(fabs((double)found->mean[channel] - mean) < 1e-7);
            assert_true(fabs((double)found->deviation[channel] - sqrt(squares / count)) < 1e-7);
            apd_train_set_destroy(set);
        }
    }
    apd_stream_destroy(stream);
}

static void normalisation_ofARotatedTask_givesMeanZeroAndDeviationOne(void **state) {
    (void)state;
    static float all[4 * TRAIN * SIZE];
    apd_description description = describe_rotation(3, 20);
    description.data.normalise = APD_NORMALISE_TASK;
    int64_t count = epoch_images(&description, 1, 2, 0, all);
    double sum[CHANNELS] = {0}, squares[CHANNELS] = {0};
    for (int64_t i = 0; i < count * SIZE; i++) {
        sum[i / PLANE % CHANNELS] += (double)all[i];
        squares[i / PLANE % CHANNELS] += (double)all[i] * (double)all[i];
    }
    for (int c = 0; c < CHANNELS; c++) {
        assert_true(fabs(sum[c] / (double)(count * PLANE)) < 1e-5);
        assert_true(fabs(squares[c] / (double)(count * PLANE) - 1) < 1e-5);
    }
}

static void normalisation_byTheDataSetOrNone_isTheFilesOrTheIdentity(void **state) {
    (void)state;
    apd_description description = describe();
    for (int kind = 0; kind < 2; kind++) {
        description.data.normalise = kind == 0 ? APD_NORMALISE_DATASET : APD_NORMALISE_UNIT;
        apd_stream *stream = make_stream(&description);
        apd_train_set *set = load(&description, stream, 1, 1, 0, 0);
        const apd_normalisation *found = apd_train_set_normalisation(set);
        for (int c = 0; c < CHANNELS; c++) {
            assert_float_equal(found->mean[c], kind == 0 ? data->mean[c] : 0, 0);
            assert_float_equal(found->deviation[c], kind == 0 ? data->deviation[c] : 1, 0);
        }
        apd_train_set_destroy(set);
        apd_stream_destroy(stream);
    }
}

static void sums_ofOneColourOrNothing_giveADeviationOfOne(void **state) {
    (void)state;
    apd_image_shape shape = {1, 3, 3};
    uint8_t bytes[9];
    float floats[9], out[9];
    memset(bytes, 51, sizeof bytes);
    for (int i = 0; i < 9; i++)
        floats[i] = 0.1f;
    apd_pixel_sums none = {0}, of_bytes = {0}, of_floats = {0};
    for (int i = 0; i < 1000; i++) {
        apd_pixel_sums_add(&of_bytes, shape, false, bytes);
        apd_pixel_sums_add(&of_floats, shape, true, floats);
    }
    apd_normalisation made = apd_pixel_sums_normalisation(&of_bytes, false);
    assert_float_equal(made.mean[0], 0.2f, 1e-9f);
    assert_float_equal(made.deviation[0], 1, 0);
    apd_pixels pixels;
    apd_pixels_init(&pixels, shape, false, &made);
    apd_pixels_gather(&pixels, bytes, (apd_augmentation){0}, out);
    for (int i = 0; i < 9; i++)
        assert_float_equal(out[i], 0, 1e-6f);
    made = apd_pixel_sums_normalisation(&of_floats, true);
    assert_float_equal(made.mean[0], 0.1f, 1e-7f);
    assert_float_equal(made.deviation[0], 1, 0);
    made = apd_pixel_sums_normalisation(&none, false);
    assert_float_equal(made.mean[0], 0, 0);
    assert_float_equal(made.deviation[0], 1, 0);
}

static void sums_ofFloats_giveMeanAndDeviation(void **state) {
    (void)state;
    apd_image_shape shape = {2, 1, 2};
    float first[4] = {1, 2, -10, 10}, second[4] = {3, 6, -10, 10}; /* channel 0: 1 2 3 6; channel 1: +-10 */
    apd_pixel_sums sums = {0};
    apd_pixel_sums_add(&sums, shape, true, first);
    apd_pixel_sums_add(&sums, shape, true, second);
    apd_normalisation made = apd_pixel_sums_normalisation(&sums, true);
    assert_float_equal(made.mean[0], 3, 1e-6f);
    assert_float_equal(made.deviation[0], sqrtf(3.5f), 1e-6f);
    assert_float_equal(made.mean[1], 0, 1e-6f);
    assert_float_equal(made.deviation[1], 10, 1e-6f);
    apd_pixels pixels;
    apd_pixels_init(&pixels, shape, true, &made);
    float out[4];
    apd_pixels_gather(&pixels, second, (apd_augmentation){0}, out);
    assert_float_equal(out[1], 3 / sqrtf(3.5f), 1e-6f);
    assert_float_equal(out[3], 1, 1e-6f);
}

/* --- evaluation -------------------------------------------------------------------------------------------
 */

/* The evaluation pieces of all ranks, put back in the order of the samples: images and labels by sample. */
static int64_t evaluate_all(const apd_description *description, int ranks, int task, apd_part_kind part,
                            float *images, int32_t *labels) {
    apd_stream *stream = make_stream(description);
    apd_normalisation normalisation = {.deviation = {1, 1}};
    int64_t count = 0, seen = 0;
    int batch = description->log.evaluate_batch;
    for (int rank = 0; rank < ranks; rank++) {
        apd_partition partition = part_of(ranks, ranks, rank);
        apd_eval_set *set = NULL;
        assert_int_equal(
            apd_eval_set_load(description, stream, data, &partition, task, part, &normalisation, &set, NULL),
            APD_OK);
        count = apd_eval_set_count(set);
        for (int piece = 0; piece < apd_eval_set_pieces(set); piece++) {
            int64_t first = ((int64_t)piece * ranks + rank) * batch;
            int n = apd_eval_set_gather(set, piece, images + first * SIZE, labels + first);
            assert_int_equal(n, count - first < batch ? count - first : batch);
            seen += n;
        }
        apd_eval_set_destroy(set);
    }
    assert_int_equal(seen, count);
    apd_stream_destroy(stream);
    return count;
}

static void evaluation_atAnyNumberOfRanks_coversThePartInOrder(void **state) {
    (void)state;
    static float images[TRAIN * SIZE];
    int32_t labels[TRAIN];
    static const apd_part_kind parts[] = {APD_PART_TEST, APD_PART_VALIDATION};
    static const int batches[] = {1, 4, 10, 1000};
    apd_description description = describe();
    description.data.validation = 0.3;
    apd_stream *stream = make_stream(&description);
    for (int p = 0; p < 2; p++)
        for (size_t b = 0; b < 4; b++)
            for (int ranks = 1; ranks <= 5; ranks++) {
                description.log.evaluate_batch = batches[b];
                apd_sample *samples;
                apd_split split = p == 0 ? APD_SPLIT_TEST : APD_SPLIT_TRAIN;
                int64_t count = apd_stream_samples(stream, data, 4, 0.3, parts[p], &samples);
                assert_int_equal(evaluate_all(&description, ranks, 4, parts[p], images, labels), count);
                for (int64_t i = 0; i < count; i++) {
                    assert_int_equal(number_of(images + i * SIZE), samples[i].image);
                    assert_int_equal(labels[i], samples[i].label);
                    assert_int_equal(task4[labels[i]], content.labels[split][samples[i].image]);
                    for (int pixel = 0; pixel < SIZE; pixel++)
                        assert_int_equal(byte_of(images[i * SIZE + pixel]),
                                         content.images[split][samples[i].image * SIZE + pixel]);
                }
                free(samples);
            }
    apd_stream_destroy(stream);
}

static void evaluation_ofNothing_hasNoPieces(void **state) {
    (void)state;
    static float images[TEST * SIZE];
    int32_t labels[TEST];
    apd_description description = describe();
    assert_int_equal(evaluate_all(&description, 3, 4, APD_PART_VALIDATION, images, labels), 0);
    description.data.validation = 0.5;
    assert_int_equal(evaluate_all(&description, 2, 0, APD_PART_VALIDATION, images, labels), 0);
    assert_int_equal(evaluate_all(&description, 2, 0, APD_PART_TEST, images, labels), 1);
    apd_eval_set_destroy(NULL);
}

static void validation_andTraining_shareNoImage(void **state) {
    (void)state;
    static float train[TRAIN * SIZE], held[TRAIN * SIZE];
    int32_t labels[TRAIN];
    apd_description description = describe();
    description.data.validation = 0.25;
    int64_t trained = epoch_images(&description, 2, 4, 0, train);
    int64_t kept = evaluate_all(&description, 2, 4, APD_PART_VALIDATION, held, labels);
    assert_int_equal(trained + kept, TRAIN);
    int times[TRAIN] = {0};
    for (int64_t i = 0; i < trained; i++)
        times[number_of(train + i * SIZE)]++;
    for (int64_t i = 0; i < kept; i++)
        times[number_of(held + i * SIZE)]++;
    for (int i = 0; i < TRAIN; i++)
        assert_int_equal(times[i], 1);
}

/* --- files ------------------------------------------------------------------------------------------------
 */

/* Images so large that a task is read in many pieces; each is of one brightness, its number. */
static void load_ofATaskLargerThanAPiece_keepsEveryImage(void **state) {
    (void)state;
    enum { LARGE = 400, PIXELS = LARGE * LARGE, IMAGES = 60 };
    char path[96];
    snprintf(path, sizeof path, "%s/large.h5", folder);
    apd_dataset_content large = {.source = "test_loader", .shape = {1, LARGE, LARGE}, .classes = 1};
    for (int split = 0; split < APD_SPLITS; split++) {
        large.count[split] = split == APD_SPLIT_TRAIN ? IMAGES : 1;
        large.images[split] = apd_allocate(large.count[split] * PIXELS, 1, "images");
        large.labels[split] = apd_allocate(large.count[split], sizeof(int32_t), "labels");
        for (int64_t i = 0; i < large.count[split]; i++)
            memset(large.images[split] + i * PIXELS, (int)i, PIXELS);
    }
    uint64_t digest;
    assert_int_equal(apd_dataset_write(path, &large, &digest, NULL), APD_OK);
    apd_dataset_content_clear(&large);
    apd_dataset *small_data = data;
    assert_int_equal(apd_dataset_open(path, &data, NULL), APD_OK);
    apd_description description = describe_rotation(1, 0);
    description.stream.turns = 2;
    description.training.batch = 2;
    apd_stream *stream = make_stream(&description);
    float *images = apd_allocate(2 * PIXELS, sizeof(float), "a batch");
    int times[IMAGES] = {0};
    for (int rank = 0; rank < 2; rank++) {
        apd_train_set *set = load(&description, stream, 2, 2, rank, 0);
        int32_t labels[2];
        for (int step = 0; step < apd_train_set_steps(set); step++) {
            assert_int_equal(apd_train_set_gather(set, rank, 0, step, images, labels), 1);
            int number = byte_of(images[0]);
            assert_memory_equal(images, images + 1, (PIXELS - 1) * sizeof(float));
            times[number]++;
        }
        apd_train_set_destroy(set);
    }
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(times[i], 2);
    free(images);
    apd_stream_destroy(stream);
    apd_dataset_close(data);
    data = small_data;
    unlink(path);
}

static void load_ofABatchSmallerThanTheShards_isRefused(void **state) {
    (void)state;
    apd_description description = describe();
    description.training.batch = 3;
    apd_stream *stream = make_stream(&description);
    apd_partition partition = part_of(4, 1, 0);
    apd_train_set *set = NULL;
    apd_error error = {0};
    assert_int_equal(apd_train_set_load(&description, stream, data, &partition, 0, &set, &error),
                     APD_ERROR_USAGE);
    assert_null(set);
    assert_non_null(strstr(error.message, "training.batch: 3"));
    assert_non_null(strstr(error.message, "4 or more"));
    apd_train_set_destroy(NULL);
    apd_stream_destroy(stream);
}

/* Overwrite the first place in the file that holds training image `image`; false when it is not stored
 * plainly. */
static bool damage_image(const char *path, int image) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    const uint8_t *found = memmem(bytes, size, content.images[APD_SPLIT_TRAIN] + image * SIZE, SIZE);
    if (found != NULL) {
        assert_int_equal(fseek(file, (long)(found - bytes) + 5, SEEK_SET), 0);
        fputc(found[5] ^ 16, file);
    }
    fclose(file);
    return found != NULL;
}

static void load_ofADamagedImage_isRefusedOnlyByTheTaskThatHasIt(void **state) {
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/damaged.h5", folder);
    uint64_t digest;
    int victim = 0; /* of class 0: in tasks 0 and 4 */
    assert_int_equal(content.labels[APD_SPLIT_TRAIN][victim], 0);
    assert_int_equal(apd_dataset_write(path, &content, &digest, NULL), APD_OK);
    assert_true(damage_image(path, victim));
    apd_dataset *good_data = data;
    assert_int_equal(apd_dataset_open(path, &data, NULL), APD_OK);
    apd_description description = describe();
    apd_stream *stream = make_stream(&description);
    apd_train_set_destroy(load(&description, stream, 1, 1, 0, 3));
    apd_partition partition = part_of(1, 1, 0);
    for (int task = 0; task < TASKS; task += 4) {
        apd_train_set *set = NULL;
        apd_error error = {0};
        apd_status status = apd_train_set_load(&description, stream, data, &partition, task, &set, &error);
        assert_true(status == APD_ERROR_DATA || status == APD_ERROR_IO);
        assert_null(set);
        assert_non_null(strstr(error.message, path));
    }
    apd_stream_destroy(stream);
    apd_dataset_close(data);
    data = good_data;
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_ofAnyShape_usesEverySampleOnceAnEpoch),
        cmocka_unit_test(gather_ofAShardWithoutSamples_givesNone),
        cmocka_unit_test(deal_toShards_balancesClassesWithinOne),
        cmocka_unit_test(gather_atAnyNumberOfRanks_givesTheSameBits),
        cmocka_unit_test(gather_inAnyOrderOfCalls_givesTheSameBits),
        cmocka_unit_test(gather_ofAnotherEpoch_takesTheSamplesInAnotherOrder),
        cmocka_unit_test(augmentation_ofASample_dependsOnSeedTaskEpochAndSampleOnly),
        cmocka_unit_test(augmentation_ofNothing_givesTheImageItself),
        cmocka_unit_test(augmentation_byFlips_mirrorsAboutHalfOfTheImages),
        cmocka_unit_test(augmentation_byShifts_cropsUniformlyFromAPaddedImage),
        cmocka_unit_test(augmentation_ofFloats_flippedTwiceIsTheIdentity),
        cmocka_unit_test(augmentation_beyondTheImage_leavesZeros),
        cmocka_unit_test(gather_withTurns_usesEveryTurnOfEveryImageOnce),
        cmocka_unit_test(normalisation_ofATask_isThatOfItsTrainingImages),
        cmocka_unit_test(normalisation_ofARotatedTask_givesMeanZeroAndDeviationOne),
        cmocka_unit_test(normalisation_byTheDataSetOrNone_isTheFilesOrTheIdentity),
        cmocka_unit_test(sums_ofOneColourOrNothing_giveADeviationOfOne),
        cmocka_unit_test(sums_ofFloats_giveMeanAndDeviation),
        cmocka_unit_test(evaluation_atAnyNumberOfRanks_coversThePartInOrder),
        cmocka_unit_test(evaluation_ofNothing_hasNoPieces),
        cmocka_unit_test(validation_andTraining_shareNoImage),
        cmocka_unit_test(load_ofATaskLargerThanAPiece_keepsEveryImage),
        cmocka_unit_test(load_ofABatchSmallerThanTheShards_isRefused),
        cmocka_unit_test(load_ofADamagedImage_isRefusedOnlyByTheTaskThatHasIt),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

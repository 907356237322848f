/* Batches of the loader: every sample once, the same at any number of ranks, evaluation, bad files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loader_cases.h"

/* --- every sample once ------------------------------------------------------------------------------------
 */

/* Check a micro-batch against the images that it must hold, and count them in `times`. */
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
                    int n = apd_train_set_gather(set, shard, epoch, step, images, labels, NULL);
                    if (apd_train_set_batch_count(set, step) == batch)
                        assert_int_equal(n, apd_partition_micro_batch(&partition, batch, shard));
                    check_batch(description, task, n, images, labels, times[epoch]);
                    gathered[epoch][step] += n;
                }
    }
    int total = 0;
    for (int i = 0; i < description->stream.class_counts[task]; i++)
        total += TRAIN_IMAGES[description->stream.classes[task][i]];
    assert_int_equal(image_count(set), total);
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
    assert_int_equal(image_count(set), 2);
    assert_int_equal(apd_train_set_steps(set), 1);
    assert_int_equal(apd_train_set_gather(set, 3, 0, 0, image, &label, NULL), 0);
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
            int n = apd_train_set_gather(set, shard, 0, step, images, labels, NULL);
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
                        int n = apd_train_set_gather(set, shard, e, step, to, to_labels, NULL);
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
        int n = apd_train_set_gather(set, 1, epoch, 5, first, labels, NULL);
        apd_train_set_gather(set, 0, epoch + 7, 2, again, labels_again, NULL);
        apd_train_set_gather(set, 1, 9, 0, again, labels_again, NULL);
        apd_train_set *fresh = load(&description, stream, 2, 1, 0, 4);
        assert_int_equal(apd_train_set_gather(fresh, 1, epoch, 5, again, labels_again, NULL), n);
        assert_memory_equal(first, again, (size_t)n * SIZE * sizeof(float));
        assert_memory_equal(labels, labels_again, (size_t)n * sizeof *labels);
        apd_train_set_destroy(fresh);
    }
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
}

/* The images of each epoch, in order: no epoch repeats another's order, not even one 65,536 epochs later, and the orders of
 * the first 65,536 epochs never change. The digests come from the first release. */
static void gather_ofAnotherEpoch_takesTheSamplesInAnotherOrder(void **state) {
    (void)state;
    static const struct {
        int epoch;
        uint64_t digest; /* 0: not checked */
    } cases[] = {{0, UINT64_C(0x348f7d2a118d7bfb)},
                 {1, UINT64_C(0x61c941dde33942c3)},
                 {2, UINT64_C(0x94de0424d6c786aa)},
                 {65535, UINT64_C(0xe04ba64cb57ceaf5)},
                 {65536, 0},
                 {65537, 0},
                 {99999, 0}};
    enum { CASES = sizeof cases / sizeof *cases };
    static float images[TRAIN * SIZE];
    int32_t labels[TRAIN], numbers[CASES][TRAIN];
    apd_description description = describe();
    description.training.batch = TRAIN;
    apd_stream *stream = make_stream(&description);
    apd_train_set *set = load(&description, stream, 1, 1, 0, 4);
    for (int c = 0; c < CASES; c++) {
        assert_int_equal(apd_train_set_gather(set, 0, cases[c].epoch, 0, images, labels, NULL), TRAIN);
        for (int i = 0; i < TRAIN; i++)
            numbers[c][i] = number_of(images + i * SIZE);
        if (cases[c].digest != 0)
            assert_true(apd_digest(numbers[c], sizeof numbers[c]) == cases[c].digest);
        for (int before = 0; before < c; before++) {
            int kept = 0; /* one place in TRAIN by chance */
            for (int i = 0; i < TRAIN; i++)
                kept += numbers[before][i] == numbers[c][i];
            assert_true(kept < 10);
        }
    }
    apd_train_set_destroy(set);
    apd_stream_destroy(stream);
}

/* --- evaluation -------------------------------------------------------------------------------------------
 */

/* The evaluation chunks of all ranks in the order of the samples: images and labels by sample. */
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
        for (int chunk = 0; chunk < apd_eval_set_chunks(set); chunk++) {
            int64_t first = ((int64_t)chunk * ranks + rank) * batch;
            int n = apd_eval_set_gather(set, chunk, images + first * SIZE, labels + first);
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

static void evaluation_ofNothing_hasNoChunks(void **state) {
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

/* Images so large that a task is read in many chunks; each has one brightness, its number. */
static void load_ofATaskLargerThanAChunk_keepsEveryImage(void **state) {
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
            assert_int_equal(apd_train_set_gather(set, rank, 0, step, images, labels, NULL), 1);
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
    assert_non_null(strstr(error.message, "training.batch is 3"));
    assert_non_null(strstr(error.message, "4 or more"));
    apd_train_set_destroy(NULL);
    apd_stream_destroy(stream);
}

/* Overwrite the bytes of training image `image` in the file; false if they are not found. */
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
        cmocka_unit_test(evaluation_atAnyNumberOfRanks_coversThePartInOrder),
        cmocka_unit_test(evaluation_ofNothing_hasNoChunks),
        cmocka_unit_test(validation_andTraining_shareNoImage),
        cmocka_unit_test(load_ofATaskLargerThanAChunk_keepsEveryImage),
        cmocka_unit_test(load_ofABatchSmallerThanTheShards_isRefused),
        cmocka_unit_test(load_ofADamagedImage_isRefusedOnlyByTheTaskThatHasIt),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Augmentation, turns and normalisation of the loader's images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loader_cases.h"

/* --- augmentation -----------------------------------------------------------------------------------------
 */

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

/* Pixel (c, y, x) of a crop of training image `image`, mirrored or not; -1 outside the image. */
static int seen_through(int image, bool flip, int down, int right, int pixel) {
    int x = pixel % SIDE, y = pixel / SIDE % SIDE + down, c = pixel / PLANE;
    x = (flip ? SIDE - 1 - x : x) + right;
    if (x < 0 || y < 0 || x >= SIDE || y >= SIDE)
        return -1;
    return content.images[APD_SPLIT_TRAIN][image * SIZE + c * PLANE + y * SIDE + x];
}

/* Whether `out` is that crop of `image`, normalised by the data set; padding is then exactly 0. */
static bool is_view(const float *out, int image, bool flip, int down, int right) {
    for (int pixel = 0; pixel < SIZE; pixel++) {
        int byte = seen_through(image, flip, down, right, pixel), c = pixel / PLANE;
        float value =
            byte < 0 ? 0
                     : ((float)byte / 255 - data->normalisation.mean[c]) / data->normalisation.deviation[c];
        if (byte < 0 ? out[pixel] < 0 || out[pixel] > 0 : fabsf(out[pixel] - value) > 1e-5f)
            return false;
    }
    return true;
}

/* Find which crop each image of an epoch is; counts[flip][down + 2][right + 2]. */
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
    assert_int_equal(image_count(set), 4 * TRAIN);
    for (int step = 0; step < apd_train_set_steps(set); step++) {
        int n = apd_train_set_gather(set, 0, 0, step, images, labels, NULL);
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
            assert_float_equal(found->mean[c], kind == 0 ? data->normalisation.mean[c] : 0, 0);
            assert_float_equal(found->deviation[c], kind == 0 ? data->normalisation.deviation[c] : 1, 0);
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
        apd_pixel_sums_add(&of_bytes, shape, false, 1, bytes);
        apd_pixel_sums_add(&of_floats, shape, true, 1, floats);
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
    apd_pixel_sums_add(&sums, shape, true, 1, first);
    apd_pixel_sums_add(&sums, shape, true, 1, second);
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

int main(void) {
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

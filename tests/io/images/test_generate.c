/* generate: images depend on (seed, class, sample) only, and classes can be told apart, but not by a linear classifier. */
#include "io/images/generate.h"
#include "io/images/png.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static apd_dataset_content generate(apd_generate_settings settings) {
    apd_error error = {0};
    apd_dataset_content content;
    assert_int_equal(apd_generate(&settings, &content, &error), APD_OK);
    return content;
}

static void generate_counts_and_labels_are_as_asked(void **state) {
    (void)state;
    apd_dataset_content content =
        generate((apd_generate_settings){.classes = 3, .train = 4, .test = 2, .size = 16, .seed = 1});
    assert_int_equal(content.shape.channels, 1);
    assert_int_equal(content.shape.height, 16);
    assert_int_equal(content.shape.width, 16);
    assert_int_equal(content.classes, 3);
    assert_int_equal(content.count[0], 12);
    assert_int_equal(content.count[1], 6);
    for (int i = 0; i < 12; i++)
        assert_int_equal(content.labels[0][i], i / 4);
    for (int i = 0; i < 6; i++)
        assert_int_equal(content.labels[1][i], i / 2);
    apd_dataset_content_clear(&content);
}

/* The numbers of classes and images do not change any image. */
static void generate_image_depends_on_its_own_name_alone(void **state) {
    (void)state;
    apd_dataset_content small =
        generate((apd_generate_settings){.classes = 2, .train = 2, .test = 1, .size = 20, .seed = 9});
    apd_dataset_content large =
        generate((apd_generate_settings){.classes = 4, .train = 5, .test = 3, .size = 20, .seed = 9});
    for (int class = 0; class < 2; class ++) {
        for (int i = 0; i < 2; i++)
            assert_memory_equal(small.images[0] + (class * 2 + i) * 400,
                                large.images[0] + (class * 5 + i) * 400, 400);
        assert_memory_equal(small.images[1] + class * 400, large.images[1] + class * 3 * 400, 400);
    }
    apd_dataset_content_clear(&small);
    apd_dataset_content_clear(&large);
}

static void generate_all_images_differ_and_seeds_differ(void **state) {
    (void)state;
    apd_dataset_content a =
        generate((apd_generate_settings){.classes = 5, .train = 6, .test = 6, .size = 28, .seed = 1});
    apd_dataset_content b =
        generate((apd_generate_settings){.classes = 5, .train = 6, .test = 6, .size = 28, .seed = 2});
    for (int i = 0; i < 30; i++)
        for (int k = 0; k < 30; k++) {
            assert_true(i == k || memcmp(a.images[0] + i * 784, a.images[0] + k * 784, 784) != 0);
            assert_memory_not_equal(a.images[0] + i * 784, a.images[1] + k * 784, 784);
            assert_memory_not_equal(a.images[0] + i * 784, b.images[0] + k * 784, 784);
        }
    apd_dataset_content_clear(&a);
    apd_dataset_content_clear(&b);
}

/* Every image has some ink and more paper, at every size. */
static void generate_images_have_ink_and_paper(void **state) {
    (void)state;
    static const int sizes[] = {16, 28, 61, 128};
    for (int k = 0; k < 4; k++) {
        int pixels = sizes[k] * sizes[k];
        apd_dataset_content content = generate(
            (apd_generate_settings){.classes = 10, .train = 3, .test = 1, .size = sizes[k], .seed = 4});
        for (int i = 0; i < 30; i++) {
            const uint8_t *image = content.images[0] + i * pixels;
            double sum = 0, squares = 0;
            for (int p = 0; p < pixels; p++) {
                sum += image[p] / 255.0;
                squares += image[p] / 255.0 * image[p] / 255.0;
            }
            double mean = sum / pixels, deviation = sqrt(squares / pixels - mean * mean);
            assert_true(mean > 0.02 && mean < 0.6);
            assert_true(deviation > 0.08);
        }
        apd_dataset_content_clear(&content);
    }
}

/* Nearest class mean, a linear classifier, is better than chance and far from perfect, over 10 tasks of 5 classes. */
static void generate_pixels_alone_tell_some_but_not_all(void **state) {
    (void)state;
    enum { CLASSES = 50, TRAIN = 60, TEST = 20 };
    apd_dataset_content content = generate(
        (apd_generate_settings){.classes = CLASSES, .train = TRAIN, .test = TEST, .size = 28, .seed = 1});
    static double means[CLASSES][784];
    for (int i = 0; i < CLASSES * TRAIN; i++)
        for (int p = 0; p < 784; p++)
            means[i / TRAIN][p] += content.images[0][i * 784 + p] / (double)TRAIN;
    int correct = 0;
    for (int i = 0; i < CLASSES * TEST; i++) {
        int label = i / TEST, first = label / 5 * 5, best = first;
        double least = INFINITY;
        for (int class = first; class < first + 5; class ++) {
            double distance = 0;
            for (int p = 0; p < 784; p++)
                distance += pow(content.images[1][i * 784 + p] - means[class][p], 2);
            best = distance < least ? class : best;
            least = fmin(distance, least);
        }
        correct += best == label;
    }
    double share = correct / (double)(CLASSES * TEST);
    assert_true(share > 0.35 && share < 0.8);
    apd_dataset_content_clear(&content);
}

static void generate_setting_out_of_range_is_named(void **state) {
    (void)state;
    static const struct {
        apd_generate_settings settings;
        const char *part;
    } rows[] = {{{1, 1, 1, 28, 0}, "classes is 1; it must be 2 to 100000"},
                {{100001, 1, 1, 28, 0}, "classes is 100001"},
                {{2, 0, 1, 28, 0}, "train is 0; it must be 1 to 100000"},
                {{2, 1, -5, 28, 0}, "test is -5"},
                {{2, 1, 1, 15, 0}, "size is 15; it must be 16 to 128"},
                {{2, 1, 1, 129, 0}, "size is 129"},
                {{100000, 100000, 100000, 128, 0}, "more than 64 GiB"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        apd_error error = {0};
        apd_dataset_content content = {0};
        assert_int_equal(apd_generate(&rows[i].settings, &content, &error), APD_ERROR_USAGE);
        assert_non_null(strstr(error.message, rows[i].part));
        assert_null(content.images[0]);
    }
}

static void contact_sheet_shows_the_first_images_of_each_class(void **state) {
    (void)state;
    char data[] = "/tmp/apd-sheet-XXXXXX", png[64];
    int handle = mkstemp(data);
    assert_true(handle >= 0);
    (void)close(handle);
    (void)snprintf(png, sizeof png, "%s.png", data);
    apd_error error = {0};
    apd_dataset_content content =
        generate((apd_generate_settings){.classes = 3, .train = 2, .test = 1, .size = 16, .seed = 1});
    assert_int_equal(apd_dataset_write(data, &content, NULL, &error), APD_OK);
    assert_int_equal(apd_dataset_contact_sheet(data, png, 9, 3, &error), APD_OK);
    apd_image_shape shape;
    assert_int_equal(apd_png_shape(png, &shape, &error), APD_OK);
    assert_int_equal(shape.height, 1 + 3 * 17); /* no more rows than classes */
    assert_int_equal(shape.width, 1 + 3 * 17);
    uint8_t pixels[52 * 52];
    assert_int_equal(apd_png_read(png, shape, pixels, &error), APD_OK);
    for (int i = 0; i < 6; i++)
        for (int row = 0; row < 16; row++)
            assert_memory_equal(pixels + (1 + 17 * (i / 2) + row) * 52 + 1 + 17 * (i % 2),
                                content.images[0] + i * 256 + row * 16, 16);
    assert_int_equal(apd_dataset_contact_sheet(data, png, 0, 3, &error), APD_ERROR_USAGE);
    apd_dataset_content_clear(&content);
    (void)unlink(data);
    (void)unlink(png);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate_counts_and_labels_are_as_asked),
        cmocka_unit_test(generate_image_depends_on_its_own_name_alone),
        cmocka_unit_test(generate_all_images_differ_and_seeds_differ),
        cmocka_unit_test(generate_images_have_ink_and_paper),
        cmocka_unit_test(generate_pixels_alone_tell_some_but_not_all),
        cmocka_unit_test(generate_setting_out_of_range_is_named),
        cmocka_unit_test(contact_sheet_shows_the_first_images_of_each_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

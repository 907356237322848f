/* import: small files of each format, made here byte by byte. If APD_DATA names a folder with the published files
 * (cifar-100/, mnist/, fashion-mnist/, omniglot/), also known facts about them. */
#include "io/images/import.h"
#include "io/images/inflate.h"
#include "io/images/png.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "folder.h"

static int remove_folder(void **state) {
    (void)state;
    run("rm -r '%s'", folder);
    return 0;
}

static void store(const char *name, const void *bytes, size_t size) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static apd_status import(const char *name, const char *path, apd_dataset_content *content, apd_error *error) {
    for (const apd_importer *row = apd_importers; row->name != NULL; row++)
        if (strcmp(row->name, name) == 0)
            return row->read(path, &(apd_import_options){0}, content, error);
    fail_msg("there is no importer %s", name);
    return APD_ERROR_INTERNAL;
}

static void assert_import_fails(const char *name, apd_status status, const char *part) {
    apd_error error = {0};
    apd_dataset_content content = {0};
    assert_int_equal(import(name, folder, &content, &error), status);
    assert_null(content.images[0]);
    if (strstr(error.message, part) == NULL || strstr(error.message, folder) == NULL)
        fail_msg("\"%s\" does not name the place and \"%s\"", error.message, part);
}

/* --- cifar100 ------------------------------------------------------------------------------------------ */

enum { RECORD = 3074 };

static void make_records(uint8_t *records, int first, int count) {
    for (int i = 0; i < count; i++) {
        uint8_t *record = records + i * RECORD;
        record[0] = (uint8_t)((first + i) % 20);
        record[1] = (uint8_t)((first + i) * 7 % 100);
        for (int k = 0; k < 3072; k++)
            record[2 + k] = (uint8_t)((first + i) * 31 + k * k);
    }
}

static void store_records(const char *name, int first, int count) {
    uint8_t *records = malloc((size_t)count * RECORD + 1);
    make_records(records, first, count);
    store(name, records, (size_t)count * RECORD);
    free(records);
}

static void cifar100_parts_in_all_packings_are_joined_in_order(void **state) {
    (void)state;
    store_records("train-1.bin", 0, 3);
    store_records("train-2.bin", 3, 2);
    store_records("train-10.bin", 5, 4);
    store_records("test.bin", 9, 2);
    run("cd '%s' && gzip -k train-1.bin && xz train-2.bin && gzip test.bin", folder);
    apd_error error = {0};
    apd_dataset_content content;
    assert_int_equal(import("cifar100", folder, &content, &error), APD_OK);
    assert_int_equal(content.count[0], 9);
    assert_int_equal(content.count[1], 2);
    for (int i = 0; i < 11; i++) {
        uint8_t record[RECORD];
        int split = i >= 9, place = split == 1 ? i - 9 : i;
        make_records(record, i, 1);
        assert_int_equal(content.coarse[split][place], record[0]);
        assert_int_equal(content.labels[split][place], record[1]);
        assert_memory_equal(content.images[split] + place * 3072, record + 2, 3072);
    }
    assert_null(content.class_names);
    apd_dataset_content_clear(&content);
    store_records("train.bin", 20, 1); /* the whole file is taken before its parts */
    assert_int_equal(import("cifar100", folder, &content, &error), APD_OK);
    assert_int_equal(content.count[0], 1);
    apd_dataset_content_clear(&content);
}

static void cifar100_wrong_files_are_named(void **state) {
    (void)state;
    uint8_t record[RECORD] = {19, 100};
    assert_import_fails("cifar100", APD_ERROR_IO, "there is no train.bin");
    store_records("test.bin", 0, 1);
    store("train.bin", record, RECORD);
    assert_import_fails("cifar100", APD_ERROR_DATA,
                        "train.bin: record 0: has coarse label 19 and fine label 100");
    store("train.bin", record, RECORD - 1);
    assert_import_fails("cifar100", APD_ERROR_DATA, "its size in bytes is 3073; it must be a multiple");
    store("train.bin", record, 0);
    assert_import_fails("cifar100", APD_ERROR_DATA, "its size in bytes is 0");
    store_records("train.bin", 0, 1);
    store("fine_label_names.txt", "apple\nbear\n", 11);
    assert_import_fails("cifar100", APD_ERROR_DATA,
                        "fine_label_names.txt: the number of names is 2; it must be 100");
}

static void packed_file_cut_or_changed_is_refused(void **state) {
    (void)state;
    static const char *const packers[] = {"gzip", "xz"};
    static const char *const endings[] = {"gz", "xz"};
    store_records("test.bin", 0, 1);
    for (int i = 0; i < 2; i++) {
        store_records("train.bin", 0, 4);
        run("cd '%s' && %s -c train.bin > whole && head -c -9 whole > train.bin.%s && rm train.bin", folder,
            packers[i], endings[i]);
        assert_import_fails("cifar100", APD_ERROR_DATA, "cut short");
        run("cd '%s' && cp whole train.bin.%s && printf 'x' | dd of=train.bin.%s bs=1 seek=400 conv=notrunc "
            "status=none",
            folder, endings[i], endings[i]);
        assert_import_fails("cifar100", APD_ERROR_DATA, "damaged");
        run("rm '%s/train.bin.%s'", folder, endings[i]);
    }
}

/* --- mnist --------------------------------------------------------------------------------------------- */

static void store_idx(const char *images_name, const char *labels_name, int count, int side) {
    uint8_t images[16 + 64 * 16] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)count, 0, 0, 0, (uint8_t)side, 0, 0, 0, 4};
    uint8_t labels[8 + 64] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)count};
    for (int i = 0; i < count * side * 4; i++)
        images[16 + i] = (uint8_t)(i * 11);
    for (int i = 0; i < count; i++)
        labels[8 + i] = (uint8_t)(i % 5);
    store(images_name, images, 16 + (size_t)(count * side * 4));
    store(labels_name, labels, 8 + (size_t)count);
}

static void mnist_small_files_are_read(void **state) {
    (void)state;
    store_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 9, 3);
    store_idx("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", 2, 3);
    run("cd '%s' && xz train-images-idx3-ubyte && gzip train-labels-idx1-ubyte", folder);
    apd_error error = {0};
    apd_dataset_content content;
    assert_int_equal(import("mnist", folder, &content, &error), APD_OK);
    assert_int_equal(content.shape.channels, 1);
    assert_int_equal(content.shape.height, 3);
    assert_int_equal(content.shape.width, 4);
    assert_int_equal(content.classes, 5);
    assert_int_equal(content.count[0], 9);
    assert_int_equal(content.count[1], 2);
    for (int i = 0; i < 9; i++)
        assert_int_equal(content.labels[0][i], i % 5);
    for (int i = 0; i < 9 * 12; i++)
        assert_int_equal(content.images[0][i], (uint8_t)(i * 11));
    apd_dataset_content_clear(&content);
}

static void mnist_wrong_files_are_named(void **state) {
    (void)state;
    const uint8_t none[16] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4};
    const uint8_t many[16] = {0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 15, 255, 0, 0, 15, 255};
    assert_import_fails("mnist", APD_ERROR_IO, "there is no train-images-idx3-ubyte");
    store_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 9, 3);
    store_idx("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 2, 4);
    assert_import_fails("mnist", APD_ERROR_DATA, "its images are 4 x 4, and the training images 3 x 4");
    store_idx("t10k-images-idx3-ubyte", "unused", 3, 3);
    assert_import_fails("mnist", APD_ERROR_DATA, "the number of labels is 2");
    store_idx("t10k-labels-idx1-ubyte", "unused", 3, 3);
    assert_import_fails("mnist", APD_ERROR_DATA, "begins with 0x00000803; an idx file");
    store("t10k-images-idx3-ubyte", none, sizeof none);
    assert_import_fails("mnist", APD_ERROR_DATA, "dimension 0 is 0");
    store("t10k-images-idx3-ubyte", many, sizeof many);
    assert_import_fails("mnist", APD_ERROR_DATA, "its size in bytes is 16, and its header says");
    store("t10k-images-idx3-ubyte", many, 7);
    assert_import_fails("mnist", APD_ERROR_DATA, "its size in bytes is 7; an idx header has 16");
}

/* --- images -------------------------------------------------------------------------------------------- */

static void store_png(const char *name, int channels, int height, int width, uint8_t first) {
    char path[256];
    apd_error error = {0};
    uint8_t pixels[3 * 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int i = 0; i < channels * height * width; i++)
        pixels[i] = (uint8_t)(first + i);
    apd_image_shape shape = {channels, height, width};
    assert_int_equal(apd_png_write(path, shape, pixels, &error), APD_OK);
}

static void images_without_split_give_each_sixth_to_test(void **state) {
    (void)state;
    run("mkdir '%s/cat' '%s/bee'", folder, folder);
    for (int i = 0; i < 13; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cat/%d.png", i);
        store_png(name, i == 3 ? 3 : 1, 2, 3, (uint8_t)(10 * i));
    }
    store_png("bee/a.PNG", 1, 2, 3, 200);
    store_png("bee/b.png", 1, 2, 3, 100);
    store("bee/notes.txt", "x", 1);
    apd_error error = {0};
    apd_dataset_content content;
    assert_int_equal(import("images", folder, &content, &error), APD_OK);
    assert_int_equal(content.classes, 2);
    assert_string_equal(content.class_names[0], "bee");
    assert_string_equal(content.class_names[1], "cat");
    assert_int_equal(content.shape.channels, 3);
    assert_int_equal(content.count[0], 1 + 11);
    assert_int_equal(content.count[1], 1 + 2);
    assert_int_equal(content.labels[1][0], 0);
    assert_int_equal(content.images[1][0], 100);
    assert_int_equal(content.images[1][18], 50); /* cat/5.png: grey in three equal planes */
    assert_int_equal(content.images[1][18 + 6], 50);
    assert_int_equal(content.images[1][36], 110);       /* cat/11.png comes after cat/9.png */
    const uint8_t *colour = content.images[0] + 18 * 4; /* bee/a, cat/0, 1, 2, then 3 */
    for (int i = 0; i < 18; i++)
        assert_int_equal(colour[i], 30 + i);
    apd_dataset_content_clear(&content);
}

static void images_with_split_folders_keep_the_split(void **state) {
    (void)state;
    run("cd '%s' && mkdir -p train/x train/y test/x test/y", folder);
    store_png("train/x/0.png", 1, 4, 4, 1);
    store_png("train/y/0.png", 1, 4, 4, 2);
    store_png("test/x/0.png", 1, 4, 4, 3);
    store_png("test/y/0.png", 1, 4, 4, 4);
    apd_error error = {0};
    apd_dataset_content content;
    assert_int_equal(import("images", folder, &content, &error), APD_OK);
    for (int split = 0; split < APD_SPLITS; split++)
        for (int i = 0; i < 2; i++) {
            assert_int_equal(content.labels[split][i], i);
            assert_int_equal(content.images[split][16 * i], 1 + 2 * split + i);
        }
    apd_dataset_content_clear(&content);
    run("cd '%s' && mkdir test/z && cp test/x/0.png test/z", folder);
    assert_import_fails("images", APD_ERROR_DATA, "class z has 0 training images and 1 test image");
    run("cd '%s' && mkdir train/z && mv test/z/0.png train/z", folder);
    assert_import_fails("images", APD_ERROR_DATA, "class z has 1 training image and 0 test images");
}

static void images_wrong_files_are_named(void **state) {
    (void)state;
    assert_import_fails("images", APD_ERROR_DATA, "there are no images; a folder of PNG or JPEG files");
    run("mkdir '%s/a'", folder);
    assert_import_fails("images", APD_ERROR_DATA, "there are no images");
    store_png("a/1.png", 1, 4, 4, 1);
    assert_import_fails("images", APD_ERROR_DATA,
                        "class a has 0 training images and 1 test image; each class needs");
    store_png("a/2.png", 1, 4, 5, 1);
    assert_import_fails("images", APD_ERROR_DATA, "2.png: is 4 x 5 (height x width), and ");
    store("a/2.png", "not a png at all", 16);
    assert_import_fails("images", APD_ERROR_DATA, "2.png: neither a PNG nor a JPEG file");
}

static void png_cut_or_changed_never_crashes(void **state) {
    (void)state;
    char path[256];
    uint8_t good[4096], changed[4096], pixels[48];
    store_png("x.png", 3, 4, 4, 7);
    (void)snprintf(path, sizeof path, "%s/x.png", folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(good, 1, sizeof good, file);
    (void)fclose(file);
    apd_image_shape shape = {3, 4, 4};
    for (size_t cut = 0; cut < size; cut++) {
        apd_error error = {0};
        store("x.png", good, cut);
        assert_int_equal(apd_png_read(path, shape, pixels, &error), APD_ERROR_DATA);
    }
    for (size_t at = 0; at < 8 * size; at++) {
        apd_error error = {0};
        memcpy(changed, good, size);
        changed[at / 8] ^= (uint8_t)(1U << at % 8);
        store("x.png", changed, size);
        apd_status status = apd_png_read(path, shape, pixels, &error);
        assert_true(status == APD_OK || (status == APD_ERROR_DATA && error.message[0] != '\0'));
    }
}

/* --- omniglot ------------------------------------------------------------------------------------------ */

static void omniglot_missing_drawer_or_tree_is_named(void **state) {
    (void)state;
    assert_import_fails("omniglot", APD_ERROR_IO, "there is no folder images_background");
    run("cd '%s' && mkdir -p images_background/Greek/character01 images_evaluation", folder);
    assert_import_fails("omniglot", APD_ERROR_DATA,
                        "character01: the number of PNG files is 0; it must be 20");
    store_png("images_background/Greek/character01/0001_21.png", 1, 4, 4, 0);
    assert_import_fails("omniglot", APD_ERROR_DATA, "0001_21.png: its name is not ID_DRAWER.png");
}

/* --- the published files ------------------------------------------------------------------------------- */

static const char *data_folder(void) {
    const char *path = getenv("APD_DATA");
    if (path == NULL) {
        print_message("APD_DATA is not set: the published files are not checked\n");
        skip();
    }
    return path;
}

static void histogram(const int32_t *labels, int64_t count, int classes, int64_t *out) {
    memset(out, 0, (size_t)classes * sizeof *out);
    for (int64_t i = 0; i < count; i++) {
        assert_true(labels[i] >= 0 && labels[i] < classes);
        out[labels[i]]++;
    }
}

static void moments(const uint8_t *bytes, int64_t count, double *mean, double *deviation) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += bytes[i];
        squares += (double)bytes[i] * bytes[i];
    }
    *mean = sum / (double)count / 255.0;
    *deviation = sqrt(squares / (double)count - sum / (double)count * (sum / (double)count)) / 255.0;
}

static void mnist_published_files_have_the_known_numbers(void **state) {
    (void)state;
    static const struct {
        const char *folder;
        double mean, deviation;
        int64_t zeros, ones; /* training labels 0 and 1 */
    } sets[] = {{"mnist", 0.1307, 0.3081, 5923, 6742}, {"fashion-mnist", 0.2860, 0.3530, 6000, 6000}};
    const char *data = data_folder();
    for (int i = 0; i < 2; i++) {
        char path[512];
        apd_error error = {0};
        apd_dataset_content content;
        int64_t counts[10];
        double mean, deviation;
        (void)snprintf(path, sizeof path, "%s/%s", data, sets[i].folder);
        assert_int_equal(import("mnist", path, &content, &error), APD_OK);
        assert_int_equal(content.count[0], 60000);
        assert_int_equal(content.count[1], 10000);
        assert_int_equal(content.classes, 10);
        histogram(content.labels[0], 60000, 10, counts);
        assert_int_equal(counts[0], sets[i].zeros);
        assert_int_equal(counts[1], sets[i].ones);
        moments(content.images[0], 60000 * 784, &mean, &deviation);
        assert_true(fabs(mean - sets[i].mean) < 5e-5);
        assert_true(fabs(deviation - sets[i].deviation) < 5e-5);
        apd_dataset_content_clear(&content);
    }
}

/* The test file in both places: the training files take half a minute to unpack, and check_import.py checks them. */
static void cifar100_published_test_file_has_the_known_counts(void **state) {
    (void)state;
    const char *data = data_folder();
    run("ln -s '%s/cifar-100/test.bin.xz' '%s/test.bin.xz' && ln -s test.bin.xz '%s/train-1.bin.xz' && "
        "cp '%s'/cifar-100/*_label_names.txt '%s'",
        data, folder, folder, data, folder);
    apd_error error = {0};
    apd_dataset_content content;
    int64_t fine[100], coarse[20];
    assert_int_equal(import("cifar100", folder, &content, &error), APD_OK);
    assert_int_equal(content.count[0], 10000);
    histogram(content.labels[1], 10000, 100, fine);
    histogram(content.coarse[1], 10000, 20, coarse);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fine[i], 100);
    for (int i = 0; i < 20; i++)
        assert_int_equal(coarse[i], 500);
    assert_string_equal(content.class_names[0], "apple");
    assert_string_equal(content.class_names[99], "worm");
    assert_string_equal(content.coarse_names[0], "aquatic_mammals");
    for (int i = 0; i < 10000; i++) /* class 0, apple, is in superclass 4, fruit and vegetables */
        assert_true(content.labels[1][i] != 0 || content.coarse[1][i] == 4);
    apd_dataset_content_clear(&content);
}

/* How many of the class's images in `turned` are the image `of` (28, 28) turned so often; counted for training and for both. */
static int count_turned(const apd_dataset_content *turned, int64_t class, const uint8_t *of, int turns,
                        int *training) {
    uint8_t now[784], next[784];
    int count = 0;
    memcpy(now, of, sizeof now);
    for (int t = 0; t < turns; t++) {
        for (int y = 0; y < 28; y++)
            for (int x = 0; x < 28; x++)
                next[(27 - x) * 28 + y] = now[y * 28 + x]; /* counter-clockwise */
        memcpy(now, next, sizeof now);
    }
    for (int split = 0; split < 2; split++)
        for (int64_t i = class * (split == 0 ? 60 : 20), end = i + (split == 0 ? 60 : 20); i < end; i++) {
            const bool same = memcmp(turned->images[split] + i * 784, now, 784) == 0;
            assert_int_equal(turned->labels[split][i], class);
            count += same;
            *training += same && split == 0;
        }
    return count;
}

static void assert_turned(const apd_dataset_content *plain, const apd_dataset_content *turned) {
    assert_int_equal(turned->count[0], 1623 * 60);
    assert_int_equal(turned->count[1], 1623 * 20);
    for (int64_t class = 0; class < 1623; class += 541) {
        int in_both = 0;
        for (int drawer = 0; drawer < 20; drawer++) {
            const uint8_t *drawing = drawer < 15 ? plain->images[0] + (class * 15 + drawer) * 784
                                                 : plain->images[1] + (class * 5 + drawer - 15) * 784;
            int training = 0;
            for (int turns = 0; turns < 4; turns++)
                assert_int_equal(count_turned(turned, class, drawing, turns, &training), 1);
            in_both += training > 0 && training < 4;
        }
        assert_true(in_both > 4); /* of twenty; by lot fourteen */
    }
}

static void omniglot_published_files_have_the_known_counts(void **state) {
    (void)state;
    const char *data = data_folder();
    run("cd '%s' && tar -xJf '%s/omniglot/images_background.tar.xz' && "
        "tar -xJf '%s/omniglot/images_evaluation.tar.xz'",
        folder, data, data);
    apd_error error = {0};
    apd_dataset_content content;
    assert_int_equal(import("omniglot", folder, &content, &error), APD_OK);
    assert_int_equal(content.classes, 1623);
    assert_int_equal(content.coarse_classes, 50);
    assert_int_equal(content.count[0], 1623 * 15);
    assert_int_equal(content.count[1], 1623 * 5);
    assert_string_equal(content.class_names[0], "Alphabet_of_the_Magi/character01");
    assert_string_equal(content.coarse_names[0], "Alphabet_of_the_Magi");
    assert_string_equal(content.coarse_names[30], "Angelic");
    for (int64_t i = 0; i < content.count[0]; i++)
        assert_int_equal(content.labels[0][i], i / 15);
    int64_t ink = 0;
    for (int64_t i = 0; i < content.count[0] * 784; i++)
        ink += content.images[0][i] > 127;
    assert_true(ink > 0 && ink < content.count[0] * 784 / 5); /* ink is bright, and the smaller part */
    for (int64_t class = 1; class < 1623;
         class ++) /* 964 background characters, then 659 others, each sorted */
        assert_true(class == 964 || strcmp(content.class_names[class - 1], content.class_names[class]) < 0);
    assert_string_equal(content.class_names[963], "Tifinagh/character55");
    assert_string_equal(content.class_names[964], "Angelic/character01");
    apd_dataset_content turned;
    assert_int_equal(import("omniglot-turned", folder, &turned, &error), APD_OK);
    assert_turned(&content, &turned);
    apd_dataset_content_clear(&turned);
    apd_dataset_content_clear(&content);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(cifar100_parts_in_all_packings_are_joined_in_order),
        CASE(cifar100_wrong_files_are_named),
        CASE(packed_file_cut_or_changed_is_refused),
        CASE(mnist_small_files_are_read),
        CASE(mnist_wrong_files_are_named),
        CASE(images_without_split_give_each_sixth_to_test),
        CASE(images_with_split_folders_keep_the_split),
        CASE(images_wrong_files_are_named),
        CASE(png_cut_or_changed_never_crashes),
        CASE(omniglot_missing_drawer_or_tree_is_named),
        CASE(mnist_published_files_have_the_known_numbers),
        CASE(cifar100_published_test_file_has_the_known_counts),
        CASE(omniglot_published_files_have_the_known_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

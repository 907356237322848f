/* dataset: files read back as written; files of other programs and damaged ones are read or refused with one line. */
#include "base/random.h"
#include "io/data/dataset.h"
#include "io/hdf5/h5.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

static char data_path[128];

static int set_up(void **state) {
    int status = make_folder(state);
    (void)snprintf(data_path, sizeof data_path, "%s/data.h5", folder);
    return status;
}

/* Every file is closed, whatever failed before. */
static int remove_folder(void **state) {
    (void)state;
    ssize_t handles = H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
    if (handles != 0) {
        print_error("%d HDF5 files and objects are left open\n", (int)handles);
        return -1;
    }
    (void)unlink(data_path);
    return rmdir(folder);
}

/* --- files of our own ---------------------------------------------------------------------------------- */

enum { TRAIN = 7, TEST = 3, CHANNELS = 2, HEIGHT = 3, WIDTH = 5, PIXELS = CHANNELS * HEIGHT * WIDTH };

static uint8_t images[APD_SPLITS][TRAIN * PIXELS];
static int32_t labels[APD_SPLITS][TRAIN] = {{0, 3, 1, 2, 3, 0, 1}, {2, 3, 0}};
static int32_t coarse[APD_SPLITS][TRAIN] = {{0, 1, 0, 1, 1, 0, 0}, {1, 1, 0}};
static char *class_names[] = {"apple", "", "\xc3\xa9l\xc3\xa9phant", "a much longer name"};
static char *coarse_names[] = {"one", "two"};

static apd_dataset_content make_content(void) {
    apd_random random = apd_random_stream(5, APD_RANDOM_TEST, 0, 0);
    for (int split = 0; split < APD_SPLITS; split++)
        for (int i = 0; i < TRAIN * PIXELS; i++)
            images[split][i] = (uint8_t)apd_random_bits(&random, split * TRAIN * PIXELS + i);
    return (apd_dataset_content){.source = "a test",
                                 .shape = {CHANNELS, HEIGHT, WIDTH},
                                 .count = {TRAIN, TEST},
                                 .images = {images[0], images[1]},
                                 .labels = {labels[0], labels[1]},
                                 .coarse = {coarse[0], coarse[1]},
                                 .classes = 4,
                                 .coarse_classes = 2,
                                 .class_names = class_names,
                                 .coarse_names = coarse_names};
}

static void write_good_file(void) {
    apd_dataset_content content = make_content();
    apd_error error = {0};
    assert_int_equal(apd_dataset_write(data_path, &content, NULL, &error), APD_OK);
}

static void assert_open_fails(apd_status status, const char *part) {
    apd_error error = {0};
    apd_dataset *dataset = NULL;
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), status);
    assert_null(dataset);
    if (strstr(error.message, part) == NULL || strstr(error.message, data_path) == NULL)
        fail_msg("\"%s\" does not name the file and \"%s\"", error.message, part);
}

static void open_written_file_has_everything(void **state) {
    (void)state;
    apd_dataset_content content = make_content();
    apd_error error = {0};
    apd_dataset *dataset;
    uint64_t digest;
    assert_int_equal(apd_dataset_write(data_path, &content, &digest, &error), APD_OK);
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    assert_int_equal(dataset->shape.channels, CHANNELS);
    assert_int_equal(dataset->shape.height, HEIGHT);
    assert_int_equal(dataset->shape.width, WIDTH);
    assert_false(dataset->is_float);
    assert_int_equal(dataset->image_bytes, PIXELS);
    assert_int_equal(dataset->count[0], TRAIN);
    assert_int_equal(dataset->count[1], TEST);
    assert_int_equal(dataset->classes, 4);
    assert_int_equal(dataset->coarse_classes, 2);
    assert_true(dataset->digest == digest);
    for (int split = 0; split < APD_SPLITS; split++) {
        size_t bytes = (size_t)dataset->count[split] * sizeof(int32_t);
        assert_memory_equal(dataset->labels[split], labels[split], bytes);
        assert_memory_equal(dataset->coarse[split], coarse[split], bytes);
    }
    for (int i = 0; i < 4; i++)
        assert_string_equal(dataset->class_names[i], class_names[i]);
    assert_string_equal(dataset->coarse_names[1], "two");
    apd_dataset_close(dataset);
}

static void open_written_file_has_the_pixels_moments(void **state) {
    (void)state;
    write_good_file();
    apd_error error = {0};
    apd_dataset *dataset;
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    for (int c = 0; c < CHANNELS; c++) {
        double mean = 0, spread = 0;
        int values = TRAIN * HEIGHT * WIDTH;
        for (int pass = 0; pass < 2; pass++)
            for (int n = 0; n < TRAIN; n++)
                for (int i = 0; i < HEIGHT * WIDTH; i++) {
                    double value = images[0][(n * CHANNELS + c) * HEIGHT * WIDTH + i] / 255.0;
                    if (pass == 0)
                        mean += value / values;
                    else
                        spread += (value - mean) * (value - mean) / values;
                }
        assert_true(fabs((double)dataset->normalisation.mean[c] - mean) < 1e-6);
        assert_true(fabs((double)dataset->normalisation.deviation[c] - sqrt(spread)) < 1e-6);
    }
    apd_dataset_close(dataset);
}

static void read_any_order_gives_those_images(void **state) {
    (void)state;
    static const int64_t orders[][6] = {{0, 1, 2, 3, 4, 5}, {6, 5, 4, 3, 2, 1}, {2, 3, 3, 4, 0, 6}};
    write_good_file();
    apd_error error = {0};
    apd_dataset *dataset;
    uint8_t out[6 * PIXELS];
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        memset(out, 0, sizeof out);
        assert_int_equal(apd_dataset_read(dataset, APD_SPLIT_TRAIN, orders[k], 6, out, &error), APD_OK);
        for (int i = 0; i < 6; i++)
            assert_memory_equal(out + i * PIXELS, images[0] + orders[k][i] * PIXELS, PIXELS);
    }
    assert_int_equal(apd_dataset_read(dataset, APD_SPLIT_TEST, orders[0], 0, NULL, &error), APD_OK);
    apd_dataset_close(dataset);
}

static void write_one_black_image_of_one_class_opens(void **state) {
    (void)state;
    uint8_t black[1] = {0};
    int32_t zero[1] = {0};
    apd_dataset_content content = {.source = "",
                                   .shape = {1, 1, 1},
                                   .count = {1, 1},
                                   .images = {black, black},
                                   .labels = {zero, zero},
                                   .classes = 1};
    apd_error error = {0};
    apd_dataset *dataset;
    assert_int_equal(apd_dataset_write(data_path, &content, NULL, &error), APD_OK);
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    assert_int_equal(dataset->classes, 1);
    assert_int_equal(dataset->coarse_classes, 0);
    assert_null(dataset->class_names);
    assert_true(dataset->normalisation.mean[0] == 0.0F && dataset->normalisation.deviation[0] == 1.0F);
    apd_dataset_close(dataset);
}

static void write_into_missing_folder_says_io(void **state) {
    (void)state;
    apd_dataset_content content = make_content();
    apd_error error = {0};
    uint64_t digest = 17;
    assert_int_equal(apd_dataset_write("/tmp/apd-no-such-folder/x.h5", &content, &digest, &error),
                     APD_ERROR_IO);
    assert_non_null(strstr(error.message, "/tmp/apd-no-such-folder/x.h5"));
    assert_non_null(strstr(error.message, "No such file"));
    assert_true(digest == 17);
}

/* --- refusals while writing ---------------------------------------------------------------------------- */

enum { LARGE = 256, SIDE = 64 };

/* A megabyte of images, more than HDF5 caches. */
static apd_dataset_content make_large_content(uint8_t *pixels, int32_t *zeros) {
    apd_random random = apd_random_stream(6, APD_RANDOM_TEST, 0, 0);
    for (int i = 0; i < LARGE * SIDE * SIDE; i++)
        pixels[i] = (uint8_t)apd_random_bits(&random, i);
    return (apd_dataset_content){.source = "a test",
                                 .shape = {1, SIDE, SIDE},
                                 .count = {LARGE, 1},
                                 .images = {pixels, pixels},
                                 .labels = {zeros, zeros},
                                 .classes = 1};
}

static uint8_t *load(size_t *size) {
    FILE *file = fopen(data_path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 21);
    *size = fread(bytes, 1, 1 << 21, file);
    assert_true(*size > 0 && *size < 1 << 21);
    (void)fclose(file);
    return bytes;
}

static void limit_files(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void write_no_room_at_any_point_keeps_the_former_file(void **state) {
    (void)state;
    static uint8_t pixels[LARGE * SIDE * SIDE];
    static int32_t zeros[LARGE];
    apd_dataset_content content = make_large_content(pixels, zeros);
    apd_error error = {0};
    char temporary[160];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", data_path);
    assert_int_equal(apd_dataset_write(data_path, &content, NULL, &error), APD_OK);
    size_t size, size_now;
    uint8_t *former = load(&size);
    assert_true(size > LARGE * SIDE * SIDE);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i <= 16; i++) {
        apd_error refusal = {0};
        uint64_t digest = 17;
        limit_files((rlim_t)(i == 16 ? size - 1 : size * i / 16));
        apd_status status = apd_dataset_write(data_path, &content, &digest, &refusal);
        limit_files(RLIM_INFINITY);
        assert_int_equal(status, APD_ERROR_IO);
        assert_non_null(strstr(refusal.message, "cannot write the file: File too large"));
        assert_non_null(strstr(refusal.message, data_path));
        assert_true(digest == 17 && access(temporary, F_OK) != 0);
        assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
        uint8_t *now = load(&size_now);
        assert_true(size_now == size && memcmp(now, former, size) == 0);
        free(now);
    }
    free(former);
    assert_int_equal(apd_dataset_write(data_path, &content, NULL, &error), APD_OK);
}

/* --- damage -------------------------------------------------------------------------------------------- */

static void store(const uint8_t *bytes, size_t size) {
    FILE *file = fopen(data_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    (void)fclose(file);
}

/* Flip a bit of byte `at` of the bytes `pattern` in the file. */
static void flip(const void *pattern, size_t length, size_t at) {
    size_t size;
    uint8_t *bytes = load(&size);
    uint8_t *place = memmem(bytes, size, pattern, length);
    assert_non_null(place);
    place[at] ^= 4;
    store(bytes, size);
    free(bytes);
}

static void read_flipped_pixel_names_its_image(void **state) {
    (void)state;
    const int64_t indices[] = {3, 4, 5};
    uint8_t out[3 * PIXELS];
    write_good_file();
    flip(images[0], sizeof images[0], 4 * PIXELS + 11);
    apd_error error = {0};
    apd_dataset *dataset;
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    assert_int_equal(apd_dataset_read(dataset, APD_SPLIT_TRAIN, indices, 1, out, &error), APD_OK);
    assert_int_equal(apd_dataset_read(dataset, APD_SPLIT_TRAIN, indices, 3, out, &error), APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "/train/images: image 4 "));
    apd_dataset_close(dataset);
}

static void open_flipped_label_says_edited(void **state) {
    (void)state;
    write_good_file();
    flip(labels[0], sizeof labels[0], 4);
    assert_open_fails(APD_ERROR_DATA, "labels or image digests are not those that were written");
}

static void open_cut_file_fails_at_every_length(void **state) {
    (void)state;
    write_good_file();
    size_t size;
    uint8_t *bytes = load(&size);
    for (size_t cut = 0; cut < size; cut += 61) {
        store(bytes, cut);
        assert_open_fails(APD_ERROR_DATA, "not such a file, or damaged");
    }
    free(bytes);
}

/* A file with one to four damaged bytes is refused or gives exactly the contents that were written. */
static void open_mutated_file_never_crashes_or_lies(void **state) {
    (void)state;
    static const int64_t all[TRAIN] = {0, 1, 2, 3, 4, 5, 6};
    apd_random random = apd_random_stream(6, APD_RANDOM_TEST, 1, 0);
    write_good_file();
    size_t size;
    uint8_t *bytes = load(&size), out[TRAIN * PIXELS];
    int found = 0;
    for (int64_t trial = 0; trial < 1500; trial++) {
        uint8_t *changed = malloc(size);
        memcpy(changed, bytes, size);
        for (int64_t k = 0; k <= trial % 4; k++)
            changed[apd_random_below(&random, 8 * trial + k, (int64_t)size)] ^=
                (uint8_t)(1 + apd_random_below(&random, 8 * trial + 4 + k, 255));
        store(changed, size);
        free(changed);
        apd_error error = {0};
        apd_dataset *dataset = NULL;
        apd_status status = apd_dataset_open(data_path, &dataset, &error);
        if (status == APD_OK)
            status = apd_dataset_read(dataset, APD_SPLIT_TRAIN, all, TRAIN, out, &error);
        if (status == APD_OK)
            assert_memory_equal(out, images[0], sizeof out);
        else
            assert_true(error.message[0] != '\0');
        found += status != APD_OK;
        apd_dataset_close(dataset);
    }
    assert_true(found > 500);
    free(bytes);
}

static void open_missing_file_says_io(void **state) {
    (void)state;
    (void)unlink(data_path);
    assert_open_fails(APD_ERROR_IO, "No such file or directory");
}

static void open_text_file_says_not_hdf5(void **state) {
    (void)state;
    store((const uint8_t *)"hello", 5);
    assert_open_fails(APD_ERROR_DATA, "HDF5");
}

/* --- files of others ----------------------------------------------------------------------------------- */

/* A file with the required data sets only; each row of the table changes something in it. */
typedef struct foreign {
    const char *complaint; /* part of the message; NULL if the file is good */
    hid_t image_type;
    int image_rank;
    hsize_t test_width;
    int64_t label_count;
    int64_t third_label;
    int names; /* 0: no /class_names */
    bool coarse_in_train, no_test_labels, unwritten_images;
} foreign;

static void write_split(hid_t file, const foreign *what, int split) {
    char name[64];
    apd_error error = {0};
    float pixels[4 * 12] = {0};
    int64_t numbers[4] = {0, 1, what->third_label, 1};
    hsize_t width = split == 1 && what->test_width > 0 ? what->test_width : 4;
    hsize_t sizes[4] = {4, 1, 3, width}, count = (hsize_t)what->label_count;
    for (int i = 0; i < 48; i++)
        pixels[i] = (float)(i % 5);
    const char *parts[] = {"train", "test"};
    (void)snprintf(name, sizeof name, "/%s/images", parts[split]);
    if (what->unwritten_images) {
        hsize_t huge[4] = {1 << 30, 16, 4096, 4096};
        hid_t set = -1;
        assert_int_equal(apd_h5_set_create(file, name, what->image_type, 4, huge, true, &set, &error),
                         APD_OK);
        apd_h5_set_close(set);
    } else {
        assert_int_equal(apd_h5_write(file, name, what->image_type, what->image_rank, sizes, split == 0,
                                      H5T_NATIVE_FLOAT, pixels, &error),
                         APD_OK);
    }
    (void)snprintf(name, sizeof name, "/%s/labels", parts[split]);
    if (split == 0 || !what->no_test_labels)
        assert_int_equal(
            apd_h5_write(file, name, H5T_STD_I64BE, 1, &count, false, H5T_NATIVE_INT64, numbers, &error),
            APD_OK);
    if (split == 0 && what->coarse_in_train)
        assert_int_equal(apd_h5_write(file, "/train/coarse_labels", H5T_STD_U8LE, 1, &count, false,
                                      H5T_NATIVE_INT64, numbers, &error),
                         APD_OK);
}

static void write_foreign(const foreign *what) {
    apd_error error = {0};
    hid_t file;
    char *names[] = {"a", "b", "c", "d", "e"};
    assert_int_equal(apd_h5_create(data_path, &file, &error), APD_OK);
    for (int split = 0; split < APD_SPLITS; split++)
        write_split(file, what, split);
    if (what->names > 0)
        assert_int_equal(apd_h5_texts_write(file, "/class_names", what->names, names, &error), APD_OK);
    assert_int_equal(apd_h5_close(&file, data_path, &error), APD_OK);
}

static foreign good_foreign(void) {
    return (foreign){.image_type = H5T_IEEE_F32BE, .image_rank = 4, .label_count = 4, .third_label = 2};
}

static void open_minimal_foreign_file_works(void **state) {
    (void)state;
    foreign what = good_foreign();
    what.names = 5;
    write_foreign(&what);
    apd_error error = {0};
    apd_dataset *dataset;
    float out[24];
    const int64_t indices[] = {3, 0};
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    assert_true(dataset->is_float);
    assert_int_equal(dataset->classes, 3);
    assert_string_equal(dataset->class_names[2], "c");
    assert_null(dataset->coarse[0]);
    double sum = 0, squares = 0;
    for (int i = 0; i < 48; i++) {
        sum += i % 5;
        squares += (i % 5) * (i % 5);
    }
    assert_true(fabs((double)dataset->normalisation.mean[0] - sum / 48) < 1e-6);
    assert_true(fabs((double)dataset->normalisation.deviation[0] - sqrt(squares / 48 - sum * sum / 48 / 48)) <
                1e-6);
    assert_int_equal(apd_dataset_read(dataset, APD_SPLIT_TEST, indices, 2, out, &error), APD_OK);
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == (float)((36 + i) % 5) && out[12 + i] == (float)(i % 5));
    apd_dataset_close(dataset);
}

static void open_wrong_foreign_file_names_the_fault(void **state) {
    (void)state;
    foreign rows[16];
    int count = 0;
#define ROW(text, change)              \
    do {                               \
        foreign what = good_foreign(); \
        what.complaint = (text);       \
        what.change;                   \
        rows[count++] = what;          \
    } while (0)
    ROW("/train/images: is of another type; uint8 or float32", image_type = H5T_STD_I8LE);
    ROW("/train/images: is of another type; uint8 or float32", image_type = H5T_IEEE_F64LE);
    ROW("/train/images: is of another type; uint8 or float32", image_type = H5T_STD_U16LE);
    ROW("/train/images: has rank 3; it must be 4", image_rank = 3);
    ROW("/test/images: its images are 1 x 3 x 2 float32, those of /train are 1 x 3 x 4", test_width = 2);
    ROW("/train/labels: its shape is (3) and must be (4)", label_count = 3);
    ROW("/train/labels: its shape is (0) and must be (4)", label_count = 0);
    ROW("/train/labels: entry 2 is -1; it must be 0 to", third_label = -1);
    ROW("/train/labels: entry 2 is 2147483647", third_label = INT64_C(1) << 40);
    ROW("/class_names: the number of names is 2; the labels need 3", names = 2);
    ROW("coarse_labels is in one of", coarse_in_train = true);
    ROW("there is no /test/labels", no_test_labels = true);
    ROW("/train/images: 0 bytes are stored", unwritten_images = true);
#undef ROW
    for (int i = 0; i < count; i++) {
        write_foreign(&rows[i]);
        assert_open_fails(APD_ERROR_DATA, rows[i].complaint);
    }
}

static void read_pixel_that_is_no_number_names_its_image(void **state) {
    (void)state;
    static const float bad[3] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        hid_t file;
        apd_error error = {0};
        float pixels[3] = {0.5F, 0.25F, bad[i]};
        const hsize_t sizes[4] = {3, 1, 1, 1};
        const int32_t zeros[3] = {0};
        assert_int_equal(apd_h5_create(data_path, &file, &error), APD_OK);
        for (int split = 0; split < APD_SPLITS; split++) {
            const char *images_name = split == 0 ? "/train/images" : "/test/images";
            const char *labels_name = split == 0 ? "/train/labels" : "/test/labels";
            assert_int_equal(apd_h5_write(file, images_name, H5T_IEEE_F32LE, 4, sizes, false,
                                          H5T_NATIVE_FLOAT, pixels, &error),
                             APD_OK);
            assert_int_equal(apd_h5_write(file, labels_name, H5T_STD_I32LE, 1, sizes, false, H5T_NATIVE_INT32,
                                          zeros, &error),
                             APD_OK);
        }
        assert_int_equal(apd_h5_close(&file, data_path, &error), APD_OK);
        assert_open_fails(APD_ERROR_DATA, "/train/images: image 2 has a pixel that is not finite");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_written_file_has_everything),
        cmocka_unit_test(open_written_file_has_the_pixels_moments),
        cmocka_unit_test(read_any_order_gives_those_images),
        cmocka_unit_test(write_one_black_image_of_one_class_opens),
        cmocka_unit_test(write_into_missing_folder_says_io),
        cmocka_unit_test(write_no_room_at_any_point_keeps_the_former_file),
        cmocka_unit_test(read_flipped_pixel_names_its_image),
        cmocka_unit_test(open_flipped_label_says_edited),
        cmocka_unit_test(open_cut_file_fails_at_every_length),
        cmocka_unit_test(open_mutated_file_never_crashes_or_lies),
        cmocka_unit_test(open_missing_file_says_io),
        cmocka_unit_test(open_text_file_says_not_hdf5),
        cmocka_unit_test(open_minimal_foreign_file_works),
        cmocka_unit_test(open_wrong_foreign_file_names_the_fault),
        cmocka_unit_test(read_pixel_that_is_no_number_names_its_image),
    };
    return cmocka_run_group_tests(tests, set_up, remove_folder);
}

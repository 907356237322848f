/* import images: which image lands where, and what is said of the others. An image is known by its first pixel. */
#include "base/log.h"
#include "io/images/import.h"
#include "io/images/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "folder.h"

static int remove_folder(void **state) {
    (void)state;
    apd_log_close();
    run("rm -r '%s'", folder);
    return 0;
}

static void store_png(const char *name, int first) {
    apd_error error = {0};
    apd_image_shape shape = {1, 4, 4};
    uint8_t pixels[16] = {(uint8_t)first};
    assert_int_equal(apd_png_write(in_folder(name), shape, pixels, &error), APD_OK);
}

static apd_status import(const apd_import_options *options, apd_dataset_content *content, apd_error *error) {
    const apd_importer *row = apd_importers;
    while (strcmp(row->name, "images") != 0)
        row++;
    return row->read(in_folder("photos"), options, content, error);
}

/* Images of a set in order, "CLASS:PIXEL ...". */
static const char *landed(const apd_dataset_content *content, apd_split split) {
    static char texts[2][4096];
    char *text = texts[split];
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < content->count[split]; i++)
        used +=
            (size_t)snprintf(text + used, sizeof texts[0] - used, "%s%s:%d", i > 0 ? " " : "",
                             content->class_names[content->labels[split][i]], content->images[split][i * 16]);
    return text;
}

static void assert_lands(apd_import_options options, const char *train, const char *test) {
    apd_error error = {0};
    apd_dataset_content content = {0};
    if (import(&options, &content, &error) != APD_OK)
        fail_msg("%s", error.message);
    assert_string_equal(landed(&content, APD_SPLIT_TRAIN), train);
    assert_string_equal(landed(&content, APD_SPLIT_TEST), test);
    apd_dataset_content_clear(&content);
}

static void assert_refused(apd_import_options options, apd_status status, const char *part) {
    apd_error error = {0};
    apd_dataset_content content = {0};
    assert_int_equal(import(&options, &content, &error), status);
    assert_null(content.images[0]);
    if (strstr(error.message, part) == NULL)
        fail_msg("no \"%s\" in \"%s\"", part, error.message);
}

/* What is logged from here on goes to the file log. */
static void begin_log(void) {
    apd_error error = {0};
    apd_log_close();
    (void)remove(in_folder("log"));
    assert_int_equal(apd_log_open(folder, "log", &error), APD_OK);
}

static void assert_logged(const char *line) {
    static char text[65536];
    FILE *file = fopen(in_folder("log"), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    if (strstr(text, line) == NULL)
        fail_msg("no \"%s\" in the log:\n%s", line, text);
}

/* photos/x/1.png .. 4.png, photos/y/z/5.png .. 8.png: pixels 1 .. 8 */
static void make_tree(void) {
    run("mkdir -p '%s/photos/x' '%s/photos/y/z'", folder, folder);
    for (int i = 1; i <= 8; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "photos/%s/%d.png", i <= 4 ? "x" : "y/z", i);
        store_png(name, i);
    }
}

static apd_import_options labelled(const char *table) {
    put("labels.csv", table);
    return (apd_import_options){.labels = in_folder("labels.csv")};
}

/* --- labels ---------------------------------------------------------------------------------------------------- */

static void labels_give_classes_whatever_the_folders(void **state) {
    (void)state;
    make_tree();
    begin_log();
    /* in any order; the last of fewer than six of a class is for testing */
    assert_lands(labelled("y/z/7.png,dog\nx/2.png,dog\ny/z/5.png,cat\nx/1.png,cat\nx/3.png,cat\n"),
                 "cat:1 cat:3 dog:2", "cat:5 dog:7");
    assert_logged("passed over 3 images without a label: x/4.png, y/z/6.png, y/z/8.png\n");
    assert_lands(labelled("x/1.png,class 10\nx/2.png,class 10\nx/3.png,class 9\nx/4.png,class 9\n"),
                 "class 9:3 class 10:1", "class 9:4 class 10:2");
    assert_logged("passed over 4 images without a label: y/z/5.png, y/z/6.png, y/z/7.png, y/z/8.png\n");
}

static void labels_of_spreadsheets_are_read(void **state) {
    (void)state;
    make_tree();
    run("cd '%s/photos' && mv x/1.png 'x/one, two.png' && mv x/2.png 'x/the \"2\".png' && mv x/3.png "
        "x/drei-ä.png "
        "&& mv x/4.png x/4",
        folder);
    /* byte order mark, \r\n, quotes, an empty line, no newline at the end, spaces around a class */
    assert_lands(labelled("\xEF\xBB\xBF\"x/one, two.png\",\"black, or \"\"dark\"\"\"\r\n"
                          "\"x/the \"\"2\"\".png\",\"black, or \"\"dark\"\"\"\r\n\r\n"
                          "x/drei-ä.png, 白 \r\n./x//4,白"),
                 "black, or \"dark\":1 白:4", "black, or \"dark\":2 白:3");
    /* a header in any order and case, with more columns */
    assert_lands(labelled("Split,size,Class,FILE\ntrain,1,b,x/4\ntest,1,a,y/z/5.png\nTrain,,a,y/z/6.png\n"
                          "TEST,2,b,y/z/7.png\n"),
                 "a:6 b:4", "a:5 b:7");
    /* without a header, a third column */
    assert_lands(labelled("y/z/5.png,a,test\ny/z/6.png,a,train\ny/z/7.png,a,test\n"), "a:6", "a:5 a:7");
}

static void labels_wrong_lines_are_named(void **state) {
    (void)state;
    make_tree();
    static const struct {
        const char *table, *part;
    } cases[] = {
        {"", "labels.csv: is empty"},
        {"\n\r\n", "labels.csv: is empty"},
        {"x/1.png;cat\n", "line 1 has 1 cell and is no header"},
        {"x/1.png,cat,train,3\n", "line 1 has 4 cells and is no header"},
        {"x/1.png,cat\nx/2.png\n", "line 2 has 1 cell, and line 1 has 2"},
        {"x/1.png,cat\n\nx/2.png,cat,dog\n", "line 3 has 3 cells, and line 1 has 2"},
        {"x/1.png,cat\nx/2.png,\"cat\n", "line 2 is cut off or no CSV"},
        {"x/1.png,cat\nx/2.png,\"cat\"s\n", "line 2 is cut off or no CSV"},
        {"x/1.png,cat\nx/2.png,c\"at\n", "line 2 is cut off or no CSV"},
        {"path,class\nx/1.png, \n", "line 2 has no class"},
        {"path,class\n,cat\n", "line 2 has \"\"; a path within "},
        {"path,class\n/x/1.png,cat\n", "line 2 has \"/x/1.png\"; a path within "},
        {"path,class\nx/../../x,cat\n", "line 2 has \"x/../../x\"; a path within "},
        {"path,class\nx/1.png,caf\xE9\n", "line 2 is no text in UTF-8"},
        {"path,class\nx/1.png,\"a\nb\"\nx/2.png,a\n",
         "line 2 is no text in UTF-8, or has control characters"},
        {"path,class,split\nx/1.png,a,train\nx/2.png,a,val\n", "line 3 has \"val\" as split; train or test"},
        {"x/3.png,a\nx/1.png,a\n./x//3.png,b\n", "lines 1 and 3 both have x/3.png; list it once"},
        {"id,breed\nx/1.png,a\n", "line 1: there is no file "},
        {"id,breed\nx/1.png,a\n", "photos/id (a header names the columns path, class and split)"},
        {"x/1.png,a\nx/9.png,a\n", "line 2: there is no file "},
        {"x/1.png,a\nx,a\n", "line 2: there is no file "},
        {"x/1.png,a\n", "class a has 0 training images and 1 test image; each class needs"},
        {"x/1.png,a,train\nx/2.png,a,train\n", "class a has 2 training images and 0 test images"},
        {"path,class\n", "there are no images"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(labelled(cases[i].table), APD_ERROR_DATA, cases[i].part);
    assert_refused((apd_import_options){.labels = in_folder("none.csv")}, APD_ERROR_IO, "none.csv");
    FILE *file = fopen(in_folder("labels.csv"), "wb");
    assert_int_equal(fwrite("x\0,\0a\0\n\0", 1, 8, file), 8);
    assert_int_equal(fclose(file), 0);
    assert_refused((apd_import_options){.labels = in_folder("labels.csv")}, APD_ERROR_DATA,
                   "is no text in UTF-8");
}

/* --- which are for testing -------------------------------------------------------------------------------------- */

static int compare_digests(const void *a, const void *b) {
    XXH64_hash_t one = *(const XXH64_hash_t *)a, other = *(const XXH64_hash_t *)b;
    return one < other ? -1 : one > other;
}

/* `count` images photos/CLASS/0.png ..; their pixels are their numbers. */
static void make_class(const char *class, int from, int count) {
    run("mkdir -p '%s/photos/%s'", folder, class);
    for (int i = from; i < count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "photos/%s/%d.png", class, i);
        store_png(name, i);
    }
}

/* Which of a class' `count` images have one of the `tests` smallest digests of their paths. */
static void find_smallest(const char *class, int count, int tests, bool *out) {
    XXH64_hash_t digests[256], sorted[256];
    for (int i = 0; i < count; i++) {
        char name[64];
        int length = snprintf(name, sizeof name, "%s/%d.png", class, i);
        sorted[i] = digests[i] = XXH3_64bits(name, (size_t)length);
    }
    qsort(sorted, (size_t)count, sizeof *sorted, compare_digests);
    for (int i = 0; i < count; i++)
        out[i] = digests[i] <= sorted[tests - 1];
}

static void share_is_of_each_class_and_of_names_alone(void **state) {
    (void)state;
    static const struct {
        int count;
        double share;
        int tests;
    } cases[] = {{40, 0.2, 8}, {13, 0.2, 3}, {12, 0.2, 2},      {3, 0.01, 1},
                 {3, 0.99, 2}, {2, 0.5, 1},  {100, 1.0 / 3, 33}};
    make_class("other", 0, 10);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        apd_error error = {0};
        apd_dataset_content content = {0};
        bool expected[256], found[256] = {false};
        int tests = 0;
        make_class("mine", 0, cases[c].count);
        apd_import_options options = {.test_share = cases[c].share};
        assert_int_equal(import(&options, &content, &error), APD_OK);
        find_smallest("mine", cases[c].count, cases[c].tests, expected);
        for (int64_t i = 0; i < content.count[APD_SPLIT_TEST]; i++)
            if (content.labels[APD_SPLIT_TEST][i] == 0) {
                found[content.images[APD_SPLIT_TEST][16 * i]] = true;
                tests++;
            }
        assert_int_equal(tests, cases[c].tests);
        for (int i = 0; i < cases[c].count; i++)
            assert_int_equal(found[i], expected[i]);
        assert_int_equal(content.count[0] + content.count[1], cases[c].count + 10);
        apd_dataset_content_clear(&content);
        run("rm -r '%s/photos/mine'", folder);
    }
}

static void folder_order_makes_no_difference(void **state) {
    (void)state;
    apd_error error = {0};
    apd_dataset_content content[2] = {{0}};
    for (int turn = 0; turn < 2; turn++) {
        apd_import_options options = {.test_share = 0.3};
        run("rm -rf '%s/photos' && mkdir -p '%s/photos/a' '%s/photos/b'", folder, folder, folder);
        for (int i = 0; i < 30; i++) {
            char name[64];
            int number = turn == 0 ? i : 29 - i;
            (void)snprintf(name, sizeof name, "photos/%s/%d.png", number % 2 ? "a" : "b", number);
            store_png(name, number);
        }
        assert_int_equal(import(&options, &content[turn], &error), APD_OK);
    }
    for (int split = 0; split < APD_SPLITS; split++) {
        char before[2 * 4096];
        (void)snprintf(before, sizeof before, "%s", landed(&content[0], (apd_split)split));
        assert_string_equal(before, landed(&content[1], (apd_split)split));
    }
    apd_dataset_content_clear(&content[0]);
    apd_dataset_content_clear(&content[1]);
}

static void list_says_which_are_for_testing(void **state) {
    (void)state;
    make_class("a", 0, 4);
    make_class("b", 4, 7);
    put("tests.txt", "\xEF\xBB\xBF./b/5.png\r\n\r\na/0.png\na/2.png");
    apd_import_options options = {.test_list = in_folder("tests.txt")};
    assert_lands(options, "a:1 a:3 b:4 b:6", "a:0 a:2 b:5");
    put("labels.csv", "a/0.png,x\na/1.png,x\nb/5.png,x\na/2.png,y\na/3.png,y\n");
    options.labels = in_folder("labels.csv");
    assert_lands(options, "x:1 y:3", "x:0 x:5 y:2");
    options.labels = NULL;
    put("tests.txt", "a/0.png\nb/4.png\na/9.png\n");
    assert_refused(options, APD_ERROR_DATA, "tests.txt: line 3: there is no image a/9.png in ");
    put("tests.txt", "a/0.png\nb/4.png\n\na//0.png\n");
    assert_refused(options, APD_ERROR_DATA, "tests.txt: line 4: a/0.png is listed twice");
    put("tests.txt", "a/0.png\n../photos/a/1.png\n");
    assert_refused(options, APD_ERROR_DATA, "tests.txt: line 2: there is no image ../photos/a/1.png");
    put("tests.txt", "a/0.png\n");
    assert_refused(options, APD_ERROR_DATA, "class b has 3 training images and 0 test images");
    put("tests.txt", "a/0.png\na/1.png\na/2.png\na/3.png\n");
    assert_refused(options, APD_ERROR_DATA, "class a has 0 training images and 4 test images");
    options.test_list = in_folder("none.txt");
    assert_refused(options, APD_ERROR_IO, "none.txt");
}

static void two_ways_at_once_are_refused(void **state) {
    (void)state;
    make_tree();
    put("tests.txt", "x/1.png\n");
    apd_import_options options = labelled("x/1.png,a,test\nx/2.png,a,train\n");
    options.test_share = 0.2;
    assert_refused(options, APD_ERROR_USAGE,
                   "labels.csv says which images are for testing; leave out --test");
    options.test_share = 0.0;
    options.test_list = in_folder("tests.txt");
    assert_refused(options, APD_ERROR_USAGE, "leave out --test-list");
    run("cd '%s/photos' && mv x train && mv y test && cp train/1.png test/z/1.png", folder);
    assert_refused((apd_import_options){.test_share = 0.2}, APD_ERROR_USAGE,
                   "has train/ and test/, which say");
    assert_refused(labelled("train/1.png,a\ntrain/2.png,a\n"), APD_ERROR_USAGE,
                   "no column split; add it, or --test");
    options = labelled("train/1.png,a\ntrain/2.png,a\n");
    options.test_share = 0.5;
    apd_error error = {0};
    apd_dataset_content content = {0};
    assert_int_equal(import(&options, &content, &error), APD_OK);
    assert_int_equal(content.count[1], 1);
    apd_dataset_content_clear(&content);
}

/* --- passed over ------------------------------------------------------------------------------------------------ */

static void others_are_passed_over_and_named(void **state) {
    (void)state;
    make_class("a", 0, 2);
    make_class("b", 2, 4);
    run("cd '%s/photos' && mkdir empty none a/deeper .git && touch readme.md .DS_Store a/.hidden.png "
        "empty/.keep "
        "none/notes.txt && mkfifo b/9.png && ln -s nowhere b/8.png && ln -s 2.png b/7.png && "
        "touch a/one.gif a/two.webp a/3.heic a/4.bmp a/5.tif",
        folder);
    begin_log();
    assert_lands((apd_import_options){0}, "a:0 b:2 b:3", "a:1 b:2");
    assert_logged("passed over 4 hidden files: .DS_Store, .git, a/.hidden.png, empty/.keep\n");
    assert_logged(
        "passed over 6 files without the ending .png, .jpg or .jpeg: a/3.heic, a/4.bmp, a/5.tif, a/one.gif "
        "and 2 more\n");
    assert_logged("passed over 1 folder in a class's folder: a/deeper\n");
    assert_logged("passed over 2 names of pipes, devices or broken links: b/8.png, b/9.png\n");
    assert_logged("passed over 1 file in no class's folder: readme.md\n");
    assert_logged("passed over 2 folders without images: empty, none\n");
    run("cd '%s/photos' && mkdir train test && mv a b train && mkdir test/a test/b && mv train/a/1.png "
        "test/a && "
        "mv train/b/3.png test/b",
        folder);
    begin_log();
    assert_lands((apd_import_options){0}, "a:0 b:2 b:2", "a:1 b:3");
    assert_logged("passed over 3 files in no class's folder: empty, none, readme.md\n");
}

static void damaged_images_are_passed_over_on_demand(void **state) {
    (void)state;
    make_class("a", 0, 9);
    make_class("b", 10, 14);
    run("cd '%s/photos' && echo '<html>' >a/1.png && : >b/11.png && head -c -20 a/5.png >cut && mv cut "
        "a/5.png",
        folder);
    assert_refused((apd_import_options){0}, APD_ERROR_DATA,
                   "a/1.png: neither a PNG nor a JPEG file; mend it, or --skip-damaged passes over it");
    begin_log();
    /* a/1 is out before each sixth is counted: 0 2 3 4 5 6 7 8; a/5 afterwards */
    assert_lands((apd_import_options){.skip_damaged = true}, "a:0 a:2 a:3 a:4 a:7 a:8 b:10 b:12", "a:6 b:13");
    assert_logged("passed over 3 damaged images: a/1.png, b/11.png, a/5.png\n");
    assert_logged("warning: ");
    assert_logged("photos/a/1.png: neither a PNG nor a JPEG file; passed over\n");
    assert_logged("photos/a/5.png: ");
    /* one that a list has */
    put("tests.txt", "a/1.png\na/2.png\nb/11.png\nb/12.png\n");
    assert_lands((apd_import_options){.skip_damaged = true, .test_list = in_folder("tests.txt")},
                 "a:0 a:3 a:4 a:6 a:7 a:8 b:10 b:13", "a:2 b:12");
    /* listed and not there */
    apd_import_options options = labelled("a/0.png,x\na/20.png,x\na/2.png,x\na/1.png,x\n");
    options.skip_damaged = true;
    begin_log();
    assert_lands(options, "x:0", "x:2");
    assert_logged("labels.csv: line 2: there is no file ");
    assert_logged("passed over 1 label of images that are not there: a/20.png\n");
    /* the only one of its set; all */
    put("tests.txt", "a/1.png\nb/12.png\n");
    assert_refused((apd_import_options){.skip_damaged = true, .test_list = in_folder("tests.txt")},
                   APD_ERROR_DATA, "class a has 8 training images and 0 test images");
    options = labelled("a/1.png,x\nb/11.png,x\n");
    options.skip_damaged = true;
    assert_refused(options, APD_ERROR_DATA, "there are no images");
    /* another size is no damage */
    apd_error error = {0};
    uint8_t pixels[20] = {0};
    assert_int_equal(apd_png_write(in_folder("photos/b/12.png"), (apd_image_shape){1, 5, 4}, pixels, &error),
                     APD_OK);
    assert_refused((apd_import_options){.skip_damaged = true}, APD_ERROR_DATA,
                   "12.png: is 5 x 4 (height x width)");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(labels_give_classes_whatever_the_folders),
        CASE(labels_of_spreadsheets_are_read),
        CASE(labels_wrong_lines_are_named),
        CASE(share_is_of_each_class_and_of_names_alone),
        CASE(folder_order_makes_no_difference),
        CASE(list_says_which_are_for_testing),
        CASE(two_ways_at_once_are_refused),
        CASE(others_are_passed_over_and_named),
        CASE(damaged_images_are_passed_over_on_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A folder of PNG or JPEG files for each class. All headers are read first, so that a file of another size is named before any image
 * is read, and memory is allocated once. */
#include "base/log.h"
#include "base/memory.h"
#include "io/images/import_folder.h"
#include "io/images/import_formats.h"
#include "io/images/picture.h"
#include "io/system/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_EACH 6 /* without train/ and test/, every 6th image of a class is a test image */

typedef struct file_list {
    apd_names paths; /* (count) */
    int32_t *labels; /* (capacity) */
    int64_t capacity;
} file_list;

static void add_file(file_list *list, const char *path, int32_t label) {
    int64_t count = list->paths.count;
    if (count == list->capacity) {
        list->capacity = count == 0 ? 1024 : 2 * count;
        list->labels = apd_reallocate(list->labels, count, list->capacity, sizeof *list->labels, "labels");
    }
    list->labels[count] = label;
    apd_names_add(&list->paths, path);
}

static void clear_list(file_list *list) {
    apd_names_clear(&list->paths);
    free(list->labels);
}

/* Whether the i-th of `count` files of a class is a test image; if there is no 6th, the last one is. */
static bool for_test(int64_t i, int64_t count) {
    return i % TEST_EACH == TEST_EACH - 1 || (count < TEST_EACH && i == count - 1);
}

/* Add a class' files to `train`, or divide them between `train` and `test` if that is not NULL. */
static apd_status list_class(const char *folder, int32_t label, file_list *train, file_list *test,
                             apd_error *error) {
    apd_names files = {0};
    APD_TRY(apd_list_pictures(folder, &files, error));
    apd_status status = APD_OK;
    int64_t least = test != NULL ? 2 : 1;
    if (files.count < least)
        status =
            apd_fail(error, APD_ERROR_DATA,
                     "%s: the number of PNG and JPEG files is %" PRId64 "; a class needs at least %" PRId64,
                     folder, files.count, least);
    for (int64_t i = 0; i < files.count && status == APD_OK; i++) {
        char *path = apd_join_path(folder, files.names[i]);
        add_file(test != NULL && for_test(i, files.count) ? test : train, path, label);
        free(path);
    }
    apd_names_clear(&files);
    return status;
}

static apd_status list_classes(const char *path, const apd_names *classes, file_list *train, file_list *test,
                               apd_error *error) {
    apd_status status = APD_OK;
    for (int64_t i = 0; i < classes->count && status == APD_OK; i++) {
        char *folder = apd_join_path(path, classes->names[i]);
        status =
            apd_is_folder(folder)
                ? list_class(folder, (int32_t)i, train, test, error)
                : apd_fail(error, APD_ERROR_DATA,
                           "%s: there is no such folder; each class must be in train/ and in test/", folder);
        free(folder);
    }
    return status;
}

static apd_status check_same_classes(const char *path, const apd_names *train, const apd_names *test,
                                     apd_error *error) {
    for (int64_t i = 0; i < test->count; i++) {
        bool known = false;
        for (int64_t k = 0; k < train->count && !known; k++)
            known = strcmp(test->names[i], train->names[k]) == 0;
        if (!known)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s/test/%s: there is no train/%s; each class must be in both", path,
                            test->names[i], test->names[i]);
    }
    return APD_OK;
}

static apd_status list_split_tree(const char *path, apd_names *classes, file_list lists[APD_SPLITS],
                                  apd_error *error) {
    char *train = apd_join_path(path, "train"), *test = apd_join_path(path, "test");
    apd_names test_classes = {0};
    apd_status status;
    APD_GO(apd_list_folders(train, classes, error));
    APD_GO(apd_list_folders(test, &test_classes, error));
    APD_GO(check_same_classes(path, classes, &test_classes, error));
    APD_GO(list_classes(train, classes, &lists[APD_SPLIT_TRAIN], NULL, error));
    APD_GO(list_classes(test, classes, &lists[APD_SPLIT_TEST], NULL, error));
out:
    apd_names_clear(&test_classes);
    free(train);
    free(test);
    return status;
}

static bool has_split_folders(const char *path) {
    char *train = apd_join_path(path, "train"), *test = apd_join_path(path, "test");
    bool both = apd_is_folder(train) && apd_is_folder(test);
    free(train);
    free(test);
    return both;
}

static apd_status list_all(const char *path, apd_names *classes, file_list lists[APD_SPLITS],
                           apd_error *error) {
    if (has_split_folders(path)) {
        APD_TRY(list_split_tree(path, classes, lists, error));
    } else {
        APD_TRY(apd_list_folders(path, classes, error));
        APD_TRY(list_classes(path, classes, &lists[APD_SPLIT_TRAIN], &lists[APD_SPLIT_TEST], error));
    }
    if (classes->count == 0)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: there are no folders; a folder of PNG or JPEG files for each class is needed",
                        path);
    return APD_OK;
}

/* The shape of all files: they have one size, or are made to fit one; 3 channels if any file has colours. */
static apd_status find_shape(const file_list *list, apd_image_size fit, const char **first,
                             apd_image_shape *shape, apd_error *error) {
    for (int64_t i = 0; i < list->paths.count; i++) {
        const char *path = list->paths.names[i];
        apd_image_shape here;
        APD_TRY(apd_picture_shape(path, &here, error));
        if (fit.height > 0) {
            here.height = fit.height;
            here.width = fit.width;
        }
        if (*first == NULL) {
            *first = path;
            *shape = here;
        }
        if (here.height != shape->height || here.width != shape->width)
            return apd_fail(
                error, APD_ERROR_DATA,
                "%s: is %d x %d (height x width), and %s is %d x %d; all images must have one size, "
                "or --size makes them fit one",
                path, here.height, here.width, *first, shape->height, shape->width);
        shape->channels = here.channels > shape->channels ? here.channels : shape->channels;
    }
    return APD_OK;
}

static apd_status read_files(const char *path, apd_image_size fit, const file_list *list,
                             apd_dataset_content *content, apd_split split, apd_error *error) {
    int64_t bytes = (int64_t)content->shape.channels * content->shape.height * content->shape.width;
    int64_t count = list->paths.count;
    APD_TRY(apd_content_allocate(path, content, split, count, false, error));
    for (int64_t i = 0; i < count; i++) {
        apd_progress("reading image %" PRId64 " of %" PRId64, i + 1, count);
        content->labels[split][i] = list->labels[i];
        APD_TRY((fit.height > 0 ? apd_picture_read_to_fit : apd_picture_read)(
            list->paths.names[i], content->shape, content->images[split] + i * bytes, error));
    }
    return APD_OK;
}

apd_status apd_import_images(const char *path, apd_image_size fit, apd_dataset_content *content,
                             apd_error *error) {
    *content = (apd_dataset_content){.source = "images"};
    apd_names classes = {0};
    file_list lists[APD_SPLITS] = {0};
    const char *first = NULL;
    apd_status status;
    APD_GO(list_all(path, &classes, lists, error));
    for (int split = 0; split < APD_SPLITS; split++)
        APD_GO(find_shape(&lists[split], fit, &first, &content->shape, error));
    for (int split = 0; split < APD_SPLITS; split++)
        APD_GO(read_files(path, fit, &lists[split], content, (apd_split)split, error));
    content->classes = (int)classes.count;
    content->class_names = classes.names;
    classes = (apd_names){0}; /* the content's from here */
out:
    apd_names_clear(&classes);
    clear_list(&lists[APD_SPLIT_TRAIN]);
    clear_list(&lists[APD_SPLIT_TEST]);
    return status;
}

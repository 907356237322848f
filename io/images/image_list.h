/* image_list: the images of an import with their classes, before they are read. Private to import_images.c; a file for each way in
 * which images are listed (image_folders.c, image_labels.c) and one for the choice of test images (image_tests.c). Local.
 *
 * What is listed, and in which set, depends on names only, not on the order in which a folder or a table gives them. */
#ifndef APD_IO_IMAGES_IMAGE_LIST_H
#define APD_IO_IMAGES_IMAGE_LIST_H

#include "base/status.h"
#include "io/images/import_folder.h"
#include "io/images/passed_over.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum apd_image_set {
    APD_IMAGE_TRAIN = APD_SPLIT_TRAIN,
    APD_IMAGE_TEST = APD_SPLIT_TEST,
    APD_IMAGE_OPEN, /* to be chosen */
    APD_IMAGE_DROPPED
} apd_image_set;

typedef struct apd_image_entry {
    char *path; /* under the folder; owned */
    char *class;
    apd_image_set set;
    int32_t label; /* of apd_image_list_number */
    int64_t line;  /* of the table of labels; 0: found in a folder */
} apd_image_entry;

/* Start with {.folder}. */
typedef struct apd_image_list {
    const char *folder;
    apd_image_entry *entries;
    int64_t count, room;
    apd_passed_over passed;
} apd_image_list;

void apd_image_list_add(apd_image_list *list, const char *path, const char *class, apd_image_set set,
                        int64_t line);
void apd_image_list_clear(apd_image_list *list);

/* Remove the entries that are APD_IMAGE_DROPPED. */
void apd_image_list_drop(apd_image_list *list);

/* Sort by path, as apd_image_list_find needs it. */
void apd_image_list_sort(apd_image_list *list);
apd_image_entry *apd_image_list_find(const apd_image_list *list, const char *path); /* NULL: not listed */

/* --- image_folders.c -------------------------------------------------------------------------------------------- */

/* Whether `folder` has the folders train/ and test/. */
bool apd_has_split_folders(const char *folder);

/* List the images in a folder for each class, in train/ and test/ where there are both. Status: IO. */
apd_status apd_image_list_folders(apd_image_list *list, apd_error *error);

/* Pass over the images anywhere in the folder that a sorted list does not have. Status: IO. */
apd_status apd_image_list_unlisted(apd_image_list *list, apd_error *error);

/* --- image_labels.c --------------------------------------------------------------------------------------------- */

/* List the images of a CSV file: path, class and, in a third column, "train" or "test"; or columns with these names in a header.
 * `*chosen`: there is such a third column. The list is sorted. Statuses: IO; DATA with the line. */
apd_status apd_image_list_labels(apd_image_list *list, const char *labels, bool *chosen, apd_error *error);

/* Make `path` plain, in place: "./a//b" becomes "a/b". False: it does not lead to a place in the folder. */
bool apd_plain_path(char *path);

/* --- image_tests.c ---------------------------------------------------------------------------------------------- */

/* In a sorted list, the images of a text file, a path a line, are for testing, the others for training. Statuses: IO; DATA with the
 * line. */
apd_status apd_image_list_test_list(apd_image_list *list, const char *file, apd_error *error);

/* Order by class and path, and number the classes from 0: their names, sorted, to an empty `classes`. */
void apd_image_list_number(apd_image_list *list, apd_names *classes);

/* Choose the sets of open entries in a numbered list: of each class `share` (0 < share < 1), at least one image and not all, those
 * whose paths have the smallest digests, so that a new image moves few others; 0: every 6th in the order of names. */
void apd_image_list_choose(apd_image_list *list, double share);

/* Each class of a numbered list has images of both sets. Status: DATA naming the class. */
apd_status apd_image_list_check(const apd_image_list *list, apd_error *error);

#endif

/* Images in a folder for each class, and what lies beside them. */
#include "base/memory.h"
#include "io/images/image_list.h"
#include "io/system/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* folder/name, or one of them where the other is "". */
static char *below(const char *folder, const char *name) {
    if (folder[0] == '\0' || name[0] == '\0')
        return apd_duplicate_text(folder[0] == '\0' ? name : folder);
    return apd_join_path(folder, name);
}

static bool is_picture_name(const char *name) {
    return apd_ends_in(name, ".png") || apd_ends_in(name, ".jpg") || apd_ends_in(name, ".jpeg");
}

/* A name in a folder. */
typedef struct found_name {
    const char *name, *path, *whole; /* path: under the list's folder; whole: with it */
    const char *class;
    apd_image_set set;
} found_name;

typedef apd_status visitor(apd_image_list *list, const found_name *found, apd_error *error);

/* Visit all names in the folder `under`, "" for the list's own, in their order. */
static apd_status for_each_name(apd_image_list *list, const char *under, const char *class, apd_image_set set,
                                visitor *visit, apd_error *error) {
    char *folder = below(list->folder, under);
    apd_names names = {0};
    apd_status status = apd_list_all(folder, &names, error);
    for (int64_t i = 0; i < names.count && status == APD_OK; i++) {
        char *path = below(under, names.names[i]), *whole = apd_join_path(folder, names.names[i]);
        status = visit(list, &(found_name){names.names[i], path, whole, class, set}, error);
        free(path);
        free(whole);
    }
    apd_names_clear(&names);
    free(folder);
    return status;
}

static apd_status take_file(apd_image_list *list, const found_name *found, apd_error *error) {
    (void)error;
    if (found->name[0] == '.')
        apd_pass_over(&list->passed, APD_PASS_HIDDEN, found->path);
    else if (apd_is_folder(found->whole))
        apd_pass_over(&list->passed, APD_PASS_NESTED, found->path);
    else if (!apd_is_file(found->whole))
        apd_pass_over(&list->passed, APD_PASS_NO_FILE, found->path);
    else if (!is_picture_name(found->name))
        apd_pass_over(&list->passed, APD_PASS_ENDING, found->path);
    else
        apd_image_list_add(list, found->path, found->class, found->set, 0);
    return APD_OK;
}

static apd_status take_class(apd_image_list *list, const found_name *found, apd_error *error) {
    const int64_t before = list->count;
    if (found->name[0] == '.' || !apd_is_folder(found->whole)) {
        apd_pass_over(&list->passed, found->name[0] == '.' ? APD_PASS_HIDDEN : APD_PASS_OUTSIDE, found->path);
        return APD_OK;
    }
    APD_TRY(for_each_name(list, found->path, found->name, found->set, take_file, error));
    if (list->count == before)
        apd_pass_over(&list->passed, APD_PASS_EMPTY, found->path);
    return APD_OK;
}

bool apd_has_split_folders(const char *folder) {
    char *train = apd_join_path(folder, "train"), *test = apd_join_path(folder, "test");
    bool both = apd_is_folder(train) && apd_is_folder(test);
    free(train);
    free(test);
    return both;
}

/* What lies beside train/ and test/. */
static apd_status pass_over_rest(apd_image_list *list, const found_name *found, apd_error *error) {
    (void)error;
    if (strcmp(found->name, "train") != 0 && strcmp(found->name, "test") != 0)
        apd_pass_over(&list->passed, found->name[0] == '.' ? APD_PASS_HIDDEN : APD_PASS_OUTSIDE, found->path);
    return APD_OK;
}

apd_status apd_image_list_folders(apd_image_list *list, apd_error *error) {
    if (!apd_has_split_folders(list->folder))
        return for_each_name(list, "", NULL, APD_IMAGE_OPEN, take_class, error);
    APD_TRY(for_each_name(list, "train", NULL, APD_IMAGE_TRAIN, take_class, error));
    APD_TRY(for_each_name(list, "test", NULL, APD_IMAGE_TEST, take_class, error));
    return for_each_name(list, "", NULL, APD_IMAGE_OPEN, pass_over_rest, error);
}

/* Links to folders are not followed: they may lead round in a circle. */
static bool is_own_folder(const char *path) {
    struct stat facts;
    return lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static apd_status find_unlisted(apd_image_list *list, const found_name *found, apd_error *error) {
    if (found->name[0] != '.' && is_own_folder(found->whole))
        return for_each_name(list, found->path, NULL, APD_IMAGE_OPEN, find_unlisted, error);
    if (is_picture_name(found->name) && apd_image_list_find(list, found->path) == NULL)
        apd_pass_over(&list->passed, found->name[0] == '.' ? APD_PASS_HIDDEN : APD_PASS_UNLISTED,
                      found->path);
    return APD_OK;
}

apd_status apd_image_list_unlisted(apd_image_list *list, apd_error *error) {
    return for_each_name(list, "", NULL, APD_IMAGE_OPEN, find_unlisted, error);
}

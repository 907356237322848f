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

static void take_file(apd_image_list *list, const char *whole, const char *path, const char *class,
                      apd_image_set set) {
    const char *name = path + strlen(path);
    while (name > path && name[-1] != '/')
        name--;
    if (name[0] == '.')
        apd_pass_over(&list->passed, APD_PASS_HIDDEN, path);
    else if (apd_is_folder(whole))
        apd_pass_over(&list->passed, APD_PASS_NESTED, path);
    else if (!apd_is_file(whole))
        apd_pass_over(&list->passed, APD_PASS_NO_FILE, path);
    else if (!is_picture_name(name))
        apd_pass_over(&list->passed, APD_PASS_ENDING, path);
    else
        apd_image_list_add(list, path, class, set, 0);
}

static apd_status list_class(apd_image_list *list, const char *under, const char *class, apd_image_set set,
                             apd_error *error) {
    char *folder = apd_join_path(list->folder, under);
    int64_t before = list->count;
    apd_names names = {0};
    apd_status status = apd_list_all(folder, &names, error);
    for (int64_t i = 0; i < names.count && status == APD_OK; i++) {
        char *path = apd_join_path(under, names.names[i]), *whole = apd_join_path(folder, names.names[i]);
        take_file(list, whole, path, class, set);
        free(path);
        free(whole);
    }
    if (status == APD_OK && list->count == before)
        apd_pass_over(&list->passed, APD_PASS_EMPTY, under);
    apd_names_clear(&names);
    free(folder);
    return status;
}

/* The classes' folders in `under`, "" for the folder itself. */
static apd_status list_classes(apd_image_list *list, const char *under, apd_image_set set, apd_error *error) {
    char *folder = below(list->folder, under);
    apd_names names = {0};
    apd_status status = apd_list_all(folder, &names, error);
    for (int64_t i = 0; i < names.count && status == APD_OK; i++) {
        const char *name = names.names[i];
        char *path = below(under, name), *whole = apd_join_path(folder, name);
        if (name[0] == '.')
            apd_pass_over(&list->passed, APD_PASS_HIDDEN, path);
        else if (apd_is_folder(whole))
            status = list_class(list, path, name, set, error);
        else
            apd_pass_over(&list->passed, APD_PASS_OUTSIDE, path);
        free(path);
        free(whole);
    }
    apd_names_clear(&names);
    free(folder);
    return status;
}

bool apd_has_split_folders(const char *folder) {
    char *train = apd_join_path(folder, "train"), *test = apd_join_path(folder, "test");
    bool both = apd_is_folder(train) && apd_is_folder(test);
    free(train);
    free(test);
    return both;
}

/* What lies beside train/ and test/. */
static apd_status pass_over_rest(apd_image_list *list, apd_error *error) {
    apd_names names = {0};
    APD_TRY(apd_list_all(list->folder, &names, error));
    for (int64_t i = 0; i < names.count; i++) {
        const char *name = names.names[i];
        if (strcmp(name, "train") != 0 && strcmp(name, "test") != 0)
            apd_pass_over(&list->passed, name[0] == '.' ? APD_PASS_HIDDEN : APD_PASS_OUTSIDE, name);
    }
    apd_names_clear(&names);
    return APD_OK;
}

apd_status apd_image_list_folders(apd_image_list *list, apd_error *error) {
    if (!apd_has_split_folders(list->folder))
        return list_classes(list, "", APD_IMAGE_OPEN, error);
    APD_TRY(list_classes(list, "train", APD_IMAGE_TRAIN, error));
    APD_TRY(list_classes(list, "test", APD_IMAGE_TEST, error));
    return pass_over_rest(list, error);
}

/* Links to folders are not followed: they may lead round in a circle. */
static bool is_own_folder(const char *path) {
    struct stat facts;
    return lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static apd_status find_unlisted(apd_image_list *list, const char *under, apd_error *error) {
    char *folder = below(list->folder, under);
    apd_names names = {0};
    apd_status status = apd_list_all(folder, &names, error);
    for (int64_t i = 0; i < names.count && status == APD_OK; i++) {
        const char *name = names.names[i];
        char *path = below(under, name), *whole = apd_join_path(folder, name);
        if (name[0] != '.' && is_own_folder(whole))
            status = find_unlisted(list, path, error);
        else if (is_picture_name(name) && apd_image_list_find(list, path) == NULL)
            apd_pass_over(&list->passed, name[0] == '.' ? APD_PASS_HIDDEN : APD_PASS_UNLISTED, path);
        free(path);
        free(whole);
    }
    apd_names_clear(&names);
    free(folder);
    return status;
}

apd_status apd_image_list_unlisted(apd_image_list *list, apd_error *error) {
    return find_unlisted(list, "", error);
}

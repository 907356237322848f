/* Which images are for testing: by a list of paths, or some of each class. */
#include "base/counted.h"
#include "base/digest.h"
#include "base/memory.h"
#include "io/images/image_list.h"
#include "io/system/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_LIST (INT64_C(1) << 32)
#define TEST_EACH    6 /* without a share, every 6th image of a class */

static apd_status take_line(apd_image_list *list, const char *file, long long line, char *path,
                            apd_error *error) {
    apd_image_entry *entry = apd_plain_path(path) ? apd_image_list_find(list, path) : NULL;
    if (entry == NULL)
        return apd_fail(error, APD_ERROR_DATA, "%s: line %lld: there is no image %s in %s", file, line, path,
                        list->folder);
    if (entry->set == APD_IMAGE_TEST)
        return apd_fail(error, APD_ERROR_DATA, "%s: line %lld: %s is listed twice", file, line, path);
    entry->set = APD_IMAGE_TEST;
    return APD_OK;
}

apd_status apd_image_list_test_list(apd_image_list *list, const char *file, apd_error *error) {
    static const char mark[] = "\xEF\xBB\xBF"; /* of byte order */
    char *text = NULL;
    int64_t bytes = 0;
    long long line = 0;
    APD_TRY(apd_read_file(file, LONGEST_LIST, &text, &bytes, error));
    apd_status status = APD_OK;
    char *rest = text + (strncmp(text, mark, strlen(mark)) == 0 ? strlen(mark) : 0);
    for (char *path; status == APD_OK && (path = strsep(&rest, "\n")) != NULL;) {
        size_t length = strlen(path);
        line++;
        if (length > 0 && path[length - 1] == '\r')
            path[length - 1] = '\0';
        if (path[0] != '\0')
            status = take_line(list, file, line, path, error);
    }
    free(text);
    for (int64_t i = 0; i < list->count; i++)
        if (list->entries[i].set == APD_IMAGE_OPEN)
            list->entries[i].set = APD_IMAGE_TRAIN;
    return status;
}

/* --- some of each class --------------------------------------------------------------------------------------- */

typedef struct drawn_lot {
    uint64_t digest;
    int64_t entry;
} drawn_lot;

static int by_digest(const void *a, const void *b) {
    const drawn_lot *one = a, *other = b;
    if (one->digest != other->digest)
        return one->digest < other->digest ? -1 : 1;
    return one->entry < other->entry ? -1 : 1;
}

static void choose_share(apd_image_entry *entries, int64_t count, double share) {
    int64_t tests = llround(share * (double)count);
    tests = tests < count - 1 ? tests : count - 1;
    tests = tests > 1 ? tests : 1;
    drawn_lot *lots = apd_allocate(count, sizeof *lots, "lots");
    for (int64_t i = 0; i < count; i++)
        lots[i] = (drawn_lot){apd_digest(entries[i].path, strlen(entries[i].path)), i};
    qsort(lots, (size_t)count, sizeof *lots, by_digest);
    for (int64_t i = 0; i < count; i++)
        entries[lots[i].entry].set = i < tests ? APD_IMAGE_TEST : APD_IMAGE_TRAIN;
    free(lots);
}

/* The last one if there is no 6th. */
static void choose_sixth(apd_image_entry *entries, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        entries[i].set = i % TEST_EACH == TEST_EACH - 1 || (count < TEST_EACH && i == count - 1)
                             ? APD_IMAGE_TEST
                             : APD_IMAGE_TRAIN;
}

/* The number of entries from `first` on with one class. */
static int64_t class_size(const apd_image_list *list, int64_t first) {
    int64_t end = first;
    while (end < list->count && list->entries[end].label == list->entries[first].label)
        end++;
    return end - first;
}

void apd_image_list_choose(apd_image_list *list, double share) {
    for (int64_t first = 0, count; first < list->count; first += count) {
        count = class_size(list, first);
        if (list->entries[first].set != APD_IMAGE_OPEN)
            continue;
        if (share > 0.0)
            choose_share(list->entries + first, count, share);
        else
            choose_sixth(list->entries + first, count);
    }
}

apd_status apd_image_list_check(const apd_image_list *list, apd_error *error) {
    for (int64_t first = 0, count; first < list->count; first += count) {
        int64_t tests = 0;
        count = class_size(list, first);
        for (int64_t i = first; i < first + count; i++)
            tests += list->entries[i].set == APD_IMAGE_TEST;
        if (tests == 0 || tests == count)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: class %s has %s and %s; each class needs at least one of each", list->folder,
                            list->entries[first].class, apd_count(count - tests, "training image").text,
                            apd_count(tests, "test image").text);
    }
    return APD_OK;
}

#include "io/images/image_list.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void clear_entry(apd_image_entry *entry) {
    free(entry->path);
    free(entry->class);
    *entry = (apd_image_entry){0};
}

void apd_image_list_add(apd_image_list *list, const char *path, const char *class, apd_image_set set,
                        int64_t line) {
    if (list->count == list->room) {
        int64_t grown = list->room == 0 ? 1024 : 2 * list->room;
        list->entries =
            apd_reallocate(list->entries, list->room, grown, sizeof *list->entries, "a list of images");
        list->room = grown;
    }
    list->entries[list->count++] = (apd_image_entry){
        .path = apd_duplicate_text(path), .class = apd_duplicate_text(class), .set = set, .line = line};
}

void apd_image_list_clear(apd_image_list *list) {
    for (int64_t i = 0; i < list->count; i++)
        clear_entry(&list->entries[i]);
    free(list->entries);
    apd_passed_over_clear(&list->passed);
    *list = (apd_image_list){0};
}

void apd_image_list_drop(apd_image_list *list) {
    int64_t kept = 0;
    for (int64_t i = 0; i < list->count; i++) {
        apd_image_entry entry = list->entries[i];
        if (entry.set == APD_IMAGE_DROPPED)
            clear_entry(&entry);
        else
            list->entries[kept++] = entry;
    }
    list->count = kept;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const apd_image_entry *)a)->path, ((const apd_image_entry *)b)->path);
}

/* Numbers in names by value, as in folders that importers list. */
static int by_class(const void *a, const void *b) {
    const apd_image_entry *one = a, *other = b;
    int order = strverscmp(one->class, other->class);
    return order != 0 ? order : strverscmp(one->path, other->path);
}

void apd_image_list_sort(apd_image_list *list) {
    if (list->count > 0)
        qsort(list->entries, (size_t)list->count, sizeof *list->entries, by_path);
}

apd_image_entry *apd_image_list_find(const apd_image_list *list, const char *path) {
    int64_t low = 0, high = list->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(list->entries[middle].path, path);
        if (order == 0)
            return &list->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void apd_image_list_number(apd_image_list *list, apd_names *classes) {
    int32_t label = -1;
    if (list->count > 0)
        qsort(list->entries, (size_t)list->count, sizeof *list->entries, by_class);
    for (int64_t i = 0; i < list->count; i++) {
        if (i == 0 || strcmp(list->entries[i].class, list->entries[i - 1].class) != 0) {
            apd_names_add(classes, list->entries[i].class);
            label++;
        }
        list->entries[i].label = label;
    }
}

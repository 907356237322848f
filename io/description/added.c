/* Tasks and data files that are added to the stream of a description. */
#include "base/memory.h"
#include "io/description/description.h"
#include "io/description/options.h"

#include <stdlib.h>
#include <string.h>

#define SWAP(type, a, b)  \
    do {                  \
        type kept_ = (a); \
        (a) = (b);        \
        (b) = kept_;      \
    } while (0)

void apd_description_take_added(apd_description *to, apd_description *from) {
    SWAP(char **, to->data.added, from->data.added);
    SWAP(int, to->data.added_count, from->data.added_count);
    SWAP(int **, to->stream.added, from->stream.added);
    SWAP(int *, to->stream.added_counts, from->stream.added_counts);
    SWAP(int, to->stream.added_lists, from->stream.added_lists);
    SWAP(char **, to->stream.added_names, from->stream.added_names);
    SWAP(int, to->stream.added_name_count, from->stream.added_name_count);
    to->training.epochs = from->training.epochs;
}

bool apd_description_has_added(const apd_description *d, int place, const int *classes, int count) {
    return place >= 0 && place < d->stream.added_lists && d->stream.added_counts[place] == count &&
           memcmp(d->stream.added[place], classes, (size_t)count * sizeof *classes) == 0;
}

static char **add_texts(char **texts, int count, char *const *more, int more_count) {
    texts =
        apd_reallocate((void *)texts, count, (int64_t)count + more_count, sizeof *texts, "a list of texts");
    for (int i = 0; i < more_count; i++)
        texts[count + i] = apd_duplicate_text(more[i]);
    return texts;
}

void apd_description_add(apd_description *d, char *const *files, int file_count, int *const *classes,
                         const int *counts, int tasks, char *const *names) {
    const int former = d->stream.added_lists, all = former + tasks;
    d->data.added = add_texts(d->data.added, d->data.added_count, files, file_count);
    d->data.added_count += file_count;
    d->stream.added =
        apd_reallocate((void *)d->stream.added, former, all, sizeof *d->stream.added, "the tasks' classes");
    d->stream.added_counts = apd_reallocate(d->stream.added_counts, former, all,
                                            sizeof *d->stream.added_counts, "the tasks' classes");
    for (int t = 0; t < tasks; t++) {
        d->stream.added[former + t] = apd_allocate(counts[t], sizeof(int), "a task's classes");
        memcpy(d->stream.added[former + t], classes[t], (size_t)counts[t] * sizeof(int));
        d->stream.added_counts[former + t] = counts[t];
    }
    d->stream.added_lists = all;
    apd_value_clear(&apd_options[apd_option_find("stream.added_names")], d);
    d->stream.added_names = names != NULL ? add_texts(NULL, 0, names, all) : NULL;
    d->stream.added_name_count = names != NULL ? all : 0;
}

bool apd_description_is_given(const apd_description *description, const char *key) {
    return description->sources[apd_option_find(key)].origin != APD_ORIGIN_DEFAULT;
}

const char *apd_description_given_beyond(const apd_description *description, const char *const *allowed) {
    for (int i = 0; i < apd_option_count; i++) {
        bool known = description->sources[i].origin == APD_ORIGIN_DEFAULT;
        for (int a = 0; allowed[a] != NULL && !known; a++)
            known = strcmp(allowed[a], apd_options[i].key) == 0;
        if (!known)
            return apd_options[i].key;
    }
    return NULL;
}

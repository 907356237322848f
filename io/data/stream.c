#include "io/data/stream.h"

#include "base/memory.h"
#include "base/random.h"
#include "io/data/stream_order.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream in the making. */
typedef struct making {
    const apd_description *description;
    const apd_dataset *data;
    int classes, superclasses; /* of data.file, which stream.kind cuts; those of data.added follow */
    apd_stream *stream;
    int64_t *images[APD_SPLITS]; /* (classes): images of each class */
    apd_error *error;
} making;

/* --- tasks ------------------------------------------------------------------------------------------- */

/* Allocate stream.tasks tasks of the `available` ones (`what`, in the plural); 0 takes all. */
static apd_status make_tasks(making *m, int available, const char *what) {
    int asked = m->description->stream.tasks;
    if (asked < 0 || asked > available)
        return apd_fail(m->error, APD_ERROR_USAGE,
                        "stream.tasks is %d, but the number of %s is %d; 0 (all) to %d is needed", asked,
                        what, available, available);
    int count = asked > 0 ? asked : available;
    m->stream->tasks = apd_allocate(count, sizeof *m->stream->tasks, "the stream's tasks");
    m->stream->task_count = count;
    for (int id = 0; id < count; id++)
        m->stream->tasks[id].id = id;
    return APD_OK;
}

/* The same for a kind of stream that can have any length. */
static apd_status make_endless(making *m, const char *kind) {
    int asked = m->description->stream.tasks;
    if (asked < 1)
        return apd_fail(m->error, APD_ERROR_USAGE, "stream.tasks is %d; stream.kind %s needs 1 or more",
                        asked, kind);
    return make_tasks(m, asked, kind);
}

static void make_classes(apd_task *task, int count) {
    task->classes = apd_allocate(count, sizeof *task->classes, "a task's classes");
    task->class_count = count;
}

void apd_classes_name(const int *classes, int count, char name[64]) {
    const size_t size = sizeof((apd_task *)0)->name;
    int first = classes[0], last = classes[count - 1];
    bool run = true;
    for (int i = 1; i < count; i++)
        run = run && classes[i] == first + i;
    if (count == 1)
        (void)snprintf(name, size, "class %d", first);
    else if (run)
        (void)snprintf(name, size, "classes %d-%d", first, last);
    if (run)
        return;
    enum { ROOM_FOR_ONE = sizeof ",2147483647,..." };
    size_t used = (size_t)snprintf(name, size, "classes %d", first);
    for (int i = 1; i < count; i++) {
        bool fits = used + ROOM_FOR_ONE <= size;
        used += (size_t)snprintf(name + used, size - used, fits ? ",%d" : ",...", classes[i]);
        if (!fits)
            return;
    }
}

/* Whether the names of the classes of tasks first .. end-1 fit the tables of apd, as "cat, dog". One class alone does not name a task:
 * when it is forgotten, its name goes, and those of classes stay. */
static bool class_names_fit(const making *m, int first, int end) {
    enum { COLUMN = 28 }; /* bytes */
    bool fit = m->data->class_names != NULL;
    for (int id = first; id < end && fit; id++) {
        const apd_task *task = &m->stream->tasks[id];
        size_t length = 0;
        fit = task->class_count > 1;
        for (int i = 0; i < task->class_count && fit; i++) {
            const char *name = m->data->class_names[task->classes[i]];
            length += name != NULL ? strlen(name) + (i > 0 ? strlen(", ") : 0) : 0;
            fit = name != NULL && name[0] != '\0' && length <= COLUMN;
        }
    }
    return fit;
}

/* Name tasks first .. end-1, which are cut by classes: by their names, or all by their numbers. */
static void name_tasks(const making *m, int first, int end) {
    bool fit = class_names_fit(m, first, end);
    for (int id = first; id < end; id++) {
        apd_task *task = &m->stream->tasks[id];
        size_t used = 0;
        for (int i = 0; i < task->class_count && fit; i++)
            used += (size_t)snprintf(task->name + used, sizeof task->name - used, "%s%s", i > 0 ? ", " : "",
                                     m->data->class_names[task->classes[i]]);
        if (!fit)
            apd_classes_name(task->classes, task->class_count, task->name);
    }
}

/* `text` as the task's name, cut to the name's size between characters (of UTF-8). */
static void name_by_text(apd_task *task, const char *text) {
    size_t length = strnlen(text, sizeof task->name);
    if (length == sizeof task->name)
        for (length--; length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80;)
            length--;
    memcpy(task->name, text, length);
    task->name[length] = '\0';
}

static apd_status build_split(making *m) {
    int classes = m->classes, each = m->description->stream.classes_per_task;
    if (each < 1 || each > classes)
        return apd_fail(
            m->error, APD_ERROR_USAGE,
            "stream.classes_per_task is %d, but the number of classes in %s is %d; 1 to %d is needed", each,
            m->data->path, classes, classes);
    if (m->description->stream.tasks == 0 && classes % each != 0)
        return apd_fail(
            m->error, APD_ERROR_USAGE,
            "stream.classes_per_task is %d, which does not divide the %d classes of %s; a divisor is needed, "
            "or stream.tasks: %d to leave out the last %d",
            each, classes, m->data->path, classes / each, classes % each);
    APD_TRY(make_tasks(m, classes / each, "tasks with stream.classes_per_task classes"));
    int64_t *sequence = apd_allocate(classes, sizeof *sequence, "the classes' order");
    int64_t seed = m->description->stream.class_seed;
    apd_random random = apd_random_stream((uint64_t)seed, APD_RANDOM_CLASS_ORDER, 0, 0);
    for (int i = 0; i < classes; i++)
        sequence[i] = i;
    if (seed >= 0)
        apd_random_permutation(&random, classes, sequence);
    for (int id = 0; id < m->stream->task_count; id++) {
        apd_task *task = &m->stream->tasks[id];
        make_classes(task, each);
        for (int i = 0; i < each; i++)
            task->classes[i] = (int)sequence[id * each + i];
    }
    free(sequence);
    return APD_OK;
}

/* The classes that have training images: (at most classes), to be freed. Returns how many. */
static int list_classes(const making *m, int **out) {
    int count = 0, *found = apd_allocate(m->classes, sizeof *found, "the classes");
    for (int class = 0; class < m->classes; class ++)
        if (m->images[APD_SPLIT_TRAIN][class] > 0)
            found[count++] = class;
    *out = found;
    return count;
}

static bool has_class(const apd_task *task, int count, int class) {
    for (int i = 0; i < count; i++)
        if (task->classes[i] == class)
            return true;
    return false;
}

/* Fill the tasks from permutations of `classes` (count), one after the other. */
static void draw_subsets(const making *m, const int *classes, int count) {
    const int64_t seed = m->description->stream.class_seed;
    const int each = m->description->stream.classes_per_task;
    int64_t *sequence = apd_allocate(count, sizeof *sequence, "the classes' order");
    int at = count, permutation = 0;
    for (int id = 0; id < m->stream->task_count; id++) {
        apd_task *task = &m->stream->tasks[id];
        make_classes(task, each);
        for (int i = 0; i < each; i++, at++) {
            if (at == count) {
                apd_random random = apd_random_stream(seed < 0 ? 0 : (uint64_t)seed, APD_RANDOM_CLASS_ORDER,
                                                      (uint32_t)permutation++, 0);
                apd_random_permutation(&random, count, sequence);
                at = 0;
            }
            int next = at;
            while (has_class(task, i, classes[sequence[next]]))
                next++;
            int64_t chosen = sequence[next];
            sequence[next] = sequence[at];
            sequence[at] = chosen;
            task->classes[i] = classes[chosen];
        }
    }
    free(sequence);
}

static apd_status build_subsets(making *m) {
    int *classes, count = list_classes(m, &classes), each = m->description->stream.classes_per_task;
    apd_status status = APD_OK;
    if (each < 1 || each > count)
        APD_GO(
            apd_fail(m->error, APD_ERROR_USAGE,
                     "stream.classes_per_task is %d, but the number of classes with training images in %s is "
                     "%d; 1 to %d is needed",
                     each, m->data->path, count, count));
    APD_GO(make_endless(m, "subsets"));
    draw_subsets(m, classes, count);
out:
    free(classes);
    return status;
}

/* Check list `number` of `key`, whose classes are below `classes`. seen[class] is 1 + the last list that has the class; 0 if none
 * does. */
static apd_status check_list(const making *m, const char *key, int number, const int *row, int count,
                             int classes, int *seen) {
    if (count < 1)
        return apd_fail(m->error, APD_ERROR_USAGE, "%s[%d] is an empty list; at least one class is needed",
                        key, number);
    for (int i = 0; i < count; i++) {
        int class = row[i];
        if (class < 0 || class >= classes)
            return apd_fail(m->error, APD_ERROR_USAGE,
                            "%s[%d] has class %d, but %s has classes 0 to %d; leave it out", key, number,
                            class, m->data->path, classes - 1);
        if (m->images[APD_SPLIT_TRAIN][class] + m->images[APD_SPLIT_TEST][class] == 0)
            return apd_fail(m->error, APD_ERROR_USAGE,
                            "%s[%d] has class %d, of which %s has no images; leave it out", key, number,
                            class, m->data->path);
        if (seen[class] == number + 1)
            return apd_fail(m->error, APD_ERROR_USAGE, "%s[%d] has class %d twice; give it once", key, number,
                            class);
        seen[class] = number + 1;
    }
    return APD_OK;
}

/* Give the tasks the classes of the lists of `key`. */
static apd_status fill_lists(making *m, const char *key, int *const *rows, const int *counts, int classes,
                             apd_task *tasks, int count) {
    int *seen = apd_allocate(classes, sizeof *seen, "the classes seen");
    apd_status status = APD_OK;
    for (int t = 0; t < count && status == APD_OK; t++) {
        status = check_list(m, key, t, rows[t], counts[t], classes, seen);
        if (status != APD_OK)
            break;
        make_classes(&tasks[t], counts[t]);
        memcpy(tasks[t].classes, rows[t], (size_t)counts[t] * sizeof *rows[t]);
    }
    free(seen);
    return status;
}

static apd_status build_list(making *m) {
    const apd_description *d = m->description;
    if (d->stream.class_lists < 1)
        return apd_fail(
            m->error, APD_ERROR_USAGE,
            "stream.classes has no lists; stream.kind list needs a list of classes for each task");
    APD_TRY(make_tasks(m, d->stream.class_lists, "lists in stream.classes"));
    return fill_lists(m, "stream.classes", d->stream.classes, d->stream.class_counts, m->classes,
                      m->stream->tasks, m->stream->task_count);
}

/* The tasks of stream.added, behind the others. */
static apd_status build_added(making *m) {
    const apd_description *d = m->description;
    apd_stream *stream = m->stream;
    const int first = stream->task_count, count = d->stream.added_lists;
    if (count == 0)
        return APD_OK;
    stream->tasks = apd_reallocate(stream->tasks, first, (int64_t)first + count, sizeof *stream->tasks,
                                   "the stream's tasks");
    stream->task_count = first + count;
    for (int id = first; id < stream->task_count; id++)
        stream->tasks[id].id = id;
    APD_TRY(fill_lists(m, "stream.added", d->stream.added, d->stream.added_counts, m->data->classes,
                       stream->tasks + first, count));
    for (int i = 0; i < count; i++)
        if (d->stream.added_name_count > 0)
            name_by_text(&stream->tasks[first + i], d->stream.added_names[i]);
        else /* one by one: whichever follow */
            name_tasks(m, first + i, first + i + 1);
    return APD_OK;
}

/* superclass[class]: the coarse label of the class, which must be the same for all its images; -1 without images. */
static apd_status find_superclasses(const making *m, int *superclass) {
    for (int class = 0; class < m->data->classes; class ++)
        superclass[class] = -1;
    for (int split = 0; split < APD_SPLITS; split++)
        for (int64_t i = 0; m->data->coarse[split] != NULL && i < m->data->count[split]; i++) {
            int class = m->data->labels[split][i], coarse = m->data->coarse[split][i];
            if (superclass[class] >= 0 && superclass[class] != coarse)
                return apd_fail(m->error, APD_ERROR_DATA,
                                "%s: /%s/coarse_labels: entry %" PRId64
                                " gives class %d the coarse label %d, and an earlier "
                                "one %d; each class needs one superclass",
                                m->data->path, apd_split_names[split], i, class, coarse, superclass[class]);
            superclass[class] = coarse;
        }
    return APD_OK;
}

/* The classes of superclass `coarse`, ascending. */
static apd_status fill_superclass(const making *m, apd_task *task, int coarse, const int *superclass) {
    int count = 0;
    for (int class = 0; class < m->data->classes; class ++)
        count += superclass[class] == coarse;
    if (count == 0)
        return apd_fail(
            m->error, APD_ERROR_DATA,
            "%s: no image has coarse label %d; stream.kind superclass needs images of each of 0 to %d",
            m->data->path, coarse, m->superclasses - 1);
    make_classes(task, count);
    for (int class = 0, place = 0; class < m->data->classes; class ++)
        if (superclass[class] == coarse)
            task->classes[place++] = class;
    if (m->data->coarse_names != NULL && m->data->coarse_names[coarse] != NULL)
        name_by_text(task, m->data->coarse_names[coarse]);
    else
        snprintf(task->name, sizeof task->name, "superclass %d", coarse);
    return APD_OK;
}

static apd_status build_superclass(making *m) {
    if (m->superclasses == 0 || m->data->coarse[APD_SPLIT_TRAIN] == NULL)
        return apd_fail(
            m->error, APD_ERROR_DATA,
            "%s: there is no /train/coarse_labels, which stream.kind superclass needs; choose split or list",
            m->data->path);
    APD_TRY(make_tasks(m, m->superclasses, "superclasses"));
    int *superclass = apd_allocate(m->data->classes, sizeof *superclass, "the classes' superclasses");
    apd_status status = find_superclasses(m, superclass);
    for (int id = 0; status == APD_OK && id < m->stream->task_count; id++)
        status = fill_superclass(m, &m->stream->tasks[id], id, superclass);
    free(superclass);
    return status;
}

/* Permutations and rotations: each task has all classes. */
static apd_status build_whole(making *m, const char *kind) {
    APD_TRY(make_endless(m, kind));
    for (int id = 0; id < m->stream->task_count; id++) {
        make_classes(&m->stream->tasks[id], m->classes);
        for (int class = 0; class < m->classes; class ++)
            m->stream->tasks[id].classes[class] = class;
    }
    return APD_OK;
}

static apd_status build_permutation(making *m) {
    APD_TRY(build_whole(m, "permutation"));
    for (int id = 0; id < m->stream->task_count; id++) {
        apd_task *task = &m->stream->tasks[id];
        task->permuted = apd_task_is_permuted(m->description, id);
        snprintf(task->name, sizeof task->name, "permutation %d", id);
    }
    return APD_OK;
}

static apd_status build_rotation(making *m) {
    APD_TRY(build_whole(m, "rotation"));
    for (int id = 0; id < m->stream->task_count; id++) {
        apd_task *task = &m->stream->tasks[id];
        task->angle = apd_task_angle(m->description, id);
        snprintf(task->name, sizeof task->name, "rotation %g", task->angle);
    }
    return APD_OK;
}

static apd_status (*const builders[])(making *m) = {
    [APD_STREAM_SPLIT] = build_split,           [APD_STREAM_LIST] = build_list,
    [APD_STREAM_SUPERCLASS] = build_superclass, [APD_STREAM_PERMUTATION] = build_permutation,
    [APD_STREAM_ROTATION] = build_rotation,     [APD_STREAM_SUBSETS] = build_subsets,
};

/* How many of a class' `all` training images to hold out: the share, rounded, but never all. */
static int64_t held_out(int64_t all, double validation) {
    int64_t share = llround(validation * (double)all);
    return share < all ? share : all > 0 ? all - 1 : 0;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static apd_status check_turns(const making *m) {
    int turns = m->description->stream.turns;
    apd_image_shape shape = m->data->shape;
    if (turns != 1 && turns != 2 && turns != 4)
        return apd_fail(m->error, APD_ERROR_USAGE, "stream.turns is %d; 1, 2 or 4 is needed", turns);
    if (turns > 1 && shape.height != shape.width)
        return apd_fail(
            m->error, APD_ERROR_USAGE,
            "stream.turns is %d, which needs square images, but those of %s are %d x %d; 1 is needed", turns,
            m->data->path, shape.height, shape.width);
    return APD_OK;
}

/* A task that is measured on held-out images needs some. */
static apd_status check_validation(const making *m, const apd_task *task) {
    const double share = m->description->data.validation;
    if (m->stream->measured != APD_PART_VALIDATION && m->description->training.keep_best == 0)
        return APD_OK;
    for (int i = 0; i < task->class_count; i++)
        if (held_out(m->images[APD_SPLIT_TRAIN][task->classes[i]], share) > 0)
            return APD_OK;
    return apd_fail(
        m->error, APD_ERROR_USAGE,
        "data.validation is %g, which holds out no image of task %d (%s); a larger share is needed", share,
        task->id, task->name);
}

/* A task needs images to train and to test on, and at most as many samples as an int holds. */
static apd_status check_task(const making *m, const apd_task *task) {
    static const char *const names[APD_SPLITS] = {"training", "test"};
    for (int split = 0; split < APD_SPLITS; split++) {
        int64_t images = 0;
        if (m->data->labels[split] == NULL)
            continue; /* not opened */
        for (int i = 0; i < task->class_count; i++)
            images += m->images[split][task->classes[i]];
        if (images == 0)
            return apd_fail(
                m->error, APD_ERROR_DATA,
                "%s: task %d (%s) has no %s images; add some, or leave its classes out of the stream",
                m->data->path, task->id, task->name, names[split]);
        if (images > INT32_MAX / m->stream->turns)
            return apd_fail(m->error, APD_ERROR_DATA,
                            "%s: task %d (%s) has %" PRId64
                            " %s images, times %d for stream.turns; at most %d samples are possible",
                            m->data->path, task->id, task->name, images, names[split], m->stream->turns,
                            INT32_MAX);
    }
    return APD_OK;
}

static apd_status make_stream(making *m) {
    APD_TRY(check_turns(m));
    apd_stream *stream = m->stream;
    stream->turns = m->description->stream.turns;
    stream->seed = m->description->seed;
    stream->scrambled = m->description->data.layout == APD_LAYOUT_SCRAMBLED;
    stream->measured =
        m->description->evaluate == APD_EVALUATE_VALIDATION ? APD_PART_VALIDATION : APD_PART_TEST;
    APD_TRY(builders[m->description->stream.kind](m));
    const int cut = stream->task_count; /* the added ones keep their places */
    if (m->stream->tasks[0].name[0] == '\0')
        name_tasks(m, 0, cut);
    APD_TRY(build_added(m));
    for (int id = 0; id < stream->task_count; id++) {
        APD_TRY(check_task(m, &stream->tasks[id]));
        APD_TRY(check_validation(m, &stream->tasks[id]));
        if (stream->tasks[id].class_count > stream->max_classes)
            stream->max_classes = stream->tasks[id].class_count;
    }
    stream->order = apd_allocate(stream->task_count, sizeof *stream->order, "the tasks' order");
    for (int place = cut; place < stream->task_count; place++)
        stream->order[place] = place;
    return apd_stream_order(m->description, cut, stream->order, m->error);
}

apd_status apd_stream_create(const apd_description *description, const apd_dataset *dataset, apd_stream **out,
                             apd_error *error) {
    const int files = description->data.file_count > 0 ? description->data.file_count : 1;
    making m = {.description = description,
                .data = dataset,
                .classes = apd_dataset_classes(dataset, files),
                .superclasses = apd_dataset_superclasses(dataset, files),
                .error = error};
    if (description->stream.keys && dataset->is_float)
        return apd_fail(error, APD_ERROR_USAGE, "%s: stream.keys needs images of uint8; these are float32",
                        dataset->path);
    m.stream = apd_allocate(1, sizeof *m.stream, "the stream");
    for (int split = 0; split < APD_SPLITS; split++) {
        m.images[split] = apd_allocate(dataset->classes, sizeof *m.images[split], "the images a class");
        for (int64_t i = 0; i < dataset->count[split]; i++)
            m.images[split][dataset->labels[split][i]]++;
    }
    apd_status status = make_stream(&m);
    for (int split = 0; split < APD_SPLITS; split++)
        free(m.images[split]);
    if (status == APD_OK)
        *out = m.stream;
    else
        apd_stream_destroy(m.stream);
    return status;
}

void apd_stream_destroy(apd_stream *stream) {
    if (stream == NULL)
        return;
    for (int id = 0; id < stream->task_count; id++)
        free(stream->tasks[id].classes);
    free(stream->tasks);
    free(stream->order);
    free(stream);
}

/* --- samples ----------------------------------------------------------------------------------------- */

/* Find the task's images in a split, in order: `found` has the size of the split. Returns how many. */
static int64_t find_images(const apd_task *task, const apd_dataset *dataset, apd_split split,
                           apd_sample *found) {
    int32_t *place = apd_allocate(dataset->classes, sizeof *place, "the classes' places");
    for (int class = 0; class < dataset->classes; class ++)
        place[class] = -1;
    for (int i = 0; i < task->class_count; i++)
        place[task->classes[i]] = i;
    int64_t count = 0;
    for (int64_t i = 0; i < dataset->count[split]; i++) {
        int32_t label = place[dataset->labels[split][i]];
        if (label >= 0)
            found[count++] = (apd_sample){.image = i, .label = label};
    }
    free(place);
    return count;
}

/* held[label]: how many images of each class to hold out. */
static int64_t *held_of_classes(const apd_task *task, const apd_sample *images, int64_t count,
                                double validation) {
    int64_t *held = apd_allocate(task->class_count, sizeof *held, "the held-out images");
    for (int64_t i = 0; i < count; i++)
        held[images[i].label]++;
    for (int label = 0; label < task->class_count; label++)
        held[label] = held_out(held[label], validation);
    return held;
}

/* Keep the training images or the validation images of the training split's. Returns how many. */
static int64_t keep_part(const apd_stream *stream, const apd_task *task, double validation, bool keep_held,
                         apd_sample *images, int64_t count) {
    int64_t *held = held_of_classes(task, images, count, validation);
    int64_t *order = apd_allocate(count, sizeof *order, "the validation split");
    bool *out = apd_allocate(count, sizeof *out, "the validation split");
    apd_random random = apd_random_stream(stream->seed, APD_RANDOM_SPLIT, (uint32_t)task->id, 0);
    apd_random_permutation(&random, count, order);
    for (int64_t i = 0; i < count; i++) {
        int64_t *left = &held[images[order[i]].label];
        out[order[i]] = *left > 0;
        *left -= *left > 0;
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++)
        if (out[i] == keep_held)
            images[kept++] = images[i];
    free(out);
    free(order);
    free(held);
    return kept;
}

int64_t apd_stream_samples(const apd_stream *stream, const apd_dataset *dataset, int task, double validation,
                           apd_part_kind part, apd_sample **out) {
    APD_ASSERT(task >= 0 && task < stream->task_count);
    const apd_task *cut = &stream->tasks[task];
    apd_split split = part == APD_PART_TEST ? APD_SPLIT_TEST : APD_SPLIT_TRAIN;
    apd_sample *images = apd_allocate(dataset->count[split], sizeof *images, "a task's images");
    int64_t count = find_images(cut, dataset, split, images);
    if (part != APD_PART_TEST)
        count = keep_part(stream, cut, validation, part == APD_PART_VALIDATION, images, count);
    apd_sample *samples = apd_allocate(count * stream->turns, sizeof *samples, "a task's samples");
    for (int64_t i = 0; i < count * stream->turns; i++) {
        samples[i] = images[i / stream->turns];
        samples[i].turn = (int32_t)(i % stream->turns);
    }
    free(images);
    *out = samples;
    return count * stream->turns;
}

#include "engine/extension.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The keys of a file of tasks. */
static const char *const allowed[] = {"data.file",
                                      "stream.kind",
                                      "stream.tasks",
                                      "stream.classes_per_task",
                                      "stream.classes",
                                      "stream.class_seed",
                                      "stream.order",
                                      "training.epochs",
                                      NULL};

/* A description with its data and tasks. */
typedef struct side {
    apd_description *description;
    apd_dataset *data;
    apd_stream *stream;
} side;

typedef struct extension {
    side run, tasks;
    int *numbers; /* (classes of the tasks' data) in the extended run's data */
    char **files; /* (file_count) that the run has not yet, borrowed */
    int file_count;
    int **classes; /* (task count) in the order of training, numbered by the run */
    int *counts;
} extension;

static void clear_side(side *of) {
    apd_stream_destroy(of->stream);
    apd_dataset_close(of->data);
    apd_description_destroy(of->description);
}

static void clear(extension *e) {
    for (int t = 0; e->classes != NULL && t < e->tasks.stream->task_count; t++)
        free(e->classes[t]);
    free((void *)e->classes);
    free(e->counts);
    free((void *)e->files);
    free(e->numbers);
    clear_side(&e->run);
    clear_side(&e->tasks);
}

static apd_status open_side(side *of, apd_error *error) {
    APD_TRY(apd_open_described_data(of->description, &of->data, error));
    return apd_stream_create(of->description, of->data, &of->stream, error);
}

static apd_status open_run(const char *path, const apd_run_state *state, const char *const *settings,
                           int count, side *run, apd_error *error) {
    APD_TRY(apd_description_parse(path, state->run_yaml, (int64_t)strlen(state->run_yaml), settings, count,
                                  &run->description, error));
    APD_TRY(open_side(run, error));
    if (run->data->digest == state->data_digest)
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA,
                    "%s: not the data that %s was trained on (digest %016" PRIx64 ", not %016" PRIx64
                    "); set data.file to those",
                    run->data->path, path, run->data->digest, state->data_digest);
}

static apd_status open_tasks(const char *path, const side *run, side *tasks, apd_error *error) {
    APD_TRY(apd_description_read(path, NULL, 0, &tasks->description, error));
    apd_description *d = tasks->description;
    const char *key = apd_description_given_beyond(d, allowed);
    if (key != NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: %s is the run's, which new tasks do not change; data.file, training.epochs, and "
                        "kind, tasks, "
                        "classes, classes_per_task, class_seed and order of section stream can be given",
                        path, key);
    if (d->stream.kind == APD_STREAM_PERMUTATION || d->stream.kind == APD_STREAM_ROTATION)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: stream.kind is %s; added tasks are split, list, superclass or subsets (more tasks of a "
            "run's own kind: stream.tasks with apd train)",
            path, d->stream.kind == APD_STREAM_ROTATION ? "rotation" : "permutation");
    d->evaluate =
        run->description->evaluate; /* so that test images are not opened where the run opens none */
    return open_side(tasks, error);
}

/* Number the new data's classes as the run will. A file that the run has keeps its numbers. */
static void number_classes(extension *e) {
    const apd_dataset *old = e->run.data, *added = e->tasks.data;
    int next = old->classes;
    e->numbers = apd_allocate(added->classes, sizeof *e->numbers, "the classes' numbers");
    e->files = apd_allocate(apd_dataset_files(added), sizeof *e->files, "the paths of data files");
    for (int f = 0; f < apd_dataset_files(added); f++) {
        const apd_dataset *file = apd_dataset_file(added, f);
        const int begin = apd_dataset_classes(added, f);
        int known = 0, first;
        while (known < apd_dataset_files(old) && apd_dataset_file(old, known)->digest != file->digest)
            known++;
        if (known < apd_dataset_files(old)) {
            first = apd_dataset_classes(old, known);
        } else {
            first = next;
            next += file->classes;
            e->files[e->file_count++] = file->path;
        }
        for (int c = 0; c < file->classes; c++)
            e->numbers[begin + c] = first + c;
    }
}

static void list_tasks(extension *e) {
    const apd_stream *stream = e->tasks.stream;
    e->classes = apd_allocate(stream->task_count, sizeof *e->classes, "the tasks' classes");
    e->counts = apd_allocate(stream->task_count, sizeof *e->counts, "the tasks' classes");
    for (int place = 0; place < stream->task_count; place++) {
        const apd_task *task = &stream->tasks[stream->order[place]];
        e->counts[place] = task->class_count;
        e->classes[place] = apd_allocate(task->class_count, sizeof **e->classes, "a task's classes");
        for (int c = 0; c < task->class_count; c++)
            e->classes[place][c] = e->numbers[task->classes[c]];
    }
}

/* Whether the run's last added tasks are these. */
static bool has_them(const extension *e) {
    const apd_description *d = e->run.description;
    const int count = e->tasks.stream->task_count, first = d->stream.added_lists - count;
    bool same = e->file_count == 0 && first >= 0;
    for (int t = 0; same && t < count; t++)
        same = apd_description_has_added(d, first + t, e->classes[t], e->counts[t]);
    return same;
}

/* Names of all added tasks, former and new, where some follow from the data (superclasses); else NULL. `room` (added tasks). */
static char **name_tasks(const extension *e, char (*room)[64]) {
    const apd_description *run = e->run.description;
    const apd_stream *old = e->run.stream, *stream = e->tasks.stream;
    const bool named = e->tasks.description->stream.kind == APD_STREAM_SUPERCLASS;
    const int former = run->stream.added_lists, all = former + stream->task_count;
    if (!named && run->stream.added_name_count == 0)
        return NULL;
    char **names = apd_allocate(all, sizeof *names, "the tasks' names");
    for (int t = 0; t < all; t++) {
        names[t] = room[t];
        if (t < former)
            memcpy(room[t], old->tasks[old->task_count - former + t].name, sizeof room[t]);
        else if (named)
            memcpy(room[t], stream->tasks[stream->order[t - former]].name, sizeof room[t]);
        else
            apd_classes_name(e->classes[t - former], e->counts[t - former], room[t]);
    }
    return names;
}

static void add(extension *e) {
    const int count = e->tasks.stream->task_count;
    char(*room)[64] = apd_allocate((int64_t)e->run.description->stream.added_lists + count, sizeof *room,
                                   "the tasks' names");
    char **names = name_tasks(e, room);
    apd_description_add(e->run.description, e->files, e->file_count, e->classes, e->counts, count, names);
    free((void *)names);
    free(room);
}

/* That the extended description is a good one: of data files that fit, with tasks that have images. */
static apd_status check(const char *text, const char *path, apd_error *error) {
    side whole = {0};
    apd_status status =
        apd_description_parse(path, text, (int64_t)strlen(text), NULL, 0, &whole.description, error);
    if (status == APD_OK)
        status = open_side(&whole, error);
    clear_side(&whole);
    return status;
}

static apd_status describe(extension *e, const char *path, const apd_run_state *state,
                           const char *const *settings, int count, const char *tasks_path, char **text,
                           apd_error *error) {
    APD_TRY(open_run(path, state, settings, count, &e->run, error));
    APD_TRY(open_tasks(tasks_path, &e->run, &e->tasks, error));
    number_classes(e);
    list_tasks(e);
    const int done = state->task_count - (state->ending != APD_ENDING_COMPLETE),
              all = e->run.stream->task_count;
    const bool whole = done == all && !state->half_way, known = has_them(e);
    if (!whole && !known)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: %d of %s are finished; apd train (or the apd extend that added the rest) goes on with them "
            "first",
            path, done, apd_count(all, "task").text);
    if (apd_description_is_given(e->tasks.description, "training.epochs"))
        e->run.description->training.epochs = e->tasks.description->training.epochs;
    if (!known)
        add(e);
    else if (whole)
        apd_log("%s has the tasks of %s already", path, tasks_path);
    char *made = apd_description_write(e->run.description);
    apd_status status = check(made, path, error);
    if (status == APD_OK)
        *text = made;
    else
        free(made);
    return status;
}

apd_status apd_extension_describe(const char *path, const apd_run_state *state, const char *const *settings,
                                  int count, const char *tasks_path, char **text, apd_error *error) {
    extension e = {0};
    apd_status status = describe(&e, path, state, settings, count, tasks_path, text, error);
    clear(&e);
    return status;
}

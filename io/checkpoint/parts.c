#include "io/checkpoint/parts.h"

#include "base/memory.h"
#include "io/checkpoint/file.h"
#include "io/checkpoint/read.h"
#include "io/checkpoint/segment.h"
#include "io/checkpoint/tasks_out.h"
#include "io/system/durable.h"

#include <stdlib.h>

struct apd_parts {
    const char *path;
    const apd_layout *layout;
    const apd_run_state *state;
    apd_tasks_out tasks;
    apd_checkpoint_file **files; /* (count) the last one is open until it is finished */
    int count;
    int *places; /* (T) of the tasks in the last part */
    int place_count;
    uint64_t *digests; /* (T) */
    int64_t bytes;
};

apd_parts *apd_parts_create(const char *path, const apd_layout *layout, const apd_run_state *state) {
    apd_parts *parts = apd_allocate(1, sizeof *parts, "parts of the checkpoint");
    parts->path = path;
    parts->layout = layout;
    parts->state = state;
    parts->places = apd_allocate(state->task_count, sizeof *parts->places, "tasks' places");
    parts->digests = apd_allocate(state->task_count, sizeof *parts->digests, "digests");
    apd_tasks_out_init(&parts->tasks, layout, state);
    return parts;
}

void apd_parts_destroy(apd_parts *parts) {
    if (parts == NULL)
        return;
    apd_tasks_out_abandon(&parts->tasks);
    for (int i = 0; i < parts->count; i++)
        apd_checkpoint_file_destroy(parts->files[i]);
    free(parts->files);
    free(parts->places);
    free(parts->digests);
    free(parts);
}

static apd_checkpoint_file *last_file(const apd_parts *parts) {
    return parts->files[parts->count - 1];
}

apd_status apd_parts_begin(apd_parts *parts, int part, apd_error *error) {
    char name[APD_SEGMENT_NAME_ROOM];
    apd_checkpoint_file *file = NULL;
    apd_segment_name((apd_segment){parts->state->commit, APD_SEGMENT_TASKS, part}, name, sizeof name);
    char *path = apd_segment_path(parts->path, name);
    apd_status status = apd_checkpoint_file_create(path, NULL, &file, error);
    free(path);
    APD_TRY(status);
    parts->files =
        apd_reallocate(parts->files, parts->count, parts->count + 1, sizeof *parts->files, "parts' files");
    parts->files[parts->count++] = file;
    parts->place_count = 0;
    return APD_OK;
}

apd_status apd_parts_forgotten(apd_parts *parts, int place, apd_error *error) {
    parts->places[parts->place_count++] = place;
    return apd_tasks_out_forgotten(&parts->tasks, apd_checkpoint_file_root(last_file(parts)), place,
                                   &parts->digests[place], error);
}

apd_status apd_parts_begin_task(apd_parts *parts, int place, const apd_checkpoint_facts *facts,
                                apd_error *error) {
    parts->places[parts->place_count++] = place;
    return apd_tasks_out_begin(&parts->tasks, apd_checkpoint_file_root(last_file(parts)), place, facts,
                               error);
}

void apd_parts_task_block(apd_parts *parts, int block, int64_t rows, const apd_task_block *run) {
    apd_tasks_out_block(&parts->tasks, block, rows, run);
}

apd_status apd_parts_end_task(apd_parts *parts, apd_error *error) {
    return apd_tasks_out_end(&parts->tasks, &parts->digests[parts->tasks.place], error);
}

apd_status apd_parts_finish(apd_parts *parts, apd_error *error) {
    apd_checkpoint_file *file = last_file(parts);
    APD_TRY(apd_checkpoint_file_finish(file, &parts->bytes, error));
    /* All bytes are compared; that they mean what they should is shown by one task, as all are written alike. */
    apd_error found = {0};
    apd_checkpoint_part part = {.path = apd_checkpoint_file_path(file),
                                .layout = parts->layout,
                                .state = parts->state,
                                .digests = parts->digests,
                                .places = parts->places,
                                .count = parts->place_count > 0};
    apd_status status = apd_checkpoint_reader_check_part(&part, &found);
    if (status == APD_OK)
        return APD_OK;
    return apd_fail(error, status == APD_REQUEUE ? status : APD_ERROR_IO,
                    "%s: cannot verify what was written: %s", parts->path, found.message);
}

apd_status apd_parts_wait(apd_parts *parts, apd_error *error) {
    for (int i = 0; i < parts->count; i++)
        APD_TRY(apd_checkpoint_file_wait(parts->files[i], error));
    return parts->count > 0 ? apd_sync_folder_of(apd_checkpoint_file_path(parts->files[0]), error) : APD_OK;
}

void apd_parts_release(apd_parts *parts) {
    for (int i = 0; i < parts->count; i++)
        apd_checkpoint_file_release(parts->files[i]);
}

uint64_t apd_parts_digest(const apd_parts *parts, int place) {
    return parts->digests[place];
}

int64_t apd_parts_bytes(const apd_parts *parts) {
    return parts->bytes;
}

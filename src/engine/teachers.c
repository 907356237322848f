#include "engine/teachers.h"

#include "base/memory.h"
#include "trained/trained.h"

#include <stdlib.h>
#include <string.h>

/* --- whether a teacher fits ------------------------------------------------------------------------------------ */

/* The keys in which a teacher's run must be like this one. */
static const char *unlike(const apd_run *run, const apd_trained_run *teacher) {
    const apd_description *mine = run->description, *theirs = teacher->description;
    const bool held_out = mine->data.validation > 0.0 || theirs->data.validation > 0.0;
    if (teacher->state->data_digest != run->dataset->digest)
        return "data.file";
    if (theirs->data.layout != mine->data.layout)
        return "data.layout";
    if (theirs->data.normalise != mine->data.normalise)
        return "data.normalise";
    if (theirs->data.validation != mine->data.validation)
        return "data.validation";
    if (theirs->stream.turns != mine->stream.turns)
        return "stream.turns";
    if (theirs->seed != mine->seed && (held_out || mine->stream.kind == APD_STREAM_PERMUTATION))
        return "seed";
    return NULL;
}

/* The place of task `id` in the teacher's stream. Status: USAGE if it has none that fits. */
static apd_status find_task(const apd_run *run, const apd_trained_run *teacher, int id, int *place,
                            apd_error *error) {
    const apd_task *task = &run->stream->tasks[id];
    const apd_run_state *state = teacher->state;
    for (int p = 0; p < state->task_count; p++) {
        const apd_task_record *record = &state->records[p];
        if (record->id != id || record->class_count != task->class_count ||
            memcmp(record->classes, task->classes, (size_t)task->class_count * sizeof *task->classes) != 0 ||
            apd_task_is_permuted(teacher->description, id) != apd_task_is_permuted(run->description, id) ||
            apd_task_angle(teacher->description, id) != apd_task_angle(run->description, id))
            continue;
        *place = p;
        return APD_OK;
    }
    return apd_fail(
        error, APD_ERROR_USAGE,
        "training.teachers: %s has no task %d (%s) with the same classes and images; a run that has "
        "finished this stream's tasks and forgotten none is needed",
        teacher->path, id, task->name);
}

static apd_status open_teacher(const apd_run *run, int number, apd_trained_run *out, apd_error *error) {
    const char *path = run->description->training.teachers[number];
    APD_TRY(apd_trained_run_open(path, false, out, error));
    const char *key = unlike(run, out);
    if (key == NULL)
        return APD_OK;
    apd_trained_run_close(out);
    return apd_fail(error, APD_ERROR_USAGE, "training.teachers: %s was trained with another %s than this run",
                    path, key);
}

apd_status apd_teachers_check(const apd_run *run, apd_error *error) {
    apd_status status = APD_OK;
    for (int i = 0; i < run->description->training.teacher_count && status == APD_OK; i++) {
        apd_trained_run teacher;
        APD_TRY(open_teacher(run, i, &teacher, error));
        int place;
        for (int t = 0; t < run->stream->task_count && status == APD_OK; t++)
            status = find_task(run, &teacher, t, &place, error);
        apd_trained_run_close(&teacher);
    }
    return status;
}

/* --- what it says ---------------------------------------------------------------------------------------------- */

/* Add what one network says of the samples of a shard: (samples, classes). */
static void ask_of_shard(const apd_run *run, const apd_trained *network, const apd_train_set *set, int shard,
                         apd_workspace *workspace, float *images, float *taught) {
    const apd_description *described = run->description;
    const int room = described->log.evaluate_batch, classes = network->record->class_count;
    const apd_image_shape shape = run->dataset->shape;
    const int64_t size = (int64_t)shape.channels * shape.height * shape.width;
    const int64_t count = apd_train_set_shard_count(set, shard);
    float *probabilities = apd_allocate(classes, sizeof *probabilities, "a teacher's probabilities");
    for (int64_t first = 0; first < count; first += room) {
        int n = count - first < room ? (int)(count - first) : room;
        for (int i = 0; i < n; i++)
            (void)apd_train_set_image(set, shard, first + i, images + i * size);
        const float *logits =
            apd_network_forward(network->network, network->theta, images, n, classes, NULL, 0, workspace);
        for (int64_t i = 0; i < n; i++) {
            apd_softmax(logits + i * classes, classes, described->training.temperature, probabilities);
            for (int k = 0; k < classes; k++)
                taught[(first + i) * classes + k] +=
                    probabilities[k] / (float)described->training.teacher_count;
        }
    }
    free(probabilities);
}

static void ask(const apd_run *run, const apd_trained *network, const apd_train_set *set, float *taught) {
    const apd_image_shape shape = run->dataset->shape;
    const int room = run->description->log.evaluate_batch;
    apd_workspace *workspace = apd_workspace_create(network->network, room);
    float *images = apd_allocate((int64_t)room * shape.channels * shape.height * shape.width, sizeof *images,
                                 "a teacher's images");
    for (int shard = run->partition.shard_begin; shard < run->partition.shard_end; shard++) {
        ask_of_shard(run, network, set, shard, workspace, images, taught);
        taught += apd_train_set_shard_count(set, shard) * network->record->class_count;
    }
    free(images);
    apd_workspace_destroy(workspace);
}

/* Add what teacher `number` says. */
static apd_status ask_teacher(const apd_run *run, int number, int id, const apd_train_set *set, float *taught,
                              apd_error *error) {
    apd_trained_run teacher;
    apd_trained network;
    int place;
    APD_TRY(open_teacher(run, number, &teacher, error));
    apd_status status = find_task(run, &teacher, id, &place, error);
    if (status == APD_OK)
        status = apd_trained_read(&teacher, place, &network, error);
    if (status == APD_OK) {
        ask(run, &network, set, taught);
        apd_trained_clear(&network);
    }
    apd_trained_run_close(&teacher);
    return status;
}

apd_status apd_teachers_teach(const apd_run *run, int id, apd_train_set *set, apd_error *error) {
    const int teachers = run->description->training.teacher_count;
    const int classes = run->stream->tasks[id].class_count;
    if (teachers == 0)
        return APD_OK;
    int64_t samples = 0;
    for (int shard = run->partition.shard_begin; shard < run->partition.shard_end; shard++)
        samples += apd_train_set_shard_count(set, shard);
    float *taught = apd_allocate(samples * classes, sizeof *taught, "what teachers say of a task's images");
    apd_train_set_teach(set, taught, classes);
    apd_status status = APD_OK;
    for (int i = 0; i < teachers && status == APD_OK; i++)
        status = ask_teacher(run, i, id, set, taught, error);
    return status;
}

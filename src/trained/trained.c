#include "trained/trained.h"

#include "base/memory.h"
#include "io/checkpoint/commits.h"
#include "io/data/pixels.h"
#include "io/data/stream.h"
#include "io/description/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what the commit says of itself (engine/about.h) ---------------------------------------------------------- */

static const apd_yaml_node *member(const apd_yaml_node *map, const char *key, apd_yaml_kind kind) {
    for (int i = 0; map->kind == APD_YAML_MAP && i < map->count; i++)
        if (strcmp(map->items[2 * i].text, key) == 0)
            return map->items[2 * i + 1].kind == kind ? &map->items[2 * i + 1] : NULL;
    return NULL;
}

static bool whole(const apd_yaml_node *node, int most, int *out) {
    char *end = NULL;
    long value = node->kind == APD_YAML_TEXT ? strtol(node->text, &end, 10) : 0;
    *out = (int)value;
    return end != NULL && *end == '\0' && value >= 1 && value <= most;
}

static apd_status read_about(apd_trained_run *file, apd_error *error) {
    apd_yaml_node root = {0};
    apd_place place = {.file = file->path, .error = error};
    apd_status status =
        apd_yaml_parse(&place, file->state->about, (int64_t)strlen(file->state->about), &root);
    if (status != APD_OK)
        return apd_fail(error, APD_ERROR_DATA, "%s: /about is not what apd writes", file->path);
    const apd_yaml_node *input = member(&root, "input", APD_YAML_LIST);
    const apd_yaml_node *scaling = member(&root, "scaling", APD_YAML_TEXT);
    const apd_yaml_node *names = member(&root, "classes", APD_YAML_LIST);
    bool good = input != NULL && scaling != NULL && input->count == 3 &&
                whole(&input->items[0], APD_MAX_CHANNELS, &file->shape.channels) &&
                whole(&input->items[1], 65536, &file->shape.height) &&
                whole(&input->items[2], 65536, &file->shape.width);
    file->is_float = good && strncmp(scaling->text, "float32", 7) == 0;
    file->class_count = good && names != NULL ? names->count : 0;
    if (file->class_count > 0)
        file->class_names =
            apd_allocate(file->class_count, sizeof *file->class_names, "the names of the classes");
    for (int c = 0; c < file->class_count; c++)
        if (names->items[c].kind == APD_YAML_TEXT)
            file->class_names[c] = apd_duplicate_text(names->items[c].text);
    apd_yaml_clear(&root);
    return good ? APD_OK
                : apd_fail(error, APD_ERROR_DATA, "%s: /about does not say what the images are", file->path);
}

/* --- a checkpoint ------------------------------------------------------------------------------------------ */

static apd_status read_tasks(apd_trained_run *file, apd_error *error) {
    file->tasks = apd_allocate(file->state->task_count, sizeof *file->tasks, "tasks");
    for (int t = 0; t < file->state->task_count; t++)
        if (file->state->records[t].class_count > 0)
            APD_TRY(apd_theta_read_task(file->reader, t, &file->tasks[t], error));
    apd_reader_close(file->reader);
    return APD_OK;
}

static apd_status open_once(const char *path, void *out, apd_error *error) {
    apd_trained_run *wanted = out, file = {.whole = wanted->whole, .path = apd_duplicate_text(path)};
    apd_status status;
    APD_GO(apd_reader_open(path, &file.reader, error));
    file.state = apd_reader_state(file.reader);
    const char *text = file.state->run_yaml;
    APD_GO(apd_description_parse(path, text, (int64_t)strlen(text), NULL, 0, &file.description, error));
    APD_GO(read_about(&file, error));
    APD_GO(apd_theta_read_terms(file.reader, &file.terms, error));
    if (file.whole)
        APD_GO(read_tasks(&file, error));
    *wanted = file;
    return APD_OK;
out:
    apd_trained_run_close(&file);
    return status;
}

apd_status apd_trained_run_open(const char *run, bool whole, apd_trained_run *out, apd_error *error) {
    apd_trained_run file = {.whole = whole};
    char *path = NULL;
    APD_TRY(apd_checkpoint_path(run, &path, error));
    apd_status status = apd_checkpoint_read_newest(path, open_once, &file, error);
    if (status == APD_OK)
        *out = file;
    free(path);
    return status;
}

void apd_trained_run_close(apd_trained_run *file) {
    for (int t = 0; file->tasks != NULL && t < file->state->task_count; t++)
        apd_item_clear(&file->tasks[t]);
    free(file->tasks);
    apd_theta_clear_terms(&file->terms);
    for (int c = 0; c < file->class_count; c++)
        free(file->class_names[c]);
    free((void *)file->class_names);
    apd_description_destroy(file->description);
    apd_reader_destroy(file->reader);
    free(file->path);
    *file = (apd_trained_run){0};
}

const char *apd_trained_run_class_name(const apd_trained_run *file, int number, char room[64]) {
    if (number >= 0 && number < file->class_count && file->class_names[number] != NULL)
        return file->class_names[number];
    apd_classes_name(&number, 1, room);
    return room;
}

/* "WHY; RUN has 12 finished tasks, ..." */
static apd_status no_task(const apd_trained_run *file, const char *why, apd_error *error) {
    return apd_fail(error, APD_ERROR_USAGE,
                    "%s; %s has %d finished tasks, which apd inspect lists with their numbers and names", why,
                    file->path, file->state->task_count);
}

apd_status apd_trained_run_find(const apd_trained_run *file, const char *text, int *place, apd_error *error) {
    char why[160];
    if (text == NULL)
        return no_task(file, "--task TASK is needed", error);
    int found = apd_find_task(file->state, text);
    if (found < 0 || file->state->records[found].class_count == 0) {
        (void)snprintf(why, sizeof why, "--task %.100s: %s", text,
                       found < 0 ? "there is no such task" : "this task has been forgotten");
        return no_task(file, why, error);
    }
    *place = found;
    return APD_OK;
}

/* --- a task ------------------------------------------------------------------------------------------------ */

/* Whether the network that the description says has the checkpoint's blocks. */
static apd_status check_layout(const apd_trained_run *file, const apd_layout *mine, apd_error *error) {
    const apd_layout *theirs = apd_reader_layout(file->reader);
    bool same = mine->block_count == theirs->block_count;
    for (int b = 0; same && b < mine->block_count; b++) {
        const apd_block *a = &mine->blocks[b], *c = &theirs->blocks[b];
        same = a->cols == c->cols && (a->decomposed ? a->rows == c->rows : a->rows <= c->rows);
    }
    return same ? APD_OK
                : apd_fail(error, APD_ERROR_DATA,
                           "%s: its parameters are not those of the network in its "
                           "description",
                           file->path);
}

static apd_status read_theta(const apd_trained_run *file, int place, const apd_layout *layout, float *theta,
                             apd_error *error) {
    apd_item read = {0};
    if (!file->whole)
        APD_TRY(apd_theta_read_task(file->reader, place, &read, error));
    const apd_item *task = file->whole ? &file->tasks[place] : &read;
    for (int b = 0; b < layout->block_count; b++)
        apd_theta_compose(&file->terms, task, b, theta + layout->blocks[b].weight,
                          theta + layout->blocks[b].bias);
    apd_item_clear(&read);
    return APD_OK;
}

apd_transform_spec apd_trained_transform(const apd_trained *trained) {
    const apd_trained_run *file = trained->file;
    return (apd_transform_spec){.shape = file->shape,
                                .is_float = file->is_float,
                                .scrambled = file->description->data.layout == APD_LAYOUT_SCRAMBLED,
                                .turns = 1,
                                .permuted = apd_task_is_permuted(file->description, trained->record->id),
                                .seed = file->description->seed,
                                .task = trained->record->id,
                                .angle = apd_task_angle(file->description, trained->record->id)};
}

/* Read off an image whose pixels are their own numbers. */
int32_t *apd_trained_pixels(const apd_trained *trained) {
    apd_transform_spec spec = apd_trained_transform(trained);
    apd_image_shape shape = trained->file->shape;
    int64_t count = (int64_t)shape.channels * shape.height * shape.width;
    if (!spec.permuted && !(spec.scrambled && shape.channels > 1))
        return NULL;
    APD_ASSERT(count < 1 << 24); /* so that each is a float */
    spec.is_float = true;
    spec.angle = 0.0;
    float *numbers = apd_allocate(2 * count, sizeof *numbers, "the numbers of pixels");
    int32_t *pixels = apd_allocate(count, sizeof *pixels, "the numbers of pixels");
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (float)i;
    apd_transform *transform = apd_transform_create(&spec);
    apd_transform_apply(transform, 0, numbers, numbers + count);
    for (int64_t i = 0; i < count; i++)
        pixels[i] = (int32_t)numbers[count + i];
    apd_transform_destroy(transform);
    free(numbers);
    return pixels;
}

apd_status apd_trained_read(const apd_trained_run *file, int place, apd_trained *out, apd_error *error) {
    apd_trained made = {.file = file, .record = &file->state->records[place]};
    made.normalisation = made.record->normalisation;
    for (int c = 0; c < file->shape.channels; c++)
        made.normalisation.deviation[c] = apd_pixels_deviation(made.normalisation.deviation[c]);
    APD_ASSERT(made.record->class_count > 0);
    apd_status status = apd_network_create(file->shape, file->description->network.layers,
                                           file->description->network.layer_count, made.record->class_count,
                                           &made.network, error);
    if (status != APD_OK) /* the run had a network: this is not its checkpoint any more */
        return apd_fail(error, APD_ERROR_DATA, "%s: its network is impossible", file->path);
    const apd_layout *layout = apd_network_layout(made.network);
    APD_GO(check_layout(file, layout, error));
    made.theta = apd_allocate(layout->size, sizeof *made.theta, "a task's parameters");
    APD_GO(read_theta(file, place, layout, made.theta, error));
    *out = made;
    return APD_OK;
out:
    apd_trained_clear(&made);
    return status;
}

void apd_trained_clear(apd_trained *trained) {
    apd_network_destroy(trained->network);
    free(trained->theta);
    *trained = (apd_trained){0};
}

const char *apd_trained_class_name(const apd_trained *trained, int c, char room[64]) {
    return apd_trained_run_class_name(trained->file, trained->record->classes[c], room);
}

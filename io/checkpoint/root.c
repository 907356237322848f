#include "io/checkpoint/root.h"

#include "base/memory.h"
#include "io/checkpoint/claims.h"
#include "io/checkpoint/root_fields.h"
#include "io/system/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOME_BYTES = 24 }; /* of an item in /index */

/* Channels of the images: up to the last one that some task normalises; at least 1. */
static int channels_of(const apd_run_state *state) {
    int channels = 1;
    for (int t = 0; t < state->task_count; t++)
        for (int c = channels; c < CHANNELS; c++)
            if (state->records[t].normalisation.mean[c] != 0.0f ||
                state->records[t].normalisation.deviation[c] != 0.0f)
                channels = c + 1;
    return channels;
}

/* --- describing ------------------------------------------------------------------------------------------- */

static void *own(apd_root *root, int64_t count, size_t size) {
    APD_ASSERT(root->owned_count < COUNT(root->owned));
    return root->owned[root->owned_count++] = apd_allocate(count, size, "the checkpoint's root");
}

static apd_part_group *add_group(apd_root *root, const char *name) {
    APD_ASSERT(root->group_count < COUNT(root->groups));
    apd_part_group *group = &root->groups[root->group_count++];
    *group = (apd_part_group){.name = name,
                              .attributes = root->attributes + root->attribute_count,
                              .arrays = root->arrays + root->array_count};
    return group;
}

static void add_array(apd_root *root, const char *name, apd_shape shape, const void *bytes) {
    APD_ASSERT(root->array_count < COUNT(root->arrays));
    root->bytes[root->array_count] = bytes;
    root->arrays[root->array_count++] = (apd_part_array){name, shape};
    root->groups[root->group_count - 1].array_count++;
}

static void add_list(apd_root *root, const char *name, apd_shape shape, const void *bytes) {
    const char *group = root->groups[root->group_count - 1].name;
    int l = 0;
    while (l < COUNT(lists) && (strcmp(lists[l].group, group) != 0 || strcmp(lists[l].name, name) != 0))
        l++;
    APD_ASSERT(l < COUNT(lists) && lists[l].number == shape.number);
    add_array(root, name, shape, bytes);
}

static void add_attribute(apd_root *root, const char *name, apd_shape shape, const void *value) {
    APD_ASSERT(root->attribute_count < COUNT(root->attributes));
    root->attributes[root->attribute_count++] = (apd_part_attribute){name, shape, value};
    root->groups[root->group_count - 1].attribute_count++;
}

static apd_shape vector(apd_number number, int64_t count) {
    return (apd_shape){.number = number, .rank = 1, .extents = {count, 0}};
}

static apd_shape matrix(apd_number number, int64_t rows, int64_t cols) {
    return (apd_shape){.number = number, .rank = 2, .extents = {rows, cols}};
}

static void add_text(apd_root *root, const char *name, const char *text) {
    static const char none[1] = "";
    text = text != NULL ? text : none;
    add_list(root, name, (apd_shape){.number = APD_TEXT, .text = (int64_t)strlen(text) + 1}, text);
}

static void add_fields(apd_root *root, const field *fields, int count, const void *from) {
    for (int f = 0; f < count; f++)
        add_attribute(root, fields[f].name, (apd_shape){.number = fields[f].number, .text = fields[f].text},
                      (const char *)from + fields[f].offset);
}

/* A column a field, of `rows` structs of `size` bytes. */
static void add_columns(apd_root *root, const field *fields, int count, const void *from, size_t size,
                        int64_t rows) {
    for (int f = 0; f < count; f++) {
        apd_shape shape = vector(fields[f].number, rows);
        shape.text = fields[f].text;
        size_t bytes = (size_t)apd_number_bytes(shape.number, shape.text);
        char *column = own(root, rows, bytes);
        for (int64_t r = 0; r < rows; r++)
            memcpy(column + (size_t)r * bytes, (const char *)from + (size_t)r * size + fields[f].offset,
                   bytes);
        add_array(root, fields[f].name, shape, column);
    }
}

static void add_records(apd_root *root, const apd_run_state *state) {
    int64_t tasks = state->task_count, body = state->block_count - 1, classes = 0, n = 0;
    add_group(root, "records");
    add_columns(root, record_fields, COUNT(record_fields), state->records, sizeof *state->records, tasks);
    for (int64_t t = 0; t < tasks; t++)
        classes += state->records[t].class_count;
    int32_t *numbers = own(root, classes, sizeof *numbers);
    int channels = channels_of(state);
    float *normalisation = own(root, tasks * 2 * channels, sizeof *normalisation);
    for (int64_t t = 0; t < tasks; t++) {
        const apd_task_record *record = &state->records[t];
        float *row = normalisation + t * 2 * channels;
        for (int c = 0; c < record->class_count; c++)
            numbers[n++] = record->classes[c];
        memcpy(row, record->normalisation.mean, (size_t)channels * sizeof *row);
        memcpy(row + channels, record->normalisation.deviation, (size_t)channels * sizeof *row);
    }
    add_list(root, "classes", vector(APD_I32, classes), numbers);
    add_list(root, "normalisation", matrix(APD_F32, tasks, 2 * (int64_t)channels), normalisation);
    if (state->consolidations == 0)
        return;
    int32_t *groups = own(root, tasks * body, sizeof *groups);
    for (int64_t i = 0; i < tasks * body; i++)
        groups[i] = state->records[i / body].groups != NULL ? state->records[i / body].groups[i % body] : -1;
    add_list(root, "groups", matrix(APD_I32, tasks, body), groups);
}

static void add_accuracy(apd_root *root, const apd_run_state *state) {
    const apd_accuracies *accuracies = &state->accuracies;
    int64_t *ends = own(root, state->task_count, sizeof *ends), count = apd_accuracies_changes(accuracies);
    int32_t *task = own(root, count, sizeof *task);
    double *value = own(root, count, sizeof *value);
    apd_accuracies_list(accuracies, ends, task, value);
    add_group(root, "accuracy");
    add_list(root, "ends", vector(APD_I64, state->task_count), ends);
    add_list(root, "task", vector(APD_I32, count), task);
    add_list(root, "value", vector(APD_F64, count), value);
}

static void add_index(apd_root *root, const apd_run_state *state) {
    int count;
    int32_t *clusters = own(root, state->block_count, sizeof *clusters);
    for (int b = 0; b < state->block_count; b++)
        clusters[b] = state->shared[b].clusters;
    add_group(root, "clusters");
    add_list(root, "count", vector(APD_I32, state->block_count), clusters);
    apd_item_key *items = apd_item_list(state, &count);
    apd_home *homes = own(root, count, sizeof *homes);
    for (int i = 0; i < count; i++)
        homes[i] = *apd_item_home((apd_run_state *)state, items[i]);
    free(items);
    add_group(root, "index");
    add_columns(root, index_fields, COUNT(index_fields), homes, sizeof *homes, count);
    add_group(root, "parts");
    add_columns(root, part_fields, COUNT(part_fields), state->parts, sizeof *state->parts, state->part_count);
}

static void add_training(apd_root *root, const apd_run_state *state) {
    const apd_training_state *training = &state->training;
    APD_ASSERT(training->tally_count == state->shards * TALLY);
    add_group(root, "half_way");
    add_fields(root, training_fields, COUNT(training_fields), training);
    add_list(root, "tallies", matrix(APD_F64, state->shards, TALLY), training->tallies);
    add_columns(root, array_fields, COUNT(array_fields), training->arrays, sizeof *training->arrays,
                training->array_count);
}

void apd_root_describe(const apd_run_state *state, const apd_layout *layout, apd_root *root) {
    *root = (apd_root){0};
    add_group(root, "");
    add_fields(root, run_fields, COUNT(run_fields), state);
    add_text(root, "run_yaml", state->run_yaml);
    add_text(root, "about", state->about);
    add_group(root, "layout");
    add_columns(root, layout_fields, COUNT(layout_fields), layout->blocks, sizeof *layout->blocks,
                layout->block_count);
    if (state->shared_array_count > 0) {
        add_group(root, "shared_arrays");
        add_columns(root, shared_fields, COUNT(shared_fields), state->shared_arrays,
                    sizeof *state->shared_arrays, state->shared_array_count);
    }
    add_records(root, state);
    add_accuracy(root, state);
    add_index(root, state);
    if (state->half_way)
        add_training(root, state);
}

void apd_root_clear(apd_root *root) {
    for (int i = 0; i < root->owned_count; i++)
        free(root->owned[i]);
    *root = (apd_root){0};
}

void apd_root_append(const apd_root *root, apd_part_writer *writer) {
    for (int a = 0; a < root->array_count; a++)
        apd_part_append(writer, root->bytes[a], apd_shape_bytes(&root->arrays[a].shape));
}

/* --- reading ---------------------------------------------------------------------------------------------- */

static apd_status read_fields(const apd_part_in *in, const field *fields, int count, void *into,
                              apd_error *error) {
    for (int f = 0; f < count; f++) {
        apd_shape shape = {.number = fields[f].number, .text = fields[f].text};
        char *value = (char *)into + fields[f].offset;
        APD_TRY(apd_part_attribute_read(in, fields[f].name, &shape, value, error));
        if (fields[f].number == APD_TEXT && memchr(value, 0, (size_t)fields[f].text) == NULL)
            return apd_part_fail(in, fields[f].name, "a text has no end", error);
    }
    return APD_OK;
}

/* Columns into structs of `size` bytes: `rows` of them, or, where that is APD_ANY, as many as the file has. */
static apd_status read_columns(apd_part_in *in, const field *fields, int count, void **structs, size_t size,
                               int64_t *rows, apd_error *error) {
    char *into = NULL;
    apd_status status = APD_OK;
    for (int f = 0; f < count && status == APD_OK; f++) {
        apd_shape shape = vector(fields[f].number, *rows);
        size_t bytes = (size_t)apd_number_bytes(fields[f].number, fields[f].text);
        char *column = NULL;
        shape.text = fields[f].text;
        APD_GO(apd_part_read_array(in, fields[f].name, &shape, (void **)&column, error));
        *rows = shape.extents[0];
        if (into == NULL) {
            status = apd_memory_limit_check(in->reader->path, in->name, *rows, size, error);
            into = status == APD_OK ? apd_allocate(*rows, size, in->name) : NULL;
        }
        for (int64_t r = 0; r < *rows && status == APD_OK; r++) {
            const char *value = column + (size_t)r * bytes;
            if (fields[f].number == APD_TEXT && memchr(value, 0, bytes) == NULL)
                status = apd_part_fail(in, fields[f].name, "a text has no end", error);
            memcpy(into + (size_t)r * size + fields[f].offset, value, bytes);
        }
        free(column);
    }
out:
    if (status == APD_OK)
        *structs = into;
    else
        free(into);
    return status;
}

static apd_status read_text(apd_part_in *in, const char *name, char **text, apd_error *error) {
    apd_shape shape = {.number = APD_TEXT, .text = APD_ANY};
    return apd_part_read_array(in, name, &shape, (void **)text, error);
}

static apd_status read_run(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_part_in in;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "", &in, error));
    APD_GO(read_fields(&in, run_fields, COUNT(run_fields), state, error));
    if (state->commit < 1 || state->commit != reader->commit || state->shards < 1 ||
        state->shards > INT32_MAX / TALLY || state->task_count < 0 || state->consolidations < 0)
        APD_GO(apd_part_fail(&in, NULL, "commit, shards, task_count or consolidations make no sense", error));
    if (state->alone < 0 || state->alone > 1 || state->half_way < 0 || state->half_way > 1 ||
        state->ending < APD_ENDING_COMPLETE || state->ending > APD_ENDING_CONSOLIDATED ||
        (state->ending != APD_ENDING_COMPLETE && state->task_count < 1))
        APD_GO(apd_part_fail(&in, NULL, "alone, half_way or ending make no sense", error));
    APD_GO(read_text(&in, "run_yaml", &state->run_yaml, error));
    APD_GO(read_text(&in, "about", &state->about, error));
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

static apd_status read_layout(const apd_part_reader *reader, int64_t tasks, apd_layout *layout,
                              apd_error *error) {
    apd_part_in in;
    int64_t count = APD_ANY;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "layout", &in, error));
    APD_GO(read_columns(&in, layout_fields, COUNT(layout_fields), (void **)&layout->blocks,
                        sizeof *layout->blocks, &count, error));
    layout->block_count = (int)(count <= APD_MOST_BLOCKS ? count : 0);
    const char *fault = apd_claims_of_layout(layout, tasks);
    if (fault != NULL)
        APD_GO(apd_part_fail(&in, NULL, fault, error));
    for (int b = 0; b + 1 < layout->block_count; b++) {
        layout->blocks[b].decomposed = true;
        layout->decomposed += layout->blocks[b].rows * layout->blocks[b].cols;
    }
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

static apd_status read_shared_arrays(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_part_in in;
    int64_t count = APD_ANY;
    apd_status status;
    if (!apd_part_has(reader, "shared_arrays"))
        return APD_OK;
    APD_GO(apd_part_begin_group(reader, "shared_arrays", &in, error));
    APD_GO(read_columns(&in, shared_fields, COUNT(shared_fields), (void **)&state->shared_arrays,
                        sizeof *state->shared_arrays, &count, error));
    const char *fault = apd_claims_of_shared_arrays(state->shared_arrays, count);
    if (fault != NULL)
        APD_GO(apd_part_fail(&in, "name", fault, error));
    state->shared_array_count = (int)count;
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

/* Of the records' arrays besides columns, by row: `classes`, `normalisation`, `groups`. */
static apd_status read_lists(apd_part_in *in, apd_run_state *state, apd_error *error) {
    int64_t tasks = state->task_count, body = state->block_count - 1, classes = 0, n = 0;
    int32_t *numbers = NULL, *groups = NULL;
    float *normalisation = NULL;
    apd_status status;
    for (int64_t t = 0; t < tasks; t++)
        classes += state->records[t].class_count;
    apd_shape shape = vector(APD_I32, classes), rows = matrix(APD_F32, tasks, APD_ANY);
    APD_GO(apd_part_read_array(in, "classes", &shape, (void **)&numbers, error));
    APD_GO(apd_part_read_array(in, "normalisation", &rows, (void **)&normalisation, error));
    size_t channels = (size_t)rows.extents[1] / 2;
    if (rows.extents[1] % 2 != 0 || channels < 1 || channels > CHANNELS)
        APD_GO(
            apd_part_fail(in, "normalisation", "has not 1 to 16 means and as many deviations a task", error));
    for (int64_t t = 0; t < tasks; t++) {
        apd_task_record *record = &state->records[t];
        record->classes = record->class_count > 0
                              ? apd_allocate(record->class_count, sizeof *record->classes, "a task's classes")
                              : NULL;
        for (int c = 0; c < record->class_count; c++)
            record->classes[c] = numbers[n++];
        const float *row = normalisation + (size_t)t * 2 * channels;
        memcpy(record->normalisation.mean, row, channels * sizeof *row);
        memcpy(record->normalisation.deviation, row + channels, channels * sizeof *row);
    }
    if (state->consolidations > 0) {
        shape = matrix(APD_I32, tasks, body);
        APD_GO(apd_part_read_array(in, "groups", &shape, (void **)&groups, error));
    }
    for (int64_t t = 0; t < tasks && groups != NULL; t++) {
        state->records[t].groups = apd_allocate(state->block_count, sizeof *groups, "a task's clusters");
        memcpy(state->records[t].groups, groups + t * body, (size_t)body * sizeof *groups);
        state->records[t].groups[body] = -1;
    }
out:
    free(numbers);
    free(normalisation);
    free(groups);
    return status;
}

static apd_status read_records(const apd_part_reader *reader, const apd_layout *layout, apd_run_state *state,
                               apd_error *error) {
    apd_part_in in;
    int64_t tasks = state->task_count, most = layout->blocks[layout->block_count - 1].rows;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "records", &in, error));
    APD_GO(read_columns(&in, record_fields, COUNT(record_fields), (void **)&state->records,
                        sizeof *state->records, &tasks, error));
    for (int64_t t = 0; t < tasks; t++)
        if (state->records[t].class_count < 0 || state->records[t].class_count > most ||
            state->records[t].storage < 0 || state->records[t].storage >= APD_STORAGES)
            APD_GO(apd_part_fail(
                &in, "class_count",
                "a task has fewer classes than 0 or more than the head rows, or is stored in a way "
                "that this program does not know",
                error));
    APD_GO(read_lists(&in, state, error));
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

static apd_status read_accuracy(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_part_in in;
    apd_shape ends_shape = vector(APD_I64, state->task_count), task_shape = vector(APD_I32, APD_ANY);
    int64_t *ends = NULL;
    int32_t *task = NULL;
    double *value = NULL;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "accuracy", &in, error));
    APD_GO(apd_part_read_array(&in, "ends", &ends_shape, (void **)&ends, error));
    APD_GO(apd_part_read_array(&in, "task", &task_shape, (void **)&task, error));
    apd_shape value_shape = vector(APD_F64, task_shape.extents[0]);
    APD_GO(apd_part_read_array(&in, "value", &value_shape, (void **)&value, error));
    if (!apd_accuracies_set(&state->accuracies, state->task_count, ends, task, value, task_shape.extents[0]))
        APD_GO(apd_part_fail(&in, NULL, "the accuracies make no sense", error));
    APD_GO(apd_part_end_group(&in, error));
out:
    apd_part_abandon(&in);
    free(ends);
    free(task);
    free(value);
    return status;
}

static apd_status read_clusters(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_part_in in;
    apd_shape shape = vector(APD_I32, state->block_count);
    int32_t *count = NULL;
    int64_t items = 2 * (int64_t)state->block_count + state->task_count, most = reader->bytes / HOME_BYTES;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "clusters", &in, error));
    APD_GO(apd_part_read_array(&in, "count", &shape, (void **)&count, error));
    for (int b = 0; b < state->block_count; b++) {
        bool none = b == state->block_count - 1 || state->consolidations == 0;
        items += count[b];
        if (count[b] < 0 || count[b] > most || items > INT32_MAX || (none && count[b] != 0))
            APD_GO(apd_part_fail(&in, "count",
                                 "there are fewer clusters than 0, or more than the file can hold", error));
        state->shared[b].clusters = count[b];
        state->shared[b].cluster = apd_allocate(count[b], sizeof *state->shared[b].cluster, "clusters");
    }
    for (int64_t t = 0; t < state->task_count; t++) {
        const apd_task_record *record = &state->records[t];
        bool alone = record->class_count == 0 || record->storage != APD_STORAGE_DECOMPOSED;
        for (int b = 0; b + 1 < state->block_count && record->groups != NULL; b++)
            if (record->groups[b] < -1 || record->groups[b] >= (alone ? 0 : count[b]))
                APD_GO(apd_part_fail(&in, "count",
                                     "a task is in a cluster that is not there, or may be in none", error));
    }
    APD_GO(apd_part_end_group(&in, error));
out:
    apd_part_abandon(&in);
    free(count);
    return status;
}

static apd_status read_parts(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_part_in in;
    int64_t count = APD_ANY, bytes = 0;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "parts", &in, error));
    APD_GO(read_columns(&in, part_fields, COUNT(part_fields), (void **)&state->parts, sizeof *state->parts,
                        &count, error));
    state->part_count = (int)(count < INT32_MAX ? count : 0);
    for (int64_t p = 0; p < count; p++) {
        const apd_part_record *part = &state->parts[p];
        bool after = p == 0 || part[-1].commit < part->commit ||
                     (part[-1].commit == part->commit && part[-1].part < part->part);
        if (count > INT32_MAX || part->commit < 1 || part->commit > state->commit || part->part < 0 || !after)
            APD_GO(
                apd_part_fail(&in, "commit", "the parts are not of this commit and before, in order", error));
        if (part->items < 0 || part->bytes < 0 || part->bytes > INT64_MAX / 2 - bytes)
            APD_GO(apd_part_fail(&in, "bytes", "items or bytes of a part make no sense", error));
        bytes += part->bytes;
    }
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

/* Every item lies in a part that is listed, or in this very file. */
static apd_status read_index(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_part_in in;
    int count;
    apd_item_key *items = apd_item_list(state, &count);
    apd_home *homes = NULL;
    int64_t rows = count, entries = 0;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "index", &in, error));
    APD_GO(
        read_columns(&in, index_fields, COUNT(index_fields), (void **)&homes, sizeof *homes, &rows, error));
    for (int i = 0; i < count; i++) {
        if (homes[i].entries < 0 || homes[i].entries > INT64_MAX / 64 - entries)
            APD_GO(apd_part_fail(&in, "entries",
                                 "an item has fewer entries than 0, or more than any file can hold", error));
        entries += homes[i].entries;
        if (homes[i].part != -1 && apd_find_part(state, homes[i].commit, homes[i].part) == NULL)
            APD_GO(apd_part_fail(&in, "part", "an item lies in a part that is not listed", error));
        *apd_item_home(state, items[i]) = homes[i];
    }
    APD_GO(apd_part_end_group(&in, error));
out:
    apd_part_abandon(&in);
    free(homes);
    free(items);
    return status;
}

static apd_status read_training(const apd_part_reader *reader, apd_run_state *state, apd_error *error) {
    apd_training_state *training = &state->training;
    apd_part_in in;
    apd_shape shape = matrix(APD_F64, state->shards, TALLY);
    int64_t count = APD_ANY;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, "half_way", &in, error));
    APD_GO(read_fields(&in, training_fields, COUNT(training_fields), training, error));
    if (training->id < 0 || training->epochs < 1 || training->epoch < 0 ||
        training->epoch > training->epochs || training->step < 0 || training->progress.steps < 0)
        APD_GO(apd_part_fail(&in, NULL, "id, epochs, epoch, step or steps make no sense", error));
    APD_GO(apd_part_read_array(&in, "tallies", &shape, (void **)&training->tallies, error));
    training->tally_count = state->shards * TALLY;
    APD_GO(read_columns(&in, array_fields, COUNT(array_fields), (void **)&training->arrays,
                        sizeof *training->arrays, &count, error));
    training->array_count = (int32_t)(count <= APD_MOST_TRAINING_ARRAYS ? count : -1);
    const char *fault = apd_claims_of_training(training, state->block_count);
    if (fault != NULL)
        APD_GO(apd_part_fail(&in, "block", fault, error));
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

apd_status apd_root_read(const apd_part_reader *reader, apd_run_state *state, apd_layout *layout,
                         apd_error *error) {
    apd_run_state read = {0};
    apd_layout found = {0};
    apd_status status;
    APD_GO(read_run(reader, &read, error));
    APD_GO(read_layout(reader, read.task_count, &found, error));
    read.block_count = found.block_count;
    read.shared = apd_allocate(read.block_count, sizeof *read.shared, "blocks");
    APD_GO(read_shared_arrays(reader, &read, error));
    APD_GO(read_records(reader, &found, &read, error));
    APD_GO(read_accuracy(reader, &read, error));
    APD_GO(read_clusters(reader, &read, error));
    APD_GO(read_parts(reader, &read, error));
    if (read.half_way)
        APD_GO(read_training(reader, &read, error));
    APD_GO(read_index(reader, &read, error));
    *state = read;
    *layout = found;
    return APD_OK;
out:
    apd_run_state_clear(&read);
    apd_layout_clear(&found);
    return status;
}

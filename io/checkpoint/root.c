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

static void add_group(apd_root *root, const char *name) {
    APD_ASSERT(root->group_count < COUNT(root->groups));
    root->groups[root->group_count++] = (apd_part_group){
        .name = name,
        .attributes = root->attributes + root->attribute_count,
        .arrays = root->arrays + root->array_count,
    };
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

static void add_fields(apd_root *root, const table *from, const void *structs) {
    for (int f = 0; f < from->count; f++)
        add_attribute(root, from->fields[f].name,
                      (apd_shape){.number = from->fields[f].number, .text = from->fields[f].text},
                      (const char *)structs + from->fields[f].offset);
}

/* A column a field, of `rows` structs. */
static void add_columns(apd_root *root, const table *from, const void *structs, int64_t rows) {
    for (int f = 0; f < from->count; f++) {
        apd_shape shape = vector(from->fields[f].number, rows);
        shape.text = from->fields[f].text;
        size_t bytes = (size_t)apd_number_bytes(shape.number, shape.text);
        char *column = own(root, rows, bytes);
        for (int64_t r = 0; r < rows; r++)
            memcpy(column + (size_t)r * bytes,
                   (const char *)structs + (size_t)r * from->size + from->fields[f].offset, bytes);
        add_array(root, from->fields[f].name, shape, column);
    }
}

static void describe_run(apd_root *root) {
    add_fields(root, &run_table, root->state);
    add_text(root, "run_yaml", root->state->run_yaml);
    add_text(root, "about", root->state->about);
}

static void describe_layout(apd_root *root) {
    add_columns(root, &layout_table, root->layout->blocks, root->layout->block_count);
}

static void describe_shared_arrays(apd_root *root) {
    add_columns(root, &shared_table, root->state->shared_arrays, root->state->shared_array_count);
}

static void describe_keys(apd_root *root) {
    add_fields(root, &key_table, root->state);
}

static void describe_records(apd_root *root) {
    const apd_run_state *state = root->state;
    int64_t tasks = state->task_count, body = root->layout->block_count - 1, classes = 0, n = 0;
    add_columns(root, &record_table, state->records, tasks);
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

static void describe_accuracy(apd_root *root) {
    const apd_accuracies *accuracies = &root->state->accuracies;
    int64_t *ends = own(root, root->state->task_count, sizeof *ends),
            count = apd_accuracies_changes(accuracies);
    int32_t *task = own(root, count, sizeof *task);
    double *value = own(root, count, sizeof *value);
    apd_accuracies_list(accuracies, ends, task, value);
    add_list(root, "ends", vector(APD_I64, root->state->task_count), ends);
    add_list(root, "task", vector(APD_I32, count), task);
    add_list(root, "value", vector(APD_F64, count), value);
}

static void describe_clusters(apd_root *root) {
    const apd_layout *layout = root->layout;
    int32_t *clusters = own(root, layout->block_count, sizeof *clusters);
    for (int b = 0; b < layout->block_count; b++)
        clusters[b] = root->state->shared[b].clusters;
    add_list(root, "count", vector(APD_I32, layout->block_count), clusters);
}

static void describe_parts(apd_root *root) {
    add_columns(root, &part_table, root->state->parts, root->packed ? 0 : root->state->part_count);
}

static void describe_index(apd_root *root) {
    const apd_run_state *state = root->state;
    int count;
    apd_item_key *items = apd_item_list(state, &count);
    apd_home *homes = own(root, count, sizeof *homes);
    for (int i = 0; i < count; i++) {
        homes[i] = *apd_item_home((apd_run_state *)state, items[i]);
        if (root->packed) {
            homes[i].commit = state->commit;
            homes[i].part = -1;
        }
    }
    free(items);
    add_columns(root, &index_table, homes, count);
}

static void describe_training(apd_root *root) {
    const apd_training_state *training = &root->state->training;
    APD_ASSERT(training->tally_count == root->state->shards * TALLY);
    add_fields(root, &training_table, training);
    add_list(root, "tallies", matrix(APD_F64, root->state->shards, TALLY), training->tallies);
    add_columns(root, &array_table, training->arrays, training->array_count);
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

typedef struct reading {
    apd_part_in in; /* the group */
    apd_run_state state;
    apd_layout layout;
    void *owned[32]; /* arrays read so far, to be freed with the group */
    int owned_count;
} reading;

/* An array that is kept while its group is read. */
static apd_status read_list(reading *r, const char *name, apd_shape *shape, void **numbers,
                            apd_error *error) {
    APD_ASSERT(r->owned_count < COUNT(r->owned));
    APD_TRY(apd_part_read_array(&r->in, name, shape, numbers, error));
    r->owned[r->owned_count++] = *numbers;
    return APD_OK;
}

static apd_status check_text(const reading *r, const field *from, const char *value, apd_error *error) {
    if (from->number == APD_TEXT && memchr(value, 0, (size_t)from->text) == NULL)
        return apd_part_fail(&r->in, from->name, "a text has no end", error);
    return APD_OK;
}

static apd_status read_fields(const reading *r, const table *from, void *into, apd_error *error) {
    for (int f = 0; f < from->count; f++) {
        apd_shape shape = {.number = from->fields[f].number, .text = from->fields[f].text};
        char *value = (char *)into + from->fields[f].offset;
        APD_TRY(apd_part_attribute_read(&r->in, from->fields[f].name, &shape, value, error));
        APD_TRY(check_text(r, &from->fields[f], value, error));
    }
    return APD_OK;
}

/* Columns into `*structs`, which are the caller's on failure, too: `rows` of them, or, where that is APD_ANY, as
 * many as the file has. */
static apd_status read_columns(reading *r, const table *from, void **structs, int64_t *rows,
                               apd_error *error) {
    for (int f = 0; f < from->count; f++) {
        apd_shape shape = vector(from->fields[f].number, *rows);
        size_t bytes = (size_t)apd_number_bytes(from->fields[f].number, from->fields[f].text);
        void *column;
        shape.text = from->fields[f].text;
        APD_TRY(read_list(r, from->fields[f].name, &shape, &column, error));
        *rows = shape.extents[0];
        if (f == 0) {
            APD_TRY(apd_memory_limit_check(r->in.reader->path, r->in.name, *rows, from->size, error));
            *structs = apd_allocate(*rows, from->size, r->in.name);
        }
        for (int64_t row = 0; row < *rows; row++) {
            const char *value = (const char *)column + (size_t)row * bytes;
            APD_TRY(check_text(r, &from->fields[f], value, error));
            memcpy((char *)*structs + (size_t)row * from->size + from->fields[f].offset, value, bytes);
        }
    }
    return APD_OK;
}

static apd_status read_text(reading *r, const char *name, char **text, apd_error *error) {
    apd_shape shape = {.number = APD_TEXT, .text = APD_ANY};
    return apd_part_read_array(&r->in, name, &shape, (void **)text, error);
}

static apd_status read_run(reading *r, apd_error *error) {
    apd_run_state *state = &r->state;
    APD_TRY(read_fields(r, &run_table, state, error));
    if (state->commit < 1 || state->commit != r->in.reader->commit || state->shards < 1 ||
        state->shards > INT32_MAX / TALLY || state->task_count < 0 || state->consolidations < 0)
        return apd_part_fail(&r->in, NULL, "commit, shards, task_count or consolidations make no sense",
                             error);
    if (state->alone < 0 || state->alone > 1 || state->half_way < 0 || state->half_way > 1 ||
        state->ending < APD_ENDING_COMPLETE || state->ending > APD_ENDING_CONSOLIDATED ||
        (state->ending != APD_ENDING_COMPLETE && state->task_count < 1))
        return apd_part_fail(&r->in, NULL, "alone, half_way or ending make no sense", error);
    APD_TRY(read_text(r, "run_yaml", &state->run_yaml, error));
    return read_text(r, "about", &state->about, error);
}

static apd_status read_layout(reading *r, apd_error *error) {
    apd_layout *layout = &r->layout;
    int64_t count = APD_ANY;
    APD_TRY(read_columns(r, &layout_table, (void **)&layout->blocks, &count, error));
    layout->block_count = (int)(count <= APD_MOST_BLOCKS ? count : 0);
    const char *fault = apd_claims_of_layout(layout, r->state.task_count);
    if (fault != NULL)
        return apd_part_fail(&r->in, NULL, fault, error);
    for (int b = 0; b + 1 < layout->block_count; b++) {
        layout->blocks[b].decomposed = true;
        layout->decomposed += layout->blocks[b].rows * layout->blocks[b].cols;
    }
    r->state.block_count = layout->block_count;
    r->state.shared = apd_allocate(layout->block_count, sizeof *r->state.shared, "blocks");
    return APD_OK;
}

static apd_status read_keys(reading *r, apd_error *error) {
    APD_TRY(read_fields(r, &key_table, &r->state, error));
    return r->state.key_width >= 1 && r->state.key_width <= APD_MOST_KEY_BYTES
               ? APD_OK
               : apd_part_fail(&r->in, "width", "makes no sense", error);
}

static apd_status read_shared_arrays(reading *r, apd_error *error) {
    int64_t count = APD_ANY;
    APD_TRY(read_columns(r, &shared_table, (void **)&r->state.shared_arrays, &count, error));
    const char *fault = apd_claims_of_shared_arrays(r->state.shared_arrays, count);
    if (fault != NULL)
        return apd_part_fail(&r->in, "name", fault, error);
    r->state.shared_array_count = (int)count;
    return APD_OK;
}

/* Of the records' arrays besides columns, by row: `classes`, `normalisation`, `groups`. */
static apd_status read_record_lists(reading *r, apd_error *error) {
    apd_run_state *state = &r->state;
    int64_t tasks = state->task_count, body = state->block_count - 1, classes = 0, n = 0;
    int32_t *numbers, *groups = NULL;
    float *normalisation;
    for (int64_t t = 0; t < tasks; t++)
        classes += state->records[t].class_count;
    apd_shape shape = vector(APD_I32, classes), rows = matrix(APD_F32, tasks, APD_ANY);
    APD_TRY(read_list(r, "classes", &shape, (void **)&numbers, error));
    APD_TRY(read_list(r, "normalisation", &rows, (void **)&normalisation, error));
    size_t channels = (size_t)rows.extents[1] / 2;
    if (rows.extents[1] % 2 != 0 || channels < 1 || channels > CHANNELS)
        return apd_part_fail(&r->in, "normalisation", "has not 1 to 16 means and as many deviations a task",
                             error);
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
    if (state->consolidations == 0)
        return APD_OK;
    shape = matrix(APD_I32, tasks, body);
    APD_TRY(read_list(r, "groups", &shape, (void **)&groups, error));
    for (int64_t t = 0; t < tasks; t++) {
        state->records[t].groups = apd_allocate(state->block_count, sizeof *groups, "a task's clusters");
        memcpy(state->records[t].groups, groups + t * body, (size_t)body * sizeof *groups);
        state->records[t].groups[body] = -1;
    }
    return APD_OK;
}

static apd_status read_records(reading *r, apd_error *error) {
    apd_run_state *state = &r->state;
    int64_t tasks = state->task_count, most = r->layout.blocks[r->layout.block_count - 1].rows;
    APD_TRY(read_columns(r, &record_table, (void **)&state->records, &tasks, error));
    for (int64_t t = 0; t < tasks; t++)
        if (state->records[t].class_count < 0 || state->records[t].class_count > most ||
            state->records[t].storage < 0 || state->records[t].storage >= APD_STORAGES)
            return apd_part_fail(&r->in, "class_count",
                                 "a task has fewer classes than 0 or more than the head rows, or is stored "
                                 "in a way that this program does not know",
                                 error);
    return read_record_lists(r, error);
}

static apd_status read_accuracy(reading *r, apd_error *error) {
    int tasks = r->state.task_count;
    apd_shape ends_shape = vector(APD_I64, tasks), task_shape = vector(APD_I32, APD_ANY);
    int64_t *ends;
    int32_t *task;
    double *value;
    APD_TRY(read_list(r, "ends", &ends_shape, (void **)&ends, error));
    APD_TRY(read_list(r, "task", &task_shape, (void **)&task, error));
    apd_shape value_shape = vector(APD_F64, task_shape.extents[0]);
    APD_TRY(read_list(r, "value", &value_shape, (void **)&value, error));
    if (!apd_accuracies_set(&r->state.accuracies, tasks, ends, task, value, task_shape.extents[0]))
        return apd_part_fail(&r->in, NULL, "the accuracies make no sense", error);
    return APD_OK;
}

static apd_status read_clusters(reading *r, apd_error *error) {
    apd_run_state *state = &r->state;
    apd_shape shape = vector(APD_I32, state->block_count);
    int32_t *count;
    int64_t items = 2 * (int64_t)state->block_count + state->task_count,
            most = r->in.reader->bytes / HOME_BYTES;
    APD_TRY(read_list(r, "count", &shape, (void **)&count, error));
    for (int b = 0; b < state->block_count; b++) {
        bool none = b == state->block_count - 1 || state->consolidations == 0;
        items += count[b];
        if (count[b] < 0 || count[b] > most || items > INT32_MAX || (none && count[b] != 0))
            return apd_part_fail(&r->in, "count",
                                 "there are fewer clusters than 0, or more than the file can hold", error);
        state->shared[b].clusters = count[b];
        state->shared[b].cluster = apd_allocate(count[b], sizeof *state->shared[b].cluster, "clusters");
    }
    for (int64_t t = 0; t < state->task_count; t++) {
        const apd_task_record *record = &state->records[t];
        bool alone = record->class_count == 0 || record->storage != APD_STORAGE_DECOMPOSED;
        for (int b = 0; b + 1 < state->block_count && record->groups != NULL; b++)
            if (record->groups[b] < -1 || record->groups[b] >= (alone ? 0 : count[b]))
                return apd_part_fail(&r->in, "count",
                                     "a task is in a cluster that is not there, or may be in none", error);
    }
    return APD_OK;
}

static apd_status read_parts(reading *r, apd_error *error) {
    apd_run_state *state = &r->state;
    int64_t count = APD_ANY, bytes = 0;
    APD_TRY(read_columns(r, &part_table, (void **)&state->parts, &count, error));
    state->part_count = (int)(count < INT32_MAX ? count : 0);
    for (int64_t p = 0; p < count; p++) {
        const apd_part_record *part = &state->parts[p];
        bool after = p == 0 || part[-1].commit < part->commit ||
                     (part[-1].commit == part->commit && part[-1].part < part->part);
        if (count > INT32_MAX || part->commit < 1 || part->commit > state->commit || part->part < 0 || !after)
            return apd_part_fail(&r->in, "commit", "the parts are not of this commit and before, in order",
                                 error);
        if (part->items < 0 || part->bytes < 0 || part->bytes > INT64_MAX / 2 - bytes)
            return apd_part_fail(&r->in, "bytes", "items or bytes of a part make no sense", error);
        bytes += part->bytes;
    }
    return APD_OK;
}

/* Every item lies in a part that is listed, or in this very file. */
static apd_status read_index(reading *r, apd_error *error) {
    int count;
    apd_item_key *items = apd_item_list(&r->state, &count);
    apd_home *homes = NULL;
    int64_t rows = count, entries = 0;
    apd_status status;
    APD_GO(read_columns(r, &index_table, (void **)&homes, &rows, error));
    for (int i = 0; i < count; i++) {
        if (homes[i].entries < 0 || homes[i].entries > INT64_MAX / 64 - entries)
            APD_GO(apd_part_fail(&r->in, "entries",
                                 "an item has fewer entries than 0, or more than any file can hold", error));
        if (homes[i].code < 0 || homes[i].code > INT64_MAX / 64)
            APD_GO(apd_part_fail(&r->in, "code", "an item's code is shorter than 0, or longer than any file",
                                 error));
        entries += homes[i].entries;
        if (homes[i].part != -1 && apd_find_part(&r->state, homes[i].commit, homes[i].part) == NULL)
            APD_GO(apd_part_fail(&r->in, "part", "an item lies in a part that is not listed", error));
        *apd_item_home(&r->state, items[i]) = homes[i];
    }
out:
    free(homes);
    free(items);
    return status;
}

static apd_status read_training(reading *r, apd_error *error) {
    apd_training_state *training = &r->state.training;
    apd_shape shape = matrix(APD_F64, r->state.shards, TALLY);
    int64_t count = APD_ANY;
    APD_TRY(read_fields(r, &training_table, training, error));
    if (training->id < 0 || training->epochs < 1 || training->epoch < 0 ||
        training->epoch > training->epochs || training->step < 0 || training->progress.steps < 0)
        return apd_part_fail(&r->in, NULL, "id, epochs, epoch, step or steps make no sense", error);
    APD_TRY(apd_part_read_array(&r->in, "tallies", &shape, (void **)&training->tallies, error));
    training->tally_count = r->state.shards * TALLY;
    APD_TRY(read_columns(r, &array_table, (void **)&training->arrays, &count, error));
    training->array_count = (int32_t)(count <= APD_MOST_TRAINING_ARRAYS ? count : -1);
    const char *fault = apd_claims_of_training(training, r->state.block_count);
    return fault != NULL ? apd_part_fail(&r->in, "block", fault, error) : APD_OK;
}

/* --- the groups ------------------------------------------------------------------------------------------- */

static bool has_shared_arrays(const apd_run_state *state, const apd_part_reader *reader) {
    return reader != NULL ? apd_part_has(reader, "shared_arrays") : state->shared_array_count > 0;
}

static bool has_keys(const apd_run_state *state, const apd_part_reader *reader) {
    return reader != NULL ? apd_part_has(reader, "keys") : state->key_width > 0;
}

static bool is_half_way(const apd_run_state *state, const apd_part_reader *reader) {
    (void)reader;
    return state->half_way != 0;
}

/* In the order of the file. What is read may depend on the groups before. */
static const struct {
    const char *name;
    bool (*present)(const apd_run_state *state, const apd_part_reader *reader); /* NULL: always */
    void (*describe)(apd_root *root);
    apd_status (*read)(reading *r, apd_error *error);
} groups[] = {
    {"", NULL, describe_run, read_run},
    {"layout", NULL, describe_layout, read_layout},
    {"shared_arrays", has_shared_arrays, describe_shared_arrays, read_shared_arrays},
    {"keys", has_keys, describe_keys, read_keys},
    {"records", NULL, describe_records, read_records},
    {"accuracy", NULL, describe_accuracy, read_accuracy},
    {"clusters", NULL, describe_clusters, read_clusters},
    {"parts", NULL, describe_parts, read_parts},
    {"index", NULL, describe_index, read_index},
    {"half_way", is_half_way, describe_training, read_training},
};
_Static_assert(COUNT(groups) == APD_ROOT_GROUPS, "room for the digest of each");

void apd_root_describe(const apd_run_state *state, const apd_layout *layout, bool packed, apd_root *root) {
    *root = (apd_root){.state = state, .layout = layout, .packed = packed};
    for (int g = 0; g < COUNT(groups); g++)
        if (groups[g].present == NULL || groups[g].present(state, NULL)) {
            add_group(root, groups[g].name);
            groups[g].describe(root);
        }
}

int apd_root_group_count(const apd_run_state *state) {
    int count = 0;
    for (int g = 0; g < COUNT(groups); g++)
        count += groups[g].present == NULL || groups[g].present(state, NULL);
    return count;
}

static apd_status read_group(const apd_part_reader *reader, int group, reading *r, apd_error *error) {
    apd_status status = apd_part_begin_group(reader, groups[group].name, &r->in, error);
    if (status == APD_OK)
        status = groups[group].read(r, error);
    if (status == APD_OK)
        status = apd_part_end_group(&r->in, error);
    else
        apd_part_abandon(&r->in);
    while (r->owned_count > 0)
        free(r->owned[--r->owned_count]);
    return status;
}

apd_status apd_root_read(const apd_part_reader *reader, apd_run_state *state, apd_layout *layout,
                         apd_error *error) {
    reading r = {0};
    apd_status status;
    for (int g = 0; g < COUNT(groups); g++)
        if (groups[g].present == NULL || groups[g].present(&r.state, reader))
            APD_GO(read_group(reader, g, &r, error));
    *state = r.state;
    *layout = r.layout;
    return APD_OK;
out:
    apd_run_state_clear(&r.state);
    apd_layout_clear(&r.layout);
    return status;
}

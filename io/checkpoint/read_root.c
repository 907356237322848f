#include "io/checkpoint/read_root.h"

#include "base/memory.h"
#include "io/checkpoint/segment.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHARDS = 65536 }; /* as the description's key allows */

static apd_status check_format(apd_checkpoint_in *root, apd_error *error) {
    char format[16] = "", reason[160];
    int32_t version = 0;
    apd_checkpoint_shape text = apd_checkpoint_text(sizeof format);
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    APD_TRY(apd_checkpoint_get_attribute(root, "format", &text, format, error));
    if (memcmp(format, APD_CHECKPOINT_FORMAT, sizeof APD_CHECKPOINT_FORMAT) != 0)
        return apd_checkpoint_get_fail(root, "format", "is not \"" APD_CHECKPOINT_FORMAT "\"", error);
    APD_TRY(apd_checkpoint_get_attribute(root, "format_version", &number, &version, error));
    if (version == APD_CHECKPOINT_VERSION)
        return APD_OK;
    (void)snprintf(reason, sizeof reason, "is %" PRId32 ", and this program reads version %d", version,
                   APD_CHECKPOINT_VERSION);
    return apd_checkpoint_get_fail(root, "format_version", reason, error);
}

/* Before room is made for `task_count` records. */
static apd_status check_tasks(const apd_checkpoint_in *root, const apd_run_state *state, apd_error *error) {
    int64_t found = apd_segment_count(root->id, "tasks") + apd_segment_count(root->id, "forgotten");
    char reason[160];
    if (state->task_count < 0 || state->task_count != found) {
        (void)snprintf(reason, sizeof reason, "is %d, but the groups tasks and forgotten hold %" PRId64,
                       state->task_count, found);
        return apd_checkpoint_get_fail(root, "task_count", reason, error);
    }
    if (state->shards < 1 || state->shards > MOST_SHARDS)
        return apd_checkpoint_get_fail(root, "shards", "must be in 1 .. 65536", error);
    return APD_OK;
}

/* There is none before the first. */
static apd_status read_consolidations(apd_checkpoint_in *root, int *consolidations, apd_error *error) {
    int32_t count = 0;
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    htri_t exists = H5Aexists(root->id, "consolidations");
    if (exists == 0)
        return APD_OK;
    if (exists < 0)
        return apd_checkpoint_get_fail(root, "consolidations", "cannot be looked for", error);
    APD_TRY(apd_checkpoint_get_attribute(root, "consolidations", &number, &count, error));
    if (count < 1)
        return apd_checkpoint_get_fail(root, "consolidations", "must be at least 1", error);
    *consolidations = count;
    return APD_OK;
}

/* There is none once the last task's end is complete. */
static apd_status read_ending(apd_checkpoint_in *root, apd_run_state *state, apd_error *error) {
    int32_t ending = 0;
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    if (H5Aexists(root->id, "ending") <= 0)
        return APD_OK;
    APD_TRY(apd_checkpoint_get_attribute(root, "ending", &number, &ending, error));
    if (state->task_count < 1 || ending < APD_ENDING_TRAINED || ending > APD_ENDING_CONSOLIDATED)
        return apd_checkpoint_get_fail(root, "ending", "must be 1 or 2, and there must be a task", error);
    state->ending = (apd_ending)ending;
    return APD_OK;
}

/* Without records yet, should the caller have to clear. */
static apd_status read_numbers(apd_checkpoint_in *root, apd_run_state *state, int *tasks, uint64_t *training,
                               apd_error *error) {
    apd_checkpoint_shape digest = apd_checkpoint_scalar(APD_CHECKPOINT_UINT64);
    apd_status status = apd_checkpoint_get_fields(root, apd_checkpoint_root_fields,
                                                  apd_checkpoint_root_field_count, state, error);
    if (status == APD_OK)
        status = read_consolidations(root, &state->consolidations, error);
    if (status == APD_OK)
        status = check_tasks(root, state, error);
    if (status == APD_OK)
        status = read_ending(root, state, error);
    *tasks = state->task_count;
    state->task_count = 0;
    APD_TRY(status);
    if (state->commit < 1)
        return apd_checkpoint_get_fail(root, "commit", "must be at least 1", error);
    APD_TRY(apd_checkpoint_get_attribute(root, "shared_digest", &digest, &state->shared_digest, error));
    return apd_checkpoint_get_attribute(root, "training_digest", &digest, training, error);
}

apd_status apd_checkpoint_read_root(apd_checkpoint_in *root, apd_run_state *state, uint64_t **digests,
                                    uint64_t *training, apd_error *error) {
    int tasks = 0;
    APD_TRY(check_format(root, error));
    APD_TRY(read_numbers(root, state, &tasks, training, error));
    apd_checkpoint_shape list = apd_checkpoint_vector(APD_CHECKPOINT_UINT64, tasks);
    apd_checkpoint_shape yaml = apd_checkpoint_text(0);
    APD_TRY(apd_checkpoint_get_data(root, "digests", &list, (void **)digests, error));
    APD_TRY(apd_checkpoint_get_data(root, "run_yaml", &yaml, (void **)&state->run_yaml, error));
    APD_TRY(apd_memory_limit_check(root->path, "accuracies", (int64_t)tasks * tasks, sizeof *state->accuracy,
                                   error));
    state->half_way = apd_segment_has_link(root->id, "/training");
    state->records = apd_allocate(tasks, sizeof *state->records, "the tasks' records");
    state->task_count = tasks;
    return APD_OK;
}

static apd_status check_block(const apd_checkpoint_in *group, const apd_block *block, bool last,
                              int64_t *weights, apd_error *error) {
    int64_t count;
    if (memchr(block->name, 0, sizeof block->name) == NULL || block->name[0] == '\0' ||
        strchr(block->name, '/') != NULL)
        return apd_checkpoint_get_fail(group, "name", "a block's name is empty, too long or has a /", error);
    /* These bounds keep every product of sizes far from 2^63. */
    if (block->rows < 1 || block->rows > INT32_MAX || block->cols < 1 || block->cols > INT32_MAX)
        return apd_checkpoint_get_fail(group, "rows", "a block's rows or cols are not in 1 .. 2^31-1", error);
    count = block->rows * block->cols;
    if (__builtin_add_overflow(*weights, count, weights) || *weights > INT64_MAX / 64)
        return apd_checkpoint_get_fail(group, "rows", "there are more weights than any file can hold", error);
    if (block->decomposed == last)
        return apd_checkpoint_get_fail(group, "decomposed", "must be 0 for the last block alone", error);
    return APD_OK;
}

static apd_status fill_layout(const apd_checkpoint_in *group, void *const columns[4], apd_layout *layout,
                              apd_error *error) {
    int64_t weights = 0;
    for (int b = 0; b < layout->block_count; b++) {
        apd_block *block = &layout->blocks[b];
        memcpy(block->name, (char *)columns[0] + (size_t)b * sizeof block->name, sizeof block->name);
        block->rows = ((int64_t *)columns[1])[b];
        block->cols = ((int64_t *)columns[2])[b];
        block->decomposed = ((int32_t *)columns[3])[b] != 0;
        APD_TRY(check_block(group, block, b == layout->block_count - 1, &weights, error));
    }
    layout->decomposed = apd_checkpoint_decomposed_weights(layout);
    return APD_OK;
}

apd_status apd_checkpoint_read_layout(apd_checkpoint_in *group, apd_layout *layout, apd_error *error) {
    static const char *const names[4] = {"name", "rows", "cols", "decomposed"};
    static const apd_checkpoint_kind kinds[4] = {APD_CHECKPOINT_TEXT, APD_CHECKPOINT_INT64,
                                                 APD_CHECKPOINT_INT64, APD_CHECKPOINT_INT32};
    void *columns[4] = {NULL};
    int64_t count = APD_CHECKPOINT_ANY;
    apd_status status = APD_OK;
    for (int c = 0; c < 4; c++) {
        apd_checkpoint_shape shape = apd_checkpoint_vector(kinds[c], count);
        shape.text = sizeof layout->blocks->name;
        APD_GO(apd_checkpoint_get_data(group, names[c], &shape, &columns[c], error));
        count = shape.extents[0];
    }
    if (count < 1 || count > INT32_MAX)
        status = apd_checkpoint_get_fail(group, NULL, "has no blocks", error);
    if (status != APD_OK)
        goto out;
    layout->block_count = (int)count;
    layout->blocks = apd_allocate(count, sizeof *layout->blocks, "blocks");
    status = fill_layout(group, columns, layout, error);
out:
    for (int c = 0; c < 4; c++)
        free(columns[c]);
    return status;
}

static apd_status read_normalisation(apd_checkpoint_in *group, apd_normalisation *normalisation,
                                     apd_error *error) {
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, 2, APD_CHECKPOINT_ANY);
    const int64_t most = sizeof normalisation->mean / sizeof normalisation->mean[0];
    float *numbers = NULL;
    APD_TRY(apd_checkpoint_get_data(group, "normalisation", &shape, (void **)&numbers, error));
    int64_t channels = shape.extents[1];
    apd_status status = APD_OK;
    if (channels >= 1 && channels <= most) {
        memcpy(normalisation->mean, numbers, (size_t)channels * sizeof *numbers);
        memcpy(normalisation->deviation, numbers + channels, (size_t)channels * sizeof *numbers);
    } else {
        status = apd_checkpoint_get_fail(group, "normalisation", "must have 1 to 16 channels", error);
    }
    free(numbers);
    return status;
}

apd_status apd_checkpoint_read_record(apd_checkpoint_in *group, const apd_layout *layout,
                                      apd_task_record *record, apd_checkpoint_facts *facts,
                                      apd_error *error) {
    int64_t head_rows = layout->blocks[layout->block_count - 1].rows, classes;
    int32_t single = 0;
    apd_checkpoint_shape flag = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    APD_TRY(apd_checkpoint_get_length(group, "classes", &classes, error));
    if (classes < 1 || classes > head_rows)
        return apd_checkpoint_get_fail(group, "classes", "more classes than the head has rows, or none",
                                       error);
    apd_checkpoint_shape list = apd_checkpoint_vector(APD_CHECKPOINT_INT32, classes);
    record->classes = apd_allocate(classes, sizeof *record->classes, "a task's classes");
    APD_TRY(apd_checkpoint_get_attribute(group, "classes", &list, record->classes, error));
    record->class_count = facts->classes = (int)classes;
    APD_TRY(apd_checkpoint_get_attribute(group, "single", &flag, &single, error));
    facts->single = single != 0;
    return read_normalisation(group, &record->normalisation, error);
}

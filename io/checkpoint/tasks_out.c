#include "io/checkpoint/tasks_out.h"

#include <stdio.h>
#include <string.h>

void apd_tasks_out_init(apd_tasks_out *out, const apd_layout *layout, const apd_run_state *state) {
    *out = (apd_tasks_out){.layout = layout, .state = state, .group = {.id = -1}};
}

void apd_tasks_out_abandon(apd_tasks_out *out) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_sink_abandon(&out->sinks[s]);
    apd_checkpoint_put_abandon(&out->group);
}

static apd_status open_task(apd_tasks_out *out, const apd_checkpoint_out *root, int place, bool forgotten,
                            apd_error *error) {
    char name[64];
    apd_checkpoint_task_name(place, forgotten, name, sizeof name);
    out->place = place;
    APD_TRY(apd_checkpoint_put_parents(root, name, error));
    return apd_checkpoint_put_open(root, name, &out->group, error);
}

static apd_status end_task(apd_tasks_out *out, uint64_t *digest, apd_error *error) {
    apd_status status = apd_checkpoint_put_close(&out->group, error);
    *digest = out->group.digest;
    return status;
}

/* Bytes behind a name's end are not part of it. */
static apd_status put_record_fields(apd_tasks_out *out, const apd_task_record *record, apd_error *error) {
    apd_task_record clean = *record;
    memset(clean.name, 0, sizeof clean.name);
    (void)snprintf(clean.name, sizeof clean.name, "%s", record->name);
    APD_TRY(apd_checkpoint_put_fields(&out->group, apd_checkpoint_record_fields,
                                      apd_checkpoint_record_field_count, &clean, error));
    apd_checkpoint_shape row = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT64, out->place + 1);
    const double *accuracies = out->state->accuracy + (int64_t)out->place * out->state->task_count;
    return apd_checkpoint_put_data(&out->group, "row", &row, accuracies, error);
}

apd_status apd_tasks_out_forgotten(apd_tasks_out *out, const apd_checkpoint_out *root, int place,
                                   uint64_t *digest, apd_error *error) {
    APD_TRY(open_task(out, root, place, true, error));
    APD_TRY(put_record_fields(out, &out->state->records[place], error));
    return end_task(out, digest, error);
}

static apd_status put_record(apd_tasks_out *out, const apd_task_record *record, apd_error *error) {
    int channels = apd_checkpoint_channels(&record->normalisation);
    int32_t single = out->facts.single;
    float normalisation[2 * sizeof record->normalisation.mean / sizeof(float)];
    size_t bytes = (size_t)channels * sizeof(float);
    memcpy(normalisation, record->normalisation.mean, bytes);
    memcpy(normalisation + channels, record->normalisation.deviation, bytes);
    apd_checkpoint_shape classes = apd_checkpoint_vector(APD_CHECKPOINT_INT32, record->class_count);
    apd_checkpoint_shape flag = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    apd_checkpoint_shape numbers = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, 2, channels);
    APD_TRY(put_record_fields(out, record, error));
    APD_TRY(apd_checkpoint_put_attribute(&out->group, "classes", &classes, record->classes, error));
    APD_TRY(apd_checkpoint_put_attribute(&out->group, "single", &flag, &single, error));
    return apd_checkpoint_put_data(&out->group, "normalisation", &numbers, normalisation, error);
}

apd_status apd_tasks_out_begin(apd_tasks_out *out, const apd_checkpoint_out *root, int place,
                               const apd_checkpoint_facts *facts, apd_error *error) {
    const int64_t zero = 0;
    out->facts = *facts;
    out->entries = 0;
    APD_TRY(open_task(out, root, place, false, error));
    APD_TRY(put_record(out, &out->state->records[place], error));
    APD_TRY(apd_checkpoint_put_folder(&out->group, "head", error));
    if (!facts->single)
        APD_TRY(apd_checkpoint_put_folder(&out->group, "tau", error));
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++) {
        apd_checkpoint_shape shape;
        if (apd_checkpoint_set_shape(out->layout, facts, s, &shape))
            apd_checkpoint_sink_begin(&out->group, apd_checkpoint_set_names[s], &shape, &out->sinks[s]);
    }
    if (!facts->single)
        apd_checkpoint_sink_append(&out->sinks[APD_CHECKPOINT_ROW_OFFSETS], 1, &zero);
    return APD_OK;
}

static void append(apd_tasks_out *out, apd_checkpoint_set set, int64_t rows, const void *bytes) {
    apd_checkpoint_sink_append(&out->sinks[set], rows, bytes);
}

/* Where the rows end among the task's entries. */
static void append_ends(apd_tasks_out *out, int64_t rows, const int64_t *offsets) {
    int64_t ends[256];
    for (int64_t r = 0, count; r < rows; r += count) {
        for (count = 0; count < (int64_t)(sizeof ends / sizeof ends[0]) && r + count < rows; count++)
            ends[count] = out->entries + offsets[r + count + 1];
        append(out, APD_CHECKPOINT_ROW_OFFSETS, count, ends);
    }
    out->entries += offsets[rows];
}

void apd_tasks_out_block(apd_tasks_out *out, int block, int64_t rows, const apd_task_block *run) {
    const apd_block *shape = &out->layout->blocks[block];
    if (!shape->decomposed) {
        int64_t wanted = out->facts.classes - out->sinks[APD_CHECKPOINT_HEAD_BIAS].row;
        rows = rows < wanted ? rows : wanted;
        append(out, APD_CHECKPOINT_HEAD_BIAS, rows, run->bias);
        append(out, APD_CHECKPOINT_HEAD_WEIGHT, rows, run->dense);
        return;
    }
    append(out, APD_CHECKPOINT_BIAS, rows, run->bias);
    if (out->facts.single) {
        append(out, APD_CHECKPOINT_WEIGHT, rows * shape->cols, run->dense);
        return;
    }
    int64_t entries = run->tau.offsets[rows];
    append(out, APD_CHECKPOINT_MASK, rows, run->mask);
    append(out, APD_CHECKPOINT_COLUMNS, entries, run->tau.columns);
    append(out, APD_CHECKPOINT_THETA, entries, run->tau.values);
    append_ends(out, rows, run->tau.offsets);
}

apd_status apd_tasks_out_end(apd_tasks_out *out, uint64_t *digest, apd_error *error) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        if (out->sinks[s].name != NULL)
            APD_TRY(apd_checkpoint_sink_end(&out->group, &out->sinks[s], error));
    return end_task(out, digest, error);
}

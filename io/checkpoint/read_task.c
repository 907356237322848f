/* The reader's tasks: their groups, and the data sets in them a block at a time. */
#include "base/memory.h"
#include "io/checkpoint/cluster.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/read_root.h"
#include "io/checkpoint/reader.h"
#include "io/system/memory_limit.h"

#include <stdlib.h>
#include <string.h>

/* R[place][0 .. place]; those of forgotten tasks are not there any more. */
static apd_status read_row(apd_checkpoint_reader *reader, int place, apd_error *error) {
    apd_run_state *state = &reader->state;
    apd_checkpoint_shape shape = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT64, place + 1);
    double *read = NULL;
    APD_TRY(apd_checkpoint_get_data(&reader->group, "row", &shape, (void **)&read, error));
    if (!reader->partly) {
        apd_checkpoint_reader_need_accuracies(state);
        memcpy(state->accuracy + (int64_t)place * state->task_count, read,
               (size_t)(place + 1) * sizeof *read);
    }
    free(read);
    return APD_OK;
}

static bool is_forgotten(const apd_checkpoint_reader *reader, int place) {
    char name[64];
    apd_checkpoint_task_name(place, true, name, sizeof name);
    return apd_segment_has_link(reader->root.id, name);
}

/* Open the group of the task at `place`, be it there or forgotten, and read the record. */
static apd_status open_task(apd_checkpoint_reader *reader, int place, apd_error *error) {
    apd_task_record *record = &reader->state.records[place];
    apd_segment which;
    char name[64];
    bool present = !is_forgotten(reader, place);
    reader->facts = (apd_checkpoint_facts){.present = present};
    reader->place = place;
    apd_checkpoint_task_name(place, !present, name, sizeof name);
    APD_TRY(apd_checkpoint_reader_open_group(reader, name, name, APD_SEGMENT_TASKS, &which, error));
    record->segment = which.commit;
    record->part = which.part;
    record->segment_groups = record->segment > 0 ? reader->segments[APD_SEGMENT_TASKS].groups : 0;
    if (record->segment > reader->state.commit)
        return apd_checkpoint_get_fail(&reader->group, NULL, "lies in the segment of a later commit", error);
    APD_TRY(apd_checkpoint_get_fields(&reader->group, apd_checkpoint_record_fields,
                                      apd_checkpoint_record_field_count, record, error));
    APD_TRY(read_row(reader, place, error));
    if (present)
        APD_TRY(apd_checkpoint_read_record(&reader->group, &reader->layout, record, &reader->facts, error));
    reader->sparse[place] = present && !reader->facts.single;
    return APD_OK;
}

static apd_status end_task(apd_checkpoint_reader *reader, bool trust, apd_error *error) {
    return apd_checkpoint_reader_end_group(reader, trust, reader->digests[reader->place], error);
}

apd_status apd_checkpoint_reader_record(apd_checkpoint_reader *reader, int place, apd_error *error) {
    APD_TRY(open_task(reader, place, error));
    return end_task(reader, true, error);
}

/* Open all the data sets of a task; how many entries tau has is what tau/theta holds. */
static apd_status open_sets(apd_checkpoint_reader *reader, apd_error *error) {
    reader->facts.entries = APD_CHECKPOINT_ANY;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++) {
        apd_checkpoint_shape shape;
        if (!apd_checkpoint_set_shape(&reader->layout, &reader->facts, s, &shape))
            continue;
        APD_TRY(apd_checkpoint_source_begin(&reader->group, apd_checkpoint_set_names[s], &shape,
                                            &reader->sources[s], error));
        if (s == APD_CHECKPOINT_THETA)
            reader->facts.entries = reader->sources[s].shape.extents[0];
    }
    return APD_OK;
}

static apd_status next(apd_checkpoint_reader *reader, apd_checkpoint_set set, int64_t rows, void *bytes,
                       apd_error *error) {
    return apd_checkpoint_source_read(&reader->group, &reader->sources[set], rows, bytes, error);
}

static apd_status fail_set(const apd_checkpoint_reader *reader, apd_checkpoint_set set, const char *reason,
                           apd_error *error) {
    return apd_checkpoint_get_fail(&reader->group, apd_checkpoint_set_names[set], reason, error);
}

apd_status apd_checkpoint_reader_begin_task(apd_checkpoint_reader *reader, int place,
                                            apd_checkpoint_facts *facts, apd_error *error) {
    int64_t first = 0;
    APD_TRY(open_task(reader, place, error));
    if (!reader->facts.present) {
        *facts = reader->facts;
        return end_task(reader, false, error);
    }
    APD_TRY(open_sets(reader, error));
    reader->entries = 0;
    if (!reader->facts.single)
        APD_TRY(next(reader, APD_CHECKPOINT_ROW_OFFSETS, 1, &first, error));
    if (first != 0)
        return fail_set(reader, APD_CHECKPOINT_ROW_OFFSETS, "does not begin with 0", error);
    *facts = reader->facts;
    return APD_OK;
}

static apd_status read_sparse(apd_checkpoint_reader *reader, const apd_block *shape, apd_task_block **out,
                              apd_error *error) {
    int64_t rows = shape->rows, *ends = apd_allocate(rows, sizeof *ends, "row offsets");
    apd_task_block *whole = NULL;
    apd_status status;
    APD_GO(next(reader, APD_CHECKPOINT_ROW_OFFSETS, rows, ends, error));
    APD_GO(apd_checkpoint_check_ends(&reader->group, apd_checkpoint_set_names[APD_CHECKPOINT_ROW_OFFSETS],
                                     ends, rows, (apd_rows){reader->entries, reader->facts.entries},
                                     shape->cols, error));
    int64_t entries = ends[rows - 1] - reader->entries;
    APD_GO(apd_memory_limit_check(reader->group.path, "entries of tau", entries,
                                  sizeof(float) + sizeof(int32_t), error));
    whole = apd_checkpoint_block_create(rows, shape->cols, true, entries);
    for (int64_t r = 0; r < rows; r++)
        whole->tau.offsets[r + 1] = ends[r] - reader->entries;
    APD_GO(next(reader, APD_CHECKPOINT_BIAS, rows, whole->bias, error));
    APD_GO(next(reader, APD_CHECKPOINT_MASK, rows, whole->mask, error));
    APD_GO(next(reader, APD_CHECKPOINT_COLUMNS, entries, whole->tau.columns, error));
    APD_GO(apd_checkpoint_check_columns(&reader->group, apd_checkpoint_set_names[APD_CHECKPOINT_COLUMNS],
                                        &whole->tau, shape->cols, error));
    APD_GO(next(reader, APD_CHECKPOINT_THETA, entries, whole->tau.values, error));
    reader->entries += entries;
    *out = whole;
    whole = NULL;
out:
    apd_checkpoint_block_destroy(whole);
    free(ends);
    return status;
}

apd_status apd_checkpoint_reader_task_block(apd_checkpoint_reader *reader, int block, int64_t head_rows,
                                            apd_task_block **whole, apd_error *error) {
    const apd_block *shape = &reader->layout.blocks[block];
    if (shape->decomposed && !reader->facts.single)
        return read_sparse(reader, shape, whole, error);
    APD_ASSERT(shape->decomposed || head_rows >= reader->facts.classes);
    bool head = !shape->decomposed;
    int64_t rows = head ? reader->facts.classes : shape->rows;
    APD_TRY(apd_memory_limit_check(reader->group.path, "weights", (head ? head_rows : rows) * shape->cols,
                                   sizeof(float), error));
    apd_task_block *dense = apd_checkpoint_block_create(head ? head_rows : rows, shape->cols, false, 0);
    apd_status status;
    APD_GO(next(reader, head ? APD_CHECKPOINT_HEAD_BIAS : APD_CHECKPOINT_BIAS, rows, dense->bias, error));
    if (head)
        APD_GO(next(reader, APD_CHECKPOINT_HEAD_WEIGHT, rows, dense->dense, error));
    else
        APD_GO(next(reader, APD_CHECKPOINT_WEIGHT, rows * shape->cols, dense->dense, error));
    *whole = dense;
    return APD_OK;
out:
    apd_checkpoint_block_destroy(dense);
    return status;
}

apd_status apd_checkpoint_reader_end_task(apd_checkpoint_reader *reader, apd_error *error) {
    if (!reader->facts.single && reader->entries != reader->facts.entries)
        return fail_set(reader, APD_CHECKPOINT_ROW_OFFSETS, "does not end with the number of entries", error);
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        if (reader->sources[s].id >= 0)
            apd_checkpoint_source_end(&reader->group, &reader->sources[s]);
    return end_task(reader, false, error);
}

apd_status apd_checkpoint_reader_pass_task(apd_checkpoint_reader *reader, int place, int part,
                                           apd_error *error) {
    apd_segment which;
    char name[64];
    reader->sparse[place] = true; /* as far as its clusters are concerned */
    reader->partly = true;
    if (part < 0)
        return APD_OK;
    apd_checkpoint_task_name(place, is_forgotten(reader, place), name, sizeof name);
    if (apd_segment_resolve(reader->root.id, name, APD_SEGMENT_TASKS, &which) == APD_LINK_SEGMENT &&
        which.commit == reader->state.commit && which.part == part)
        return APD_OK;
    return apd_checkpoint_get_fail(&reader->root, name + 1, "does not lead to where the task was written",
                                   error);
}

apd_status apd_checkpoint_reader_skip_task(apd_checkpoint_reader *reader, apd_error *error) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_source_abandon(&reader->sources[s]);
    return end_task(reader, true, error);
}

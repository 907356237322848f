#include "io/checkpoint_read.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint_get.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_read_root.h"
#include "io/h5.h"

#include <stdlib.h>
#include <string.h>

struct apd_checkpoint_reader {
    hid_t file;
    const char *path;
    apd_checkpoint_in root;
    apd_layout layout;
    apd_run_state state;
    uint64_t groups; /* all groups' digests so far */
    int good;
    apd_checkpoint_in task;
    apd_checkpoint_facts facts;
    int64_t entries; /* of this task's tau read so far */
    apd_checkpoint_source sources[APD_CHECKPOINT_SETS];
};

/* Compare the digest of a group that was read to its end, note it, close. */
static apd_status end_group(apd_checkpoint_reader *reader, apd_checkpoint_in *group, apd_error *error) {
    APD_TRY(apd_checkpoint_get_end(group, error));
    reader->groups = apd_digest_join(reader->groups, group->digest);
    reader->good++;
    apd_checkpoint_get_close(group);
    return APD_OK;
}

static apd_status read_layout(apd_checkpoint_reader *reader, apd_error *error) {
    APD_TRY(apd_checkpoint_get_open(&reader->root, "/layout", &reader->task, error));
    APD_TRY(apd_checkpoint_read_layout(&reader->task, &reader->layout, error));
    return end_group(reader, &reader->task, error);
}

apd_status apd_checkpoint_reader_open(const char *path, apd_checkpoint_reader **out, apd_error *error) {
    apd_checkpoint_reader *reader = apd_allocate(1, sizeof *reader, "the checkpoint's reader");
    reader->path = path;
    reader->file = reader->root.id = reader->task.id = -1;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        reader->sources[s].id = -1;
    apd_status status;
    APD_GO(apd_h5_open(path, &reader->file, error));
    reader->root = (apd_checkpoint_in){.id = -1, .path = path, .name = "/", .digest = apd_digest("/", 1)};
    APD_GO(apd_h5_group_open(reader->file, "/", &reader->root.id, error));
    APD_GO(apd_checkpoint_read_root(&reader->root, &reader->state, error));
    APD_GO(read_layout(reader, error));
    *out = reader;
    return APD_OK;
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

void apd_checkpoint_reader_destroy(apd_checkpoint_reader *reader) {
    if (reader == NULL)
        return;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_source_abandon(&reader->sources[s]);
    apd_checkpoint_get_close(&reader->task);
    apd_checkpoint_get_close(&reader->root);
    (void)apd_h5_close(&reader->file, reader->path, NULL);
    apd_run_state_clear(&reader->state);
    free(reader->layout.blocks);
    free(reader);
}

const apd_layout *apd_checkpoint_reader_layout(const apd_checkpoint_reader *reader) {
    return &reader->layout;
}

apd_run_state *apd_checkpoint_reader_state(apd_checkpoint_reader *reader) {
    return &reader->state;
}

int apd_checkpoint_reader_groups(const apd_checkpoint_reader *reader) {
    return reader->good;
}

apd_status apd_checkpoint_reader_sigma(apd_checkpoint_reader *reader, int block, float **sigma,
                                       apd_error *error) {
    const apd_block *facts = &reader->layout.blocks[block];
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, facts->rows, facts->cols);
    char name[64];
    float *read = NULL;
    apd_status status;
    apd_checkpoint_shared_name(facts, name, sizeof name);
    APD_TRY(apd_checkpoint_get_open(&reader->root, name, &reader->task, error));
    APD_GO(apd_checkpoint_get_data(&reader->task, "sigma", &shape, (void **)&read, error));
    APD_GO(end_group(reader, &reader->task, error));
    *sigma = read;
    return APD_OK;
out:
    free(read);
    return status;
}

/* Open the group of the task at `place`, be it there or forgotten, and read the record. */
static apd_status open_task(apd_checkpoint_reader *reader, int place, apd_error *error) {
    char name[64];
    apd_checkpoint_task_name(place, true, name, sizeof name);
    bool present = !apd_h5_exists(reader->root.id, name + 1);
    reader->facts = (apd_checkpoint_facts){.present = present};
    apd_checkpoint_task_name(place, !present, name, sizeof name);
    APD_TRY(apd_checkpoint_get_open(&reader->root, name, &reader->task, error));
    return apd_checkpoint_read_record(&reader->task, &reader->layout, &reader->state.records[place],
                                      &reader->facts, error);
}

/* Open all the data sets of a task; how many entries tau has is what tau/theta holds. */
static apd_status open_sets(apd_checkpoint_reader *reader, apd_error *error) {
    reader->facts.entries = APD_CHECKPOINT_ANY;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++) {
        apd_checkpoint_shape shape;
        if (!apd_checkpoint_set_shape(&reader->layout, &reader->facts, s, &shape))
            continue;
        APD_TRY(apd_checkpoint_source_begin(&reader->task, apd_checkpoint_set_names[s], &shape,
                                            &reader->sources[s], error));
        if (s == APD_CHECKPOINT_THETA)
            reader->facts.entries = reader->sources[s].shape.extents[0];
    }
    return APD_OK;
}

static apd_status next(apd_checkpoint_reader *reader, apd_checkpoint_set set, int64_t rows, void *bytes,
                       apd_error *error) {
    return apd_checkpoint_source_read(&reader->task, &reader->sources[set], rows, bytes, error);
}

static apd_status fail_set(const apd_checkpoint_reader *reader, apd_checkpoint_set set, const char *reason,
                           apd_error *error) {
    return apd_checkpoint_get_fail(&reader->task, apd_checkpoint_set_names[set], reason, error);
}

apd_status apd_checkpoint_reader_begin_task(apd_checkpoint_reader *reader, int place,
                                            apd_checkpoint_facts *facts, apd_error *error) {
    int64_t first = 0;
    APD_TRY(open_task(reader, place, error));
    if (!reader->facts.present) {
        *facts = reader->facts;
        return end_group(reader, &reader->task, error);
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

/* Row ends of a block in the file's count of entries: rising, no row longer than `cols`. */
static apd_status check_ends(const apd_checkpoint_reader *reader, const int64_t *ends, int64_t rows,
                             int64_t cols, apd_error *error) {
    int64_t before = reader->entries;
    for (int64_t r = 0; r < rows; r++) {
        if (ends[r] < before || ends[r] > reader->facts.entries || ends[r] - before > cols)
            return fail_set(reader, APD_CHECKPOINT_ROW_OFFSETS,
                            "an offset falls, or is past the entries or the row's columns", error);
        before = ends[r];
    }
    return APD_OK;
}

static apd_status check_columns(const apd_checkpoint_reader *reader, const apd_sparse *tau, int64_t cols,
                                apd_error *error) {
    for (int64_t r = 0; r < tau->rows; r++) {
        int64_t before = -1;
        for (int64_t e = tau->offsets[r]; e < tau->offsets[r + 1]; e++) {
            if (tau->columns[e] <= before || tau->columns[e] >= cols)
                return fail_set(reader, APD_CHECKPOINT_COLUMNS,
                                "a row's columns do not rise, or are past the row's end", error);
            before = tau->columns[e];
        }
    }
    return APD_OK;
}

static apd_status read_sparse(apd_checkpoint_reader *reader, const apd_block *shape, apd_task_block **out,
                              apd_error *error) {
    int64_t rows = shape->rows, *ends = apd_allocate(rows, sizeof *ends, "row offsets");
    apd_task_block *whole = NULL;
    apd_status status;
    APD_GO(next(reader, APD_CHECKPOINT_ROW_OFFSETS, rows, ends, error));
    APD_GO(check_ends(reader, ends, rows, shape->cols, error));
    int64_t entries = ends[rows - 1] - reader->entries;
    whole = apd_checkpoint_block_create(rows, shape->cols, true, entries);
    for (int64_t r = 0; r < rows; r++)
        whole->tau.offsets[r + 1] = ends[r] - reader->entries;
    APD_GO(next(reader, APD_CHECKPOINT_BIAS, rows, whole->bias, error));
    APD_GO(next(reader, APD_CHECKPOINT_MASK, rows, whole->mask, error));
    APD_GO(next(reader, APD_CHECKPOINT_COLUMNS, entries, whole->tau.columns, error));
    APD_GO(check_columns(reader, &whole->tau, shape->cols, error));
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
            apd_checkpoint_source_end(&reader->task, &reader->sources[s]);
    return end_group(reader, &reader->task, error);
}

apd_status apd_checkpoint_reader_finish(apd_checkpoint_reader *reader, apd_error *error) {
    reader->root.digest = apd_digest_join(reader->root.digest, reader->groups);
    APD_TRY(apd_checkpoint_get_end(&reader->root, error));
    reader->good++;
    return APD_OK;
}

/* Take a group's digest as it stands in the file. */
static apd_status trust_group(apd_checkpoint_reader *reader, apd_error *error) {
    uint64_t digest;
    APD_TRY(apd_checkpoint_get_stored_digest(&reader->task, &digest, error));
    reader->groups = apd_digest_join(reader->groups, digest);
    apd_checkpoint_get_close(&reader->task);
    return APD_OK;
}

apd_status apd_checkpoint_reader_skip_task(apd_checkpoint_reader *reader, apd_error *error) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_source_abandon(&reader->sources[s]);
    return trust_group(reader, error);
}

apd_status apd_checkpoint_reader_records(apd_checkpoint_reader *reader, apd_error *error) {
    char name[64];
    for (int b = 0; b < reader->layout.block_count; b++) {
        if (!reader->layout.blocks[b].decomposed)
            continue;
        apd_checkpoint_shared_name(&reader->layout.blocks[b], name, sizeof name);
        APD_TRY(apd_checkpoint_get_open(&reader->root, name, &reader->task, error));
        APD_TRY(trust_group(reader, error));
    }
    for (int t = 0; t < reader->state.task_count; t++) {
        APD_TRY(open_task(reader, t, error));
        APD_TRY(trust_group(reader, error));
    }
    return apd_checkpoint_reader_finish(reader, error);
}

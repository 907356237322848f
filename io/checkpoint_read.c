#include "io/checkpoint_read.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint_cluster.h"
#include "io/checkpoint_get.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_read_root.h"
#include "io/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apd_checkpoint_reader {
    hid_t file;
    const char *path;
    apd_checkpoint_in root;
    apd_layout layout;
    apd_run_state state;
    bool *sparse;    /* (T): the task at the place is neither forgotten nor single */
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
    reader->sparse = apd_allocate(reader->state.task_count, sizeof *reader->sparse, "kinds of tasks");
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
    free(reader->sparse);
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
    APD_TRY(apd_checkpoint_read_record(&reader->task, &reader->layout, &reader->state.records[place],
                                       &reader->facts, error));
    reader->sparse[place] = present && !reader->facts.single;
    return APD_OK;
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

static apd_status read_sparse(apd_checkpoint_reader *reader, const apd_block *shape, apd_task_block **out,
                              apd_error *error) {
    int64_t rows = shape->rows, *ends = apd_allocate(rows, sizeof *ends, "row offsets");
    apd_task_block *whole = NULL;
    apd_status status;
    APD_GO(next(reader, APD_CHECKPOINT_ROW_OFFSETS, rows, ends, error));
    APD_GO(apd_checkpoint_check_ends(&reader->task, apd_checkpoint_set_names[APD_CHECKPOINT_ROW_OFFSETS],
                                     ends, rows, (apd_rows){reader->entries, reader->facts.entries},
                                     shape->cols, error));
    int64_t entries = ends[rows - 1] - reader->entries;
    whole = apd_checkpoint_block_create(rows, shape->cols, true, entries);
    for (int64_t r = 0; r < rows; r++)
        whole->tau.offsets[r + 1] = ends[r] - reader->entries;
    APD_GO(next(reader, APD_CHECKPOINT_BIAS, rows, whole->bias, error));
    APD_GO(next(reader, APD_CHECKPOINT_MASK, rows, whole->mask, error));
    APD_GO(next(reader, APD_CHECKPOINT_COLUMNS, entries, whole->tau.columns, error));
    APD_GO(apd_checkpoint_check_columns(&reader->task, apd_checkpoint_set_names[APD_CHECKPOINT_COLUMNS],
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

/* --- locally shared parameters ----------------------------------------------------------------------- */

bool apd_checkpoint_reader_clustered(const apd_checkpoint_reader *reader) {
    return reader->state.consolidations > 0 || H5Lexists(reader->root.id, "groups", H5P_DEFAULT) > 0;
}

static apd_status open_cluster(apd_checkpoint_reader *reader, int block, int cluster, apd_error *error) {
    char name[64];
    apd_checkpoint_cluster_name(&reader->layout.blocks[block], cluster, name, sizeof name);
    return apd_checkpoint_get_open(&reader->root, name, &reader->task, error);
}

/* Only a task with a mask and a tau can have a sigma_g. */
static apd_status check_members(const apd_checkpoint_reader *reader, const int32_t *assignment,
                                apd_error *error) {
    char reason[120];
    for (int t = 0; t < reader->state.task_count; t++) {
        if (assignment[t] < 0 || reader->sparse[t])
            continue;
        (void)snprintf(reason, sizeof reason,
                       "the task at place %d is in a cluster, but forgotten or a network of its own", t);
        return apd_checkpoint_get_fail(&reader->task, "assignment", reason, error);
    }
    return APD_OK;
}

apd_status apd_checkpoint_reader_clusters(apd_checkpoint_reader *reader, int block, int *clusters,
                                          int32_t **assignment, apd_error *error) {
    int32_t *read = NULL;
    int count;
    apd_status status;
    APD_TRY(open_cluster(reader, block, -1, error));
    APD_GO(apd_checkpoint_get_clusters(&reader->task, &count, error));
    APD_GO(apd_checkpoint_get_assignment(&reader->task, reader->state.task_count, count, &read, error));
    APD_GO(check_members(reader, read, error));
    APD_GO(end_group(reader, &reader->task, error));
    *clusters = count;
    *assignment = read;
    return APD_OK;
out:
    free(read);
    return status;
}

apd_status apd_checkpoint_reader_cluster(apd_checkpoint_reader *reader, int block, int cluster,
                                         apd_sparse *shared, apd_error *error) {
    apd_sparse read = {0};
    APD_TRY(open_cluster(reader, block, cluster, error));
    APD_TRY(apd_checkpoint_get_shared(&reader->task, &reader->layout.blocks[block], &read, error));
    apd_status status = end_group(reader, &reader->task, error);
    if (status == APD_OK)
        *shared = read;
    else
        apd_sparse_clear(&read);
    return status;
}

apd_status apd_checkpoint_reader_skip_clusters(apd_checkpoint_reader *reader, int block, int64_t *entries,
                                               apd_error *error) {
    int clusters;
    int64_t sum = 0, found = 0;
    APD_TRY(open_cluster(reader, block, -1, error));
    APD_TRY(apd_checkpoint_get_clusters(&reader->task, &clusters, error));
    APD_TRY(trust_group(reader, error));
    for (int g = 0; g < clusters; g++) {
        APD_TRY(open_cluster(reader, block, g, error));
        APD_TRY(apd_checkpoint_get_entries(&reader->task, &found, error));
        APD_TRY(trust_group(reader, error));
        sum += found;
    }
    *entries = sum;
    return APD_OK;
}

/* --- the end ----------------------------------------------------------------------------------------- */

apd_status apd_checkpoint_reader_finish(apd_checkpoint_reader *reader, apd_error *error) {
    reader->root.digest = apd_digest_join(reader->root.digest, reader->groups);
    APD_TRY(apd_checkpoint_get_end(&reader->root, error));
    reader->good++;
    return APD_OK;
}

apd_status apd_checkpoint_reader_records(apd_checkpoint_reader *reader, apd_error *error) {
    char name[64];
    int64_t entries;
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
    for (int b = 0; b < reader->layout.block_count; b++)
        if (apd_checkpoint_reader_clustered(reader) && reader->layout.blocks[b].decomposed)
            APD_TRY(apd_checkpoint_reader_skip_clusters(reader, b, &entries, error));
    return apd_checkpoint_reader_finish(reader, error);
}

#include "io/checkpoint_read.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint_cluster.h"
#include "io/checkpoint_get.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_read_root.h"
#include "io/checkpoint_segment.h"
#include "io/checkpoint_training.h"
#include "io/h5.h"
#include "io/room.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A segment that is open. */
typedef struct segment {
    apd_segment which; /* commit 0: none */
    char *path;
    hid_t file;
    int groups; /* of tasks in it */
} segment;

struct apd_checkpoint_reader {
    hid_t file;
    const char *path;
    apd_checkpoint_in root;
    segment segments[APD_SEGMENT_KINDS]; /* the last one of each kind */
    apd_layout layout;
    apd_run_state state;
    uint64_t *digests; /* (T) as checkpoint.h5 says they are */
    uint64_t shared, training;
    bool *sparse; /* (T): the task at the place is neither forgotten nor single */
    int good;
    bool partly;             /* tasks are passed over, or it is a part's: the accuracies are not wanted */
    apd_checkpoint_in group; /* the one being read */
    int place;
    apd_checkpoint_facts facts;
    int64_t entries; /* of this task's tau read so far */
    apd_checkpoint_source sources[APD_CHECKPOINT_SETS];
    apd_training_names names;
};

/* --- files and groups ------------------------------------------------------------------------------------ */

static void close_segment(segment *s) {
    (void)apd_h5_close(&s->file, s->path, NULL);
    free(s->path);
    *s = (segment){.file = -1};
}

static int count_links(hid_t file, const char *name) {
    H5G_info_t facts;
    if (!apd_segment_holds(file, name) || H5Gget_info_by_name(file, name, &facts, H5P_DEFAULT) < 0)
        return 0;
    return (int)facts.nlinks;
}

static apd_status open_segment(apd_checkpoint_reader *reader, apd_segment which, apd_error *error) {
    segment *s = &reader->segments[which.kind];
    char name[APD_SEGMENT_NAME_ROOM];
    if (s->which.commit == which.commit && s->which.part == which.part)
        return APD_OK;
    close_segment(s);
    apd_segment_name(which, name, sizeof name);
    s->path = apd_segment_path(reader->path, name);
    APD_TRY(apd_h5_open(s->path, &s->file, error));
    s->which = which;
    s->groups = count_links(s->file, "tasks") + count_links(s->file, "forgotten");
    return APD_OK;
}

/* Open group `name`, which is or lies below `link`; `*which` is the segment that it lies in, of commit 0: in the file
 * itself. */
static apd_status open_group(apd_checkpoint_reader *reader, const char *name, const char *link,
                             apd_segment_kind kind, apd_segment *which, apd_error *error) {
    apd_checkpoint_in place = reader->root;
    *which = (apd_segment){.kind = kind};
    switch (apd_segment_resolve(reader->root.id, link, kind, which)) {
    case APD_LINK_MISSING:
    case APD_LINK_HERE: break; /* what is missing is told below */
    case APD_LINK_SEGMENT:
        APD_TRY(open_segment(reader, *which, error));
        place.path = reader->segments[kind].path;
        APD_TRY(apd_h5_group_open(reader->segments[kind].file, "/", &place.id, error));
        break;
    case APD_LINK_FOREIGN:
        return apd_fail(error, APD_ERROR_DATA, "%s: %s: leads out of the run's folder, or to another object",
                        reader->path, link);
    }
    apd_status status = apd_checkpoint_get_open(&place, name, &reader->group, error);
    if (place.id != reader->root.id)
        apd_h5_group_close(place.id);
    return status;
}

/* A block's sigma, or (on the way to a cluster's parameters) its clusters. */
static apd_status open_shared(apd_checkpoint_reader *reader, const char *name, const char *link,
                              apd_error *error) {
    apd_segment which;
    APD_TRY(open_group(reader, name, link, APD_SEGMENT_SHARED, &which, error));
    reader->state.shared_segment = which.commit;
    return APD_OK;
}

/* Close a group whose digest is `found`, and hold it against what checkpoint.h5 says. */
static apd_status check_expected(apd_checkpoint_reader *reader, uint64_t found, uint64_t expected,
                                 apd_error *error) {
    char reason[160];
    apd_status status = APD_OK;
    if (found != expected) {
        (void)snprintf(reason, sizeof reason,
                       "is of another commit: its digest is %016" PRIx64
                       ", and checkpoint.h5 says %016" PRIx64,
                       found, expected);
        status = apd_checkpoint_get_fail(&reader->group, NULL, reason, error);
    }
    apd_checkpoint_get_close(&reader->group);
    return status;
}

/* The digest of the open group: as computed from all that was read, which must be what is stored; or as stored. */
static apd_status group_digest(apd_checkpoint_reader *reader, bool trust, uint64_t *digest,
                               apd_error *error) {
    if (trust)
        return apd_checkpoint_get_stored_digest(&reader->group, digest, error);
    APD_TRY(apd_checkpoint_get_end(&reader->group, error));
    reader->good++;
    *digest = reader->group.digest;
    return APD_OK;
}

static apd_status end_task(apd_checkpoint_reader *reader, bool trust, apd_error *error) {
    uint64_t digest;
    APD_TRY(group_digest(reader, trust, &digest, error));
    return check_expected(reader, digest, reader->digests[reader->place], error);
}

/* Shared parameters are compared all together, when the last has been read. */
static apd_status end_shared(apd_checkpoint_reader *reader, bool trust, apd_error *error) {
    uint64_t digest;
    APD_TRY(group_digest(reader, trust, &digest, error));
    reader->shared = apd_digest_join(reader->shared, digest);
    apd_checkpoint_get_close(&reader->group);
    return APD_OK;
}

static apd_status read_layout(apd_checkpoint_reader *reader, apd_error *error) {
    APD_TRY(apd_checkpoint_get_open(&reader->root, "/layout", &reader->group, error));
    APD_TRY(apd_checkpoint_read_layout(&reader->group, &reader->layout, error));
    APD_TRY(apd_checkpoint_get_end(&reader->group, error));
    reader->root.digest = apd_digest_join(reader->root.digest, reader->group.digest);
    reader->good++;
    apd_checkpoint_get_close(&reader->group);
    return APD_OK;
}

static apd_status read_root(apd_checkpoint_reader *reader, apd_error *error) {
    APD_TRY(
        apd_checkpoint_read_root(&reader->root, &reader->state, &reader->digests, &reader->training, error));
    reader->sparse = apd_allocate(reader->state.task_count, sizeof *reader->sparse, "kinds of tasks");
    for (int t = 0; t < reader->state.task_count; t++)
        reader->state.records[t].digest = reader->digests[t];
    APD_TRY(read_layout(reader, error));
    APD_TRY(apd_checkpoint_get_end(&reader->root, error));
    reader->good++;
    return APD_OK;
}

static apd_checkpoint_reader *create(const char *path) {
    apd_checkpoint_reader *reader = apd_allocate(1, sizeof *reader, "the checkpoint's reader");
    reader->path = path;
    reader->file = reader->root.id = reader->group.id = -1;
    for (int kind = 0; kind < APD_SEGMENT_KINDS; kind++)
        reader->segments[kind].file = -1;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        reader->sources[s].id = -1;
    return reader;
}

static apd_status open_root(apd_checkpoint_reader *reader, apd_error *error) {
    APD_TRY(apd_h5_open(reader->path, &reader->file, error));
    reader->root =
        (apd_checkpoint_in){.id = -1, .path = reader->path, .name = "/", .digest = apd_digest("/", 1)};
    return apd_h5_group_open(reader->file, "/", &reader->root.id, error);
}

apd_status apd_checkpoint_reader_open(const char *path, apd_checkpoint_reader **out, apd_error *error) {
    apd_checkpoint_reader *reader = create(path);
    apd_status status;
    APD_GO(open_root(reader, error));
    APD_GO(read_root(reader, error));
    *out = reader;
    return APD_OK;
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

static void expect(apd_checkpoint_reader *reader, const apd_checkpoint_part *part) {
    int tasks = part->state->task_count, blocks = part->layout->block_count;
    reader->partly = true;
    reader->layout = *part->layout;
    reader->layout.blocks = apd_allocate(blocks, sizeof *reader->layout.blocks, "blocks");
    memcpy(reader->layout.blocks, part->layout->blocks, (size_t)blocks * sizeof *reader->layout.blocks);
    reader->state.commit = part->state->commit;
    reader->state.task_count = tasks;
    reader->state.records = apd_allocate(tasks, sizeof *reader->state.records, "the tasks' records");
    reader->sparse = apd_allocate(tasks, sizeof *reader->sparse, "kinds of tasks");
    reader->digests = apd_allocate(tasks, sizeof *reader->digests, "digests");
    memcpy(reader->digests, part->digests, (size_t)tasks * sizeof *reader->digests);
}

apd_status apd_checkpoint_reader_open_part(const apd_checkpoint_part *part, apd_checkpoint_reader **out,
                                           apd_error *error) {
    apd_checkpoint_reader *reader = create(part->path);
    expect(reader, part);
    apd_status status = open_root(reader, error);
    if (status == APD_OK)
        *out = reader;
    else
        apd_checkpoint_reader_destroy(reader);
    return status;
}

void apd_checkpoint_reader_destroy(apd_checkpoint_reader *reader) {
    if (reader == NULL)
        return;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_source_abandon(&reader->sources[s]);
    apd_checkpoint_get_close(&reader->group);
    apd_checkpoint_get_close(&reader->root);
    for (int kind = 0; kind < APD_SEGMENT_KINDS; kind++)
        close_segment(&reader->segments[kind]);
    (void)apd_h5_close(&reader->file, reader->path, NULL);
    apd_run_state_clear(&reader->state);
    apd_training_names_clear(&reader->names);
    free(reader->layout.blocks);
    free(reader->digests);
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
    APD_TRY(open_shared(reader, name, name, error));
    APD_GO(apd_checkpoint_get_data(&reader->group, "sigma", &shape, (void **)&read, error));
    APD_GO(end_shared(reader, false, error));
    *sigma = read;
    return APD_OK;
out:
    free(read);
    return status;
}

/* Room for all accuracies, unknown ones so far: not before somebody wants them, as it grows with the square of T. */
static void need_accuracies(apd_run_state *state) {
    int64_t count = (int64_t)state->task_count * state->task_count;
    if (state->accuracy != NULL)
        return;
    state->accuracy = apd_allocate_bytes(count * (int64_t)sizeof *state->accuracy, "accuracies");
    for (int64_t i = 0; i < count; i++)
        state->accuracy[i] = NAN;
}

/* R[place][0 .. place]; those of forgotten tasks are not there any more. */
static apd_status read_row(apd_checkpoint_reader *reader, int place, apd_error *error) {
    apd_run_state *state = &reader->state;
    apd_checkpoint_shape shape = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT64, place + 1);
    double *read = NULL;
    APD_TRY(apd_checkpoint_get_data(&reader->group, "row", &shape, (void **)&read, error));
    if (!reader->partly) {
        need_accuracies(state);
        memcpy(state->accuracy + (int64_t)place * state->task_count, read,
               (size_t)(place + 1) * sizeof *read);
    }
    free(read);
    return APD_OK;
}

/* Accuracies of the task at `place` go from all rows. */
static void clear_column(apd_run_state *state, int place) {
    for (int t = 0; t < state->task_count; t++)
        state->accuracy[(int64_t)t * state->task_count + place] = NAN;
}

static bool is_forgotten(const apd_checkpoint_reader *reader, int place) {
    char name[64];
    apd_checkpoint_task_name(place, true, name, sizeof name);
    return H5Lexists(reader->root.id, name + 1, H5P_DEFAULT) > 0;
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
    APD_TRY(open_group(reader, name, name, APD_SEGMENT_TASKS, &which, error));
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
    APD_GO(apd_room_check(reader->group.path, "entries of tau", entries, sizeof(float) + sizeof(int32_t),
                          error));
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
    APD_TRY(apd_room_check(reader->group.path, "weights", (head ? head_rows : rows) * shape->cols,
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

void apd_checkpoint_reader_pass_shared(apd_checkpoint_reader *reader) {
    reader->shared = reader->state.shared_digest;
}

apd_status apd_checkpoint_reader_skip_task(apd_checkpoint_reader *reader, apd_error *error) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_source_abandon(&reader->sources[s]);
    return end_task(reader, true, error);
}

/* --- locally shared parameters ----------------------------------------------------------------------- */

bool apd_checkpoint_reader_clustered(const apd_checkpoint_reader *reader) {
    return reader->state.consolidations > 0 || H5Lexists(reader->root.id, "groups", H5P_DEFAULT) > 0;
}

static apd_status open_cluster(apd_checkpoint_reader *reader, int block, int cluster, apd_error *error) {
    char name[64], link[64];
    apd_checkpoint_cluster_name(&reader->layout.blocks[block], cluster, name, sizeof name);
    apd_checkpoint_cluster_name(&reader->layout.blocks[block], -1, link, sizeof link);
    return open_shared(reader, name, link, error);
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
        return apd_checkpoint_get_fail(&reader->group, "assignment", reason, error);
    }
    return APD_OK;
}

apd_status apd_checkpoint_reader_clusters(apd_checkpoint_reader *reader, int block, int *clusters,
                                          int32_t **assignment, apd_error *error) {
    int32_t *read = NULL;
    int count;
    apd_status status;
    APD_TRY(open_cluster(reader, block, -1, error));
    APD_GO(apd_checkpoint_get_clusters(&reader->group, &count, error));
    APD_GO(apd_checkpoint_get_assignment(&reader->group, reader->state.task_count, count, &read, error));
    APD_GO(check_members(reader, read, error));
    APD_GO(end_shared(reader, false, error));
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
    APD_TRY(apd_checkpoint_get_shared(&reader->group, &reader->layout.blocks[block], &read, error));
    apd_status status = end_shared(reader, false, error);
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
    APD_TRY(apd_checkpoint_get_clusters(&reader->group, &clusters, error));
    APD_TRY(end_shared(reader, true, error));
    for (int g = 0; g < clusters; g++) {
        APD_TRY(open_cluster(reader, block, g, error));
        APD_TRY(apd_checkpoint_get_entries(&reader->group, &found, error));
        APD_TRY(end_shared(reader, true, error));
        sum += found;
    }
    *entries = sum;
    return APD_OK;
}

/* --- a task half way ------------------------------------------------------------------------------------- */

static apd_status open_training(apd_checkpoint_reader *reader, apd_error *error) {
    apd_segment which;
    apd_training_state *training = &reader->state.training;
    APD_TRY(open_group(reader, "/training", "/training", APD_SEGMENT_TRAINING, &which, error));
    free(training->tallies);
    *training = (apd_training_state){0};
    apd_training_names_clear(&reader->names);
    return apd_training_get(&reader->group, reader->state.shards, training, &reader->names, error);
}

apd_status apd_checkpoint_reader_begin_training(apd_checkpoint_reader *reader,
                                                const apd_training_names **names, apd_error *error) {
    APD_TRY(open_training(reader, error));
    *names = &reader->names;
    return APD_OK;
}

apd_status apd_checkpoint_reader_array(apd_checkpoint_reader *reader, const char *name, int64_t *rows,
                                       int64_t *width, float **values, apd_error *error) {
    return apd_training_get_array(&reader->group, name, rows, width, values, error);
}

static apd_status end_training(apd_checkpoint_reader *reader, bool trust, apd_error *error) {
    uint64_t digest;
    APD_TRY(group_digest(reader, trust, &digest, error));
    return check_expected(reader, digest, reader->training, error);
}

apd_status apd_checkpoint_reader_end_training(apd_checkpoint_reader *reader, apd_error *error) {
    return end_training(reader, false, error);
}

apd_status apd_checkpoint_reader_skip_training(apd_checkpoint_reader *reader, apd_error *error) {
    APD_TRY(open_training(reader, error));
    return end_training(reader, true, error);
}

/* --- the end ----------------------------------------------------------------------------------------- */

apd_status apd_checkpoint_reader_finish(apd_checkpoint_reader *reader, apd_error *error) {
    char reason[160];
    if (!reader->partly)
        need_accuracies(&reader->state);
    for (int t = 0; t < reader->state.task_count && !reader->partly; t++)
        if (reader->state.records[t].class_count == 0)
            clear_column(&reader->state, t);
    if (reader->shared == reader->state.shared_digest)
        return APD_OK;
    (void)snprintf(reason, sizeof reason,
                   "sigma or the clusters are of another commit: their digest is %016" PRIx64
                   " where the file says %016" PRIx64,
                   reader->shared, reader->state.shared_digest);
    return apd_checkpoint_get_fail(&reader->root, NULL, reason, error);
}

apd_status apd_checkpoint_reader_records(apd_checkpoint_reader *reader, apd_error *error) {
    char name[64];
    int64_t entries;
    for (int b = 0; b < reader->layout.block_count; b++) {
        if (!reader->layout.blocks[b].decomposed)
            continue;
        apd_checkpoint_shared_name(&reader->layout.blocks[b], name, sizeof name);
        APD_TRY(open_shared(reader, name, name, error));
        APD_TRY(end_shared(reader, true, error));
    }
    for (int t = 0; t < reader->state.task_count; t++) {
        APD_TRY(open_task(reader, t, error));
        APD_TRY(end_task(reader, true, error));
    }
    for (int b = 0; b < reader->layout.block_count; b++)
        if (apd_checkpoint_reader_clustered(reader) && reader->layout.blocks[b].decomposed)
            APD_TRY(apd_checkpoint_reader_skip_clusters(reader, b, &entries, error));
    if (reader->state.half_way)
        APD_TRY(apd_checkpoint_reader_skip_training(reader, error));
    return apd_checkpoint_reader_finish(reader, error);
}

#include "io/checkpoint/read.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint/read_root.h"
#include "io/checkpoint/reader.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/read_driver.h"
#include "io/system/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- files and groups ------------------------------------------------------------------------------------ */

static void close_segment(apd_segment_file *s) {
    (void)apd_h5_close(&s->file, s->path, NULL);
    free(s->path);
    *s = (apd_segment_file){.file = -1};
}

static apd_status open_segment(apd_checkpoint_reader *reader, apd_segment which, apd_error *error) {
    apd_segment_file *s = &reader->segments[which.kind];
    char name[APD_SEGMENT_NAME_ROOM];
    bool exists = false;
    if (s->which.commit == which.commit && s->which.part == which.part)
        return APD_OK;
    close_segment(s);
    apd_segment_name(which, name, sizeof name);
    s->path = apd_segment_path(reader->path, name);
    APD_TRY(apd_file_exists(s->path, &exists, error));
    if (!exists) /* the commit is not whole */
        return apd_fail(error, APD_ERROR_DATA, "%s: is missing, and %s needs it", s->path, reader->path);
    APD_TRY(apd_h5_open(s->path, &s->file, error));
    s->which = which;
    s->groups = (int)(apd_segment_count(s->file, "tasks") + apd_segment_count(s->file, "forgotten"));
    return apd_h5_check_refused(APD_OK, error);
}

apd_status apd_checkpoint_reader_open_group(apd_checkpoint_reader *reader, const char *name, const char *link,
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
        return apd_h5_check_refused(apd_fail(error, APD_ERROR_DATA,
                                             "%s: %s: leads out of the run's folder, or to another object",
                                             reader->path, link),
                                    error);
    }
    apd_status status = apd_checkpoint_get_open(&place, name, &reader->group, error);
    if (place.id != reader->root.id)
        apd_h5_group_close(place.id);
    return status;
}

apd_status apd_checkpoint_reader_digest(apd_checkpoint_reader *reader, bool trust, uint64_t *digest,
                                        apd_error *error) {
    APD_TRY(apd_h5_check_refused(APD_OK, error));
    if (trust)
        return apd_checkpoint_get_stored_digest(&reader->group, digest, error);
    APD_TRY(apd_checkpoint_get_end(&reader->group, error));
    reader->good++;
    *digest = reader->group.digest;
    return APD_OK;
}

apd_status apd_checkpoint_reader_end_group(apd_checkpoint_reader *reader, bool trust, uint64_t expected,
                                           apd_error *error) {
    uint64_t found;
    char reason[160];
    APD_TRY(apd_checkpoint_reader_digest(reader, trust, &found, error));
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

/* --- the whole ---------------------------------------------------------------------------------------- */

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

void apd_checkpoint_reader_need_accuracies(apd_run_state *state) {
    int64_t count = (int64_t)state->task_count * state->task_count;
    if (state->accuracy != NULL)
        return;
    state->accuracy = apd_allocate_bytes(count * (int64_t)sizeof *state->accuracy, "accuracies");
    for (int64_t i = 0; i < count; i++)
        state->accuracy[i] = NAN;
}

/* Accuracies of the task at `place` go from all rows. */
static void clear_column(apd_run_state *state, int place) {
    for (int t = 0; t < state->task_count; t++)
        state->accuracy[(int64_t)t * state->task_count + place] = NAN;
}

apd_status apd_checkpoint_reader_finish(apd_checkpoint_reader *reader, apd_error *error) {
    char reason[160];
    APD_TRY(apd_h5_check_refused(APD_OK, error));
    if (!reader->partly)
        apd_checkpoint_reader_need_accuracies(&reader->state);
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
    int64_t entries;
    for (int b = 0; b < reader->layout.block_count; b++)
        if (reader->layout.blocks[b].decomposed)
            APD_TRY(apd_checkpoint_reader_skip_sigma(reader, b, error));
    for (int t = 0; t < reader->state.task_count; t++)
        APD_TRY(apd_checkpoint_reader_record(reader, t, error));
    for (int b = 0; b < reader->layout.block_count; b++)
        if (apd_checkpoint_reader_clustered(reader) && reader->layout.blocks[b].decomposed)
            APD_TRY(apd_checkpoint_reader_skip_clusters(reader, b, &entries, error));
    if (reader->state.half_way)
        APD_TRY(apd_checkpoint_reader_skip_training(reader, error));
    return apd_checkpoint_reader_finish(reader, error);
}

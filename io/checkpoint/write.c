#include "io/checkpoint/write.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint/cluster.h"
#include "io/checkpoint/file.h"
#include "io/checkpoint/history.h"
#include "io/checkpoint/links.h"
#include "io/checkpoint/read.h"
#include "io/checkpoint/segment.h"
#include "io/checkpoint/sink.h"
#include "io/checkpoint/tasks_out.h"
#include "io/checkpoint/training.h"
#include "io/system/durable.h"
#include "io/system/fault.h"
#include "io/system/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct apd_checkpoint_writer {
    const char *path;
    const apd_layout *layout;
    const apd_run_state *state;
    apd_lock *lock; /* of the run; NULL: none, or a whole file, which is no commit */
    apd_checkpoint_file *main,
        *segments[APD_SEGMENT_KINDS]; /* of tasks: none, or io/checkpoint_parts has them */
    uint64_t *digests;                /* (T): of the tasks' groups */
    uint64_t shared, training;        /* digests */
    apd_checkpoint_out group;         /* the one being written */
    apd_checkpoint_sink rows;         /* its data set whose rows arrive */
    apd_tasks_out tasks;              /* of a whole file */
    const int *
        parts; /* (T): of this commit's segment of tasks, in which the group is; -1: in none. NULL: a whole file */
    bool shared_written, shared_finished;
    int64_t bytes;
};

static bool is_whole(const apd_checkpoint_writer *writer) {
    return writer->parts == NULL;
}

/* checkpoint.h5 under its temporary name, with what it has before anything else. */
static apd_status open_main(apd_checkpoint_writer *writer, apd_run_state *state, apd_error *error) {
    size_t room = strlen(writer->path) + 8;
    char *temporary = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(temporary, room, "%s.tmp", writer->path);
    apd_status status = APD_OK;
    if (unlink(temporary) != 0 && errno != ENOENT) /* a killed writer's */
        status = apd_fail_errno(error, errno, "%s: cannot delete", temporary);
    if (status == APD_OK && !is_whole(writer))
        status = apd_checkpoint_links_update(state, writer->parts, temporary, error);
    if (status == APD_OK)
        status = apd_checkpoint_file_create(temporary, is_whole(writer) ? NULL : &state->links->image,
                                            &writer->main, error);
    free(temporary);
    if (status == APD_OK && is_whole(writer))
        status = apd_checkpoint_link_folders(apd_checkpoint_file_root(writer->main), error);
    return status;
}

apd_status apd_checkpoint_writer_open(const char *path, const int *parts, const apd_layout *layout,
                                      apd_run_state *state, apd_checkpoint_writer **out, apd_error *error) {
    apd_checkpoint_writer *writer = apd_allocate(1, sizeof *writer, "the checkpoint's writer");
    writer->path = path;
    writer->parts = parts;
    writer->layout = layout;
    writer->state = state;
    writer->lock = is_whole(writer) ? NULL : state->lock;
    writer->digests = apd_allocate(state->task_count, sizeof *writer->digests, "digests");
    apd_tasks_out_init(&writer->tasks, layout, state);
    writer->group.id = -1;
    apd_status status = APD_OK;
    if (!is_whole(writer))
        status = apd_segment_folder(path, error);
    if (status == APD_OK)
        status = open_main(writer, state, error);
    if (status == APD_OK)
        *out = writer;
    else
        apd_checkpoint_writer_destroy(writer);
    return status;
}

void apd_checkpoint_writer_destroy(apd_checkpoint_writer *writer) {
    if (writer == NULL)
        return;
    apd_tasks_out_abandon(&writer->tasks);
    apd_checkpoint_sink_abandon(&writer->rows);
    apd_checkpoint_put_abandon(&writer->group);
    for (int kind = 0; kind < APD_SEGMENT_KINDS; kind++)
        apd_checkpoint_file_destroy(writer->segments[kind]);
    apd_checkpoint_file_destroy(writer->main);
    free(writer->digests);
    free(writer);
}

/* The root of the file that groups of this kind go to. */
static apd_status find_root(apd_checkpoint_writer *writer, apd_segment_kind kind,
                            const apd_checkpoint_out **root, apd_error *error) {
    char name[APD_SEGMENT_NAME_ROOM];
    if (!is_whole(writer) && writer->segments[kind] == NULL) {
        apd_segment_name((apd_segment){writer->state->commit, kind, 0}, name, sizeof name);
        char *path = apd_segment_path(writer->path, name);
        apd_status status = apd_checkpoint_file_create(path, NULL, &writer->segments[kind], error);
        free(path);
        APD_TRY(status);
    }
    *root = apd_checkpoint_file_root(is_whole(writer) ? writer->main : writer->segments[kind]);
    return APD_OK;
}

static apd_status put_link(apd_checkpoint_writer *writer, const char *object, apd_segment segment,
                           apd_error *error) {
    const apd_checkpoint_out *root = apd_checkpoint_file_root(writer->main);
    APD_TRY(apd_checkpoint_put_parents(root, object, error));
    return apd_checkpoint_put_check(root, apd_segment_link(root->id, object, segment), object + 1, error);
}

/* Begin the group `name` in its file; `link` is the part of its path that checkpoint.h5 links to, NULL when the
 * link is there already. */
static apd_status open_group(apd_checkpoint_writer *writer, const char *name, const char *link,
                             apd_segment_kind kind, apd_error *error) {
    const apd_checkpoint_out *root = NULL;
    APD_TRY(find_root(writer, kind, &root, error));
    APD_TRY(apd_checkpoint_put_parents(root, name, error));
    APD_TRY(apd_checkpoint_put_open(root, name, &writer->group, error));
    return link == NULL || is_whole(writer)
               ? APD_OK
               : put_link(writer, link, (apd_segment){writer->state->commit, kind, 0}, error);
}

/* --- shared parameters ---------------------------------------------------------------------------------- */

static bool is_clustered(const apd_checkpoint_writer *writer) {
    return writer->state->consolidations > 0;
}

apd_status apd_checkpoint_writer_keep_shared(apd_checkpoint_writer *writer, apd_error *error) {
    const apd_segment segment = {writer->state->shared_segment, APD_SEGMENT_SHARED, 0};
    char name[64];
    for (int b = 0; b < writer->layout->block_count; b++) {
        const apd_block *block = &writer->layout->blocks[b];
        if (!block->decomposed)
            continue;
        apd_checkpoint_shared_name(block, name, sizeof name);
        APD_TRY(put_link(writer, name, segment, error));
        apd_checkpoint_cluster_name(block, -1, name, sizeof name);
        if (is_clustered(writer))
            APD_TRY(put_link(writer, name, segment, error));
    }
    writer->shared = writer->state->shared_digest;
    return APD_OK;
}

/* Close the group and note its digest in that of all shared parameters. */
static apd_status end_shared(apd_checkpoint_writer *writer, apd_error *error) {
    apd_status status = apd_checkpoint_put_close(&writer->group, error);
    writer->shared = apd_digest_join(writer->shared, writer->group.digest);
    return status;
}

apd_status apd_checkpoint_writer_begin_sigma(apd_checkpoint_writer *writer, int block, apd_error *error) {
    const apd_block *facts = &writer->layout->blocks[block];
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, facts->rows, facts->cols);
    char name[64];
    apd_checkpoint_shared_name(facts, name, sizeof name);
    writer->shared_written = true;
    APD_TRY(open_group(writer, name, name, APD_SEGMENT_SHARED, error));
    apd_checkpoint_sink_begin(&writer->group, "sigma", &shape, &writer->rows);
    return APD_OK;
}

void apd_checkpoint_writer_rows(apd_checkpoint_writer *writer, int64_t rows, const float *values) {
    apd_checkpoint_sink_append(&writer->rows, rows, values);
}

apd_status apd_checkpoint_writer_end_sigma(apd_checkpoint_writer *writer, apd_error *error) {
    APD_TRY(apd_checkpoint_sink_end(&writer->group, &writer->rows, error));
    return end_shared(writer, error);
}

apd_status apd_checkpoint_writer_sigma(apd_checkpoint_writer *writer, int block, const float *sigma,
                                       apd_error *error) {
    APD_TRY(apd_checkpoint_writer_begin_sigma(writer, block, error));
    apd_checkpoint_writer_rows(writer, writer->layout->blocks[block].rows, sigma);
    return apd_checkpoint_writer_end_sigma(writer, error);
}

apd_status apd_checkpoint_writer_clusters(apd_checkpoint_writer *writer, int block, int clusters,
                                          const int32_t *assignment, apd_error *error) {
    char name[64];
    apd_checkpoint_cluster_name(&writer->layout->blocks[block], -1, name, sizeof name);
    APD_TRY(open_group(writer, name, name, APD_SEGMENT_SHARED, error));
    APD_TRY(apd_checkpoint_put_assignment(&writer->group, clusters, assignment, writer->state->task_count,
                                          error));
    return end_shared(writer, error);
}

apd_status apd_checkpoint_writer_cluster(apd_checkpoint_writer *writer, int block, int cluster,
                                         const apd_sparse *shared, apd_error *error) {
    char name[64];
    apd_checkpoint_cluster_name(&writer->layout->blocks[block], cluster, name, sizeof name);
    APD_TRY(open_group(writer, name, NULL, APD_SEGMENT_SHARED, error));
    APD_TRY(apd_checkpoint_put_shared(&writer->group, shared, error));
    return end_shared(writer, error);
}

apd_status apd_checkpoint_writer_finish_shared(apd_checkpoint_writer *writer, apd_error *error) {
    apd_checkpoint_file *segment = writer->segments[APD_SEGMENT_SHARED];
    writer->shared_finished = segment != NULL;
    return segment != NULL ? apd_checkpoint_file_finish(segment, &writer->bytes, error) : APD_OK;
}

/* --- tasks ---------------------------------------------------------------------------------------------- */

apd_status apd_checkpoint_writer_link_task(apd_checkpoint_writer *writer, int place, uint64_t digest,
                                           apd_error *error) {
    const apd_run_state *state = writer->state;
    int part = writer->parts[place];
    writer->digests[place] = part < 0 ? state->records[place].digest : digest;
    if (place < state->links->count)
        return APD_OK;
    return apd_checkpoint_link_put(apd_checkpoint_file_root(writer->main), place,
                                   apd_checkpoint_link_place(state, place, part), error);
}

apd_status apd_checkpoint_writer_forgotten(apd_checkpoint_writer *writer, int place, apd_error *error) {
    return apd_tasks_out_forgotten(&writer->tasks, apd_checkpoint_file_root(writer->main), place,
                                   &writer->digests[place], error);
}

apd_status apd_checkpoint_writer_begin_task(apd_checkpoint_writer *writer, int place,
                                            const apd_checkpoint_facts *facts, apd_error *error) {
    return apd_tasks_out_begin(&writer->tasks, apd_checkpoint_file_root(writer->main), place, facts, error);
}

void apd_checkpoint_writer_task_block(apd_checkpoint_writer *writer, int block, int64_t rows,
                                      const apd_task_block *run) {
    apd_tasks_out_block(&writer->tasks, block, rows, run);
}

apd_status apd_checkpoint_writer_end_task(apd_checkpoint_writer *writer, apd_error *error) {
    return apd_tasks_out_end(&writer->tasks, &writer->digests[writer->tasks.place], error);
}

/* --- a task half way ------------------------------------------------------------------------------------ */

apd_status apd_checkpoint_writer_begin_training(apd_checkpoint_writer *writer,
                                                const apd_training_names *names, apd_error *error) {
    APD_TRY(open_group(writer, "/training", "/training", APD_SEGMENT_TRAINING, error));
    return apd_training_put(&writer->group, &writer->state->training, writer->state->shards, names, error);
}

void apd_checkpoint_writer_begin_array(apd_checkpoint_writer *writer, const char *name, int64_t rows,
                                       int64_t width) {
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, rows, width);
    apd_checkpoint_sink_begin(&writer->group, name, &shape, &writer->rows);
}

apd_status apd_checkpoint_writer_end_array(apd_checkpoint_writer *writer, apd_error *error) {
    return apd_checkpoint_sink_end(&writer->group, &writer->rows, error);
}

apd_status apd_checkpoint_writer_array(apd_checkpoint_writer *writer, const char *name, int64_t rows,
                                       int64_t width, const float *values, apd_error *error) {
    apd_checkpoint_writer_begin_array(writer, name, rows, width);
    apd_checkpoint_writer_rows(writer, rows, values);
    return apd_checkpoint_writer_end_array(writer, error);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static apd_status put_layout(const apd_checkpoint_writer *writer, apd_checkpoint_out *root,
                             apd_error *error) {
    const apd_layout *layout = writer->layout;
    int64_t count = layout->block_count;
    char *names = apd_allocate(count, sizeof layout->blocks->name, "block names");
    int64_t *sizes = apd_allocate(2 * count, sizeof *sizes, "block sizes");
    int32_t *decomposed = apd_allocate(count, sizeof *decomposed, "block kinds");
    apd_checkpoint_out group = {.id = -1};
    apd_checkpoint_shape size = apd_checkpoint_vector(APD_CHECKPOINT_INT64, count);
    apd_checkpoint_shape kind = apd_checkpoint_vector(APD_CHECKPOINT_INT32, count);
    apd_checkpoint_shape name = apd_checkpoint_vector(APD_CHECKPOINT_TEXT, count);
    name.text = sizeof layout->blocks->name;
    for (int64_t b = 0; b < count; b++) {
        (void)snprintf(names + b * name.text, (size_t)name.text, "%s", layout->blocks[b].name);
        sizes[b] = layout->blocks[b].rows;
        sizes[count + b] = layout->blocks[b].cols;
        decomposed[b] = layout->blocks[b].decomposed;
    }
    apd_status status;
    APD_GO(apd_checkpoint_put_open(root, "/layout", &group, error));
    APD_GO(apd_checkpoint_put_data(&group, "name", &name, names, error));
    APD_GO(apd_checkpoint_put_data(&group, "rows", &size, sizes, error));
    APD_GO(apd_checkpoint_put_data(&group, "cols", &size, sizes + count, error));
    APD_GO(apd_checkpoint_put_data(&group, "decomposed", &kind, decomposed, error));
    APD_GO(apd_checkpoint_put_close(&group, error));
    root->digest = apd_digest_join(root->digest, group.digest);
out:
    apd_checkpoint_put_abandon(&group);
    free(decomposed);
    free(sizes);
    free(names);
    return status;
}

/* What checkpoint.h5 itself holds. */
static apd_status put_root(const apd_checkpoint_writer *writer, apd_checkpoint_out *root, apd_error *error) {
    const apd_run_state *state = writer->state;
    const char format[16] = APD_CHECKPOINT_FORMAT;
    const int32_t version = APD_CHECKPOINT_VERSION, consolidations = state->consolidations,
                  ending = (int32_t)state->ending;
    const char *yaml = state->run_yaml != NULL ? state->run_yaml : "";
    size_t length = strlen(yaml);
    apd_checkpoint_shape text = apd_checkpoint_text(sizeof format);
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    apd_checkpoint_shape digest = apd_checkpoint_scalar(APD_CHECKPOINT_UINT64);
    apd_checkpoint_shape digests = apd_checkpoint_vector(APD_CHECKPOINT_UINT64, state->task_count);
    apd_checkpoint_shape run_yaml = apd_checkpoint_text(length > 0 ? (int64_t)length : 1);
    APD_TRY(apd_checkpoint_put_attribute(root, "format", &text, format, error));
    APD_TRY(apd_checkpoint_put_attribute(root, "format_version", &number, &version, error));
    APD_TRY(apd_checkpoint_put_fields(root, apd_checkpoint_root_fields, apd_checkpoint_root_field_count,
                                      state, error));
    if (consolidations > 0)
        APD_TRY(apd_checkpoint_put_attribute(root, "consolidations", &number, &consolidations, error));
    if (state->ending != APD_ENDING_COMPLETE)
        APD_TRY(apd_checkpoint_put_attribute(root, "ending", &number, &ending, error));
    APD_TRY(apd_checkpoint_put_attribute(root, "shared_digest", &digest, &writer->shared, error));
    APD_TRY(apd_checkpoint_put_attribute(root, "training_digest", &digest, &writer->training, error));
    APD_TRY(apd_checkpoint_put_data(root, "digests", &digests, writer->digests, error));
    APD_TRY(apd_checkpoint_put_data(root, "run_yaml", &run_yaml, yaml, error));
    return put_layout(writer, root, error);
}

/* Close all files, and while threads sync and compare them, read what they mean. */
static apd_status finish(apd_checkpoint_writer *writer, apd_error *error) {
    int groups;
    apd_error found = {0};
    apd_checkpoint_choice written = {writer->shared_written, writer->parts};
    for (int kind = 0; kind < APD_SEGMENT_KINDS; kind++)
        if (writer->segments[kind] != NULL && !(kind == APD_SEGMENT_SHARED && writer->shared_finished))
            APD_TRY(apd_checkpoint_file_finish(writer->segments[kind], &writer->bytes, error));
    APD_TRY(apd_checkpoint_file_finish(writer->main, &writer->bytes, error));
    apd_status status = apd_checkpoint_reader_check(apd_checkpoint_file_path(writer->main),
                                                    is_whole(writer) ? NULL : &written, &groups, &found);
    if (status == APD_OK)
        return APD_OK;
    return apd_fail(error, status == APD_REQUEUE ? status : APD_ERROR_IO,
                    "%s: cannot verify what was written: %s", writer->path, found.message);
}

/* Everything that the new checkpoint.h5 refers to is safe afterwards, and so is its own content. */
static apd_status wait(apd_checkpoint_writer *writer, apd_error *error) {
    const apd_checkpoint_file *segment = NULL;
    for (int kind = 0; kind < APD_SEGMENT_KINDS; kind++) {
        APD_TRY(apd_checkpoint_file_wait(writer->segments[kind], error));
        segment = writer->segments[kind] != NULL ? writer->segments[kind] : segment;
    }
    APD_TRY(apd_checkpoint_file_wait(writer->main, error));
    return segment != NULL ? apd_sync_folder_of(apd_checkpoint_file_path(segment), error) : APD_OK;
}

apd_status apd_checkpoint_writer_commit(apd_checkpoint_writer *writer, apd_error *error) {
    if (writer->state->half_way) {
        APD_TRY(apd_checkpoint_put_close(&writer->group, error));
        writer->training = writer->group.digest;
    }
    apd_checkpoint_out *root = apd_checkpoint_file_root(writer->main);
    APD_TRY(put_root(writer, root, error));
    APD_TRY(apd_checkpoint_put_close(root, error));
    APD_TRY(finish(writer, error));
    APD_TRY(wait(writer, error));
    apd_fault_point("checkpoint.verified");
    APD_TRY(apd_lock_check(writer->lock, error));
    if (!is_whole(writer))
        APD_TRY(apd_checkpoint_keep_former(writer->path, error));
    apd_fault_point("checkpoint.former");
    apd_status status = apd_checkpoint_file_publish(writer->main, writer->path, error);
    apd_fault_point("checkpoint.renamed");
    for (int kind = 0; kind < APD_SEGMENT_KINDS && apd_checkpoint_writer_published(writer); kind++)
        apd_checkpoint_file_release(writer->segments[kind]);
    return status == APD_OK ? apd_lock_note(writer->lock, writer->path, error) : status;
}

bool apd_checkpoint_writer_published(const apd_checkpoint_writer *writer) {
    return apd_checkpoint_file_stays(writer->main);
}

uint64_t apd_checkpoint_writer_task_digest(const apd_checkpoint_writer *writer, int place) {
    return writer->digests[place];
}

uint64_t apd_checkpoint_writer_shared_digest(const apd_checkpoint_writer *writer) {
    return writer->shared;
}

int64_t apd_checkpoint_writer_bytes(const apd_checkpoint_writer *writer) {
    return writer->bytes;
}

#include "io/checkpoint_write.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint_cluster.h"
#include "io/checkpoint_put.h"
#include "io/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct apd_checkpoint_writer {
    const char *path;
    char *temporary;
    const apd_layout *layout;
    const apd_run_state *state;
    apd_h5_fault fault;
    hid_t file;
    apd_checkpoint_out root;
    uint64_t groups; /* all groups' digests so far */
    apd_checkpoint_out task;
    apd_checkpoint_facts facts;
    int64_t entries; /* of this task's tau written so far */
    bool clustered;  /* there is a folder /groups */
    apd_checkpoint_sink sinks[APD_CHECKPOINT_SETS];
};

static apd_status fail_step(const apd_checkpoint_writer *writer, const char *step, apd_error *error) {
    if (writer->fault.number != 0)
        return apd_fail(error, APD_ERROR_IO, "%s: cannot %s %s: %s", writer->path, step, writer->temporary,
                        strerror(writer->fault.number));
    char reason[256];
    apd_h5_reason(reason, sizeof reason);
    return apd_fail(error, APD_ERROR_INTERNAL, "%s: cannot %s %s (HDF5: %s)", writer->path, step,
                    writer->temporary, reason);
}

static apd_status create_file(apd_checkpoint_writer *writer, apd_error *error) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    /* Format 1.10: its metadata carry checksums. Attributes in the object's header, as they are few. */
    if (access >= 0 && create >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
        apd_h5_driver_use(access, &writer->fault) >= 0 && H5Pset_obj_track_times(create, false) >= 0 &&
        H5Pset_attr_phase_change(create, 32, 16) >= 0)
        writer->file = H5Fcreate(writer->temporary, H5F_ACC_TRUNC, create, access);
    apd_status status = writer->file >= 0 ? APD_OK : fail_step(writer, "create", error);
    if (create >= 0)
        (void)H5Pclose(create);
    if (access >= 0)
        (void)H5Pclose(access);
    return status;
}

static void open_root(apd_checkpoint_writer *writer) {
    writer->root = (apd_checkpoint_out){.id = H5Gopen2(writer->file, "/", H5P_DEFAULT),
                                        .path = writer->path,
                                        .fault = &writer->fault,
                                        .name = "/",
                                        .digest = apd_digest("/", 1)};
}

static apd_status put_root(apd_checkpoint_writer *writer, apd_error *error) {
    static const char *const folders[] = {"shared", "tasks", "forgotten"};
    const apd_run_state *state = writer->state;
    const char format[16] = APD_CHECKPOINT_FORMAT;
    const int32_t version = APD_CHECKPOINT_VERSION, consolidations = state->consolidations;
    const char *yaml = state->run_yaml != NULL ? state->run_yaml : "";
    size_t length = strlen(yaml);
    apd_checkpoint_shape text = apd_checkpoint_text(sizeof format);
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    apd_checkpoint_shape accuracy =
        apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT64, state->task_count, state->task_count);
    apd_checkpoint_shape run_yaml = apd_checkpoint_text(length > 0 ? (int64_t)length : 1);
    APD_TRY(apd_checkpoint_put_attribute(&writer->root, "format", &text, format, error));
    APD_TRY(apd_checkpoint_put_attribute(&writer->root, "format_version", &number, &version, error));
    APD_TRY(apd_checkpoint_put_fields(&writer->root, apd_checkpoint_root_fields,
                                      apd_checkpoint_root_field_count, state, error));
    if (consolidations > 0)
        APD_TRY(
            apd_checkpoint_put_attribute(&writer->root, "consolidations", &number, &consolidations, error));
    APD_TRY(apd_checkpoint_put_data(&writer->root, "accuracy", &accuracy, state->accuracy, error));
    APD_TRY(apd_checkpoint_put_data(&writer->root, "run_yaml", &run_yaml, yaml, error));
    for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++)
        APD_TRY(apd_checkpoint_put_folder(&writer->root, folders[f], error));
    return APD_OK;
}

/* Close a group and note its digest in the file's. */
static apd_status end_group(apd_checkpoint_writer *writer, apd_checkpoint_out *group, apd_error *error) {
    apd_status status = apd_checkpoint_put_close(group, error);
    writer->groups = apd_digest_join(writer->groups, group->digest);
    return status;
}

static apd_status put_layout(apd_checkpoint_writer *writer, apd_error *error) {
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
    APD_GO(apd_checkpoint_put_open(&writer->root, "/layout", &group, error));
    APD_GO(apd_checkpoint_put_data(&group, "name", &name, names, error));
    APD_GO(apd_checkpoint_put_data(&group, "rows", &size, sizes, error));
    APD_GO(apd_checkpoint_put_data(&group, "cols", &size, sizes + count, error));
    APD_GO(apd_checkpoint_put_data(&group, "decomposed", &kind, decomposed, error));
    APD_GO(end_group(writer, &group, error));
out:
    apd_checkpoint_put_abandon(&group);
    free(decomposed);
    free(sizes);
    free(names);
    return status;
}

apd_status apd_checkpoint_writer_open(const char *path, const apd_layout *layout, const apd_run_state *state,
                                      apd_checkpoint_writer **out, apd_error *error) {
    apd_checkpoint_writer *writer = apd_allocate(1, sizeof *writer, "the checkpoint's writer");
    size_t size = strlen(path) + sizeof ".tmp";
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    writer->path = path;
    writer->temporary = apd_allocate((int64_t)size, 1, "a path");
    (void)snprintf(writer->temporary, size, "%s.tmp", path);
    writer->layout = layout;
    writer->state = state;
    writer->file = writer->root.id = writer->task.id = -1;
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        writer->sinks[s].id = -1;
    apd_status status;
    APD_GO(create_file(writer, error));
    open_root(writer);
    APD_GO(put_root(writer, error));
    APD_GO(put_layout(writer, error));
    *out = writer;
    return APD_OK;
out:
    apd_checkpoint_writer_destroy(writer);
    return status;
}

static void close_all(apd_checkpoint_writer *writer) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        apd_checkpoint_sink_abandon(&writer->sinks[s]);
    apd_checkpoint_put_abandon(&writer->task);
    apd_checkpoint_put_abandon(&writer->root);
}

void apd_checkpoint_writer_destroy(apd_checkpoint_writer *writer) {
    if (writer == NULL)
        return;
    close_all(writer);
    if (writer->file >= 0)
        (void)H5Fclose(writer->file);
    (void)unlink(writer->temporary); /* after a commit there is none */
    free(writer->temporary);
    free(writer);
}

apd_status apd_checkpoint_writer_sigma(apd_checkpoint_writer *writer, int block, const float *sigma,
                                       apd_error *error) {
    const apd_block *facts = &writer->layout->blocks[block];
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, facts->rows, facts->cols);
    apd_checkpoint_out group = {.id = -1};
    char name[64];
    apd_checkpoint_shared_name(facts, name, sizeof name);
    apd_status status;
    APD_GO(apd_checkpoint_put_open(&writer->root, name, &group, error));
    APD_GO(apd_checkpoint_put_data(&group, "sigma", &shape, sigma, error));
    APD_GO(end_group(writer, &group, error));
out:
    apd_checkpoint_put_abandon(&group);
    return status;
}

/* Bytes behind a name's end are not part of it. */
static apd_status put_record_fields(apd_checkpoint_writer *writer, const apd_task_record *record,
                                    apd_error *error) {
    apd_task_record clean = *record;
    memset(clean.name, 0, sizeof clean.name);
    (void)snprintf(clean.name, sizeof clean.name, "%s", record->name);
    return apd_checkpoint_put_fields(&writer->task, apd_checkpoint_record_fields,
                                     apd_checkpoint_record_field_count, &clean, error);
}

apd_status apd_checkpoint_writer_forgotten(apd_checkpoint_writer *writer, int place, apd_error *error) {
    char name[64];
    apd_checkpoint_task_name(place, true, name, sizeof name);
    APD_TRY(apd_checkpoint_put_open(&writer->root, name, &writer->task, error));
    APD_TRY(put_record_fields(writer, &writer->state->records[place], error));
    return end_group(writer, &writer->task, error);
}

static apd_status put_record(apd_checkpoint_writer *writer, const apd_task_record *record, apd_error *error) {
    int channels = apd_checkpoint_channels(&record->normalisation);
    int32_t single = writer->facts.single;
    float normalisation[2 * sizeof record->normalisation.mean / sizeof(float)];
    size_t bytes = (size_t)channels * sizeof(float);
    memcpy(normalisation, record->normalisation.mean, bytes);
    memcpy(normalisation + channels, record->normalisation.deviation, bytes);
    apd_checkpoint_shape classes = apd_checkpoint_vector(APD_CHECKPOINT_INT32, record->class_count);
    apd_checkpoint_shape flag = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    apd_checkpoint_shape numbers = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, 2, channels);
    APD_TRY(put_record_fields(writer, record, error));
    APD_TRY(apd_checkpoint_put_attribute(&writer->task, "classes", &classes, record->classes, error));
    APD_TRY(apd_checkpoint_put_attribute(&writer->task, "single", &flag, &single, error));
    return apd_checkpoint_put_data(&writer->task, "normalisation", &numbers, normalisation, error);
}

apd_status apd_checkpoint_writer_begin_task(apd_checkpoint_writer *writer, int place,
                                            const apd_checkpoint_facts *facts, apd_error *error) {
    const int64_t zero = 0;
    char name[64];
    apd_checkpoint_task_name(place, false, name, sizeof name);
    writer->facts = *facts;
    writer->entries = 0;
    APD_TRY(apd_checkpoint_put_open(&writer->root, name, &writer->task, error));
    APD_TRY(put_record(writer, &writer->state->records[place], error));
    APD_TRY(apd_checkpoint_put_folder(&writer->task, "head", error));
    if (!facts->single)
        APD_TRY(apd_checkpoint_put_folder(&writer->task, "tau", error));
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++) {
        apd_checkpoint_shape shape;
        if (apd_checkpoint_set_shape(writer->layout, facts, s, &shape))
            APD_TRY(apd_checkpoint_sink_begin(&writer->task, apd_checkpoint_set_names[s], &shape,
                                              &writer->sinks[s], error));
    }
    if (facts->single)
        return APD_OK;
    return apd_checkpoint_sink_append(&writer->task, &writer->sinks[APD_CHECKPOINT_ROW_OFFSETS], 1, &zero,
                                      error);
}

static apd_status append(apd_checkpoint_writer *writer, apd_checkpoint_set set, int64_t rows,
                         const void *bytes, apd_error *error) {
    return apd_checkpoint_sink_append(&writer->task, &writer->sinks[set], rows, bytes, error);
}

static apd_status append_sparse(apd_checkpoint_writer *writer, const apd_task_block *whole, int64_t rows,
                                apd_error *error) {
    int64_t entries = whole->tau.offsets[rows];
    int64_t *ends = apd_allocate(rows, sizeof *ends, "row offsets");
    for (int64_t r = 0; r < rows; r++)
        ends[r] = writer->entries + whole->tau.offsets[r + 1];
    apd_status status;
    APD_GO(append(writer, APD_CHECKPOINT_ROW_OFFSETS, rows, ends, error));
    APD_GO(append(writer, APD_CHECKPOINT_MASK, rows, whole->mask, error));
    APD_GO(append(writer, APD_CHECKPOINT_COLUMNS, entries, whole->tau.columns, error));
    APD_GO(append(writer, APD_CHECKPOINT_THETA, entries, whole->tau.values, error));
    writer->entries += entries;
out:
    free(ends);
    return status;
}

apd_status apd_checkpoint_writer_task_block(apd_checkpoint_writer *writer, int block,
                                            const apd_task_block *whole, apd_error *error) {
    const apd_block *shape = &writer->layout->blocks[block];
    if (!shape->decomposed) {
        APD_TRY(append(writer, APD_CHECKPOINT_HEAD_BIAS, writer->facts.classes, whole->bias, error));
        return append(writer, APD_CHECKPOINT_HEAD_WEIGHT, writer->facts.classes, whole->dense, error);
    }
    APD_TRY(append(writer, APD_CHECKPOINT_BIAS, shape->rows, whole->bias, error));
    if (writer->facts.single)
        return append(writer, APD_CHECKPOINT_WEIGHT, shape->rows * shape->cols, whole->dense, error);
    return append_sparse(writer, whole, shape->rows, error);
}

apd_status apd_checkpoint_writer_end_task(apd_checkpoint_writer *writer, apd_error *error) {
    for (int s = 0; s < APD_CHECKPOINT_SETS; s++)
        if (writer->sinks[s].id >= 0)
            APD_TRY(apd_checkpoint_sink_end(&writer->task, &writer->sinks[s], error));
    return end_group(writer, &writer->task, error);
}

/* --- locally shared parameters ----------------------------------------------------------------------- */

static apd_status open_cluster(apd_checkpoint_writer *writer, int block, int cluster, apd_error *error) {
    char name[64];
    apd_checkpoint_cluster_name(&writer->layout->blocks[block], cluster, name, sizeof name);
    return apd_checkpoint_put_open(&writer->root, name, &writer->task, error);
}

apd_status apd_checkpoint_writer_clusters(apd_checkpoint_writer *writer, int block, int clusters,
                                          const int32_t *assignment, apd_error *error) {
    if (!writer->clustered)
        APD_TRY(apd_checkpoint_put_folder(&writer->root, "groups", error));
    writer->clustered = true;
    APD_TRY(open_cluster(writer, block, -1, error));
    APD_TRY(
        apd_checkpoint_put_assignment(&writer->task, clusters, assignment, writer->state->task_count, error));
    return end_group(writer, &writer->task, error);
}

apd_status apd_checkpoint_writer_cluster(apd_checkpoint_writer *writer, int block, int cluster,
                                         const apd_sparse *shared, apd_error *error) {
    APD_TRY(open_cluster(writer, block, cluster, error));
    APD_TRY(apd_checkpoint_put_shared(&writer->task, shared, error));
    return end_group(writer, &writer->task, error);
}

/* --- the end ----------------------------------------------------------------------------------------- */

static apd_status sync_file(apd_checkpoint_writer *writer, apd_error *error) {
    errno = 0;
    int descriptor = open(writer->temporary, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fsync(descriptor) != 0)
        writer->fault.number = errno;
    if (descriptor >= 0)
        (void)close(descriptor);
    return writer->fault.number == 0 ? APD_OK : fail_step(writer, "fsync", error);
}

apd_status apd_checkpoint_writer_commit(apd_checkpoint_writer *writer, apd_error *error) {
    writer->root.digest = apd_digest_join(writer->root.digest, writer->groups);
    APD_TRY(apd_checkpoint_put_close(&writer->root, error));
    if (H5Fflush(writer->file, H5F_SCOPE_GLOBAL) < 0 || writer->fault.number != 0)
        return fail_step(writer, "flush", error);
    herr_t closed = H5Fclose(writer->file);
    writer->file = -1;
    if (closed < 0 || writer->fault.number != 0)
        return fail_step(writer, "close", error);
    APD_TRY(sync_file(writer, error));
    /* What the disk gives back, not what we meant to write, decides whether the former file may go. */
    apd_error found = {0};
    int groups;
    apd_status status = apd_checkpoint_verify(writer->temporary, &groups, &found);
    if (status != APD_OK)
        return apd_fail(error, APD_ERROR_IO, "%s: cannot verify what was written: %s", writer->path,
                        found.message);
    return apd_h5_publish(writer->temporary, writer->path, error);
}

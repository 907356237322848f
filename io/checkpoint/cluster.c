#include "io/checkpoint/cluster.h"

#include "base/memory.h"
#include "io/checkpoint/sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void apd_checkpoint_cluster_name(const apd_block *block, int cluster, char *name, size_t size) {
    if (cluster < 0)
        (void)snprintf(name, size, "/groups/%s", block->name);
    else
        (void)snprintf(name, size, "/groups/%s/%03d", block->name, cluster);
}

apd_status apd_checkpoint_put_assignment(apd_checkpoint_out *out, int clusters, const int32_t *assignment,
                                         int tasks, apd_error *error) {
    const int32_t count = clusters;
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    apd_checkpoint_shape list = apd_checkpoint_vector(APD_CHECKPOINT_INT32, tasks);
    APD_TRY(apd_checkpoint_put_attribute(out, "clusters", &number, &count, error));
    return apd_checkpoint_put_data(out, "assignment", &list, assignment, error);
}

/* Before room is made for so many: each has a group beside the assignment. */
apd_status apd_checkpoint_get_clusters(apd_checkpoint_in *in, int *clusters, apd_error *error) {
    int32_t count = 0;
    H5G_info_t facts;
    char reason[120];
    apd_checkpoint_shape number = apd_checkpoint_scalar(APD_CHECKPOINT_INT32);
    APD_TRY(apd_checkpoint_get_attribute(in, "clusters", &number, &count, error));
    int64_t found = H5Gget_info(in->id, &facts) < 0 ? 0 : (int64_t)facts.nlinks - 1;
    if (count < 0 || count != found) {
        (void)snprintf(reason, sizeof reason, "is %" PRId32 ", but the group holds %" PRId64 " of them",
                       count, found);
        return apd_checkpoint_get_fail(in, "clusters", reason, error);
    }
    *clusters = count;
    return APD_OK;
}

apd_status apd_checkpoint_get_assignment(apd_checkpoint_in *in, int tasks, int clusters, int32_t **assignment,
                                         apd_error *error) {
    apd_checkpoint_shape list = apd_checkpoint_vector(APD_CHECKPOINT_INT32, tasks);
    int32_t *read = NULL;
    char reason[120];
    APD_TRY(apd_checkpoint_get_data(in, "assignment", &list, (void **)&read, error));
    for (int t = 0; t < tasks; t++) {
        if (read[t] >= -1 && read[t] < clusters)
            continue;
        (void)snprintf(reason, sizeof reason, "the task at place %d is in cluster %" PRId32 " of %d", t,
                       read[t], clusters);
        free(read);
        return apd_checkpoint_get_fail(in, "assignment", reason, error);
    }
    *assignment = read;
    return APD_OK;
}

apd_status apd_checkpoint_put_shared(apd_checkpoint_out *out, const apd_sparse *shared, apd_error *error) {
    int64_t entries = shared->offsets[shared->rows];
    apd_checkpoint_shape values = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, entries);
    apd_checkpoint_shape columns = apd_checkpoint_vector(APD_CHECKPOINT_INT32, entries);
    apd_checkpoint_shape offsets = apd_checkpoint_vector(APD_CHECKPOINT_INT64, shared->rows + 1);
    APD_TRY(apd_checkpoint_put_data(out, "values", &values, shared->values, error));
    APD_TRY(apd_checkpoint_put_data(out, "columns", &columns, shared->columns, error));
    return apd_checkpoint_put_data(out, "row_offsets", &offsets, shared->offsets, error);
}

static apd_status check_shared(const apd_checkpoint_in *in, const apd_sparse *shared, int64_t entries,
                               int64_t cols, apd_error *error) {
    const int64_t *offsets = shared->offsets;
    if (offsets[0] != 0)
        return apd_checkpoint_get_fail(in, "row_offsets", "does not begin with 0", error);
    APD_TRY(apd_checkpoint_check_ends(in, "row_offsets", offsets + 1, shared->rows, (apd_rows){0, entries},
                                      cols, error));
    if (offsets[shared->rows] != entries)
        return apd_checkpoint_get_fail(in, "row_offsets", "does not end with the number of entries", error);
    return apd_checkpoint_check_columns(in, "columns", shared, cols, error);
}

apd_status apd_checkpoint_get_shared(apd_checkpoint_in *in, const apd_block *block, apd_sparse *shared,
                                     apd_error *error) {
    apd_checkpoint_shape values = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, APD_CHECKPOINT_ANY);
    apd_checkpoint_shape offsets = apd_checkpoint_vector(APD_CHECKPOINT_INT64, block->rows + 1);
    apd_sparse read = {.rows = block->rows};
    apd_status status;
    APD_GO(apd_checkpoint_get_data(in, "values", &values, (void **)&read.values, error));
    int64_t entries = values.extents[0];
    apd_checkpoint_shape columns = apd_checkpoint_vector(APD_CHECKPOINT_INT32, entries);
    APD_GO(apd_checkpoint_get_data(in, "columns", &columns, (void **)&read.columns, error));
    APD_GO(apd_checkpoint_get_data(in, "row_offsets", &offsets, (void **)&read.offsets, error));
    APD_GO(check_shared(in, &read, entries, block->cols, error));
    *shared = read;
    return APD_OK;
out:
    apd_sparse_clear(&read);
    return status;
}

apd_status apd_checkpoint_get_entries(const apd_checkpoint_in *in, int64_t *entries, apd_error *error) {
    apd_checkpoint_shape values = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, APD_CHECKPOINT_ANY);
    apd_checkpoint_source source;
    APD_TRY(apd_checkpoint_source_begin(in, "values", &values, &source, error));
    *entries = source.shape.extents[0];
    apd_checkpoint_source_abandon(&source);
    return APD_OK;
}

apd_status apd_checkpoint_check_ends(const apd_checkpoint_in *in, const char *name, const int64_t *ends,
                                     int64_t rows, apd_rows span, int64_t cols, apd_error *error) {
    int64_t before = span.begin;
    for (int64_t r = 0; r < rows; r++) {
        if (ends[r] < before || ends[r] > span.end || ends[r] - before > cols)
            return apd_checkpoint_get_fail(
                in, name, "an offset falls, or is past the entries or the row's columns", error);
        before = ends[r];
    }
    return APD_OK;
}

apd_status apd_checkpoint_check_columns(const apd_checkpoint_in *in, const char *name,
                                        const apd_sparse *sparse, int64_t cols, apd_error *error) {
    for (int64_t r = 0; r < sparse->rows; r++) {
        int64_t before = -1;
        for (int64_t e = sparse->offsets[r]; e < sparse->offsets[r + 1]; e++) {
            if (sparse->columns[e] <= before || sparse->columns[e] >= cols)
                return apd_checkpoint_get_fail(
                    in, name, "a row's columns do not rise, or are past the row's end", error);
            before = sparse->columns[e];
        }
    }
    return APD_OK;
}

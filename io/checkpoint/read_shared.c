/* The reader's shared parameters: sigma, and the clusters of locally shared ones. */
#include "base/digest.h"
#include "io/checkpoint/cluster.h"
#include "io/checkpoint/reader.h"

#include <stdio.h>
#include <stdlib.h>

/* A block's sigma, or (on the way to a cluster's parameters) its clusters. */
static apd_status open_shared(apd_checkpoint_reader *reader, const char *name, const char *link,
                              apd_error *error) {
    apd_segment which;
    APD_TRY(apd_checkpoint_reader_open_group(reader, name, link, APD_SEGMENT_SHARED, &which, error));
    reader->state.shared_segment = which.commit;
    return APD_OK;
}

/* Shared parameters are compared all together, when the last has been read. */
static apd_status end_shared(apd_checkpoint_reader *reader, bool trust, apd_error *error) {
    uint64_t digest;
    APD_TRY(apd_checkpoint_reader_digest(reader, trust, &digest, error));
    reader->shared = apd_digest_join(reader->shared, digest);
    apd_checkpoint_get_close(&reader->group);
    return APD_OK;
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

apd_status apd_checkpoint_reader_look_at_sigma(apd_checkpoint_reader *reader, int block, apd_error *error) {
    const apd_block *facts = &reader->layout.blocks[block];
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, facts->rows, facts->cols);
    apd_checkpoint_source source;
    char name[64];
    apd_checkpoint_shared_name(facts, name, sizeof name);
    APD_TRY(open_shared(reader, name, name, error));
    APD_TRY(apd_checkpoint_source_begin(&reader->group, "sigma", &shape, &source, error));
    apd_checkpoint_source_abandon(&source);
    return end_shared(reader, true, error);
}

apd_status apd_checkpoint_reader_skip_sigma(apd_checkpoint_reader *reader, int block, apd_error *error) {
    char name[64];
    apd_checkpoint_shared_name(&reader->layout.blocks[block], name, sizeof name);
    APD_TRY(open_shared(reader, name, name, error));
    return end_shared(reader, true, error);
}

void apd_checkpoint_reader_pass_shared(apd_checkpoint_reader *reader) {
    reader->shared = reader->state.shared_digest;
}

/* --- locally shared parameters ----------------------------------------------------------------------- */

bool apd_checkpoint_reader_clustered(const apd_checkpoint_reader *reader) {
    return reader->state.consolidations > 0 || apd_segment_has_link(reader->root.id, "/groups");
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

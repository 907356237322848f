#include "io/checkpoint.h"

#include "base/memory.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *apd_checkpoint_path(const char *run) {
    struct stat info;
    const char *ending = stat(run, &info) == 0 && S_ISDIR(info.st_mode) ? "/checkpoint.h5" : "";
    size_t room = strlen(run) + strlen(ending) + 1;
    char *path = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(path, room, "%s%s", run, ending);
    return path;
}

void apd_run_state_clear(apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++)
        free(state->records[t].classes);
    free(state->records);
    free(state->accuracy);
    free(state->run_yaml);
    *state = (apd_run_state){0};
}

apd_status apd_checkpoint_read_state(const char *path, apd_run_state *state, apd_error *error) {
    apd_checkpoint_reader *reader = NULL;
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &reader, error));
    APD_GO(apd_checkpoint_reader_records(reader, error));
    *state = *apd_checkpoint_reader_state(reader);
    *apd_checkpoint_reader_state(reader) = (apd_run_state){0};
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

/* Non-zeros of sigma. */
static apd_status count_shared(apd_checkpoint_reader *reader, apd_capacity_counts *counts, apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    for (int b = 0; b < layout->block_count; b++) {
        float *sigma = NULL;
        if (!layout->blocks[b].decomposed)
            continue;
        APD_TRY(apd_checkpoint_reader_sigma(reader, b, &sigma, error));
        for (int64_t j = 0; j < layout->blocks[b].rows * layout->blocks[b].cols; j++)
            counts->sigma += sigma[j] != 0.0f;
        free(sigma);
    }
    return APD_OK;
}

static apd_status count_task(apd_checkpoint_reader *reader, int place, apd_capacity_counts *counts,
                             apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    int64_t rows = apd_checkpoint_decomposed_rows(layout);
    apd_checkpoint_facts facts;
    APD_TRY(apd_checkpoint_reader_begin_task(reader, place, &facts, error));
    if (!facts.present)
        return APD_OK;
    counts->tau += facts.single ? apd_checkpoint_decomposed_weights(layout) : facts.entries;
    counts->masks += facts.single ? 0 : rows;
    counts->own += rows + facts.classes * (layout->blocks[layout->block_count - 1].cols + 1);
    return apd_checkpoint_reader_skip_task(reader, error);
}

static apd_status count_clusters(apd_checkpoint_reader *reader, apd_capacity_counts *counts,
                                 apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    int64_t entries;
    for (int b = 0; apd_checkpoint_reader_clustered(reader) && b < layout->block_count; b++) {
        if (!layout->blocks[b].decomposed)
            continue;
        APD_TRY(apd_checkpoint_reader_skip_clusters(reader, b, &entries, error));
        counts->tau += entries; /* the sum of tau and sigma_g is what is asked for */
    }
    return APD_OK;
}

apd_status apd_checkpoint_survey(const char *path, apd_run_state *state, apd_capacity *capacity,
                                 apd_error *error) {
    apd_checkpoint_reader *reader = NULL;
    apd_capacity_counts counts = {0};
    struct stat info;
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &reader, error));
    APD_GO(count_shared(reader, &counts, error));
    for (int t = 0; t < apd_checkpoint_reader_state(reader)->task_count; t++)
        APD_GO(count_task(reader, t, &counts, error));
    APD_GO(count_clusters(reader, &counts, error));
    APD_GO(apd_checkpoint_reader_finish(reader, error));
    if (stat(path, &info) != 0)
        APD_GO(apd_fail(error, APD_ERROR_IO, "%s: cannot find its size: %s", path, strerror(errno)));
    counts.file_bytes = (int64_t)info.st_size;
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    *capacity = apd_capacity_of(layout, (int)layout->blocks[layout->block_count - 1].rows, &counts);
    *state = *apd_checkpoint_reader_state(reader);
    *apd_checkpoint_reader_state(reader) = (apd_run_state){0};
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

static apd_status verify_task(apd_checkpoint_reader *reader, int place, apd_error *error) {
    apd_checkpoint_facts facts;
    APD_TRY(apd_checkpoint_reader_begin_task(reader, place, &facts, error));
    for (int b = 0; facts.present && b < apd_checkpoint_reader_layout(reader)->block_count; b++) {
        apd_task_block *whole = NULL;
        APD_TRY(apd_checkpoint_reader_task_block(reader, b, facts.classes, &whole, error));
        apd_checkpoint_block_destroy(whole);
    }
    return facts.present ? apd_checkpoint_reader_end_task(reader, error) : APD_OK;
}

static apd_status verify_clusters(apd_checkpoint_reader *reader, int block, apd_error *error) {
    int32_t *assignment = NULL;
    int clusters;
    APD_TRY(apd_checkpoint_reader_clusters(reader, block, &clusters, &assignment, error));
    free(assignment);
    for (int g = 0; g < clusters; g++) {
        apd_sparse shared = {0};
        APD_TRY(apd_checkpoint_reader_cluster(reader, block, g, &shared, error));
        apd_sparse_clear(&shared);
    }
    return APD_OK;
}

apd_status apd_checkpoint_verify(const char *path, int *groups, apd_error *error) {
    apd_checkpoint_reader *reader = NULL;
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &reader, error));
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    for (int b = 0; b < layout->block_count; b++) {
        float *sigma = NULL;
        if (layout->blocks[b].decomposed)
            APD_GO(apd_checkpoint_reader_sigma(reader, b, &sigma, error));
        free(sigma);
    }
    for (int t = 0; t < apd_checkpoint_reader_state(reader)->task_count; t++)
        APD_GO(verify_task(reader, t, error));
    for (int b = 0; b < layout->block_count; b++)
        if (apd_checkpoint_reader_clustered(reader) && layout->blocks[b].decomposed)
            APD_GO(verify_clusters(reader, b, error));
    APD_GO(apd_checkpoint_reader_finish(reader, error));
    *groups = apd_checkpoint_reader_groups(reader);
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

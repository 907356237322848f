/* Saving a checkpoint from all ranks: each block's rows go to rank 0, which writes. */
#include "io/checkpoint.h"

#include "base/memory.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_write.h"

#include <stdlib.h>

typedef struct saving {
    const apd_team *team;
    const apd_partition *partition;
    const apd_decomposition *decomposition;
    const int64_t *entries;        /* (T) of tau, all ranks */
    bool clustered;                /* there are locally shared parameters to be saved */
    apd_checkpoint_writer *writer; /* rank 0's alone */
} saving;

static bool is_single(const apd_decomposition *decomposition, const apd_task_part *part) {
    for (int b = 0; b < decomposition->layout->block_count; b++)
        if (decomposition->layout->blocks[b].decomposed)
            return part->blocks[b].dense != NULL;
    return false;
}

/* Collective; only rank 0 can fail, and the caller agrees. */
static apd_status save_sigma(const saving *s, int block, apd_error *error) {
    int64_t bytes = apd_local_rows(s->decomposition, block) * s->decomposition->layout->blocks[block].cols *
                    (int64_t)sizeof(float);
    void *sigma;
    int64_t total;
    apd_team_gather(s->team, s->decomposition->sigma[block], bytes, &sigma, &total);
    if (s->writer == NULL)
        return APD_OK;
    apd_status status = apd_checkpoint_writer_sigma(s->writer, block, sigma, error);
    free(sigma);
    return status;
}

/* The whole block out of all ranks' parcels. */
static apd_task_block *unpack_all(const saving *s, int block, bool sparse, const uint32_t *words) {
    const apd_layout *layout = s->decomposition->layout;
    int64_t cols = layout->blocks[block].cols, entries = 0, at = 0;
    for (int rank = 0; sparse && rank < s->partition->ranks; rank++) {
        apd_rows rows = apd_partition_rows(s->partition, layout, block, rank);
        int64_t count = rows.end - rows.begin, found = apd_checkpoint_parcel_entries(words + at, count);
        entries += found;
        at += 3 * count + 2 * found;
    }
    apd_task_block *whole = apd_checkpoint_block_create(layout->blocks[block].rows, cols, sparse, entries);
    at = 0;
    for (int rank = 0; rank < s->partition->ranks; rank++)
        at += apd_checkpoint_parcel_unpack(whole, cols, apd_partition_rows(s->partition, layout, block, rank),
                                           words + at);
    return whole;
}

/* Collective; `status` is rank 0's so far: after a failure the rows are gathered and dropped. */
static apd_status save_block(const saving *s, const apd_task_part *part, int block, apd_status status,
                             apd_error *error) {
    const apd_task_block *local = &part->blocks[block];
    int64_t cols = s->decomposition->layout->blocks[block].cols;
    apd_rows rows = {0, apd_local_rows(s->decomposition, block)};
    int64_t words = apd_checkpoint_parcel_words(local, cols, rows), total;
    uint32_t *parcel = apd_allocate(words, sizeof *parcel, "rows on their way to the checkpoint");
    void *all;
    apd_checkpoint_parcel_pack(local, cols, rows, parcel);
    apd_team_gather(s->team, parcel, words * (int64_t)sizeof *parcel, &all, &total);
    free(parcel);
    if (s->writer != NULL && status == APD_OK) {
        apd_task_block *whole = unpack_all(s, block, local->dense == NULL, all);
        status = apd_checkpoint_writer_task_block(s->writer, block, whole, error);
        apd_checkpoint_block_destroy(whole);
    }
    free(all);
    return status;
}

/* Collective; only rank 0 can fail, and the caller agrees. */
static apd_status save_task(const saving *s, int place, apd_error *error) {
    const apd_task_part *part = s->decomposition->tasks[place];
    apd_status status = APD_OK;
    if (part == NULL)
        return s->writer != NULL ? apd_checkpoint_writer_forgotten(s->writer, place, error) : APD_OK;
    apd_checkpoint_facts facts = {.present = true,
                                  .single = is_single(s->decomposition, part),
                                  .classes = part->classes,
                                  .entries = s->entries[place]};
    if (s->writer != NULL)
        status = apd_checkpoint_writer_begin_task(s->writer, place, &facts, error);
    for (int b = 0; b < s->decomposition->layout->block_count; b++)
        status = save_block(s, part, b, status, error);
    if (s->writer != NULL && status == APD_OK)
        status = apd_checkpoint_writer_end_task(s->writer, error);
    return status;
}

static bool is_clustered(const apd_decomposition *decomposition, const apd_run_state *state) {
    bool clustered = state->consolidations > 0;
    for (int b = 0; b < decomposition->layout->block_count; b++)
        clustered = clustered || decomposition->groups[b].count > 0;
    return clustered;
}

/* The cluster's whole sigma_g out of all ranks' parcels. */
static void unpack_shared(const saving *s, int block, const uint32_t *words, apd_sparse *whole) {
    const apd_layout *layout = s->decomposition->layout;
    int64_t entries = 0, at = 0;
    for (int rank = 0; rank < s->partition->ranks; rank++) {
        apd_rows rows = apd_partition_rows(s->partition, layout, block, rank);
        int64_t count = rows.end - rows.begin, found = apd_checkpoint_sparse_entries(words + at, count);
        entries += found;
        at += count + 2 * found;
    }
    apd_sparse_resize(whole, layout->blocks[block].rows, entries);
    at = 0;
    for (int rank = 0; rank < s->partition->ranks; rank++)
        at += apd_checkpoint_sparse_unpack(whole, apd_partition_rows(s->partition, layout, block, rank),
                                           words + at);
}

/* Collective; `status` is rank 0's so far, as in save_block. */
static apd_status save_cluster(const saving *s, int block, int cluster, apd_status status, apd_error *error) {
    const apd_sparse *local = &s->decomposition->groups[block].shared[cluster];
    apd_rows rows = {0, apd_local_rows(s->decomposition, block)};
    int64_t words = apd_checkpoint_sparse_words(local, rows), total;
    uint32_t *parcel = apd_allocate(words, sizeof *parcel, "sigma_g on its way to the checkpoint");
    void *all;
    apd_checkpoint_sparse_pack(local, rows, parcel);
    apd_team_gather(s->team, parcel, words * (int64_t)sizeof *parcel, &all, &total);
    free(parcel);
    if (s->writer != NULL && status == APD_OK) {
        apd_sparse whole = {0};
        unpack_shared(s, block, all, &whole);
        status = apd_checkpoint_writer_cluster(s->writer, block, cluster, &whole, error);
        apd_sparse_clear(&whole);
    }
    free(all);
    return status;
}

static int32_t *assignment_of(const apd_decomposition *decomposition, int block) {
    int32_t *assignment = apd_allocate(decomposition->task_count, sizeof *assignment, "tasks' clusters");
    for (int t = 0; t < decomposition->task_count; t++) {
        const apd_task_part *part = decomposition->tasks[t];
        assignment[t] = part != NULL ? part->blocks[block].group : -1;
    }
    return assignment;
}

/* Collective; only rank 0 can fail, and the caller agrees. */
static apd_status save_clusters(const saving *s, int block, apd_error *error) {
    int count = s->decomposition->groups[block].count;
    apd_status status = APD_OK;
    if (s->writer != NULL) {
        int32_t *assignment = assignment_of(s->decomposition, block);
        status = apd_checkpoint_writer_clusters(s->writer, block, count, assignment, error);
        free(assignment);
    }
    for (int g = 0; g < count; g++)
        status = save_cluster(s, block, g, status, error);
    return status;
}

/* Collective. All ranks leave together: they agree after each sigma, each task and each block's
 * clusters. */
static apd_status save_all(const saving *s, apd_error *error) {
    const apd_layout *layout = s->decomposition->layout;
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            APD_TRY(apd_team_agree(s->team, save_sigma(s, b, error), error));
    for (int t = 0; t < s->decomposition->task_count; t++)
        APD_TRY(apd_team_agree(s->team, save_task(s, t, error), error));
    for (int b = 0; b < layout->block_count; b++)
        if (s->clustered && layout->blocks[b].decomposed)
            APD_TRY(apd_team_agree(s->team, save_clusters(s, b, error), error));
    apd_status status = s->writer != NULL ? apd_checkpoint_writer_commit(s->writer, error) : APD_OK;
    return apd_team_agree(s->team, status, error);
}

static int64_t *count_entries(const apd_team *team, const apd_decomposition *decomposition) {
    int64_t *entries = apd_allocate(decomposition->task_count, sizeof *entries, "tau's entries");
    for (int t = 0; t < decomposition->task_count; t++)
        entries[t] = apd_decomposition_nonzeros(decomposition, t);
    apd_team_sum(team, entries, decomposition->task_count);
    return entries;
}

apd_status apd_checkpoint_save(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_decomposition *decomposition, const apd_run_state *state,
                               apd_error *error) {
    apd_error local = {0};
    if (error == NULL)
        error = &local;
    APD_ASSERT(state->task_count == decomposition->task_count);
    for (int t = 0; t < state->task_count; t++)
        APD_ASSERT(decomposition->tasks[t] == NULL ||
                   decomposition->tasks[t]->classes == state->records[t].class_count);
    int64_t *entries = count_entries(team, decomposition);
    saving s = {team, partition, decomposition, entries, is_clustered(decomposition, state), NULL};
    apd_status status = APD_OK;
    if (apd_team_rank(team) == 0)
        status = apd_checkpoint_writer_open(path, decomposition->layout, state, &s.writer, error);
    status = apd_team_agree(team, status, error);
    if (status == APD_OK)
        status = save_all(&s, error);
    apd_checkpoint_writer_destroy(s.writer);
    if (status != APD_OK)
        apd_team_barrier(team); /* nobody returns before the temporary file is gone */
    free(entries);
    return status;
}

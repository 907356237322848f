/* Saving a commit from all ranks: tasks that changed go to the ranks that write them, the rest to rank 0. */
#include "io/checkpoint/checkpoint.h"

#include "base/heartbeat.h"
#include "base/memory.h"
#include "io/checkpoint/deal.h"
#include "io/checkpoint/history.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/write.h"
#include "io/system/durable.h"
#include "io/system/fault.h"
#include "io/system/lock.h"

#include <stdlib.h>

typedef struct saving {
    const apd_team *team;
    const apd_partition *partition;
    const apd_decomposition *decomposition;
    apd_run_state *state;
    const apd_solver *solver;
    const char *path;
    apd_commit_plan plan;
    bool shared;                   /* sigma and the clusters are written */
    apd_segment_set needed;        /* by this commit and the one before */
    apd_parts *parts;              /* of tasks that this rank writes */
    apd_checkpoint_writer *writer; /* of everything else: rank 0's alone */
} saving;

typedef struct row_taker {
    apd_checkpoint_writer *writer;
    int64_t width;
} row_taker;

static void take_rows(void *context, const void *bytes, int64_t count) {
    const row_taker *taker = context;
    apd_checkpoint_writer_rows(taker->writer, count / (taker->width * (int64_t)sizeof(float)), bytes);
}

/* All ranks' rows of `width` floats to the writer, which may have failed (`status`, rank 0's). Collective. */
static void save_rows(const saving *s, const float *values, int64_t rows, int64_t width, apd_status status) {
    row_taker taker = {s->writer, width};
    int64_t unit = width * (int64_t)sizeof(float);
    apd_team_take take = s->writer != NULL && status == APD_OK ? take_rows : NULL;
    apd_team_gather_through(s->team, values, rows * unit, unit, take, &taker);
}

/* Collective; only rank 0 can fail, and the caller agrees. */
static apd_status save_sigma(const saving *s, int block, apd_error *error) {
    apd_status status = APD_OK;
    if (s->writer != NULL)
        status = apd_checkpoint_writer_begin_sigma(s->writer, block, error);
    save_rows(s, s->decomposition->sigma[block], apd_local_rows(s->decomposition, block),
              s->decomposition->layout->blocks[block].cols, status);
    return s->writer != NULL && status == APD_OK ? apd_checkpoint_writer_end_sigma(s->writer, error) : status;
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

/* Collective; `status` is rank 0's so far, as in save_block. */
static apd_status save_array(const saving *s, const apd_solver_array *array, const float *values,
                             const char *name, apd_status status, apd_error *error) {
    if (s->writer != NULL && status == APD_OK)
        apd_checkpoint_writer_begin_array(s->writer, name,
                                          s->decomposition->layout->blocks[array->block].rows, array->width);
    save_rows(s, values, array->rows, array->width, status);
    return s->writer != NULL && status == APD_OK ? apd_checkpoint_writer_end_array(s->writer, error) : status;
}

/* Collective; only rank 0 can fail, and the caller agrees. */
static apd_status save_training(const saving *s, apd_error *error) {
    apd_training_names names = apd_training_names_of(s->solver, s->decomposition->layout);
    apd_status status = APD_OK;
    int64_t next = 0;
    if (s->writer != NULL)
        status = apd_checkpoint_writer_begin_training(s->writer, &names, error);
    for (int i = 0; i < apd_solver_array_count(s->solver); i++) {
        const apd_solver_array *array = apd_solver_array_at(s->solver, i);
        status = save_array(s, array, array->values, names.names[next++], status, error);
        if (array->snapshot != NULL)
            status = save_array(s, array, array->snapshot, names.names[next++], status, error);
    }
    apd_training_names_clear(&names);
    return status;
}

/* Sigma, or the clusters. Collective. */
static apd_status save_shared(const saving *s, bool clusters, apd_error *error) {
    const apd_layout *layout = s->decomposition->layout;
    if (!s->shared) /* one call keeps both */
        return s->writer != NULL && !clusters ? apd_checkpoint_writer_keep_shared(s->writer, error) : APD_OK;
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            APD_TRY(apd_team_agree(s->team, clusters ? save_clusters(s, b, error) : save_sigma(s, b, error),
                                   error));
    return APD_OK;
}

/* --- tasks --------------------------------------------------------------------------------------------- */

static apd_status link_tasks(const saving *s, const int64_t *digests, apd_error *error) {
    int next = 0; /* of those that are written */
    for (int t = 0; t < s->state->task_count; t++) {
        int part = s->plan.part[t];
        uint64_t digest = part < 0 ? 0 : (uint64_t)digests[next++];
        APD_TRY(apd_checkpoint_writer_link_task(s->writer, t, digest, error));
    }
    return APD_OK;
}

/* Write what changed, and link to all from rank 0. Collective: all ranks leave together. */
static apd_status save_tasks(const saving *s, apd_error *error) {
    int count = s->plan.count;
    APD_TRY(apd_checkpoint_deal(s->team, s->partition, s->decomposition, &s->plan, s->path, s->parts, error));
    int64_t *digests = apd_allocate(count, sizeof *digests, "digests");
    for (int i = 0; i < count; i++)
        digests[i] = (int64_t)apd_parts_digest(s->parts, s->plan.places[i]);
    apd_team_sum(s->team, digests, count); /* each is one rank's */
    apd_status status = s->writer != NULL ? link_tasks(s, digests, error) : APD_OK;
    free(digests);
    return apd_team_agree(s->team, status, error);
}

/* Collective. All ranks leave together. */
static apd_status save_all(const saving *s, apd_error *error) {
    apd_status status = APD_OK;
    APD_TRY(apd_team_agree(s->team, save_shared(s, false, error), error));
    if (s->state->consolidations > 0)
        APD_TRY(apd_team_agree(s->team, save_shared(s, true, error), error));
    if (s->writer != NULL)
        status = apd_checkpoint_writer_finish_shared(s->writer, error);
    APD_TRY(apd_team_agree(s->team, status, error));
    APD_TRY(save_tasks(s, error));
    if (s->state->half_way)
        APD_TRY(apd_team_agree(s->team, save_training(s, error), error));
    APD_TRY(apd_team_agree(s->team, apd_parts_wait(s->parts, error), error));
    if (s->writer != NULL)
        status = apd_checkpoint_writer_commit(s->writer, error);
    return apd_team_agree(s->team, status, error);
}

/* --- before and after ----------------------------------------------------------------------------------- */

/* Whether tasks were forgotten since the last save: their groups are still in older segments. */
static bool forgets(const apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++)
        if (state->records[t].class_count == 0 && state->records[t].segment == 0 &&
            state->records[t].segment_groups > 0)
            return true;
    return false;
}

/* Where everything lies now. Collective. */
static void note_places(const saving *s, apd_decomposition *decomposition, apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++) {
        apd_task_record *record = &state->records[t];
        int part = s->plan.part[t];
        if (decomposition->tasks[t] != NULL)
            decomposition->tasks[t]->changed = false;
        if (part >= 0) {
            record->segment = state->commit;
            record->part = part;
            record->segment_groups = s->plan.first[part + 1] - s->plan.first[part];
        }
        if (s->writer != NULL)
            record->digest = apd_checkpoint_writer_task_digest(s->writer, t);
    }
    if (s->shared)
        state->shared_segment = state->commit;
    state->shared_moved = false;
    if (s->writer != NULL)
        state->shared_digest = apd_checkpoint_writer_shared_digest(s->writer);
    state->written = apd_parts_bytes(s->parts);
    if (s->writer != NULL)
        state->written += apd_checkpoint_writer_bytes(s->writer);
    apd_team_sum(s->team, &state->written, 1);
}

/* What the commit that is the newest so far refers to: it may have been half way. */
static void need_former(apd_segment_set *needed, const apd_run_state *state) {
    apd_checkpoint_needs(needed, state);
    if (state->commit > 0)
        apd_segment_set_add(needed, (apd_segment){state->commit, APD_SEGMENT_TRAINING, 0});
}

static void check_arguments(const apd_decomposition *decomposition, const apd_run_state *state,
                            const apd_solver *solver) {
    APD_ASSERT(state->task_count == decomposition->task_count);
    APD_ASSERT(!state->half_way || solver != NULL);
    for (int t = 0; t < state->task_count; t++)
        APD_ASSERT(decomposition->tasks[t] == NULL ||
                   decomposition->tasks[t]->classes == state->records[t].class_count);
    for (int b = 0; b < decomposition->layout->block_count; b++)
        APD_ASSERT(decomposition->groups[b].count == 0 || state->consolidations > 0);
}

/* Whether the commit failed after the rename, so that checkpoint.h5 refers to the parts already. Collective. */
static bool is_published(const saving *s) {
    int64_t published = s->writer != NULL && apd_checkpoint_writer_published(s->writer);
    apd_team_maximum(s->team, &published, 1);
    return published != 0;
}

/* Remove what neither commit needs. Removals are safe on return: a certificate of forgetting relies on it. Rank 0. */
static apd_status remove_unneeded(saving *s, apd_error *error) {
    APD_TRY(apd_lock_check(s->state->lock, error));
    APD_TRY(apd_checkpoint_tidy(s->path, s->state, &s->needed, error));
    char *folder = apd_segment_path(s->path, "segments");
    apd_status status = apd_sync_folder(folder, error);
    free(folder);
    return status == APD_OK && s->state->alone != 0 ? apd_sync_folder_of(s->path, error) : status;
}

static apd_status save(saving *s, apd_error *error) {
    apd_status status = APD_OK;
    s->parts = apd_parts_create(s->path, s->decomposition->layout, s->state);
    if (apd_team_rank(s->team) == 0)
        status = apd_checkpoint_writer_open(s->path, s->plan.part, s->decomposition->layout, s->state,
                                            &s->writer, error);
    status = apd_team_agree(s->team, status, error);
    return status == APD_OK ? save_all(s, error) : status;
}

apd_status apd_checkpoint_save(const apd_team *team, const apd_partition *partition, const char *path,
                               apd_decomposition *decomposition, apd_run_state *state,
                               const apd_solver *solver, apd_error *error) {
    apd_error local = {0};
    if (error == NULL)
        error = &local;
    (void)apd_heartbeat_phase("commit");
    check_arguments(decomposition, state, solver);
    int alone = state->alone;
    saving s = {.team = team,
                .partition = partition,
                .decomposition = decomposition,
                .state = state,
                .solver = solver,
                .path = path,
                .shared = !state->half_way || state->shared_moved || state->shared_segment == 0};
    state->alone = forgets(state);
    if (state->alone == 0)
        need_former(&s.needed, state);
    apd_commit_plan_make(team, decomposition, state, state->alone != 0, &s.plan);
    state->commit++;
    apd_status status = save(&s, error);
    if (status == APD_OK) {
        note_places(&s, decomposition, state);
        apd_parts_release(s.parts);
        apd_checkpoint_needs(&s.needed, state);
        status = s.writer != NULL ? remove_unneeded(&s, error) : APD_OK;
        apd_fault_point("checkpoint.tidied");
        status = apd_team_agree(team, status, error);
    } else {
        if (is_published(&s))
            apd_parts_release(s.parts);
        state->commit--;
        state->alone = alone;
    }
    apd_checkpoint_writer_destroy(s.writer);
    apd_parts_destroy(s.parts);
    if (status != APD_OK)
        apd_team_barrier(team); /* nobody returns before the temporary files are gone */
    apd_segment_set_clear(&s.needed);
    apd_commit_plan_clear(&s.plan);
    return status;
}

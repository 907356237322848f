/* Loading a checkpoint at any number of ranks: rank 0 reads and checks, each rank gets its rows. */
#include "io/checkpoint/checkpoint.h"

#include "base/memory.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct loading {
    const apd_team *team;
    const apd_partition *partition;
    const char *path;
    const apd_layout *layout;
    apd_decomposition *decomposition;
    apd_checkpoint_reader *reader; /* rank 0's alone */
} loading;

/* Local: only rank 0 has a reader. */
static apd_status check_layout(const loading *l, apd_error *error) {
    if (l->reader == NULL)
        return APD_OK;
    const apd_layout *found = apd_checkpoint_reader_layout(l->reader), *wanted = l->layout;
    for (int b = 0; b < found->block_count && b < wanted->block_count; b++) {
        const apd_block *f = &found->blocks[b], *w = &wanted->blocks[b];
        if (strcmp(f->name, w->name) != 0 || f->rows != w->rows || f->cols != w->cols ||
            f->decomposed != w->decomposed)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: /layout: block %d is %s (%" PRId64 " x %" PRId64
                            ") and the network's is %s (%" PRId64 " x %" PRId64 "): another network wrote it",
                            l->path, b + 1, f->name, f->rows, f->cols, w->name, w->rows, w->cols);
    }
    if (found->block_count != wanted->block_count)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: /layout: there are %d blocks and the network has %d: another network wrote it",
                        l->path, found->block_count, wanted->block_count);
    return APD_OK;
}

/* Rank 0's `*array` to all; the others' is allocated here. Collective. */
static void share(const apd_team *team, bool root, void **array, int64_t count, size_t size,
                  const char *what) {
    if (!root)
        *array = apd_allocate(count, size, what);
    apd_team_broadcast(team, *array, count * (int64_t)size);
}

/* Rank 0's `words` in runs of counts[r] words to their ranks; returns this rank's run. Collective. */
static uint32_t *deal(const loading *l, const void *words, const int64_t *counts, int64_t *count) {
    int ranks = l->partition->ranks;
    int64_t *sizes = apd_allocate(ranks, sizeof *sizes, "sizes");
    for (int r = 0; counts != NULL && r < ranks; r++)
        sizes[r] = sizeof *count;
    apd_team_scatter(l->team, counts, sizes, count, sizeof *count);
    for (int r = 0; counts != NULL && r < ranks; r++)
        sizes[r] = counts[r] * (int64_t)sizeof(uint32_t);
    uint32_t *mine = apd_allocate(*count, sizeof *mine, "rows from the checkpoint");
    apd_team_scatter(l->team, words, sizes, mine, *count * (int64_t)sizeof *mine);
    free(sizes);
    return mine;
}

/* Collective. */
static apd_status load_sigma(const loading *l, int block, apd_error *error) {
    int64_t cols = l->layout->blocks[block].cols, count;
    float *whole = NULL;
    int64_t *counts = NULL;
    apd_status status = APD_OK;
    if (l->reader != NULL) {
        status = apd_checkpoint_reader_sigma(l->reader, block, &whole, error);
        counts = apd_allocate(l->partition->ranks, sizeof *counts, "sizes");
        for (int r = 0; r < l->partition->ranks; r++) {
            apd_rows rows = apd_partition_rows(l->partition, l->layout, block, r);
            counts[r] = (rows.end - rows.begin) * cols;
        }
    }
    APD_GO(apd_team_agree(l->team, status, error));
    uint32_t *mine = deal(l, whole, counts, &count);
    memcpy(l->decomposition->sigma[block], mine, (size_t)count * sizeof *mine);
    free(mine);
out:
    free(counts);
    free(whole);
    return status;
}

/* All ranks' parcels of a block, one after the other, and their words. */
static uint32_t *pack_all(const loading *l, int block, const apd_task_block *whole, int64_t *counts) {
    int64_t cols = l->layout->blocks[block].cols, at = 0;
    apd_rows all = {0, l->layout->blocks[block].rows};
    uint32_t *words = apd_allocate(apd_checkpoint_parcel_words(whole, cols, all), sizeof *words,
                                   "rows from the checkpoint");
    for (int r = 0; r < l->partition->ranks; r++) {
        apd_rows rows = apd_partition_rows(l->partition, l->layout, block, r);
        apd_checkpoint_parcel_pack(whole, cols, rows, words + at);
        counts[r] = apd_checkpoint_parcel_words(whole, cols, rows);
        at += counts[r];
    }
    return words;
}

/* Collective. */
static apd_status load_block(const loading *l, apd_task_part *part, int block, apd_error *error) {
    const apd_block *shape = &l->layout->blocks[block];
    apd_task_block *local = &part->blocks[block], *whole = NULL;
    int64_t *counts = NULL, count;
    uint32_t *words = NULL;
    apd_rows rows = {0, apd_local_rows(l->decomposition, block)};
    apd_status status = APD_OK;
    if (l->reader != NULL)
        status = apd_checkpoint_reader_task_block(l->reader, block, shape->rows, &whole, error);
    APD_GO(apd_team_agree(l->team, status, error));
    if (l->reader != NULL) {
        counts = apd_allocate(l->partition->ranks, sizeof *counts, "sizes");
        words = pack_all(l, block, whole, counts);
    }
    uint32_t *mine = deal(l, words, counts, &count);
    if (local->dense == NULL)
        apd_sparse_resize(&local->tau, rows.end, apd_checkpoint_parcel_entries(mine, rows.end));
    int64_t used = apd_checkpoint_parcel_unpack(local, shape->cols, rows, mine);
    APD_ASSERT(used == count);
    free(mine);
out:
    free(words);
    free(counts);
    apd_checkpoint_block_destroy(whole);
    return status;
}

/* Collective. */
static apd_status load_task(const loading *l, int place, apd_error *error) {
    apd_checkpoint_facts facts = {0};
    apd_task_part *part = NULL;
    apd_status status = APD_OK;
    if (l->reader != NULL)
        status = apd_checkpoint_reader_begin_task(l->reader, place, &facts, error);
    APD_GO(apd_team_agree(l->team, status, error));
    apd_team_broadcast(l->team, &facts, sizeof facts);
    if (facts.present) {
        part = apd_task_part_create(l->decomposition, facts.classes, facts.single);
        for (int b = 0; b < l->layout->block_count; b++)
            APD_GO(load_block(l, part, b, error));
        if (l->reader != NULL)
            status = apd_checkpoint_reader_end_task(l->reader, error);
        APD_GO(apd_team_agree(l->team, status, error));
    }
    apd_decomposition_append(l->decomposition, part);
    return APD_OK;
out:
    apd_task_part_destroy(l->decomposition, part);
    return status;
}

/* Collective. */
static apd_status load_cluster(const loading *l, int block, int cluster, apd_error *error) {
    apd_sparse whole = {0}, *local = &l->decomposition->groups[block].shared[cluster];
    int64_t *counts = NULL, count, at = 0;
    uint32_t *words = NULL;
    apd_rows rows = {0, apd_local_rows(l->decomposition, block)};
    apd_status status = APD_OK;
    if (l->reader != NULL)
        status = apd_checkpoint_reader_cluster(l->reader, block, cluster, &whole, error);
    APD_GO(apd_team_agree(l->team, status, error));
    if (l->reader != NULL) {
        apd_rows all = {0, whole.rows};
        counts = apd_allocate(l->partition->ranks, sizeof *counts, "sizes");
        words = apd_allocate(apd_checkpoint_sparse_words(&whole, all), sizeof *words, "sigma_g's parcels");
        for (int r = 0; r < l->partition->ranks; r++) {
            apd_rows part = apd_partition_rows(l->partition, l->layout, block, r);
            apd_checkpoint_sparse_pack(&whole, part, words + at);
            counts[r] = apd_checkpoint_sparse_words(&whole, part);
            at += counts[r];
        }
    }
    uint32_t *mine = deal(l, words, counts, &count);
    apd_sparse_resize(local, rows.end, apd_checkpoint_sparse_entries(mine, rows.end));
    int64_t used = apd_checkpoint_sparse_unpack(local, rows, mine);
    APD_ASSERT(used == count);
    free(mine);
out:
    free(words);
    free(counts);
    apd_sparse_clear(&whole);
    return status;
}

/* Collective. */
static apd_status load_clusters(const loading *l, int block, apd_error *error) {
    apd_decomposition *d = l->decomposition;
    int32_t *assignment = NULL;
    int count = 0;
    apd_status status = APD_OK;
    if (l->reader != NULL)
        status = apd_checkpoint_reader_clusters(l->reader, block, &count, &assignment, error);
    APD_TRY(apd_team_agree(l->team, status, error));
    apd_team_broadcast(l->team, &count, sizeof count);
    share(l->team, l->reader != NULL, (void **)&assignment, d->task_count, sizeof *assignment,
          "tasks' clusters");
    for (int t = 0; t < d->task_count; t++)
        if (d->tasks[t] != NULL)
            d->tasks[t]->blocks[block].group = assignment[t];
    free(assignment);
    d->groups[block].shared = apd_allocate(count, sizeof *d->groups[block].shared, "clusters");
    d->groups[block].count = count;
    for (int g = 0; g < count; g++)
        APD_TRY(load_cluster(l, block, g, error));
    return APD_OK;
}

/* Rank 0's state to all; the others' pointers are their own. Collective. */
static void share_state(const apd_team *team, apd_run_state *state) {
    bool root = apd_team_rank(team) == 0;
    int64_t yaml = root ? (int64_t)strlen(state->run_yaml) + 1 : 0;
    apd_run_state shared = *state;
    apd_team_broadcast(team, &shared, sizeof shared);
    apd_team_broadcast(team, &yaml, sizeof yaml);
    if (!root)
        *state = shared;
    int64_t tasks = state->task_count;
    share(team, root, (void **)&state->records, tasks, sizeof *state->records, "the tasks' records");
    share(team, root, (void **)&state->accuracy, tasks * tasks, sizeof *state->accuracy, "accuracies");
    share(team, root, (void **)&state->run_yaml, yaml, 1, "the run's description");
    if (state->half_way)
        share(team, root, (void **)&state->training.tallies, state->training.tally_count, sizeof(double),
              "the shards' losses");
    for (int64_t t = 0; t < tasks; t++)
        if (state->records[t].class_count > 0)
            share(team, root, (void **)&state->records[t].classes, state->records[t].class_count,
                  sizeof *state->records[t].classes, "a task's classes");
        else
            state->records[t].classes = NULL;
}

/* Collective. */
static apd_status load_all(const loading *l, apd_error *error) {
    int32_t tasks = l->reader != NULL ? apd_checkpoint_reader_state(l->reader)->task_count : 0;
    bool clustered = l->reader != NULL && apd_checkpoint_reader_clustered(l->reader);
    apd_team_broadcast(l->team, &tasks, sizeof tasks);
    apd_team_broadcast(l->team, &clustered, sizeof clustered);
    for (int b = 0; b < l->layout->block_count; b++)
        if (l->layout->blocks[b].decomposed)
            APD_TRY(load_sigma(l, b, error));
    for (int t = 0; t < tasks; t++)
        APD_TRY(load_task(l, t, error));
    for (int b = 0; b < l->layout->block_count; b++)
        if (clustered && l->layout->blocks[b].decomposed)
            APD_TRY(load_clusters(l, b, error));
    apd_status status = APD_OK;
    if (l->reader != NULL && apd_checkpoint_reader_state(l->reader)->half_way)
        status = apd_checkpoint_reader_skip_training(l->reader, error);
    if (l->reader != NULL && status == APD_OK)
        status = apd_checkpoint_reader_finish(l->reader, error);
    return apd_team_agree(l->team, status, error);
}

/* What lies in segments need not be saved again. */
static void note_saved(apd_decomposition *decomposition, const apd_run_state *state) {
    for (int t = 0; t < decomposition->task_count; t++)
        if (decomposition->tasks[t] != NULL && state->records[t].segment > 0)
            decomposition->tasks[t]->changed = false;
}

apd_status apd_checkpoint_load(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_layout *layout, apd_decomposition **decomposition,
                               apd_run_state *state, apd_error *error) {
    apd_error local = {0};
    if (error == NULL)
        error = &local;
    apd_rows *rows = apd_partition_slice(partition, layout);
    loading l = {team, partition, path, layout, apd_decomposition_create(layout, rows), NULL};
    apd_run_state loaded = {0};
    apd_status status = APD_OK;
    free(rows);
    if (apd_team_rank(team) == 0)
        status = apd_checkpoint_reader_open(path, &l.reader, error);
    if (status == APD_OK)
        status = check_layout(&l, error);
    APD_GO(apd_team_agree(team, status, error));
    APD_GO(load_all(&l, error));
    if (l.reader != NULL) {
        loaded = *apd_checkpoint_reader_state(l.reader);
        *apd_checkpoint_reader_state(l.reader) = (apd_run_state){0};
    }
    share_state(team, &loaded);
    note_saved(l.decomposition, &loaded);
    *state = loaded;
    *decomposition = l.decomposition;
    l.decomposition = NULL;
out:
    apd_checkpoint_reader_destroy(l.reader);
    apd_decomposition_destroy(l.decomposition);
    return status;
}

/* --- a task half way ------------------------------------------------------------------------------------- */

/* Rank 0 opens the commit that was loaded and holds its arrays against the solver's. */
static apd_status open_training(const loading *l, const apd_run_state *state, const apd_solver *solver,
                                apd_error *error) {
    const apd_training_names *found = NULL;
    if (l->reader == NULL)
        return APD_OK;
    if (apd_checkpoint_reader_state(l->reader)->commit != state->commit)
        return apd_fail(error, APD_ERROR_IO, "%s: another process has committed to this run meanwhile",
                        l->path);
    APD_TRY(apd_checkpoint_reader_begin_training(l->reader, &found, error));
    apd_training_names wanted = apd_training_names_of(solver, l->layout);
    bool fits = found->count == wanted.count;
    for (int64_t i = 0; fits && i < wanted.count; i++)
        fits = strcmp(found->names[i], wanted.names[i]) == 0;
    apd_training_names_clear(&wanted);
    if (fits)
        return APD_OK;
    return apd_fail(
        error, APD_ERROR_DATA,
        "%s: /training/arrays: not the arrays that this run's solver needs: another one wrote them", l->path);
}

/* Rank 0's whole array `name`, to each rank its rows in `values`. Collective. */
static apd_status load_array(const loading *l, const apd_solver_array *array, const char *name, float *values,
                             apd_error *error) {
    int64_t rows = l->layout->blocks[array->block].rows, width = array->width;
    int64_t *bytes = apd_allocate(l->partition->ranks, sizeof *bytes, "sizes");
    float *whole = NULL;
    apd_status status = APD_OK;
    if (l->reader != NULL)
        status = apd_checkpoint_reader_array(l->reader, name, &rows, &width, &whole, error);
    status = apd_team_agree(l->team, status, error);
    for (int r = 0; r < l->partition->ranks; r++) {
        apd_rows part = apd_partition_rows(l->partition, l->layout, array->block, r);
        bytes[r] = (part.end - part.begin) * width * (int64_t)sizeof *whole;
    }
    if (status == APD_OK)
        apd_team_scatter(l->team, whole, bytes, values, array->rows * width * (int64_t)sizeof *whole);
    free(whole);
    free(bytes);
    return status;
}

static apd_status load_arrays(const loading *l, apd_solver *solver, apd_error *error) {
    apd_training_names names = apd_training_names_of(solver, l->layout);
    int64_t next = 0;
    apd_status status = APD_OK;
    for (int i = 0; i < apd_solver_array_count(solver) && status == APD_OK; i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        status = load_array(l, array, names.names[next++], array->values, error);
        if (array->snapshot != NULL && status == APD_OK)
            status = load_array(l, array, names.names[next++], array->snapshot, error);
    }
    apd_training_names_clear(&names);
    return status;
}

apd_status apd_checkpoint_load_training(const apd_team *team, const apd_partition *partition,
                                        const char *path, const apd_run_state *state, apd_solver *solver,
                                        const apd_layout *layout, apd_error *error) {
    apd_error local = {0};
    if (error == NULL)
        error = &local;
    loading l = {team, partition, path, layout, NULL, NULL};
    apd_status status = APD_OK;
    apd_solver_resume(solver, state->training.progress);
    if (apd_team_rank(team) == 0)
        status = apd_checkpoint_reader_open(path, &l.reader, error);
    if (status == APD_OK)
        status = open_training(&l, state, solver, error);
    APD_GO(apd_team_agree(team, status, error));
    APD_GO(load_arrays(&l, solver, error));
    status = l.reader != NULL ? apd_checkpoint_reader_end_training(l.reader, error) : APD_OK;
    status = apd_team_agree(team, status, error);
out:
    apd_checkpoint_reader_destroy(l.reader);
    return status;
}

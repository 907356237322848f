/* Loading a commit at any number of ranks: every rank has the state, items are read by the ranks that see them. */
#include "io/saving/checkpoint.h"

#include "base/memory.h"
#include "io/saving/scatter.h"
#include "io/system/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* checkpoint.h5's bytes, read by rank 0, open on every rank. Collective: all ranks leave together. */
static apd_status open_everywhere(const apd_team *team, const char *path, apd_reader **reader,
                                  apd_error *error) {
    char *bytes = NULL;
    int64_t count = 0;
    apd_status status = APD_OK;
    if (apd_team_size(team) == 1)
        return apd_reader_open(path, reader, error);
    if (apd_team_rank(team) == 0)
        status = apd_read_file(path, INT64_MAX / 2, &bytes, &count, error);
    APD_GO(apd_team_agree(team, status, error));
    apd_team_broadcast(team, &count, sizeof count);
    if (bytes == NULL)
        bytes = apd_allocate_bytes(count + 1, "the checkpoint");
    apd_team_broadcast(team, bytes, count);
    status = apd_reader_open_bytes(path, bytes, count, reader, error);
    status = apd_team_agree(team, status, error);
out:
    free(bytes);
    return status;
}

/* The head may have more rows than the file's, for tasks to come, unless a task in training has one. */
static apd_status check_layout(const char *path, const apd_layout *found, const apd_layout *wanted,
                               bool half_way, apd_error *error) {
    for (int b = 0; b < found->block_count && b < wanted->block_count; b++) {
        const apd_block *f = &found->blocks[b], *w = &wanted->blocks[b];
        bool grows = !w->decomposed && !half_way && f->rows < w->rows;
        if (strcmp(f->name, w->name) != 0 || (f->rows != w->rows && !grows) || f->cols != w->cols)
            return apd_fail(error, APD_ERROR_DATA,
                            "%s: /layout: block %d is %s (%" PRId64 " x %" PRId64
                            ") and the network's is %s (%" PRId64 " x %" PRId64 "): another network wrote it",
                            path, b + 1, f->name, f->rows, f->cols, w->name, w->rows, w->cols);
    }
    if (found->block_count != wanted->block_count)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: /layout: there are %d blocks and the network has %d: another network wrote it",
                        path, found->block_count, wanted->block_count);
    return APD_OK;
}

/* Tasks, clusters and arrays beside sigma without parameters, to be read into. */
static void make_room(apd_decomposition *decomposition, const apd_run_state *state) {
    int body = decomposition->layout->block_count - 1;
    decomposition->half = state->half != 0;
    decomposition->sigma_coded = state->sigma_coded != 0;
    for (int a = 0; a < state->shared_array_count; a++)
        (void)apd_decomposition_shared(decomposition, state->shared_arrays[a].name);
    for (int t = 0; t < state->task_count; t++) {
        const apd_task_record *record = &state->records[t];
        apd_task_part *part =
            record->class_count == 0
                ? NULL
                : apd_task_part_create(decomposition, record->class_count, (apd_storage)record->storage);
        if (part != NULL && state->key_width > 0)
            part->blocks[body].key =
                apd_allocate(apd_local_rows(decomposition, body) * state->key_width, 1, "a task's keys");
        for (int b = 0; b < body && part != NULL; b++)
            part->blocks[b].group = record->groups != NULL ? record->groups[b] : -1;
        apd_decomposition_append(decomposition, part);
    }
    for (int b = 0; b < body; b++) {
        apd_block_groups *groups = &decomposition->groups[b];
        groups->count = state->shared[b].clusters;
        groups->shared =
            groups->count > 0 ? apd_allocate(groups->count, sizeof *groups->shared, "clusters") : NULL;
    }
}

/* All items but a task in training, or those alone; free the list. */
static apd_item_key *items_of(const apd_run_state *state, bool training, int *count) {
    int all;
    apd_item_key *list = apd_item_list(state, &all);
    *count = 0;
    for (int i = 0; i < all; i++)
        if ((list[i].kind == APD_ITEM_TRAINING) == training)
            list[(*count)++] = list[i];
    return list;
}

/* Collective: all ranks leave together. */
static apd_status read_items(const apd_team *team, const apd_partition *partition, apd_reader *reader,
                             bool training, apd_decomposition *decomposition, const apd_solver *solver,
                             apd_error *error) {
    int count;
    apd_item_key *keys = items_of(apd_reader_state(reader), training, &count);
    apd_status status = apd_items_read(team, partition, reader, keys, count, decomposition, solver, error);
    free(keys);
    return status;
}

apd_status apd_checkpoint_load(const apd_team *team, const apd_partition *partition, const char *path,
                               const apd_layout *layout, apd_decomposition **decomposition,
                               apd_run_state *state, apd_error *error) {
    apd_error local = {0};
    if (error == NULL)
        error = &local;
    apd_reader *reader = NULL;
    apd_rows *rows = apd_partition_slice(partition, layout);
    apd_decomposition *loaded = apd_decomposition_create(layout, rows);
    apd_status status;
    free(rows);
    APD_GO(open_everywhere(team, path, &reader, error));
    APD_GO(check_layout(path, apd_reader_layout(reader), layout, apd_reader_state(reader)->half_way != 0,
                        error));
    make_room(loaded, apd_reader_state(reader));
    APD_GO(read_items(team, partition, reader, false, loaded, NULL, error));
    for (int t = 0; t < loaded->task_count; t++)
        if (loaded->tasks[t] != NULL)
            loaded->tasks[t]->changed = false;
    *state = *apd_reader_state(reader);
    *apd_reader_state(reader) = (apd_run_state){0};
    *decomposition = loaded;
    loaded = NULL;
out:
    apd_reader_destroy(reader);
    apd_decomposition_destroy(loaded);
    return status;
}

/* --- a task half way -------------------------------------------------------------------------------------- */

static apd_status check_training(const char *path, const apd_run_state *found, const apd_run_state *state,
                                 const apd_solver *solver, apd_error *error) {
    apd_training_state wanted = {0};
    if (found->commit != state->commit)
        return apd_fail(error, APD_ERROR_LOCKED, "%s: another job has committed to this run meanwhile", path);
    apd_training_list(solver, &wanted);
    bool fits = wanted.array_count == found->training.array_count;
    for (int i = 0; i < wanted.array_count && fits; i++) {
        const apd_training_array *a = &wanted.arrays[i], *b = &found->training.arrays[i];
        fits = a->block == b->block && a->width == b->width && strcmp(a->name, b->name) == 0;
    }
    free(wanted.arrays);
    if (fits)
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA,
                    "%s: /half_way: not the arrays that this run's solver needs: another one wrote them",
                    path);
}

apd_status apd_checkpoint_load_training(const apd_team *team, const apd_partition *partition,
                                        const char *path, const apd_run_state *state, apd_solver *solver,
                                        apd_decomposition *decomposition, apd_error *error) {
    apd_reader *reader = NULL;
    apd_status status;
    APD_GO(open_everywhere(team, path, &reader, error));
    apd_solver_resume(solver, state->training.progress); /* makes room for a snapshot */
    APD_GO(apd_team_agree(team, check_training(path, apd_reader_state(reader), state, solver, error), error));
    APD_GO(read_items(team, partition, reader, true, decomposition, solver, error));
out:
    apd_reader_destroy(reader);
    return status;
}

#include "engine/run.h"

#include "base/blas.h"
#include "base/digest.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/startup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

char *apd_join_path(const char *folder, const char *name) {
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(path, room, "%s/%s", folder, name);
    return path;
}

apd_status apd_run_begin(apd_run *run, apd_error *error) {
    *run = (apd_run){.started = apd_seconds()};
    int copies = apd_startup_copies();
    run->team = apd_team_create(NULL, NULL);
    apd_blas_set_threads(1);
    return apd_startup_check(run->team, copies, error);
}

/* Rank 0's text on every rank; free it. NULL stays NULL. */
static char *share_text(const apd_team *team, char *text) {
    int64_t bytes = text != NULL ? (int64_t)strlen(text) + 1 : 0;
    apd_team_broadcast(team, &bytes, (int64_t)sizeof bytes);
    if (bytes == 0)
        return NULL;
    if (apd_team_rank(team) != 0)
        text = apd_allocate(bytes, 1, "the run description");
    apd_team_broadcast(team, text, bytes);
    return text;
}

apd_status apd_run_choose(apd_run *run, const char *path, bool *found, apd_error *error) {
    apd_status status = APD_OK;
    char *use = NULL, note[1400] = "";
    *found = false;
    if (apd_run_speaks(run))
        status = apd_checkpoint_path(path, &run->checkpoint, error);
    if (apd_run_speaks(run) && status == APD_OK)
        status = apd_checkpoint_choose(run->checkpoint, &use, note, sizeof note, error);
    if (note[0] != '\0')
        apd_warn("%s", note);
    if (use != NULL) {
        free(run->checkpoint);
        run->checkpoint = use;
        *found = true;
    }
    status = apd_team_agree(run->team, status, error);
    apd_team_broadcast(run->team, found, (int64_t)sizeof *found);
    if (!apd_run_speaks(run)) {
        free(run->checkpoint);
        run->checkpoint = NULL;
    }
    run->checkpoint = share_text(run->team, run->checkpoint);
    return status;
}

apd_status apd_run_describe(apd_run *run, const char *path, const char *text, const char *const *settings,
                            int count, apd_error *error) {
    APD_TRY(apd_startup_check_request(run->team, path, settings, count, error));
    apd_status status = APD_OK;
    char *written = NULL;
    if (apd_run_speaks(run)) {
        status = text != NULL ? apd_description_parse(path, text, (int64_t)strlen(text), settings, count,
                                                      &run->description, error)
                              : apd_description_read(path, settings, count, &run->description, error);
        if (status == APD_OK)
            written = apd_description_write(run->description);
    }
    status = apd_team_agree(run->team, status, error);
    if (status != APD_OK)
        return status;
    written = share_text(run->team, written);
    if (!apd_run_speaks(run))
        status =
            apd_description_parse(path, written, (int64_t)strlen(written), NULL, 0, &run->description, error);
    free(written);
    return apd_team_agree(run->team, status, error);
}

static apd_status prepare_local(apd_run *run, int shards, apd_error *error) {
    const apd_description *described = run->description;
    APD_TRY(apd_dataset_open(described->data.file, &run->dataset, error));
    APD_TRY(apd_stream_create(described, run->dataset, &run->stream, error));
    APD_TRY(apd_network_create(run->dataset->shape, described->network.layers, described->network.layer_count,
                               run->stream->max_classes, &run->network, error));
    APD_TRY(apd_partition_init(&run->partition, shards, apd_team_size(run->team), apd_team_rank(run->team),
                               error));
    if (described->training.batch < shards)
        return apd_fail(
            error, APD_ERROR_USAGE,
            "training.batch is %d, which gives some of the %d shards no image; a batch of at least %d "
            "is needed",
            described->training.batch, shards, shards);
    int64_t largest = apd_partition_micro_batch(&run->partition, described->training.batch, 0);
    return apd_network_check_dropout(run->network, shards * largest, error);
}

apd_status apd_run_prepare(apd_run *run, int shards, apd_error *error) {
    if (shards == 0)
        shards = apd_team_size(run->team);
    (void)apd_heartbeat_phase("open data");
    run->watch = apd_watch_start(run->team, run->description->log.stall_seconds);
    apd_status status = apd_team_agree(run->team, prepare_local(run, shards, error), error);
    if (status != APD_OK)
        return status;
    if (!apd_team_same(run->team, run->dataset->digest))
        return apd_fail(error, APD_ERROR_DATA, "%s: the ranks see different data under this path",
                        run->description->data.file);
    if (run->description->shards == 0)
        apd_description_set_shards(run->description, shards);
    apd_blas_set_threads(run->description->blas_threads);
    int micro_batch = apd_partition_micro_batch(&run->partition, run->description->training.batch, 0);
    run->exchange =
        apd_exchange_create(run->team, &run->partition, apd_network_layout(run->network), micro_batch);
    run->batch_room = run->description->log.evaluate_batch;
    if (run->batch_room < micro_batch)
        run->batch_room = micro_batch;
    run->workspace = apd_workspace_create(run->network, run->batch_room);
    apd_image_shape shape = run->dataset->shape;
    run->images = apd_allocate((int64_t)run->batch_room * shape.channels * shape.height * shape.width,
                               sizeof(float), "a batch of images");
    run->labels = apd_allocate(run->batch_room, sizeof(int32_t), "a batch of labels");
    return APD_OK;
}

apd_status apd_run_load(apd_run *run, apd_error *error) {
    apd_run_state_clear(&run->state);
    (void)apd_heartbeat_phase("load commit");
    APD_TRY(apd_checkpoint_load(run->team, &run->partition, run->checkpoint, apd_network_layout(run->network),
                                &run->decomposition, &run->state, error));
    for (int t = 0; t < run->decomposition->task_count; t++) /* what a commit holds has been measured */
        if (run->decomposition->tasks[t] != NULL)
            run->decomposition->tasks[t]->moved = false;
    if (run->state.data_digest == run->dataset->digest)
        return APD_OK;
    return apd_fail(error, APD_ERROR_DATA,
                    "%s: these are not the data that %s was trained on (digest %016llx, not %016llx)",
                    run->description->data.file, run->checkpoint, (unsigned long long)run->dataset->digest,
                    (unsigned long long)run->state.data_digest);
}

char *apd_parent_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = apd_duplicate_text(slash != NULL ? path : ".");
    if (slash != NULL)
        folder[slash > path ? slash - path : 1] = '\0';
    return folder;
}

apd_status apd_run_open(apd_run *run, const char *path, const char *const *settings, int count,
                        apd_error *error) {
    apd_run_state state = {0};
    bool found = false;
    APD_TRY(apd_run_choose(run, path, &found, error));
    apd_status status = APD_OK;
    if (apd_run_speaks(run)) /* where there is none, this says so */
        status = apd_checkpoint_read_state(run->checkpoint, &state, error);
    status = apd_team_agree(run->team, status, error);
    int shards = state.shards;
    if (status == APD_OK) {
        apd_team_broadcast(run->team, &shards, (int64_t)sizeof shards);
        status = apd_run_describe(run, run->checkpoint, apd_run_speaks(run) ? state.run_yaml : "", settings,
                                  count, error);
    }
    apd_run_state_clear(&state);
    if (status == APD_OK) { /* the folder may have been moved since */
        free(run->description->output);
        run->description->output = apd_parent_folder(run->checkpoint);
        status = apd_run_prepare(run, shards, error);
    }
    if (status == APD_OK)
        status = apd_run_load(run, error);
    return status;
}

void apd_run_create_solver(apd_run *run) {
    const apd_description *described = run->description;
    apd_solver_settings chosen = {.lambda1 = described->method.lambda1,
                                  .lambda2 = described->method.lambda2,
                                  .mask_init = described->method.mask_init,
                                  .weight_decay = described->training.weight_decay,
                                  .beta1 = described->training.beta1,
                                  .beta2 = described->training.beta2,
                                  .epsilon = described->training.epsilon,
                                  .seed = described->seed};
    apd_solver_kind kind =
        described->method.name == APD_METHOD_STL ? APD_SOLVER_SINGLE : described->method.solver;
    run->solver = apd_solver_create(kind, run->network, run->decomposition, &chosen);
}

static int64_t count_nonzeros(const float *values, int64_t count) {
    int64_t nonzeros = 0;
    for (int64_t i = 0; i < count; i++)
        nonzeros += values[i] != 0.0f;
    return nonzeros;
}

/* What one task keeps besides tau on this slice: masks, and biases and head. */
static void count_task(const apd_decomposition *d, const apd_task_part *part, apd_capacity_counts *counts) {
    for (int b = 0; b < d->layout->block_count; b++) {
        int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols;
        if (d->layout->blocks[b].decomposed) {
            counts->masks += part->blocks[b].mask != NULL ? rows : 0;
            counts->own += rows;
            continue;
        }
        int64_t used = part->classes - d->rows[b].begin;
        used = used < 0 ? 0 : (used < rows ? used : rows);
        counts->own += used * (cols + 1);
    }
}

apd_capacity_counts apd_run_count(const apd_run *run, int64_t *tau) {
    const apd_decomposition *d = run->decomposition;
    apd_capacity_counts counts = {0};
    int64_t *nonzeros = apd_allocate(d->task_count, sizeof *nonzeros, "the tasks' non-zeros");
    bool shared = run->description->method.name == APD_METHOD_APD;
    for (int b = 0; b < d->layout->block_count && shared; b++)
        if (d->sigma[b] != NULL)
            counts.sigma += count_nonzeros(d->sigma[b], apd_local_rows(d, b) * d->layout->blocks[b].cols);
    counts.tau = apd_decomposition_group_nonzeros(d);
    for (int t = 0; t < d->task_count; t++) {
        nonzeros[t] = apd_decomposition_nonzeros(d, t);
        counts.tau += nonzeros[t];
        if (d->tasks[t] != NULL)
            count_task(d, d->tasks[t], &counts);
    }
    int64_t sums[4] = {counts.sigma, counts.tau, counts.masks, counts.own};
    apd_team_sum(run->team, sums, 4);
    apd_team_sum(run->team, nonzeros, d->task_count);
    if (tau != NULL)
        memcpy(tau, nonzeros, (size_t)d->task_count * sizeof *tau);
    free(nonzeros);
    counts = (apd_capacity_counts){.sigma = sums[0], .tau = sums[1], .masks = sums[2], .own = sums[3]};
    if (run->checkpoint != NULL)
        counts.file_bytes = apd_checkpoint_bytes(run->checkpoint, &run->state);
    return counts;
}

uint64_t apd_run_digest(const apd_run *run, int place) {
    const apd_decomposition *d = run->decomposition;
    uint64_t digest = 0;
    for (int b = 0; b < d->layout->block_count; b++) {
        if (place < 0 && d->sigma[b] == NULL)
            continue;
        int64_t rows = apd_local_rows(d, b), total = 0;
        uint64_t *own = apd_allocate(rows, sizeof *own, "row digests"), *all = NULL;
        apd_decomposition_row_digests(d, place, b, own);
        apd_team_gather_all(run->team, own, rows * (int64_t)sizeof *own, (void **)&all, &total);
        for (int64_t r = 0; r < total / (int64_t)sizeof *all; r++)
            digest = apd_digest_join(digest, all[r]);
        free(all);
        free(own);
    }
    return digest;
}

void apd_run_end(apd_run *run) {
    (void)apd_heartbeat_phase("end");
    apd_watch_stop(run->watch);
    apd_exchange_destroy(run->exchange);
    apd_solver_destroy(run->solver);
    apd_decomposition_destroy(run->decomposition);
    apd_workspace_destroy(run->workspace);
    free(run->images);
    free(run->labels);
    free(run->checkpoint);
    apd_run_state_clear(&run->state);
    apd_network_destroy(run->network);
    apd_stream_destroy(run->stream);
    apd_dataset_close(run->dataset);
    apd_description_destroy(run->description);
    apd_team_destroy(run->team);
    apd_lock_close(run->lock); /* when no rank writes any more */
    *run = (apd_run){0};
}

#include "engine/run.h"

#include "base/blas.h"
#include "base/counted.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/startup.h"
#include "io/system/file.h"

#include <stdlib.h>
#include <string.h>

apd_status apd_world_begin(apd_team **team, apd_error *error) {
    int copies = apd_startup_copies();
    *team = apd_team_create(NULL, NULL);
    apd_blas_set_threads(1);
    return apd_startup_check(*team, copies, error);
}

void apd_run_init(apd_run *run, apd_team *team) {
    *run = (apd_run){.team = team, .started = apd_seconds()};
}

apd_status apd_run_begin(apd_run *run, apd_error *error) {
    apd_run_init(run, NULL);
    run->owns_team = true;
    return apd_world_begin(&run->team, error);
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
    run->checkpoint = apd_team_share_text(run->team, run->checkpoint);
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
    written = apd_team_share_text(run->team, written);
    if (!apd_run_speaks(run))
        status =
            apd_description_parse(path, written, (int64_t)strlen(written), NULL, 0, &run->description, error);
    free(written);
    return apd_team_agree(run->team, status, error);
}

apd_status apd_open_described_data(const apd_description *described, apd_dataset **out, apd_error *error) {
    const int files = described->data.file_count, added = described->data.added_count;
    char **paths = apd_allocate((int64_t)files + added, sizeof *paths, "the paths of data files");
    for (int f = 0; f < files + added; f++)
        paths[f] = f < files ? described->data.files[f] : described->data.added[f - files];
    apd_status status = apd_dataset_open_files(paths, files + added,
                                               described->evaluate == APD_EVALUATE_VALIDATION, out, error);
    free((void *)paths);
    return status;
}

static apd_status prepare_local(apd_run *run, int shards, apd_error *error) {
    const apd_description *described = run->description;
    APD_TRY(apd_open_described_data(described, &run->dataset, error));
    APD_TRY(apd_stream_create(described, run->dataset, &run->stream, error));
    APD_TRY(apd_network_create(run->dataset->shape, described->network.layers, described->network.layer_count,
                               run->stream->max_classes, &run->network, error));
    APD_TRY(apd_partition_init(&run->partition, shards, apd_team_size(run->team), apd_team_rank(run->team),
                               error));
    if (described->training.batch < shards)
        return apd_fail(error, APD_ERROR_USAGE, "training.batch is %d, too small for %s; make it at least %d",
                        described->training.batch, apd_count(shards, "shard").text, shards);
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
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: the ranks see different data; put one file where all nodes see it",
                        run->dataset->path);
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
    for (int t = 0; t < run->decomposition->task_count;
         t++) /* the commit's accuracies say what is not measured */
        if (run->decomposition->tasks[t] != NULL)
            run->decomposition->tasks[t]->moved = false;
    if (apd_dataset_begins_with(run->dataset, run->state.data_digest))
        return APD_OK;
    return apd_fail(
        error, APD_ERROR_DATA,
        "%s: not the data that %s was trained on (digest %016llx, not %016llx); set data.file to those",
        run->dataset->path, run->checkpoint, (unsigned long long)run->dataset->digest,
        (unsigned long long)run->state.data_digest);
}

apd_status apd_run_open(apd_run *run, const char *path, const char *const *settings, int count,
                        apd_error *error) {
    apd_run_state state = {0};
    bool found = false;
    APD_TRY(apd_run_choose(run, path, &found, error));
    apd_status status = APD_OK;
    if (apd_run_speaks(run)) /* fails if there is none */
        status = apd_checkpoint_read_state(run->checkpoint, &state, error);
    status = apd_team_agree(run->team, status, error);
    int shards = state.shards;
    if (status == APD_OK) {
        apd_team_broadcast(run->team, &shards, (int64_t)sizeof shards);
        status = apd_run_describe(run, run->checkpoint, apd_run_speaks(run) ? state.run_yaml : "", settings,
                                  count, error);
    }
    apd_run_state_clear(&state);
    if (status == APD_OK) { /* the folder may have been moved */
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
    apd_solver_settings chosen = {
        .lambda1 = described->method.lambda1,
        .lambda2 = described->method.lambda2,
        .mask_init = described->method.mask_init,
        .sigma_tasks = described->method.sigma_tasks,
        .sigma_given = run->sigma_given,
        .l2t_strength = described->method.l2t_strength,
        .ewc_strength = described->method.ewc_strength,
        .ewc_decay = described->method.ewc_decay,
        .ewc_online = described->method.ewc == APD_EWC_ONLINE,
        .packnet_prune = described->method.packnet_prune,
        .wsn_density = described->method.wsn_density,
        .coded = described->method.storage == APD_STORE_CODED,
        .tau_bits = described->method.tau_bits,
        .sigma_bits = described->method.row->trains_sigma_first ? described->method.sigma_bits : 16,
        .weight_decay = described->training.weight_decay,
        .beta1 = described->training.beta1,
        .beta2 = described->training.beta2,
        .epsilon = described->training.epsilon,
        .seed = described->seed};
    run->solver = apd_solver_create(described->method.row, run->network, run->decomposition, &chosen);
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
    if (run->owns_team)
        apd_team_destroy(run->team);
    else
        apd_team_barrier(run->team);
    apd_lock_close(run->lock); /* when no rank writes any more */
    *run = (apd_run){0};
}

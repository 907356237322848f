/* apd train: start a run, or go on with it. */
#include "app/commands.h"
#include "app/results.h"
#include "app/run.h"
#include "app/trainer.h"
#include "base/log.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apd_cli_list settings;
static bool fresh = false, force = false, keys = false;

static const apd_cli_option options[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "overrides the description; may be repeated",
     .list = &settings},
    {.name = "fresh", .help = "start anew instead of going on from the run's last commit", .flag = &fresh},
    {.name = "force", .help = "with --fresh: throw an existing commit away", .flag = &force},
    {.name = "help-keys",
     .help = "list the keys of a run description, with ranges and defaults",
     .flag = &keys},
    {0},
};

/* A commit belongs to one description: the values that results depend on must not have changed. `state` is the
 * commit's. Rank 0. */
static apd_status compare_description(const apd_run *run, const apd_run_state *state, apd_error *error) {
    apd_description *before = NULL;
    apd_description_difference found;
    if (state->config_digest == apd_description_digest(run->description))
        return APD_OK;
    APD_TRY(apd_description_parse(run->checkpoint, state->run_yaml, (int64_t)strlen(state->run_yaml), NULL, 0,
                                  &before, error));
    bool differs = apd_description_differs(run->description, before, NULL, &found);
    apd_description_destroy(before);
    if (!differs) /* the digest is another program's, which knew fewer keys */
        return APD_OK;
    return apd_fail(
        error, APD_ERROR_USAGE,
        "%s was trained with another description: %s is %s now and was %s; put it back, give this run "
        "another output, or start anew with --fresh --force",
        run->checkpoint, found.key, found.first, found.second);
}

/* Whether the run's commit can be gone on from, before anything is built on the description. Rank 0. */
static apd_status check_commit(const apd_run *run, int *shards, apd_error *error) {
    if (fresh && !force)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s holds a commit; --fresh --force throws it away, or choose another output",
                        run->checkpoint);
    if (fresh)
        return APD_OK;
    apd_run_state state = {0};
    apd_status status = apd_checkpoint_read_state(run->checkpoint, &state, error);
    if (status == APD_OK && run->description->shards == 0)
        apd_description_set_shards(run->description, state.shards);
    if (status == APD_OK)
        status = compare_description(run, &state, error);
    *shards = state.shards;
    apd_run_state_clear(&state);
    return status;
}

/* Rank 0 decides whether there is a commit to go on from; `shards` is then the commit's. Collective. */
static apd_status find_commit(apd_run *run, bool *resume, int *shards, apd_error *error) {
    apd_status status = APD_OK;
    int decision[2] = {0, run->description->shards};
    run->checkpoint = apd_join_path(run->description->output, "checkpoint.h5");
    if (apd_run_speaks(run) && apd_file_exists(run->checkpoint)) {
        status = check_commit(run, &decision[1], error);
        decision[0] = !fresh;
    }
    status = apd_team_agree(run->team, status, error);
    apd_team_broadcast(run->team, decision, (int64_t)sizeof decision);
    *resume = decision[0] != 0;
    *shards = decision[1];
    return status;
}

static void begin_state(apd_run *run) {
    apd_rows *rows = apd_partition_slice(&run->partition, apd_network_layout(run->network));
    run->decomposition = apd_decomposition_create(apd_network_layout(run->network), rows);
    free(rows);
    run->state = (apd_run_state){.config_digest = apd_description_digest(run->description),
                                 .data_digest = run->dataset->digest,
                                 .seed = run->description->seed,
                                 .shards = run->partition.shards,
                                 .run_yaml = apd_description_write(run->description)};
}

static void create_solver(apd_run *run) {
    const apd_description *described = run->description;
    apd_solver_settings chosen = {.lambda1 = described->method.lambda1,
                                  .lambda2 = described->method.lambda2,
                                  .mask_init = described->method.mask_init,
                                  .weight_decay = described->training.weight_decay,
                                  .beta1 = described->training.beta1,
                                  .beta2 = described->training.beta2,
                                  .epsilon = described->training.epsilon,
                                  .seed = described->seed};
    apd_solver_name name = described->method.name == APD_METHOD_STL       ? APD_SINGLE
                           : described->method.solver == APD_SOLVER_EXACT ? APD_EXACT
                                                                          : APD_JOINT;
    run->solver = apd_solver_create(name, run->network, run->decomposition, &chosen);
}

/* The folder, run.yaml and the log; rank 0 writes, all agree. A run begun anew leaves no line of an old one. */
static apd_status open_folder(apd_run *run, bool resume, apd_error *error) {
    apd_status status = APD_OK;
    const char *folder = run->description->output;
    if (apd_run_speaks(run)) {
        static const char *const old[] = {"checkpoint.h5", "metrics.jsonl", "accuracy.csv", "tasks.csv"};
        for (size_t i = 0; !resume && i < sizeof old / sizeof old[0]; i++) {
            char *path = apd_join_path(folder, old[i]);
            (void)unlink(path);
            free(path);
        }
        status = apd_runlog_open(folder, &run->log, error);
        if (status == APD_OK && !resume)
            status = apd_write_file(folder, "run.yaml", run->state.run_yaml,
                                    (int64_t)strlen(run->state.run_yaml), error);
    }
    return apd_team_agree(run->team, status, error);
}

static void say_start(const apd_run *run, bool resume) {
    const apd_layout *layout = apd_network_layout(run->network);
    apd_log("%s: %d tasks of %s, %s with %.2f M decomposed weights, %d ranks, %d shards",
            run->description->name, run->stream->task_count, run->description->data.file,
            run->description->network.preset, (double)layout->decomposed / 1e6, apd_team_size(run->team),
            run->partition.shards);
    if (resume)
        apd_log("going on from commit %d: %d tasks are done", run->state.commit, run->state.task_count);
}

static apd_status train(apd_run *run, const char *path, apd_error *error) {
    bool resume = false;
    int shards = 0;
    APD_TRY(apd_run_describe(run, path, NULL, settings.values, settings.count, error));
    APD_TRY(find_commit(run, &resume, &shards, error));
    APD_TRY(apd_run_prepare(run, shards, error));
    if (resume) {
        APD_TRY(apd_run_load(run, error));
    } else {
        begin_state(run);
    }
    APD_TRY(open_folder(run, resume, error));
    create_solver(run);
    say_start(run, resume);
    APD_TRY(apd_train_stream(run, error));
    apd_results_print(run, false);
    if (apd_run_speaks(run))
        (void)printf("everything is in %s: run.yaml, checkpoint.h5, accuracy.csv, tasks.csv, metrics.jsonl, "
                     "manifest.json\n",
                     run->description->output);
    return APD_OK;
}

static apd_status run_train(int count, const char *const *arguments, apd_error *error) {
    if (keys) {
        apd_description_help(stdout);
        return APD_OK;
    }
    if (count == 0)
        return apd_fail(error, APD_ERROR_USAGE, "an argument is missing; usage: apd train RUN.yaml");
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = train(&run, arguments[0], error);
    apd_status closed = apd_runlog_close(run.log, error);
    apd_run_end(&run);
    return status != APD_OK ? status : closed;
}

const apd_command apd_command_train = {
    .name = "train",
    .arguments = "RUN.yaml",
    .summary = "train a stream of tasks, or go on with a run that was stopped",
    .details = "RUN.yaml describes the data, the stream of tasks, the network, the method and the training; "
               "its run\n"
               "is kept in a folder (key output, by default runs/NAME). A folder that holds a commit is gone "
               "on with.",
    .options = options,
    .most = 1,
    .parallel = true,
    .run = run_train,
};

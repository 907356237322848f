/* apd inspect: what a run has learned so far. apd verify: whether its checkpoint is whole. */
#include "app/commands.h"
#include "app/results.h"
#include "app/run.h"

#include <inttypes.h>
#include <stdlib.h>

static bool layers = false;

static const apd_cli_option options[] = {
    {.name = "layers", .help = "non-zeros of sigma and tau for each layer too", .flag = &layers},
    {0},
};

static apd_status run_inspect(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = apd_run_open(&run, arguments[0], NULL, 0, error);
    if (status == APD_OK) {
        if (apd_run_speaks(&run))
            (void)printf("%s: commit %d, %d of %d tasks done, seed %" PRIu64 ", %d shards\n", run.checkpoint,
                         run.state.commit, run.state.task_count, run.stream->task_count, run.state.seed,
                         run.state.shards);
        apd_results_print(&run, layers);
    }
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_inspect = {
    .name = "inspect",
    .arguments = "RUN",
    .summary = "print what a run has learned: tasks, accuracies, capacity",
    .options = options,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_inspect,
};

static const apd_cli_option no_options[] = {{0}};

static apd_status run_verify(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    char *path = apd_checkpoint_path(arguments[0]);
    int groups = 0;
    apd_status status = apd_checkpoint_verify(path, &groups, error);
    if (status == APD_OK)
        (void)printf("%s: %d groups, every digest is right\n", path, groups);
    free(path);
    return status;
}

const apd_command apd_command_verify = {
    .name = "verify",
    .arguments = "RUN",
    .summary = "read a checkpoint through and check every digest",
    .options = no_options,
    .least = 1,
    .most = 1,
    .run = run_verify,
};

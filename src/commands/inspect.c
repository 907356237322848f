/* apd inspect: what a run has learned so far. apd verify: whether its checkpoint is whole. */
#include "commands/commands.h"
#include "engine/results.h"
#include "engine/run.h"

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
        if (apd_run_speaks(&run) && run.state.half_way)
            (void)printf("task %d is half way: epoch %d of %d, step %d\n", run.state.training.id,
                         run.state.training.epoch + 1, run.state.training.epochs, run.state.training.step);
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

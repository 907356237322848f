/* apd inspect: what a run has learned so far. */
#include "base/counted.h"
#include "commands/commands.h"
#include "engine/results.h"
#include "engine/run.h"
#include "io/checkpoint/describe.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct inspect_options {
    bool layers, json, help_format;
} inspect_options;

static const inspect_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "layers",
     .help = "also print the non-zeros of sigma and tau in each layer",
     APD_CLI_SETS(inspect_options, layers)},
    {.name = "json", .help = "print a JSON object instead", APD_CLI_SETS(inspect_options, json)},
    {.name = "help-format",
     .help = "list what a checkpoint holds, in Markdown (docs/file-formats.md)",
     APD_CLI_SETS(inspect_options, help_format)},
    {0},
};

static void print_head(const apd_run *run) {
    const apd_run_state *state = &run->state;
    (void)printf("%s: commit %d, %d of %s done, seed %" PRIu64 ", %s\n", run->checkpoint, state->commit,
                 apd_run_tasks_done(run), apd_count(run->stream->task_count, "task").text, state->seed,
                 apd_count(state->shards, "shard").text);
    if (state->half_way)
        (void)printf("task %d is in training: epoch %d of %d, step %d\n", state->training.id,
                     state->training.epoch + 1, state->training.epochs, state->training.step);
    if (state->ending != APD_ENDING_COMPLETE)
        (void)printf("task %d is %s but not evaluated\n", state->records[state->task_count - 1].id,
                     state->ending == APD_ENDING_TRAINED ? "trained" : "consolidated");
}

static apd_status run_inspect(const void *given, int count, const char *const *arguments, apd_error *error) {
    const inspect_options *options = given;
    if (options->help_format) {
        apd_checkpoint_describe(stdout);
        return APD_OK;
    }
    if (count == 0)
        return apd_fail(error, APD_ERROR_USAGE, "an argument is missing; usage: apd inspect RUN");
    apd_run run;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = apd_run_open(&run, arguments[0], NULL, 0, error);
    if (status == APD_OK) {
        if (apd_run_speaks(&run) && !options->json)
            print_head(&run);
        (options->json ? apd_results_print_json : apd_results_print)(&run, options->layers);
    }
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_inspect = {
    .name = "inspect",
    .arguments = "RUN",
    .summary = "print what a run has learned: tasks, accuracies, capacity",
    .details = "RUN is the run's folder or a checkpoint. The data file has to be where it was.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .most = 1,
    .parallel = true,
    .run = run_inspect,
};

/* apd train: start a run, or resume it from its last commit. */
#include "commands/commands.h"
#include "engine/results.h"
#include "engine/start.h"

#include <math.h>
#include <stdio.h>

typedef struct train_options {
    apd_cli_list settings;
    const char *time_limit;
    bool fresh, force, help_keys, markdown, print_folder, break_lock;
} train_options;

static const train_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the description; may be repeated",
     APD_CLI_COLLECTS(train_options, settings)},
    {.name = "fresh",
     .help = "start a new run instead of resuming from the last commit",
     APD_CLI_SETS(train_options, fresh)},
    {.name = "force", .help = "with --fresh: delete existing commits", APD_CLI_SETS(train_options, force)},
    {.name = "time-limit",
     .argument = "TIME",
     .help = "commit and stop (exit status 75) in time: MINUTES, H:M:S or D-H:M:S; default: the Slurm job's",
     APD_CLI_HOLDS(train_options, time_limit)},
    {.name = "print-folder",
     .help = "print the run's folder and exit; needs no mpirun, makes nothing",
     APD_CLI_SETS(train_options, print_folder)},
    {.name = "break-lock",
     .help = "take the run over from a job that is surely dead (the refused start names it)",
     APD_CLI_SETS(train_options, break_lock)},
    {.name = "help-keys",
     .help = "list the keys of a run description, with ranges and defaults",
     APD_CLI_SETS(train_options, help_keys)},
    {.name = "markdown",
     .help = "with --help-keys: as Markdown (docs/run-descriptions.md)",
     APD_CLI_SETS(train_options, markdown)},
    {0},
};

static apd_status train(apd_run *run, const train_options *options, const char *path, apd_error *error) {
    apd_start start = {.fresh = options->fresh,
                       .force = options->force,
                       .break_lock = options->break_lock,
                       .time_limit = INFINITY};
    if (options->time_limit != NULL)
        APD_TRY(apd_time_limit_parse(options->time_limit, &start.time_limit, error));
    APD_TRY(apd_run_describe(run, path, NULL, options->settings.values, options->settings.count, error));
    APD_TRY(apd_start_run(run, &start, error));
    apd_results_print(run, false);
    if (apd_run_speaks(run))
        (void)printf(
            "the results are in %s: run.yaml, checkpoint.h5, accuracy.csv, tasks.csv, metrics.jsonl, "
            "manifest.json\n",
            run->description->output);
    return APD_OK;
}

/* The folder that the described run has, for scripts. Without MPI. */
static apd_status print_folder(const train_options *options, const char *path, apd_error *error) {
    apd_description *description = NULL;
    APD_TRY(
        apd_description_read(path, options->settings.values, options->settings.count, &description, error));
    (void)puts(description->output);
    apd_description_destroy(description);
    return APD_OK;
}

static apd_status run_train(const void *given, int count, const char *const *arguments, apd_error *error) {
    const train_options *options = given;
    if (options->help_keys) {
        (options->markdown ? apd_description_reference : apd_description_help)(stdout);
        return APD_OK;
    }
    if (count == 0)
        return apd_fail(error, APD_ERROR_USAGE, "an argument is missing; usage: apd train RUN.yaml");
    if (options->print_folder)
        return print_folder(options, arguments[0], error);
    apd_run run;
    apd_requests_catch();
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = train(&run, options, arguments[0], error);
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_train = {
    .name = "train",
    .arguments = "RUN.yaml",
    .summary = "train a stream of tasks, or resume a run that was stopped",
    .details =
        "RUN.yaml describes the data, the stream of tasks, the network, the method and the training. The\n"
        "run is kept in a folder (key output, by default runs/NAME); if the folder holds a commit, the run\n"
        "resumes at the next step after it, on any number of ranks up to the number of shards. Between two\n"
        "starts training.epochs may change, for tasks that have not begun, and stream.tasks or stream.added "
        "grow; any\n"
        "other change of a key on which results depend is refused.\n"
        "\n"
        "The run commits after every checkpoint.tasks tasks, every checkpoint.minutes minutes, and on\n"
        "signals. SIGUSR1, SIGTERM or a file named stop in the folder: commit and stop with exit status 75;\n"
        "the same command resumes the run. SIGUSR2: commit and continue.\n"
        "\n"
        "A rank that keeps the others waiting for longer than log.stall_seconds is named on standard error\n"
        "with its host, process and phase, whether it is stopped, cannot be reached, or stands at one "
        "place;\n"
        "the line is repeated whenever the time has doubled. Nothing is ended.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .most = 1,
    .parallel = true,
    .run = run_train,
};

/* apd extend: give a finished run more tasks, from other data files. */
#include "commands/commands.h"
#include "engine/extension.h"
#include "engine/results.h"
#include "engine/start.h"
#include "io/system/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct extend_options {
    apd_cli_list settings;
    const char *time_limit;
    bool break_lock;
} extend_options;

static const extend_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the run's description, for example data.file; may be repeated",
     APD_CLI_COLLECTS(extend_options, settings)},
    {.name = "time-limit",
     .argument = "TIME",
     .help = "commit and stop (exit status 75) in time: MINUTES, H:M:S or D-H:M:S; default: the Slurm job's",
     APD_CLI_HOLDS(extend_options, time_limit)},
    {.name = "break-lock",
     .help = "take the run over from a job that is surely dead (the refused start names it)",
     APD_CLI_SETS(extend_options, break_lock)},
    {0},
};

/* The extended run's description. Rank 0. */
static apd_status describe(const apd_run *run, const extend_options *options, const char *tasks, char **text,
                           apd_error *error) {
    apd_run_state state = {0};
    APD_TRY(apd_checkpoint_read_state(run->checkpoint, &state, error));
    const char *slash = strrchr(run->checkpoint, '/'), *name = slash != NULL ? slash + 1 : run->checkpoint;
    apd_status status = APD_OK;
    if (strcmp(name, "checkpoint.h5") != 0 && strcmp(name, "checkpoint.previous.h5") != 0)
        status = apd_fail(error, APD_ERROR_USAGE,
                          "%s: a copy of a commit cannot be trained on; a run's folder is needed",
                          run->checkpoint);
    else
        status = apd_extension_describe(run->checkpoint, &state, options->settings.values,
                                        options->settings.count, tasks, text, error);
    apd_run_state_clear(&state);
    return status;
}

/* Collective. */
static apd_status extend(apd_run *run, const extend_options *options, const char *const *arguments,
                         apd_error *error) {
    apd_start start = {.break_lock = options->break_lock, .time_limit = INFINITY};
    bool found = false;
    char *text = NULL;
    if (options->time_limit != NULL)
        APD_TRY(apd_time_limit_parse(options->time_limit, &start.time_limit, error));
    APD_TRY(apd_run_choose(run, arguments[0], &found, error));
    apd_status status = apd_run_speaks(run) ? describe(run, options, arguments[1], &text, error) : APD_OK;
    status = apd_team_agree(run->team, status, error);
    if (status == APD_OK)
        status = apd_run_describe(run, run->checkpoint, apd_run_speaks(run) ? text : "", NULL, 0, error);
    free(text);
    if (status != APD_OK)
        return status;
    free(run->description->output); /* the folder may have been moved */
    run->description->output = apd_parent_folder(run->checkpoint);
    free(run->checkpoint);
    run->checkpoint = NULL;
    APD_TRY(apd_start_run(run, &start, error));
    apd_results_print(run, false);
    return APD_OK;
}

static apd_status run_extend(const void *given, int count, const char *const *arguments, apd_error *error) {
    (void)count;
    apd_run run;
    apd_requests_catch();
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = extend(&run, given, arguments, error);
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_extend = {
    .name = "extend",
    .arguments = "RUN TASKS.yaml",
    .summary = "give a finished run more tasks, also from another data file",
    .details = "RUN is the run's folder. TASKS.yaml has data.file, the keys of section stream that cut its "
               "tasks, and\n"
               "perhaps training.epochs; all else is the run's. Images have the shape of the run's. Classes "
               "of a file that\n"
               "the run does not have are numbered after all others, and the tasks follow the run's, in the "
               "same folder.\n"
               "An extension that was stopped goes on with the same command, or with apd train.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 2,
    .most = 2,
    .parallel = true,
    .run = run_extend,
};

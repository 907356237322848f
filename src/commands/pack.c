/* apd verify and apd pack: check a commit, and copy it into one file. Both work while the run continues. */
#include "base/counted.h"
#include "commands/commands.h"
#include "engine/run.h"
#include "io/checkpoint/commits.h"
#include "io/system/file.h"
#include "io/system/json.h"
#include "io/system/lock.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct verify_options {
    bool json;
} verify_options;

static const verify_options verify_defaults = {0};

static const apd_cli_option verify_table[] = {
    {.name = "json", .help = "print a JSON object instead", APD_CLI_SETS(verify_options, json)},
    {0},
};

/* `fault`: NULL if every digest is right. */
static void print_json(const char *path, int groups, const char *fault) {
    apd_json json = {.file = stdout};
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "checkpoint", path);
    apd_json_flag(&json, "intact", fault == NULL);
    if (fault == NULL)
        apd_json_integer(&json, "groups", groups);
    else
        apd_json_text(&json, "fault", fault);
    apd_json_end(&json);
}

static apd_status run_verify(const void *given, int count, const char *const *arguments, apd_error *error) {
    const verify_options *options = given;
    (void)count;
    char *path = NULL;
    APD_TRY(apd_checkpoint_path(arguments[0], &path, error));
    int groups = 0;
    apd_status status = apd_checkpoint_verify(path, &groups, error);
    if (options->json && (status == APD_OK || status == APD_ERROR_DATA))
        print_json(path, groups, status == APD_OK ? NULL : error->message);
    else if (status == APD_OK)
        (void)printf("%s: %s, every digest is right\n", path, apd_count(groups, "group").text);
    free(path);
    return status;
}

const apd_command apd_command_verify = {
    .name = "verify",
    .arguments = "RUN",
    .summary = "read a whole checkpoint and check every digest",
    .details = "RUN is the run's folder or a checkpoint. Names the first group that is damaged. Changes "
               "nothing, and\n"
               "may be used while the run is written.",
    .options = verify_table,
    .defaults = &verify_defaults,
    .options_size = sizeof verify_defaults,
    .least = 1,
    .most = 1,
    .run = run_verify,
};

typedef struct pack_options {
    const char *output;
    bool results_only;
} pack_options;

static const pack_options pack_defaults = {0};

static const apd_cli_option pack_table[] = {
    {.name = "output",
     .argument = "FILE",
     .help = "the file to write (required)",
     APD_CLI_HOLDS(pack_options, output)},
    {.name = "results-only",
     .help = "the results without the weights: a small file, which is no checkpoint",
     APD_CLI_SETS(pack_options, results_only)},
    {0},
};

/* A file in a run's folder is written under that run's lock; elsewhere pack needs none. */
static apd_status claim(const char *output, apd_lock **lock, apd_error *error) {
    apd_process self;
    if (!apd_checkpoint_is_run(output))
        return APD_OK;
    char *folder = apd_parent_folder(output);
    apd_process_self(&self);
    apd_status status = apd_lock_open(folder, &self, 1, false, lock, error);
    free(folder);
    return status;
}

static apd_status run_pack(const void *given, int count, const char *const *arguments, apd_error *error) {
    const pack_options *options = given;
    (void)count;
    if (options->output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed: where is the packed file to go?");
    char *path = NULL;
    APD_TRY(apd_checkpoint_path(arguments[0], &path, error));
    int groups = 0;
    apd_lock *lock = NULL;
    apd_status status = claim(options->output, &lock, error);
    if (status == APD_OK)
        status = apd_checkpoint_pack(
            path, options->output, options->results_only ? APD_PACK_RESULTS : APD_PACK_BOTH, &groups, error);
    apd_lock_close(lock);
    if (status == APD_OK)
        (void)printf("%s: %s of %s in one file, every digest is right\n", options->output,
                     apd_count(groups, "group").text, path);
    free(path);
    return status;
}

const apd_command apd_command_pack = {
    .name = "pack",
    .arguments = "RUN",
    .summary = "copy a run's newest commit into one self-contained file",
    .details =
        "RUN is the run's folder or a checkpoint, which may be written meanwhile. Every command takes the\n"
        "packed file as RUN. Its group /results has accuracies and capacities for viewers of HDF5, which\n"
        "draw them when the file is opened: docs/tools.md. With --results-only there is nothing else.",
    .options = pack_table,
    .defaults = &pack_defaults,
    .options_size = sizeof pack_defaults,
    .least = 1,
    .most = 1,
    .run = run_pack,
};

/* apd verify and apd pack: a commit read through, and copied into one file. Both work while the run goes on. */
#include "commands/commands.h"
#include "engine/run.h"
#include "io/checkpoint/checkpoint.h"
#include "io/system/lock.h"

#include <stdio.h>
#include <stdlib.h>

static const apd_cli_option no_options[] = {{0}};

static apd_status run_verify(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    char *path = NULL;
    APD_TRY(apd_checkpoint_path(arguments[0], &path, error));
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

static const char *output = NULL;

static const apd_cli_option pack_options[] = {
    {.name = "output", .argument = "FILE", .help = "the file to write (required)", .value = &output},
    {0},
};

/* A file in a run's folder is written under that run's lock; elsewhere pack needs none. */
static apd_status claim(apd_lock **lock, apd_error *error) {
    apd_process self;
    if (!apd_checkpoint_is_run(output))
        return APD_OK;
    char *folder = apd_parent_folder(output);
    apd_process_self(&self);
    apd_status status = apd_lock_open(folder, &self, 1, false, lock, error);
    free(folder);
    return status;
}

static apd_status run_pack(int count, const char *const *arguments, apd_error *error) {
    (void)count;
    if (output == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--output FILE is needed: where is the packed file to go?");
    char *path = NULL;
    APD_TRY(apd_checkpoint_path(arguments[0], &path, error));
    int groups = 0;
    apd_lock *lock = NULL;
    apd_status status = claim(&lock, error);
    if (status == APD_OK)
        status = apd_checkpoint_pack(path, output, &groups, error);
    apd_lock_close(lock);
    if (status == APD_OK)
        (void)printf("%s: %d groups of %s in one file, every digest is right\n", output, groups, path);
    free(path);
    return status;
}

const apd_command apd_command_pack = {
    .name = "pack",
    .arguments = "RUN",
    .summary = "copy a run's newest commit into one self-contained file",
    .details =
        "RUN is the run's folder or a checkpoint. The packed file serves as RUN wherever one is asked for.",
    .options = pack_options,
    .least = 1,
    .most = 1,
    .run = run_pack,
};

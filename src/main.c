/* main: parses the options of the chosen command, and turns a failure into one line on stderr and an exit status. */
#include "base/memory.h"
#include "level.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

static void usage(FILE *file) {
    (void)fputs("apd: continual learning on long task streams by Additive Parameter Decomposition\n\n"
                "usage: [mpirun -n P] apd COMMAND [ARGUMENTS] [OPTIONS]\n\n",
                file);
    for (int i = 0; i < apd_command_count; i++)
        (void)fprintf(file, "  apd %-10s %-22s %s\n", apd_commands[i]->name, apd_commands[i]->arguments,
                      apd_commands[i]->summary);
    (void)fputs(
        "\n\"apd COMMAND --help\" says more; \"apd train --help-keys\" lists the keys of a run description.\n"
        "Exit status: 0 done, 1 some runs of a study failed, 2 usage, 65 bad data, 69 run in use, 70 "
        "internal, 74 input/output, 75 to be "
        "requeued.\n",
        file);
}

/* Whether this process is a rank other than 0, found out without MPI. */
static bool is_other_rank(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *rank = getenv(names[i]);
        if (rank != NULL)
            return strcmp(rank, "0") != 0;
    }
    return false;
}

static int run_command(const apd_command *command, int argc, char **argv) {
    const char **arguments = apd_allocate(command->most, sizeof *arguments, "the arguments");
    void *options = apd_allocate_bytes((int64_t)command->options_size, "the options");
    int count = 0;
    bool help = false, speaks = !is_other_rank();
    apd_error error = {0};
    if (command->options_size > 0)
        memcpy(options, command->defaults, command->options_size);
    apd_status status = apd_options_parse(command, argc, argv, options, arguments, &count, &help, &error);
    if (status == APD_OK && help && speaks)
        apd_options_usage(command, stdout);
    if (status == APD_OK && !help && (command->parallel || speaks))
        status = command->run(options, count, arguments, &error);
    if (status == APD_OK && speaks && fflush(stdout) != 0)
        status = apd_fail(&error, APD_ERROR_IO, "writing to the standard output failed");
    if (status != APD_OK && speaks && error.message[0] != '\0')
        (void)fprintf(stderr, "apd %s: %s\n", command->name, error.message);
    free(options);
    free((void *)arguments);
    /* mpirun ends the job as soon as one process fails: only rank 0 does, once it has printed the line */
    return speaks ? (int)status : APD_OK;
}

int main(int argc, char **argv) {
    int refused = apd_level_take(argv);
    if (refused != 0)
        return refused;
    apd_memory_keep_large_apart();
    bool speaks = !is_other_rank();
    const char *name = argc < 2 ? "" : argv[1];
    const apd_command *command = apd_command_find(name);
    if (command != NULL)
        return run_command(command, argc - 2, argv + 2);
    if (!speaks)
        return APD_OK;
    if (strcmp(name, "--version") == 0) {
        (void)puts("apd " APD_VERSION);
        return APD_OK;
    }
    bool asked = strcmp(name, "--help") == 0 || strcmp(name, "help") == 0;
    if (asked || argc < 2) {
        usage(asked ? stdout : stderr);
        return asked ? APD_OK : APD_ERROR_USAGE;
    }
    (void)fprintf(stderr, "apd: \"%s\" is not a command (apd --help lists them)\n", name);
    return APD_ERROR_USAGE;
}

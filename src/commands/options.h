/* options: long options from tables, which also make the usage text.
 *
 * A command's options are a struct of its own. Each row of its table names a member by its offset; the struct starts as
 * a copy of the command's defaults, is filled by apd_options_parse and passed to the command's `run`. */
#ifndef APD_COMMANDS_OPTIONS_H
#define APD_COMMANDS_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Values of an option that may be given several times, in order. */
typedef struct apd_cli_list {
    const char *values[256];
    int count;
} apd_cli_list;

typedef enum apd_cli_kind { APD_CLI_FLAG, APD_CLI_VALUE, APD_CLI_LIST } apd_cli_kind;

/* A row. The table ends with a row whose name is NULL. */
typedef struct apd_cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* "FILE"; NULL for a flag */
    const char *help;     /* with the default */
    apd_cli_kind kind;
    size_t offset; /* of the member: bool, const char * or apd_cli_list */
} apd_cli_option;

/* .kind and .offset of a member of `options`; a member of another type does not compile. */
#define APD_CLI_MEMBER(kind_, type, options, member) \
    .kind = (kind_), .offset = offsetof(options, member) + 0 * sizeof((type *)0 == &((options *)0)->member)
#define APD_CLI_SETS(options, member)     APD_CLI_MEMBER(APD_CLI_FLAG, bool, options, member)
#define APD_CLI_HOLDS(options, member)    APD_CLI_MEMBER(APD_CLI_VALUE, const char *, options, member)
#define APD_CLI_COLLECTS(options, member) APD_CLI_MEMBER(APD_CLI_LIST, apd_cli_list, options, member)

typedef struct apd_command {
    const char *name;
    const char *arguments; /* "RUN.yaml" */
    const char *summary;   /* one line */
    const char *details;   /* a paragraph for --help, or NULL */
    const apd_cli_option *options;
    const void *defaults; /* the options before parsing; NULL if there are none */
    size_t options_size;
    int least, most; /* how many arguments */
    bool parallel;   /* uses all ranks; else only rank 0 of a job runs it */
    apd_status (*run)(const void *options, int count, const char *const *arguments, apd_error *error);
} apd_command;

/* Sort `argv` (without program and command) into `options`, which hold the defaults, and `arguments` (command->most).
 * Options are "--name value" or "--name=value"; --help sets `*help` and ends the parsing. The values point into `argv`.
 * Status: USAGE naming the option. */
apd_status apd_options_parse(const apd_command *command, int argc, char **argv, void *options,
                             const char **arguments, int *count, bool *help, apd_error *error);

void apd_options_usage(const apd_command *command, FILE *file);

/* Parse a whole number in least..most. Status: USAGE naming the option. */
apd_status apd_cli_integer(const char *name, const char *text, long least, long most, long *out,
                           apd_error *error);

/* Parse a finite number in least..most. Status: USAGE naming the option. */
apd_status apd_cli_number(const char *name, const char *text, double least, double most, double *out,
                          apd_error *error);

#endif

/* options: long options from tables; usage text is made from the same rows. */
#ifndef APD_COMMANDS_OPTIONS_H
#define APD_COMMANDS_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

/* Values of an option that may be given several times, in order. */
typedef struct apd_cli_list {
    const char *values[256];
    int count;
} apd_cli_list;

/* A row: exactly one of flag, value and list says where it goes. Ends with a row whose name is NULL. */
typedef struct apd_cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* "FILE", or NULL for a flag */
    const char *help;     /* with its default */
    bool *flag;
    const char **value;
    apd_cli_list *list;
} apd_cli_option;

typedef struct apd_command {
    const char *name;
    const char *arguments; /* "RUN.yaml" */
    const char *summary;   /* one line */
    const char *details;   /* a paragraph for --help, or NULL */
    const apd_cli_option *options;
    int least, most; /* how many arguments */
    bool parallel;   /* uses all ranks; else only rank 0 of a job does it */
    apd_status (*run)(int count, const char *const *arguments, apd_error *error);
} apd_command;

/* Sort `argv` (without program and command) into options and arguments; "--name value" and "--name=value".
 * `arguments` has room for `command->most`. `*help` is set by --help. Status: USAGE naming the option. */
apd_status apd_options_parse(const apd_command *command, int argc, char **argv, const char **arguments,
                             int *count, bool *help, apd_error *error);

void apd_options_usage(const apd_command *command, FILE *file);

/* A whole number in least..most from an option's text; the message names the option. */
apd_status apd_cli_integer(const char *name, const char *text, long least, long most, long *out,
                           apd_error *error);

/* The same for a finite number. */
apd_status apd_cli_number(const char *name, const char *text, double least, double most, double *out,
                          apd_error *error);

#endif

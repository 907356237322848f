#include "commands/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const apd_cli_option *find_option(const apd_cli_option *options, const char *name, size_t length) {
    for (const apd_cli_option *row = options; row->name != NULL; row++)
        if (strlen(row->name) == length && strncmp(row->name, name, length) == 0)
            return row;
    return NULL;
}

static apd_status take_value(const apd_cli_option *row, void *options, const char *value, apd_error *error) {
    void *member = (char *)options + row->offset;
    if (row->kind == APD_CLI_VALUE) {
        *(const char **)member = value;
        return APD_OK;
    }
    apd_cli_list *list = member;
    const int room = (int)(sizeof list->values / sizeof list->values[0]);
    if (list->count == room)
        return apd_fail(error, APD_ERROR_USAGE, "--%s is given more than %d times", row->name, room);
    list->values[list->count++] = value;
    return APD_OK;
}

/* Take the option at argv[*at], and move *at past its value if that is the next word. */
static apd_status take_option(const apd_command *command, int argc, char **argv, void *options, int *at,
                              apd_error *error) {
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const apd_cli_option *row = find_option(command->options, name, length);
    if (row == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "--%.*s is not an option (apd %s --help lists them)",
                        (int)length, name, command->name);
    if (row->kind == APD_CLI_FLAG) {
        if (equals != NULL)
            return apd_fail(error, APD_ERROR_USAGE, "--%s takes no value", row->name);
        *(bool *)((char *)options + row->offset) = true;
        return APD_OK;
    }
    if (equals != NULL)
        return take_value(row, options, equals + 1, error);
    if (*at + 1 >= argc)
        return apd_fail(error, APD_ERROR_USAGE, "--%s needs a value: --%s %s", row->name, row->name,
                        row->argument);
    return take_value(row, options, argv[++*at], error);
}

apd_status apd_options_parse(const apd_command *command, int argc, char **argv, void *options,
                             const char **arguments, int *count, bool *help, apd_error *error) {
    *count = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            *help = true;
            return APD_OK;
        }
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0') {
            APD_TRY(take_option(command, argc, argv, options, &i, error));
            continue;
        }
        if (*count == command->most)
            return apd_fail(error, APD_ERROR_USAGE, "\"%s\" is one argument too many; usage: apd %s %s",
                            argv[i], command->name, command->arguments);
        arguments[(*count)++] = argv[i];
    }
    if (*count < command->least)
        return apd_fail(error, APD_ERROR_USAGE, "an argument is missing; usage: apd %s %s", command->name,
                        command->arguments);
    return APD_OK;
}

void apd_options_usage(const apd_command *command, FILE *file) {
    (void)fprintf(file, "usage: %sapd %s %s%s\n\n%s\n", command->parallel ? "[mpirun -n P] " : "",
                  command->name, command->arguments, command->options->name != NULL ? " [OPTIONS]" : "",
                  command->summary);
    if (command->details != NULL)
        (void)fprintf(file, "\n%s\n", command->details);
    if (command->options->name != NULL)
        (void)fputs("\nOptions:\n", file);
    for (const apd_cli_option *row = command->options; row->name != NULL; row++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", row->name, row->argument != NULL ? " " : "",
                       row->argument != NULL ? row->argument : "");
        (void)fprintf(file, "  %-24s %s\n", left, row->help);
    }
}

apd_status apd_cli_integer(const char *name, const char *text, long least, long most, long *out,
                           apd_error *error) {
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most)
        return apd_fail(error, APD_ERROR_USAGE, "--%s is \"%s\"; a whole number from %ld to %ld is needed",
                        name, text, least, most);
    *out = value;
    return APD_OK;
}

apd_status apd_cli_number(const char *name, const char *text, double least, double most, double *out,
                          apd_error *error) {
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        return apd_fail(error, APD_ERROR_USAGE, "--%s is \"%s\"; a number from %g to %g is needed", name,
                        text, least, most);
    *out = value;
    return APD_OK;
}

/* apd manual: a command's page of the manual (man(7)), written out from the table of commands. */
#include "table.h"

#include <ctype.h>
#include <string.h>

/* Text, with what roff reads as its own escaped. */
static void put_text(FILE *file, const char *text, size_t bytes) {
    if (bytes > 0 && (*text == '.' || *text == '\''))
        (void)fputs("\\&", file);
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == '-')
            (void)fputs("\\-", file);
        else if (text[i] == '\\')
            (void)fputs("\\e", file);
        else
            (void)fputc(text[i], file);
}

static void put_words(FILE *file, const char *text) {
    put_text(file, text, strlen(text));
}

static void put_line(FILE *file, const char *text, size_t bytes) {
    put_text(file, text, bytes);
    (void)fputc('\n', file);
}

/* Lines as they stand where they are indented, else filled. */
static void put_paragraphs(FILE *file, const char *text) {
    bool filled = true;
    for (const char *next; *text != '\0'; text = next) {
        size_t bytes = strcspn(text, "\n");
        next = text + bytes + (text[bytes] == '\n');
        if ((*text != ' ') != filled)
            (void)fputs(filled ? ".PP\n.nf\n" : ".fi\n.PP\n", file);
        filled = *text != ' ';
        if (bytes == 0)
            (void)fputs(".PP\n", file);
        else
            put_line(file, text, bytes);
    }
    if (!filled)
        (void)fputs(".fi\n", file);
}

static void put_options(FILE *file, const apd_command *command) {
    (void)fputs(".SH OPTIONS\n", file);
    for (const apd_cli_option *row = command->options; row->name != NULL; row++) {
        (void)fputs(row->argument != NULL ? ".TP\n.BI \\-\\-" : ".TP\n.B \\-\\-", file);
        put_words(file, row->name);
        if (row->argument != NULL) {
            (void)fputs(" \" ", file);
            put_words(file, row->argument);
            (void)fputc('"', file);
        }
        (void)fputc('\n', file);
        put_line(file, row->help, strlen(row->help));
    }
    (void)fputs(".TP\n.B \\-\\-help\nprint the options\n", file);
}

static void write_page(const apd_command *command, FILE *file) {
    (void)fprintf(file, ".\\\" Written by: apd manual %s\n", command->name);
    (void)fputs(".TH APD\\-", file);
    for (const char *name = command->name; *name != '\0'; name++)
        (void)fputc(toupper((unsigned char)*name), file);
    (void)fprintf(file, " 1 \"\" \"apd %s\" \"User commands\"\n.SH NAME\napd\\-%s \\- ", APD_VERSION,
                  command->name);
    put_line(file, command->summary, strlen(command->summary));
    (void)fputs(".SH SYNOPSIS\n", file);
    if (command->parallel)
        (void)fputs("[\\fBmpirun \\-n\\fR \\fIP\\fR] ", file);
    (void)fprintf(file, "\\fBapd %s\\fR \\fI", command->name);
    put_words(file, command->arguments);
    (void)fputs(command->options->name != NULL ? "\\fR [OPTIONS]\n" : "\\fR\n", file);
    if (command->details != NULL) {
        (void)fputs(".SH DESCRIPTION\n", file);
        put_paragraphs(file, command->details);
    }
    put_options(file, command);
    (void)fputs(".SH SEE ALSO\n.BR apd (1),\nwith exit statuses, files and environment variables\n", file);
}

static apd_status run(const void *options, int count, const char *const *arguments, apd_error *error) {
    (void)options;
    (void)count;
    const apd_command *command = apd_command_find(arguments[0]);
    if (command == NULL)
        return apd_fail(error, APD_ERROR_USAGE, "\"%s\" is not a command (apd --help lists them)",
                        arguments[0]);
    write_page(command, stdout);
    return APD_OK;
}

static const apd_cli_option no_options[] = {{0}};

const apd_command apd_command_manual = {
    .name = "manual",
    .arguments = "COMMAND",
    .summary = "a command's page of the manual, for man",
    .details = "Prints the source that man(1) formats: apd manual train | man -l -\n"
               "cmake --install installs a page for each command, apd-train(1) and so on, beside apd(1).",
    .options = no_options,
    .least = 1,
    .most = 1,
    .run = run,
};

/* apd completion: what a shell offers behind apd, written out from the tables of commands, options and keys. */
#include "io/description/options.h"
#include "table.h"

#include <ctype.h>
#include <string.h>

/* --- what is offered, for every shell ------------------------------------------------------------------------- */

typedef enum taken { TAKES_NOTHING, TAKES_KEY, TAKES_FILE, TAKES_FOLDER, TAKES_OTHER } taken;

/* What stands behind an option, by the name of its argument. */
static taken takes(const apd_cli_option *option) {
    static const struct {
        const char *argument;
        taken what;
    } rows[] = {
        {"KEY=VALUE", TAKES_KEY}, {"KEY=VALUE,...", TAKES_KEY}, {"FILE", TAKES_FILE},
        {"PATH", TAKES_FILE},     {"FOLDER", TAKES_FOLDER},     {"DIR", TAKES_FOLDER},
    };
    if (option->argument == NULL)
        return TAKES_NOTHING;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].argument, option->argument) == 0)
            return rows[i].what;
    return TAKES_OTHER;
}

/* The words that a command takes as its argument, after a space each: those of "[run|study]", or all commands. Writes
 * nothing where an argument is a file or a folder. */
static void put_choices(FILE *file, const apd_command *command) {
    const char *text = command->arguments;
    if (strcmp(text, "COMMAND") == 0)
        for (int i = 0; i < apd_command_count; i++)
            (void)fprintf(file, " %s", apd_commands[i]->name);
    else if (islower((unsigned char)text[*text == '[' ? 1 : 0]))
        for (const char *at = text; *at != '\0'; at++) {
            if (at == text || *at == '|')
                (void)fputc(' ', file);
            if (strchr("[]|", *at) == NULL)
                (void)fputc(*at, file);
        }
}

static bool has_choices(const apd_command *command) {
    const char *text = command->arguments;
    return strcmp(text, "COMMAND") == 0 || islower((unsigned char)text[*text == '[' ? 1 : 0]);
}

/* The value `i` of a key that takes some words only. */
static const char *value_of(const apd_option *option, int i) {
    static const char *const switches[] = {"false", "true", NULL};
    if (option->kind == APD_KIND_SWITCH)
        return switches[i];
    if (option->word != NULL)
        return i == 0 ? option->word : NULL;
    return apd_value_name(option, i);
}

/* A text within single quotes: `quote` stands for one in it, and a backslash goes before each character of `special`. */
static void put_text(FILE *file, const char *text, const char *special, const char *quote) {
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            (void)fputs(quote, file);
        else if (*text == '\n')
            (void)fputc(' ', file);
        else
            (void)fprintf(file, "%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
    }
}

/* --- bash ------------------------------------------------------------------------------------------------------------ */

/* The commands' options that take `what`, as alternatives of a case; false: there are none. */
static bool put_bash_options(FILE *file, taken what) {
    bool any = false;
    for (int c = 0; c < apd_command_count; c++)
        for (const apd_cli_option *row = apd_commands[c]->options; row->name != NULL; row++)
            if (takes(row) == what) {
                (void)fprintf(file, "%s*:%s:--%s", any ? " | " : "        ", apd_commands[c]->name,
                              row->name);
                any = true;
            }
    return any;
}

static void put_bash_values(FILE *file) {
    (void)fputs("            case $key in\n                '') words='", file);
    for (int i = 0; i < apd_option_count; i++)
        (void)fprintf(file, "%s%s=", i > 0 ? " " : "", apd_options[i].key);
    (void)fputs("'; compopt -o nospace ;;\n", file);
    for (int i = 0; i < apd_option_count; i++) {
        if (value_of(&apd_options[i], 0) == NULL)
            continue;
        (void)fprintf(file, "                %s) words='", apd_options[i].key);
        for (int v = 0; value_of(&apd_options[i], v) != NULL; v++)
            (void)fprintf(file, "%s%s", v > 0 ? " " : "", value_of(&apd_options[i], v));
        (void)fputs("' ;;\n", file);
    }
    (void)fputs("                *) compopt +o default ;;\n            esac\n", file);
}

static void put_bash_commands(FILE *file) {
    for (int c = 0; c < apd_command_count; c++) {
        (void)fprintf(file, "        *:%s:*)\n            words='", apd_commands[c]->name);
        for (const apd_cli_option *row = apd_commands[c]->options; row->name != NULL; row++)
            (void)fprintf(file, "--%s ", row->name);
        (void)fputs("--help'\n", file);
        if (has_choices(apd_commands[c])) {
            (void)fputs("            [ \"${word#-}\" != \"$word\" ] || words='", file);
            put_choices(file, apd_commands[c]);
            (void)fputs("'\n", file);
        } else {
            (void)fputs("            [ \"${word#-}\" != \"$word\" ] || words=''\n", file);
        }
        (void)fputs("            ;;\n", file);
    }
}

static void write_bash(FILE *file) {
    (void)fputs("# shellcheck shell=bash\n"
                "# Completion of apd in bash: source <(apd completion bash)\n"
                "_apd() {\n"
                "    local at=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]} words='' key='' before\n"
                "    # bash cuts words at =\n"
                "    if [ \"$word\" = = ]; then\n"
                "        word='' at=$((at + 1))\n"
                "    fi\n"
                "    before=${COMP_WORDS[at - 1]}\n"
                "    if [ \"$before\" = = ]; then\n"
                "        before=${COMP_WORDS[at - 2]}\n"
                "        if [ \"${before#--}\" = \"$before\" ]; then\n"
                "            key=$before before=${COMP_WORDS[at - 3]}\n"
                "            [ \"$before\" != = ] || before=${COMP_WORDS[at - 4]}\n"
                "        fi\n"
                "    fi\n"
                "    case $at:${COMP_WORDS[1]}:$before in\n"
                "        1:*) words='",
                file);
    for (int c = 0; c < apd_command_count; c++)
        (void)fprintf(file, "%s ", apd_commands[c]->name);
    (void)fputs("--help --version' ;;\n", file);
    if (put_bash_options(file, TAKES_KEY)) {
        (void)fputs(")\n", file);
        put_bash_values(file);
        (void)fputs("            ;;\n", file);
    }
    if (put_bash_options(file, TAKES_FILE))
        (void)fputs(") ;;\n", file);
    if (put_bash_options(file, TAKES_FOLDER))
        (void)fputs(") compopt +o default -o dirnames ;;\n", file);
    if (put_bash_options(file, TAKES_OTHER))
        (void)fputs(") compopt +o default ;;\n", file);
    put_bash_commands(file);
    (void)fputs("    esac\n"
                "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                "}\n"
                "complete -o default -F _apd apd\n",
                file);
}

/* --- zsh ------------------------------------------------------------------------------------------------------------- */

#define ZSH_QUOTE "'\\''"

static void put_zsh_keys(FILE *file) {
    (void)fputs("_apd_keys() {\n"
                "    local -a keys\n"
                "    local key=${PREFIX%%=*}\n"
                "    if [[ $PREFIX = *=* ]]; then\n"
                "        compset -P '*='\n"
                "        case $key in\n",
                file);
    for (int i = 0; i < apd_option_count; i++) {
        if (value_of(&apd_options[i], 0) == NULL)
            continue;
        (void)fprintf(file, "            %s) compadd --", apd_options[i].key);
        for (int v = 0; value_of(&apd_options[i], v) != NULL; v++)
            (void)fprintf(file, " %s", value_of(&apd_options[i], v));
        (void)fputs(" ;;\n", file);
    }
    (void)fputs("            *) _message value ;;\n"
                "        esac\n"
                "        return\n"
                "    fi\n"
                "    keys=(\n",
                file);
    for (int i = 0; i < apd_option_count; i++) {
        (void)fprintf(file, "        '%s:", apd_options[i].key);
        put_text(file, apd_options[i].help, "", ZSH_QUOTE);
        (void)fputs("'\n", file);
    }
    (void)fputs("    )\n"
                "    _describe -t keys key keys -S = -q\n"
                "}\n",
                file);
}

static void put_zsh_option(FILE *file, const apd_cli_option *row) {
    static const char *const actions[] = {[TAKES_KEY] = "_apd_keys",
                                          [TAKES_FILE] = "_files",
                                          [TAKES_FOLDER] = "_files -/",
                                          [TAKES_OTHER] = " "};
    (void)fprintf(file, "                '%s--%s%s[", row->kind == APD_CLI_LIST ? "*" : "", row->name,
                  row->argument != NULL ? "=" : "");
    put_text(file, row->help, "[]\\", ZSH_QUOTE);
    (void)fputc(']', file);
    if (row->argument != NULL)
        (void)fprintf(file, ":%s:%s", row->argument, actions[takes(row)]);
    (void)fputs("' \\\n", file);
}

static void write_zsh(FILE *file) {
    (void)fputs("#compdef apd\n# Completion of apd in zsh: source <(apd completion zsh)\n", file);
    put_zsh_keys(file);
    (void)fputs("_apd() {\n"
                "    local -a commands=(\n",
                file);
    for (int c = 0; c < apd_command_count; c++) {
        (void)fprintf(file, "        '%s:", apd_commands[c]->name);
        put_text(file, apd_commands[c]->summary, "", ZSH_QUOTE);
        (void)fputs("'\n", file);
    }
    (void)fputs("    )\n"
                "    if ((CURRENT == 2)); then\n"
                "        _describe -t commands command commands\n"
                "        compadd -- --help --version\n"
                "        return\n"
                "    fi\n"
                "    local command=$words[2]\n"
                "    shift words\n"
                "    ((CURRENT--))\n"
                "    case $command in\n",
                file);
    for (int c = 0; c < apd_command_count; c++) {
        (void)fprintf(file, "        %s)\n            _arguments \\\n", apd_commands[c]->name);
        for (const apd_cli_option *row = apd_commands[c]->options; row->name != NULL; row++)
            put_zsh_option(file, row);
        (void)fputs("                '--help[print the options]' \\\n                '*: :", file);
        if (has_choices(apd_commands[c])) {
            (void)fputc('(', file);
            put_choices(file, apd_commands[c]);
            (void)fputc(')', file);
        } else {
            (void)fputs("_files", file);
        }
        (void)fputs("' ;;\n", file);
    }
    (void)fputs("    esac\n"
                "}\n"
                "if [[ $funcstack[1] = _apd ]]; then\n"
                "    _apd \"$@\"\n"
                "else\n"
                "    compdef _apd apd\n"
                "fi\n",
                file);
}

/* --- fish ------------------------------------------------------------------------------------------------------------ */

#define FISH_QUOTE "\\'"

static void put_fish_keys(FILE *file) {
    (void)fputs("function __apd_keys\n    printf '%s\\t%s\\n'", file);
    for (int i = 0; i < apd_option_count; i++) {
        (void)fprintf(file, " \\\n        %s= '", apd_options[i].key);
        put_text(file, apd_options[i].help, "\\", FISH_QUOTE);
        (void)fputc('\'', file);
    }
    for (int i = 0; i < apd_option_count; i++)
        for (int v = 0; value_of(&apd_options[i], v) != NULL; v++)
            (void)fprintf(file, " \\\n        %s=%s ''", apd_options[i].key, value_of(&apd_options[i], v));
    (void)fputs("\nend\n", file);
}

static void put_fish_option(FILE *file, const apd_command *command, const apd_cli_option *row) {
    static const char *const actions[] = {[TAKES_NOTHING] = "",
                                          [TAKES_KEY] = " -x -a '(__apd_keys)'",
                                          [TAKES_FILE] = " -r -F",
                                          [TAKES_FOLDER] = " -x -a '(__fish_complete_directories)'",
                                          [TAKES_OTHER] = " -x"};
    (void)fprintf(file, "complete -c apd -n '__fish_seen_subcommand_from %s' -l %s%s -d '", command->name,
                  row->name, actions[takes(row)]);
    put_text(file, row->help, "\\", FISH_QUOTE);
    (void)fputs("'\n", file);
}

static void write_fish(FILE *file) {
    (void)fputs("# Completion of apd in fish: apd completion fish | source\n", file);
    put_fish_keys(file);
    (void)fputs("complete -c apd -l help -d 'print the options'\n"
                "complete -c apd -n __fish_use_subcommand -l version -d 'print the version'\n",
                file);
    for (int c = 0; c < apd_command_count; c++) {
        const apd_command *command = apd_commands[c];
        (void)fprintf(file, "complete -c apd -n __fish_use_subcommand -f -a %s -d '", command->name);
        put_text(file, command->summary, "\\", FISH_QUOTE);
        (void)fputs("'\n", file);
        for (const apd_cli_option *row = command->options; row->name != NULL; row++)
            put_fish_option(file, command, row);
        if (has_choices(command)) {
            (void)fprintf(file, "complete -c apd -n '__fish_seen_subcommand_from %s' -f -a '", command->name);
            put_choices(file, command);
            (void)fputs("'\n", file);
        }
    }
}

/* --- the command ------------------------------------------------------------------------------------------------------- */

static apd_status run(const void *options, int count, const char *const *arguments, apd_error *error) {
    static const struct {
        const char *shell;
        void (*write)(FILE *file);
    } rows[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};
    (void)options;
    (void)count;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].shell, arguments[0]) == 0) {
            rows[i].write(stdout);
            return APD_OK;
        }
    return apd_fail(error, APD_ERROR_USAGE, "there is no completion for \"%s\"; bash, zsh or fish is needed",
                    arguments[0]);
}

static const apd_cli_option no_options[] = {{0}};

const apd_command apd_command_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "the shell's completion of commands, options, keys and values",
    .details = "For this session:\n"
               "  source <(apd completion bash)      also for zsh, after its compinit\n"
               "  apd completion fish | source\n"
               "cmake --install puts all three where the shells look for them.",
    .options = no_options,
    .least = 1,
    .most = 1,
    .run = run,
};

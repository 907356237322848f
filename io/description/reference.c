/* The key reference, made from the tables of options and layers: for a terminal, and docs/run-descriptions.md. */
#include "base/memory.h"
#include "io/description/layers.h"
#include "io/description/options.h"

#include <string.h>

#define NEED_SIZE 160

static const char *default_of(const apd_option *option) {
    if (option->initial != NULL)
        return option->initial;
    return option->absent != NULL ? option->absent : "required";
}

/* --- for a terminal: a key and its values, then what it does ------------------------------------------ */

static void help_option(FILE *file, const char *key, const apd_option *option) {
    char need[NEED_SIZE];
    apd_value_need(option, need, sizeof need);
    (void)fprintf(file, "  %-26s %s; %s%s\n      %s\n", key, need,
                  option->initial != NULL || option->absent != NULL ? "default: " : "", default_of(option),
                  option->help);
}

void apd_description_help(FILE *file) {
    for (int s = 0; s < apd_section_count; s++) {
        (void)fprintf(file, "%s%s\n", s > 0 ? "\n" : "", apd_sections[s].title);
        for (int i = 0; i < apd_option_count; i++)
            if (apd_option_is_in(&apd_options[i], apd_sections[s].name))
                help_option(file, apd_options[i].key, &apd_options[i]);
    }
    (void)fprintf(file, "\nLayers of network.layers\n");
    for (int kind = 0; kind < apd_layer_row_count; kind++) {
        const apd_layer_row *row = &apd_layer_rows[kind];
        (void)fprintf(file, "  %s\n      %s\n", row->name, row->help);
        for (int f = 0; f < apd_layer_field_count(row); f++) {
            char key[64];
            (void)snprintf(key, sizeof key, "%s: %s", row->name, row->fields[f].key);
            help_option(file, key, &row->fields[f]);
        }
    }
    (void)fprintf(file, "\nMethods: what method.name may be, and which other keys of its section it reads\n");
    for (int m = 0; m < apd_method_count; m++)
        (void)fprintf(file, "  %s: %s\n      %s\n", apd_methods[m].name,
                      *apd_methods[m].keys != '\0' ? apd_methods[m].keys : "none", apd_methods[m].help);
}

/* --- as Markdown ---------------------------------------------------------------------------------------- */

/* Text in a table's cell: a bar would end it. */
static void write_cell(FILE *file, const char *text) {
    for (; *text != '\0'; text++)
        (void)fprintf(file, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void write_row(FILE *file, const apd_option *option) {
    char need[NEED_SIZE];
    apd_value_need(option, need, sizeof need);
    (void)fprintf(file, "| `%s` | ", option->key);
    write_cell(file, need);
    (void)fprintf(file, option->initial != NULL ? " | `%s` | " : " | %s | ", default_of(option));
    write_cell(file, option->help);
}

static void write_section(FILE *file, const apd_section *section) {
    (void)fprintf(file, "\n## %s\n\n", section->title);
    (void)fputs("| key | value | default | meaning | results |\n| --- | --- | --- | --- | --- |\n", file);
    for (int i = 0; i < apd_option_count; i++) {
        if (!apd_option_is_in(&apd_options[i], section->name))
            continue;
        write_row(file, &apd_options[i]);
        (void)fprintf(file, " | %s |\n", apd_options[i].counts ? "yes" : "");
    }
}

static void write_layers(FILE *file) {
    (void)fputs("\n## Layers\n\n"
                "`network.layers` is a list. A layer without required keys may be a bare name:\n\n"
                "```yaml\n"
                "network:\n"
                "    layers:\n"
                "        - conv: {units: 20, kernel: [5, 3]}\n"
                "        - relu\n"
                "        - max_pool: {kernel: 2}\n"
                "        - dense: {units: 800}\n"
                "        - relu\n"
                "```\n\n"
                "The last layer, with an output for each class of a task, follows by itself.\n",
                file);
    for (int kind = 0; kind < apd_layer_row_count; kind++) {
        const apd_layer_row *row = &apd_layer_rows[kind];
        (void)fprintf(file, "\n### %s\n\n%s\n", row->name, row->help);
        if (apd_layer_field_count(row) > 0)
            (void)fputs("\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n", file);
        for (int f = 0; f < apd_layer_field_count(row); f++) {
            write_row(file, &row->fields[f]);
            (void)fputs(" |\n", file);
        }
    }
}

/* "`method.a`, `method.b`" */
static void write_keys(FILE *file, const char *keys) {
    for (bool first = true; *keys != '\0'; first = false) {
        size_t length = strcspn(keys, " ");
        (void)fprintf(file, "%s`method.%.*s`", first ? "" : ", ", (int)length, keys);
        keys += length + strspn(keys + length, " ");
    }
}

static void write_methods(FILE *file) {
    (void)fputs(
        "\n## Methods\n\nWhat `method.name` may be, and which other keys of its section each one reads.\n\n"
        "| method.name | meaning | keys | source |\n| --- | --- | --- | --- |\n",
        file);
    for (int m = 0; m < apd_method_count; m++) {
        (void)fprintf(file, "| `%s` | ", apd_methods[m].name);
        write_cell(file, apd_methods[m].help);
        (void)fputs(" | ", file);
        write_keys(file, apd_methods[m].keys);
        (void)fprintf(file, " | %s |\n", apd_methods[m].paper);
    }
}

/* Each preset with the other keys at their defaults, as the program resolves it. */
static void write_presets(FILE *file) {
    const apd_option *presets = &apd_options[apd_option_find("network.preset")];
    (void)fputs("\n## Presets\n\nThe layers that a preset stands for, with `network.widths` and "
                "`network.lrn` at their "
                "defaults.\n\n| preset | network.layers |\n| --- | --- |\n",
                file);
    for (int i = 0; strcmp(presets->names[i], "custom") != 0; i++) {
        char setting[64];
        const char *const settings[] = {setting};
        const char text[] = "data: {file: x}\nstream: {classes_per_task: 1}\n";
        apd_description *made;
        apd_error error = {0};
        (void)snprintf(setting, sizeof setting, "network.preset=%s", presets->names[i]);
        if (apd_description_parse("x.yaml", text, sizeof text - 1, settings, 1, &made, &error) != APD_OK)
            apd_fatal(APD_ERROR_INTERNAL, "the table of options: %s", error.message);
        (void)fprintf(file, "| `%s` | `", presets->names[i]);
        apd_layers_write(file, NULL, made);
        (void)fputs("` |\n", file);
        apd_description_destroy(made);
    }
}

/* clang-format off */
static const char introduction[] =
    "# Run descriptions\n"
    "\n"
    "<!-- Written by `apd train --help-keys --markdown`: change the tables in io/description/, not this page. -->\n"
    "\n"
    "A run description is a YAML file. This one has all that must be given; every other key has a default:\n"
    "\n"
    "```yaml\n"
    "data:\n"
    "    file: cifar100.h5\n"
    "stream:\n"
    "    classes_per_task: 10\n"
    "```\n"
    "\n"
    "`apd train RUN.yaml --set KEY=VALUE` overrides a key: `--set method.lambda1=2e-3`. On the command line and in\n"
    "messages, a key is written with its section and a dot; in the file, as nested maps. `apd train` writes the resolved\n"
    "description, with the source of every value, to `run.yaml` in the run's folder.\n"
    "\n"
    "A run goes on from its last commit only if all values that its results depend on (*yes* in the last column) are as\n"
    "they were; of these, `training.epochs` may change for the tasks to come, and `stream.tasks` and `stream.added` may grow. YAML's\n"
    "aliases, tags and further documents are refused, and so are unknown keys and keys given twice.\n";
/* clang-format on */

void apd_description_reference(FILE *file) {
    (void)fputs(introduction, file);
    for (int s = 0; s < apd_section_count; s++)
        write_section(file, &apd_sections[s]);
    write_methods(file);
    write_layers(file);
    write_presets(file);
}

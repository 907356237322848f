/* apd schema: run descriptions and studies as JSON Schema (draft-07), by which editors check and complete them. */
#include "io/description/description.h"
#include "io/description/options.h"
#include "study/command.h"
#include "study/study.h"

#include <string.h>

static const char *const timing_keys[] = {"ranks", "repeat"};
enum { TIMING_KEYS = sizeof timing_keys / sizeof timing_keys[0] };

/* A study names its runs' folders. */
static bool may_vary(const apd_option *option) {
    return strcmp(option->key, "name") != 0 && strcmp(option->key, "output") != 0;
}

static void begin(apd_json *json, const char *key, const char *type, const char *what) {
    apd_json_begin_object(json, key);
    if (what != NULL)
        apd_json_text(json, "description", what);
    apd_json_text(json, "type", type);
}

static void put_text(apd_json *json, const char *key, const char *what) {
    begin(json, key, "string", what);
    apd_json_integer(json, "minLength", 1);
    apd_json_end(json);
}

static void put_reference(apd_json *json, const char *key, const char *what, const char *name) {
    char to[200];
    (void)snprintf(to, sizeof to, "#/definitions/%s", name);
    apd_json_begin_object(json, key);
    if (what != NULL) {
        apd_json_text(json, "description", what);
        apd_json_begin_array(json, "allOf");
        apd_json_begin_object(json, NULL);
    }
    apd_json_text(json, "$ref", to);
    if (what != NULL) {
        apd_json_end(json);
        apd_json_end(json);
    }
    apd_json_end(json);
}

/* An object with the keys that may vary. */
static void begin_keys(apd_json *json, const char *name) {
    begin(json, name, "object", NULL);
    apd_json_integer(json, "minProperties", 1);
    apd_json_flag(json, "additionalProperties", false);
    apd_json_begin_object(json, "properties");
}

static void end_twice(apd_json *json) {
    apd_json_end(json);
    apd_json_end(json);
}

/* A list of the values that definitions/choice allows the key. */
static void put_axis(apd_json *json, const char *key) {
    char to[120];
    (void)snprintf(to, sizeof to, "choice/properties/%s", key);
    begin(json, key, "array", NULL);
    apd_json_integer(json, "minItems", 1);
    put_reference(json, "items", NULL, to);
    apd_json_end(json);
}

/* choice: a value for each of some keys; axes: a list of values for each. */
static void put_definitions(apd_json *json) {
    apd_json_begin_object(json, "definitions");
    begin_keys(json, "choice");
    for (int i = 0; i < apd_option_count; i++)
        if (may_vary(&apd_options[i]))
            apd_option_schema(json, apd_options[i].key, &apd_options[i]);
    for (int k = 0; k < TIMING_KEYS; k++) {
        begin(json, timing_keys[k], "integer", NULL);
        apd_json_integer(json, "minimum", 1);
        apd_json_integer(json, "maximum", 65536);
        apd_json_end(json);
    }
    end_twice(json);
    begin_keys(json, "axes");
    for (int i = 0; i < apd_option_count; i++)
        if (may_vary(&apd_options[i]))
            put_axis(json, apd_options[i].key);
    for (int k = 0; k < TIMING_KEYS; k++)
        put_axis(json, timing_keys[k]);
    end_twice(json);
    apd_json_end(json);
}

static void put_base(apd_json *json) {
    apd_json_begin_object(json, "base");
    apd_json_text(json, "description",
                  "A run description's file, beside this one, or a description in place.");
    apd_json_begin_array(json, "anyOf");
    put_text(json, NULL, NULL);
    apd_json_begin_object(json, NULL);
    apd_description_schema_fields(json, false);
    end_twice(json);
    apd_json_end(json);
}

static void put_entries(apd_json *json, const char *key, const char *what) {
    begin(json, key, "array", what);
    put_reference(json, "items", NULL, "choice");
    apd_json_end(json);
}

static void put_keep(apd_json *json) {
    apd_json_begin_object(json, "keep");
    apd_json_text(json, "description", "Commits of a finished run that stay.");
    apd_json_begin_array(json, "enum");
    apd_json_text(json, NULL, "all");
    apd_json_text(json, NULL, "last");
    apd_json_text(json, NULL, "results");
    end_twice(json);
}

/* The keys that file.c reads. */
static void write_study(FILE *file) {
    apd_json json = {.file = file, .digits = 17};
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "$schema", APD_JSON_SCHEMA);
    apd_json_text(&json, "title", "Study of apd " APD_VERSION);
    put_definitions(&json);
    apd_json_text(&json, "type", "object");
    apd_json_begin_array(&json, "required");
    apd_json_text(&json, NULL, "base");
    apd_json_end(&json);
    apd_json_flag(&json, "additionalProperties", false);
    apd_json_begin_object(&json, "properties");
    put_text(&json, "name", "Name of the study; default: the file's name without .yaml.");
    put_text(&json, "output", "Folder of the study; default: studies/NAME.");
    put_base(&json);
    put_reference(&json, "matrix", "Every combination of these values.", "axes");
    put_reference(&json, "zip", "Lists of one length: their first values together, their second ones, ...",
                  "axes");
    put_entries(&json, "exclude", "Combinations with all values of an entry are left out.");
    put_entries(
        &json, "include",
        "An entry is added to every combination of which it changes no value, or is a run of its own.");
    put_reference(&json, "shards", "Shards of all runs.", "choice/properties/shards");
    put_keep(&json);
    put_text(&json, "launcher", "Start each run by this command instead of a group of ranks.");
    end_twice(&json);
}

static apd_status run(const void *options, int count, const char *const *arguments, apd_error *error) {
    const char *what = count > 0 ? arguments[0] : "run";
    (void)options;
    if (strcmp(what, "run") == 0)
        apd_description_schema(stdout);
    else if (strcmp(what, "study") == 0)
        write_study(stdout);
    else
        return apd_fail(error, APD_ERROR_USAGE, "\"%s\" has no schema; run or study is needed", what);
    return APD_OK;
}

static const apd_cli_option no_options[] = {{0}};

const apd_command apd_command_schema = {
    .name = "schema",
    .arguments = "[run|study]",
    .summary = "the JSON Schema of run descriptions or studies, for editors",
    .details =
        "Prints a schema (draft-07) by which editors check a file while it is written, complete its keys "
        "and\n"
        "values and explain them. The first line of the file names it to the YAML language server (VS Code,\n"
        "Neovim, Emacs, Kate):\n"
        "  # yaml-language-server: $schema=run.schema.json\n"
        "A file that the schema accepts may still be refused for what spans several keys.",
    .options = no_options,
    .most = 1,
    .run = run,
};

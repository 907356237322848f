/* Reading a run description: defaults, then the file, then --set, then what follows from them. */
#include "base/memory.h"
#include "base/text.h"
#include "io/description/description.h"
#include "io/description/options.h"
#include "io/description/parts.h"
#include "io/description/resolve.h"
#include "io/system/file.h"

#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 160

static apd_status unknown_key(const apd_place *place, int line, const char *key) {
    const char *nearest = apd_option_nearest(key);
    if (nearest == NULL)
        return apd_place_fail(place, line, "%.120s is not a key", key);
    return apd_place_fail(place, line, "%.120s is not a key (did you mean %s?)", key, nearest);
}

/* A key that is none: OK for a retired one whose value may stand. */
static apd_status refuse_key(const apd_place *place, int line, const char *key, const char *value) {
    const char *advice = NULL;
    if (!apd_option_retired(key, value, &advice))
        return unknown_key(place, line, key);
    return advice == NULL ? APD_OK : apd_place_fail(place, line, "%s is no longer a key: %s", key, advice);
}

apd_status apd_description_value(const apd_place *place, const char *key, const apd_yaml_node *node, int line,
                                 int *option, char **value) {
    apd_description *scratch = apd_allocate(1, sizeof *scratch, "a value");
    *option = apd_option_find(key);
    apd_status status = APD_OK;
    if (*option < 0 && apd_option_is_section(key))
        status = apd_place_fail(place, line, "%s is a section; one of its keys is needed, such as %s.KEY",
                                key, key);
    else if (*option < 0)
        status = unknown_key(place, line, key);
    else
        status = apd_value_read(place, key, &apd_options[*option], node, scratch);
    if (status == APD_OK) {
        apd_text text;
        apd_text_begin(&text, "a value");
        apd_value_write(text.file, &apd_options[*option], scratch);
        *value = apd_text_end(&text);
        apd_value_clear(&apd_options[*option], scratch);
    }
    free(scratch);
    return status;
}

/* Read the keys of a map; `section` is "" at the top level. */
static apd_status read_map(const apd_place *place, const char *section, const apd_yaml_node *map,
                           apd_description *description) {
    for (int k = 0; k < map->count; k++) {
        const apd_yaml_node *name = &map->items[2 * k];
        const apd_yaml_node *value = name + 1;
        char key[KEY_SIZE];
        (void)snprintf(key, sizeof key, "%s%s%s", section, *section != '\0' ? "." : "", name->text);
        int option = apd_option_find(key);
        if (option < 0 && !apd_option_is_section(key)) {
            APD_TRY(refuse_key(place, name->line, key, value->kind == APD_YAML_TEXT ? value->text : ""));
            continue;
        }
        if (option < 0) {
            if (value->kind != APD_YAML_MAP)
                return apd_value_refuse(place, key, value, "a map of keys");
            APD_TRY(read_map(place, key, value, description));
            continue;
        }
        if (description->sources[option].origin == APD_ORIGIN_FILE)
            return apd_place_fail(place, name->line, "%s is given twice (first in line %d)", key,
                                  description->sources[option].place);
        APD_TRY(apd_value_read(place, key, &apd_options[option], value, description));
        description->sources[option] = (apd_value_source){APD_ORIGIN_FILE, value->line, NULL};
    }
    return APD_OK;
}

static apd_status read_document(const apd_reading *reading, const apd_yaml_node *root) {
    apd_place place = {reading->file, NULL, reading->error};
    if (apd_yaml_is_empty(root))
        return apd_place_fail(&place, 0,
                              "nothing in it; a run description with at least data.file is needed");
    if (root->kind != APD_YAML_MAP)
        return apd_place_fail(&place, root->line, "a %s; a map of keys such as \"seed: 0\" is needed",
                              root->kind == APD_YAML_LIST ? "list" : "text");
    return read_map(&place, "", root, reading->description);
}

static apd_status read_setting(const apd_reading *reading, int index) {
    const char *setting = reading->settings[index];
    apd_place place = {reading->file, setting, reading->error};
    const char *equals = strchr(setting, '=');
    char key[KEY_SIZE];
    if (equals == NULL || equals == setting)
        return apd_place_fail(&place, 0, "KEY=VALUE is needed, such as method.lambda1=2e-3");
    (void)snprintf(key, sizeof key, "%.*s", (int)(equals - setting < KEY_SIZE ? equals - setting : KEY_SIZE),
                   setting);
    int option = apd_option_find(key);
    if (option < 0 && apd_option_is_section(key))
        return apd_place_fail(&place, 0, "%s is a section; one of its keys is needed", key);
    if (option < 0)
        return refuse_key(&place, 0, key, equals + 1);
    APD_TRY(apd_value_read_text(&place, key, &apd_options[option], equals + 1, reading->description));
    reading->description->sources[option] = (apd_value_source){APD_ORIGIN_FLAG, index, NULL};
    return APD_OK;
}

/* `resolved`: for a run.yaml, in which a key is absent only if its version had none. */
static void set_default(const apd_option *option, bool resolved, apd_description *description) {
    apd_error error = {0};
    apd_place place = {"the default", NULL, &error};
    const char *initial = resolved && option->once != NULL ? option->once : option->initial;
    if (initial != NULL && apd_value_read_text(&place, option->key, option, initial, description) != APD_OK)
        apd_fatal(APD_ERROR_INTERNAL, "the table of options: %s", error.message);
}

static bool is_text(const apd_yaml_node *node, const char *text) {
    return node != NULL && node->kind == APD_YAML_TEXT && strcmp(node->text, text) == 0;
}

static void put_text(apd_yaml_node *node, const char *text) {
    free(node->text);
    node->text = apd_duplicate_text(text);
}

/* In a run.yaml of older versions method.solver told apd-joint from apd. */
static void rename_method(const apd_yaml_node *root) {
    const apd_yaml_node *method = apd_yaml_value(root, "method");
    apd_yaml_node *name = apd_yaml_value(method, "name"), *solver = apd_yaml_value(method, "solver");
    if (!is_text(solver, "joint"))
        return;
    if (is_text(name, "apd"))
        put_text(name, "apd-joint");
    put_text(solver, "exact");
}

static apd_status build(const char *name, const apd_yaml_node *root, bool resolved,
                        const char *const *settings, int count, apd_description **out, apd_error *error) {
    apd_description *description = apd_allocate(1, sizeof *description, "the run description");
    apd_reading reading = {name, settings, description, error};
    apd_status status = APD_OK;
    description->sources =
        apd_allocate(apd_option_count, sizeof *description->sources, "the run description's sources");
    for (int i = 0; i < apd_option_count; i++)
        set_default(&apd_options[i], resolved, description);
    APD_GO(read_document(&reading, root));
    for (int i = 0; i < count; i++)
        APD_GO(read_setting(&reading, i));
    APD_GO(apd_description_resolve(&reading));
    *out = description;
    return APD_OK;
out:
    apd_description_destroy(description);
    return status;
}

apd_status apd_description_build(const char *name, const apd_yaml_node *root, const char *const *settings,
                                 int count, apd_description **out, apd_error *error) {
    return build(name, root, false, settings, count, out, error);
}

apd_status apd_description_parse(const char *name, const char *text, int64_t bytes,
                                 const char *const *settings, int count, apd_description **out,
                                 apd_error *error) {
    apd_place place = {name, NULL, error};
    apd_yaml_node root = {0};
    APD_TRY(apd_yaml_parse(&place, text, bytes, &root));
    const bool resolved = bytes >= (int64_t)strlen(APD_RESOLVED_HEAD) &&
                          strncmp(text, APD_RESOLVED_HEAD, strlen(APD_RESOLVED_HEAD)) == 0;
    if (resolved)
        rename_method(&root);
    apd_status status = build(name, &root, resolved, settings, count, out, error);
    apd_yaml_clear(&root);
    return status;
}

apd_status apd_description_read(const char *path, const char *const *settings, int count,
                                apd_description **out, apd_error *error) {
    char *text = NULL;
    int64_t bytes = 0;
    apd_error unread = {0};
    apd_status status = apd_read_file(path, APD_YAML_BYTES, &text, &bytes, &unread);
    if (status != APD_OK)
        return apd_fail(error, status == APD_ERROR_DATA ? APD_ERROR_USAGE : status, "%s", unread.message);
    status = apd_description_parse(path, text, bytes, settings, count, out, error);
    free(text);
    return status;
}

void apd_description_destroy(apd_description *description) {
    if (description == NULL)
        return;
    for (int i = 0; i < apd_option_count; i++)
        apd_value_clear(&apd_options[i], description);
    free(description->sources);
    free(description);
}

void apd_description_set_shards(apd_description *description, int shards) {
    int option = apd_option_find("shards");
    description->shards = shards;
    description->sources[option] = (apd_value_source){.note = "auto: the ranks of the first launch"};
}

#include "io/description/description.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/description/options.h"
#include "io/description/resolve.h"
#include "io/system/runlog.h"

#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 160

/* --- reading
 * ------------------------------------------------------------------------------------------------ */

static apd_status unknown_key(const apd_place *place, int line, const char *key) {
    const char *nearest = apd_option_nearest(key);
    if (nearest == NULL)
        return apd_place_fail(place, line, "%.120s is not a key", key);
    return apd_place_fail(place, line, "%.120s is not a key (did you mean %s?)", key, nearest);
}

static apd_status set_option(const apd_place *place, int option, const apd_yaml_node *node,
                             apd_value_source source, apd_description *description) {
    APD_TRY(apd_value_read(place, apd_options[option].key, &apd_options[option], node, description));
    description->sources[option] = source;
    return APD_OK;
}

/* The keys of a map; `section` is "" at the top. */
static apd_status read_map(const apd_place *place, const char *section, const apd_yaml_node *map,
                           apd_description *description) {
    for (int k = 0; k < map->count; k++) {
        const apd_yaml_node *name = &map->items[2 * k];
        const apd_yaml_node *value = name + 1;
        char key[KEY_SIZE];
        (void)snprintf(key, sizeof key, "%s%s%s", section, *section != '\0' ? "." : "", name->text);
        int option = apd_option_find(key);
        if (option < 0 && !apd_option_is_section(key))
            return unknown_key(place, name->line, key);
        if (option < 0) {
            if (value->kind != APD_YAML_MAP)
                return apd_value_refuse(place, key, value, "a map of keys");
            APD_TRY(read_map(place, key, value, description));
            continue;
        }
        if (description->sources[option].origin == APD_ORIGIN_FILE)
            return apd_place_fail(place, name->line, "%s is given twice (first in line %d)", key,
                                  description->sources[option].place);
        apd_value_source source = {APD_ORIGIN_FILE, value->line, NULL};
        APD_TRY(set_option(place, option, value, source, description));
    }
    return APD_OK;
}

static apd_status read_document(const apd_reading *reading, const char *text, int64_t bytes) {
    apd_place place = {reading->file, NULL, reading->error};
    apd_yaml_node root = {0};
    apd_status status = APD_OK;
    APD_TRY(apd_yaml_parse(&place, text, bytes, &root));
    if (apd_yaml_is_empty(&root))
        status =
            apd_place_fail(&place, 0, "nothing in it; a run description with at least data.file is needed");
    else if (root.kind != APD_YAML_MAP)
        status = apd_place_fail(&place, root.line, "a %s; a map of keys such as \"seed: 0\" is needed",
                                root.kind == APD_YAML_LIST ? "list" : "text");
    else
        status = read_map(&place, "", &root, reading->description);
    apd_yaml_clear(&root);
    return status;
}

static apd_status read_setting(const apd_reading *reading, int index) {
    const char *setting = reading->settings[index];
    apd_place place = {reading->file, setting, reading->error};
    const char *equals = strchr(setting, '=');
    apd_yaml_node node = {0};
    char key[KEY_SIZE];
    if (equals == NULL || equals == setting)
        return apd_place_fail(&place, 0, "KEY=VALUE is needed, such as method.lambda1=2e-3");
    (void)snprintf(key, sizeof key, "%.*s", (int)(equals - setting < KEY_SIZE ? equals - setting : KEY_SIZE),
                   setting);
    int option = apd_option_find(key);
    if (option < 0 && apd_option_is_section(key))
        return apd_place_fail(&place, 0, "%s is a section; one of its keys is needed", key);
    if (option < 0)
        return unknown_key(&place, 0, key);
    APD_TRY(apd_yaml_parse(&place, equals + 1, (int64_t)strlen(equals + 1), &node));
    apd_value_source source = {APD_ORIGIN_FLAG, index, NULL};
    apd_status status = set_option(&place, option, &node, source, reading->description);
    apd_yaml_clear(&node);
    return status;
}

static void set_default(int option, apd_description *description) {
    apd_error error = {0};
    apd_place place = {"the default", NULL, &error};
    apd_yaml_node node = {0};
    apd_value_source source = {APD_ORIGIN_DEFAULT, 0, NULL};
    const char *initial = apd_options[option].initial;
    if (initial == NULL)
        return;
    apd_status status = apd_yaml_parse(&place, initial, (int64_t)strlen(initial), &node);
    if (status == APD_OK)
        status = set_option(&place, option, &node, source, description);
    if (status != APD_OK)
        apd_fatal(APD_ERROR_INTERNAL, "the table of options: %s", error.message);
    apd_yaml_clear(&node);
}

apd_status apd_description_parse(const char *name, const char *text, int64_t bytes,
                                 const char *const *settings, int count, apd_description **out,
                                 apd_error *error) {
    apd_description *description = apd_allocate(1, sizeof *description, "the run description");
    apd_reading reading = {name, settings, description, error};
    apd_status status = APD_OK;
    description->sources =
        apd_allocate(apd_option_count, sizeof *description->sources, "the run description's sources");
    for (int i = 0; i < apd_option_count; i++)
        set_default(i, description);
    APD_GO(read_document(&reading, text, bytes));
    for (int i = 0; i < count; i++)
        APD_GO(read_setting(&reading, i));
    APD_GO(apd_description_resolve(&reading));
    *out = description;
    return APD_OK;
out:
    apd_description_destroy(description);
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

/* --- writing
 * ------------------------------------------------------------------------------------------------ */

/* A stream into memory; out of memory is fatal here and in end_text. */
static FILE *begin_text(char **text, size_t *size) {
    FILE *stream = open_memstream(text, size);
    if (stream == NULL)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory writing the run description");
    return stream;
}

static void end_text(FILE *stream) {
    bool failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory writing the run description");
}

static void write_source(FILE *file, const apd_value_source *source) {
    if (source->note != NULL)
        (void)fprintf(file, "  # %s\n", source->note);
    else if (source->origin == APD_ORIGIN_FILE)
        (void)fprintf(file, "  # file line %d\n", source->place);
    else
        (void)fprintf(file, "  # %s\n", source->origin == APD_ORIGIN_FLAG ? "flag" : "default");
}

/* A preset's layers follow from its name: they are shown, not set, or the text would not read back. */
static void write_layers(FILE *file, const apd_description *description, int option) {
    if (strcmp(description->network.preset, "custom") != 0)
        (void)fputs("[]", file);
    else
        apd_value_write(file, &apd_options[option], description);
    write_source(file, &description->sources[option]);
    if (strcmp(description->network.preset, "custom") == 0)
        return;
    (void)fputs("    # by preset: ", file);
    apd_value_write(file, &apd_options[option], description);
    (void)fputc('\n', file);
}

static void write_option(FILE *file, const apd_description *description, int option, size_t *section) {
    const char *key = apd_options[option].key;
    const char *dot = strchr(key, '.');
    size_t length = dot != NULL ? (size_t)(dot - key) : 0;
    bool opens = length != *section || (length > 0 && strncmp(key, apd_options[option - 1].key, length) != 0);
    if (opens && dot != NULL)
        (void)fprintf(file, "%.*s:\n", (int)length, key);
    *section = length;
    (void)fprintf(file, "%s%s: ", dot != NULL ? "    " : "", dot != NULL ? dot + 1 : key);
    if (apd_options[option].kind == APD_KIND_LAYERS) {
        write_layers(file, description, option);
        return;
    }
    apd_value_write(file, &apd_options[option], description);
    write_source(file, &description->sources[option]);
}

char *apd_description_write(const apd_description *description) {
    char *text = NULL;
    size_t size = 0;
    size_t section = 0;
    FILE *file = begin_text(&text, &size);
    (void)fputs("# The run as resolved: every value and where it came from.\n", file);
    for (int i = 0; i < apd_option_count; i++)
        write_option(file, description, i, &section);
    end_text(file);
    return text;
}

uint64_t apd_description_digest(const apd_description *description) {
    uint64_t digest = 0;
    for (int i = 0; i < apd_option_count; i++) {
        char *text = NULL;
        size_t size = 0;
        if (!apd_options[i].counts)
            continue;
        FILE *file = begin_text(&text, &size);
        (void)fprintf(file, "%s: ", apd_options[i].key);
        apd_value_write(file, &apd_options[i], description);
        end_text(file);
        digest = apd_digest_join(digest, apd_digest(text, size));
        free(text);
    }
    return digest;
}

void apd_description_set_shards(apd_description *description, int shards) {
    int option = apd_option_find("shards");
    description->shards = shards;
    description->sources[option] = (apd_value_source){.note = "auto: the ranks of the first launch"};
}

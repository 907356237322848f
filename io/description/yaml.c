#include "io/description/yaml.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

apd_status apd_place_fail(const apd_place *place, int line, const char *format, ...) {
    char text[700];
    char where[200];
    const char *source = place->setting != NULL ? place->setting : place->file;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    apd_utf8_excerpt(source, strlen(source), where, sizeof where);
    if (place->setting != NULL)
        return apd_fail(place->error, APD_ERROR_USAGE, "--set %s: %s", where, text);
    if (line > 0)
        return apd_fail(place->error, APD_ERROR_USAGE, "%s:%d: %s", where, line, text);
    return apd_fail(place->error, APD_ERROR_USAGE, "%s: %s", where, text);
}

/* Builds nodes from events. libyaml's document loader is not used: it reads a text to its end before anything can be refused, in
 * time that grows with the square of the depth. */
typedef struct reader {
    const apd_place *place;
    const char *text;
    int64_t bytes;
    yaml_parser_t parser;
} reader;

static apd_status build(reader *in, const yaml_event_t *event, int depth, apd_yaml_node *out);

static int line_of(const yaml_event_t *event) {
    return (int)event->start_mark.line + 1;
}

static int line_of_offset(const reader *in, size_t offset) {
    int line = 1;
    for (size_t i = 0; i < offset && i < (size_t)in->bytes; i++)
        line += in->text[i] == '\n';
    return line;
}

static apd_status syntax_error(const reader *in) {
    const yaml_parser_t *parser = &in->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory reading YAML of %lld bytes", (long long)in->bytes);
    int line = parser->error == YAML_READER_ERROR ? line_of_offset(in, parser->problem_offset)
                                                  : (int)parser->problem_mark.line + 1;
    return apd_place_fail(in->place, line, "not YAML: %s%s%s",
                          parser->problem != NULL ? parser->problem : "unreadable",
                          parser->context != NULL ? " " : "", parser->context != NULL ? parser->context : "");
}

/* The next event, to be deleted. */
static apd_status next_event(reader *in, yaml_event_t *event) {
    return yaml_parser_parse(&in->parser, event) ? APD_OK : syntax_error(in);
}

static const yaml_char_t *tag_of(const yaml_event_t *event) {
    if (event->type == YAML_SCALAR_EVENT)
        return event->data.scalar.tag;
    return event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.tag
                                                    : event->data.mapping_start.tag;
}

static apd_status build_text(const reader *in, const yaml_event_t *event, apd_yaml_node *out) {
    const char *text = (const char *)event->data.scalar.value;
    if (!apd_utf8_printable(text, event->data.scalar.length))
        return apd_place_fail(in->place, out->line,
                              "a text with a control character or a line break; one line of "
                              "printable characters is needed");
    out->kind = APD_YAML_TEXT;
    out->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    out->text = apd_duplicate_text(text);
    return APD_OK;
}

/* Make room for node number `nodes` of `list`. Doubling keeps long lists linear in time. */
static apd_yaml_node *next_room(apd_yaml_node *list, int nodes) {
    bool is_full = nodes == 0 || (nodes >= 4 && (nodes & (nodes - 1)) == 0);
    if (is_full)
        list->items = apd_reallocate(list->items, nodes, nodes == 0 ? 4 : 2 * (int64_t)nodes,
                                     sizeof *list->items, "a YAML list");
    return &list->items[nodes];
}

static apd_status check_key(const reader *in, const apd_yaml_node *map, const apd_yaml_node *key) {
    if (key->kind != APD_YAML_TEXT)
        return apd_place_fail(in->place, key->line, "a key is a %s; a name is needed",
                              key->kind == APD_YAML_LIST ? "list" : "map");
    if (map->count == APD_YAML_KEYS)
        return apd_place_fail(in->place, key->line, "a map of more than %d keys", APD_YAML_KEYS);
    for (int k = 0; k < map->count; k++)
        if (strcmp(map->items[2 * k].text, key->text) == 0)
            return apd_place_fail(in->place, key->line, "%.100s is given twice (first in line %d)", key->text,
                                  map->items[2 * k].line);
    return APD_OK;
}

/* Build node number `nodes` of a list or map, or set `*at_end` if there is none. On failure the node is clear. */
static apd_status build_next(reader *in, int nodes, int depth, apd_yaml_node *out, bool *at_end) {
    yaml_event_t event;
    APD_TRY(next_event(in, &event));
    *at_end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
    apd_status status = APD_OK;
    if (!*at_end) {
        apd_yaml_node *node = next_room(out, nodes);
        status = build(in, &event, depth + 1, node);
        if (status == APD_OK && out->kind == APD_YAML_MAP && nodes % 2 == 0)
            status = check_key(in, out, node);
        if (status != APD_OK)
            apd_yaml_clear(node);
    }
    yaml_event_delete(&event);
    return status;
}

static apd_status build_nodes(reader *in, int depth, apd_yaml_node *out) {
    bool is_map = out->kind == APD_YAML_MAP;
    bool at_end = false;
    for (int nodes = 0;; nodes++) {
        apd_status status = build_next(in, nodes, depth, out, &at_end);
        bool has_lone_key = is_map && nodes % 2 == 1; /* not covered by `count` yet */
        if (status != APD_OK && has_lone_key)
            apd_yaml_clear(&out->items[nodes - 1]);
        if (status != APD_OK || at_end)
            return status;
        out->count += !is_map || has_lone_key;
    }
}

/* On failure `out` is left clear. */
static apd_status build(reader *in, const yaml_event_t *event, int depth, apd_yaml_node *out) {
    apd_status status = APD_OK;
    *out = (apd_yaml_node){.line = line_of(event)};
    if (event->type == YAML_ALIAS_EVENT)
        return apd_place_fail(in->place, out->line, "the alias *%.60s; the value itself is needed",
                              (const char *)event->data.alias.anchor);
    if (depth > APD_YAML_DEPTH)
        return apd_place_fail(in->place, out->line, "lists and maps more than %d deep", APD_YAML_DEPTH);
    if (tag_of(event) != NULL)
        return apd_place_fail(in->place, out->line, "the tag %.60s; values without tags are needed",
                              (const char *)tag_of(event));
    if (event->type == YAML_SCALAR_EVENT) {
        status = build_text(in, event, out);
    } else {
        bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
        out->kind = is_list ? APD_YAML_LIST : APD_YAML_MAP;
        status = build_nodes(in, depth, out);
    }
    if (status != APD_OK)
        apd_yaml_clear(out);
    return status;
}

/* Skip the frames of stream and document; the first value becomes the root, a second document is refused. */
static apd_status build_root(reader *in, apd_yaml_node *root) {
    bool has_root = false;
    for (;;) {
        yaml_event_t event;
        apd_status status = APD_OK;
        APD_TRY(next_event(in, &event));
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && has_root)
            status =
                apd_place_fail(in->place, line_of(&event), "a second document; a file holds one description");
        bool is_frame = type == YAML_STREAM_START_EVENT || type == YAML_STREAM_END_EVENT ||
                        type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT;
        if (status == APD_OK && !is_frame) {
            status = build(in, &event, 0, root);
            has_root = true;
        }
        yaml_event_delete(&event);
        if (status != APD_OK)
            return status;
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
    if (!has_root) {
        *root = (apd_yaml_node){.kind = APD_YAML_TEXT, .line = 1, .plain = true};
        root->text = apd_duplicate_text("");
    }
    return APD_OK;
}

/* libyaml compares each %TAG directive with all before it: a megabyte of them takes it a minute. */
static apd_status check_directives(const reader *in) {
    static const char directive[4] = {'%', 'T', 'A', 'G'};
    const char *end = in->text + in->bytes;
    int found = 0;
    for (const char *at = in->text;
         (at = memmem(at, (size_t)(end - at), directive, sizeof directive)) != NULL; at++)
        if (++found > APD_YAML_TAGS)
            return apd_place_fail(in->place, line_of_offset(in, (size_t)(at - in->text)),
                                  "more than %d %%TAG; values without tags are needed", APD_YAML_TAGS);
    return APD_OK;
}

apd_status apd_yaml_parse(const apd_place *place, const char *text, int64_t bytes, apd_yaml_node *root) {
    reader in = {.place = place, .text = text, .bytes = bytes};
    apd_yaml_node made = {0};
    if (bytes > APD_YAML_BYTES)
        return apd_place_fail(place, 0, "longer than %d bytes: not a run description", APD_YAML_BYTES);
    APD_TRY(check_directives(&in));
    if (!yaml_parser_initialize(&in.parser))
        apd_fatal(APD_ERROR_INTERNAL, "out of memory starting libyaml");
    yaml_parser_set_encoding(&in.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)text, (size_t)bytes);
    apd_status status = build_root(&in, &made);
    yaml_parser_delete(&in.parser);
    if (status == APD_OK)
        *root = made;
    else
        apd_yaml_clear(&made);
    return status;
}

void apd_yaml_clear(apd_yaml_node *root) {
    int nodes = root->kind == APD_YAML_MAP ? 2 * root->count : root->count;
    for (int i = 0; i < nodes; i++)
        apd_yaml_clear(&root->items[i]);
    free(root->items);
    free(root->text);
    *root = (apd_yaml_node){0};
}

apd_yaml_node *apd_yaml_value(const apd_yaml_node *map, const char *key) {
    for (int k = 0; map != NULL && map->kind == APD_YAML_MAP && k < map->count; k++)
        if (strcmp(map->items[2 * k].text, key) == 0)
            return &map->items[2 * k + 1];
    return NULL;
}

bool apd_yaml_is_empty(const apd_yaml_node *node) {
    if (node->kind != APD_YAML_TEXT || !node->plain)
        return false;
    return node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0;
}

#include "io/yaml.h"

#include "base/memory.h"
#include "io/utf8.h"

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

/* libyaml's document on its way into nodes. */
typedef struct conversion {
    const apd_place *place;
    yaml_document_t *document;
    bool *seen; /* by node index: a node met twice was named by an alias */
} conversion;

static apd_status convert(const conversion *job, int index, int depth, apd_yaml_node *out);

static bool has_plain_tag(const yaml_node_t *node) {
    static const char *const tags[] = {YAML_STR_TAG, YAML_SEQ_TAG, YAML_MAP_TAG};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (node->tag == NULL || strcmp((const char *)node->tag, tags[i]) == 0)
            return true;
    return false;
}

static apd_status convert_text(const conversion *job, const yaml_node_t *node, apd_yaml_node *out) {
    const char *text = (const char *)node->data.scalar.value;
    size_t bytes = node->data.scalar.length;
    if (!apd_utf8_printable(text, bytes))
        return apd_place_fail(job->place, out->line,
                              "a text with a control character or a line break; one line of "
                              "printable characters is needed");
    out->kind = APD_YAML_TEXT;
    out->plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    out->text = apd_duplicate_text(text);
    return APD_OK;
}

static apd_status convert_list(const conversion *job, const yaml_node_t *node, int depth,
                               apd_yaml_node *out) {
    const yaml_node_item_t *items = node->data.sequence.items.start;
    ptrdiff_t count = node->data.sequence.items.top - items;
    out->kind = APD_YAML_LIST;
    out->items = apd_allocate(count, sizeof *out->items, "a YAML list");
    for (; out->count < count; out->count++)
        APD_TRY(convert(job, items[out->count], depth + 1, &out->items[out->count]));
    return APD_OK;
}

static apd_status check_key(const conversion *job, const apd_yaml_node *map, const apd_yaml_node *key) {
    if (key->kind != APD_YAML_TEXT)
        return apd_place_fail(job->place, key->line, "a key is a %s; a name is needed",
                              key->kind == APD_YAML_LIST ? "list" : "map");
    for (int k = 0; k < map->count; k++)
        if (strcmp(map->items[2 * k].text, key->text) == 0)
            return apd_place_fail(job->place, key->line, "%.100s is given twice (first in line %d)",
                                  key->text, map->items[2 * k].line);
    return APD_OK;
}

static apd_status convert_map(const conversion *job, const yaml_node_t *node, int depth, apd_yaml_node *out) {
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    ptrdiff_t count = node->data.mapping.pairs.top - pairs;
    out->kind = APD_YAML_MAP;
    if (count > APD_YAML_KEYS)
        return apd_place_fail(job->place, out->line, "a map of %td keys; at most %d are allowed", count,
                              APD_YAML_KEYS);
    out->items = apd_allocate(2 * count, sizeof *out->items, "a YAML map");
    for (; out->count < count; out->count++) {
        apd_yaml_node *key = &out->items[2 * out->count];
        apd_status status = convert(job, pairs[out->count].key, depth + 1, key);
        if (status == APD_OK)
            status = check_key(job, out, key);
        if (status == APD_OK)
            status = convert(job, pairs[out->count].value, depth + 1, key + 1);
        if (status != APD_OK) {
            apd_yaml_clear(key);
            return status;
        }
    }
    return APD_OK;
}

/* On failure `out` is left clear. */
static apd_status convert(const conversion *job, int index, int depth, apd_yaml_node *out) {
    const yaml_node_t *node = yaml_document_get_node(job->document, index);
    apd_status status = APD_OK;
    *out = (apd_yaml_node){.line = (int)node->start_mark.line + 1};
    if (job->seen[index])
        return apd_place_fail(job->place, out->line,
                              "an alias (*name) repeats this value; write the value out instead");
    job->seen[index] = true;
    if (depth > APD_YAML_DEPTH)
        return apd_place_fail(job->place, out->line, "lists and maps more than %d deep", APD_YAML_DEPTH);
    if (!has_plain_tag(node))
        return apd_place_fail(job->place, out->line, "the tag %.60s; values without tags are needed",
                              (const char *)node->tag);
    if (node->type == YAML_SCALAR_NODE)
        status = convert_text(job, node, out);
    else if (node->type == YAML_SEQUENCE_NODE)
        status = convert_list(job, node, depth, out);
    else
        status = convert_map(job, node, depth, out);
    if (status != APD_OK)
        apd_yaml_clear(out);
    return status;
}

static int line_of_offset(const char *text, int64_t bytes, size_t offset) {
    int line = 1;
    for (size_t i = 0; i < offset && i < (size_t)bytes; i++)
        line += text[i] == '\n';
    return line;
}

static apd_status syntax_error(const apd_place *place, const yaml_parser_t *parser, const char *text,
                               int64_t bytes) {
    if (parser->error == YAML_MEMORY_ERROR)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory reading YAML of %lld bytes", (long long)bytes);
    int line = parser->error == YAML_READER_ERROR ? line_of_offset(text, bytes, parser->problem_offset)
                                                  : (int)parser->problem_mark.line + 1;
    return apd_place_fail(place, line, "not YAML: %s%s%s",
                          parser->problem != NULL ? parser->problem : "unreadable",
                          parser->context != NULL ? " " : "", parser->context != NULL ? parser->context : "");
}

static apd_status check_no_more(const apd_place *place, yaml_parser_t *parser, const char *text,
                                int64_t bytes) {
    yaml_document_t next;
    apd_status status = APD_OK;
    if (!yaml_parser_load(parser, &next))
        return syntax_error(place, parser, text, bytes);
    const yaml_node_t *node = yaml_document_get_root_node(&next);
    if (node != NULL)
        status = apd_place_fail(place, (int)node->start_mark.line + 1,
                                "a second document; one description a file is needed");
    yaml_document_delete(&next);
    return status;
}

static apd_status convert_document(const apd_place *place, yaml_document_t *document, apd_yaml_node *root) {
    if (yaml_document_get_root_node(document) == NULL) {
        *root = (apd_yaml_node){.kind = APD_YAML_TEXT, .line = 1, .plain = true};
        root->text = apd_duplicate_text("");
        return APD_OK;
    }
    int64_t nodes = document->nodes.top - document->nodes.start;
    conversion job = {place, document, apd_allocate(nodes + 1, sizeof(bool), "the YAML nodes met")};
    apd_status status = convert(&job, 1, 0, root);
    free(job.seen);
    return status;
}

apd_status apd_yaml_parse(const apd_place *place, const char *text, int64_t bytes, apd_yaml_node *root) {
    yaml_parser_t parser;
    yaml_document_t document;
    apd_yaml_node made = {0};
    if (bytes > APD_YAML_BYTES)
        return apd_place_fail(place, 0, "longer than %d bytes: not a run description", APD_YAML_BYTES);
    if (!yaml_parser_initialize(&parser))
        apd_fatal(APD_ERROR_INTERNAL, "out of memory starting libyaml");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, (size_t)bytes);
    if (!yaml_parser_load(&parser, &document)) {
        apd_status failed = syntax_error(place, &parser, text, bytes);
        yaml_parser_delete(&parser);
        return failed;
    }
    apd_status status = convert_document(place, &document, &made);
    yaml_document_delete(&document);
    if (status == APD_OK)
        status = check_no_more(place, &parser, text, bytes);
    yaml_parser_delete(&parser);
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

bool apd_yaml_is_empty(const apd_yaml_node *node) {
    if (node->kind != APD_YAML_TEXT || !node->plain)
        return false;
    return node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0;
}

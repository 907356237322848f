/* The tables of options and layers as JSON Schema (draft-07), which editors check and complete YAML by. */
#include "io/description/layers.h"
#include "io/description/options.h"
#include "io/description/parts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define NEED_SIZE 160

/* A bound: whole numbers with all their digits. */
static void put_bound(apd_json *json, const char *key, double bound) {
    if (fabs(bound) < 1e15 && bound >= rint(bound) && bound <= rint(bound))
        apd_json_integer(json, key, (int64_t)bound);
    else
        apd_json_number(json, key, bound);
}

static void put_type(apd_json *json, const char *type) {
    apd_json_text(json, "type", type);
}

/* The fields of a number in the option's range. */
static void put_number(apd_json *json, const apd_option *option, const char *type) {
    put_type(json, type);
    put_bound(json, option->above ? "exclusiveMinimum" : "minimum", option->minimum);
    if (option->kind == APD_KIND_SEED || option->kind == APD_KIND_LONG)
        apd_json_number(json, "exclusiveMaximum", option->kind == APD_KIND_SEED ? 0x1p64 : 0x1p63);
    else if (isfinite(option->maximum))
        put_bound(json, option->below ? "exclusiveMaximum" : "maximum", option->maximum);
}

/* The field `key` of an object of its own: a whole number in the option's range. */
static void put_whole(apd_json *json, const char *key, const apd_option *option) {
    apd_json_begin_object(json, key);
    put_number(json, option, "integer");
    apd_json_end(json);
}

/* The fields of a list of `least` numbers or more, at most `most` of them (0: any number). */
static void put_list(apd_json *json, const apd_option *option, int least, int most) {
    put_type(json, "array");
    put_whole(json, "items", option);
    apd_json_integer(json, "minItems", least);
    if (most > 0)
        apd_json_integer(json, "maxItems", most);
}

static void put_names(apd_json *json, const apd_option *option) {
    apd_json_begin_array(json, "enum");
    for (int i = 0; apd_value_name(option, i) != NULL; i++)
        if (option->kind == APD_KIND_WHOLE)
            apd_json_raw(json, NULL, apd_value_name(option, i));
        else
            apd_json_text(json, NULL, apd_value_name(option, i));
    apd_json_end(json);
}

/* A word, and whatever the fields between this and apd_json_end twice say. */
static void begin_word_or(apd_json *json, const char *word) {
    apd_json_begin_array(json, "anyOf");
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "const", word);
    apd_json_end(json);
    apd_json_begin_object(json, NULL);
}

static void end_twice(apd_json *json) {
    apd_json_end(json);
    apd_json_end(json);
}

/* --- a kind's fields ------------------------------------------------------------------------------------- */

/* YAML's 7 is a text, too. */
static void put_text(apd_json *json, const apd_option *option) {
    apd_json_begin_array(json, "type");
    apd_json_text(json, NULL, "string");
    apd_json_text(json, NULL, "number");
    apd_json_end(json);
    apd_json_integer(json, "minLength", 1);
    if (option->kind == APD_KIND_NAME) {
        apd_json_integer(json, "maxLength", 200);
        apd_json_text(json, "pattern", "^[^./][^/]*$");
    }
}

static void put_texts(apd_json *json, const apd_option *option) {
    if (option->single) {
        apd_json_begin_array(json, "anyOf");
        apd_json_begin_object(json, NULL);
        put_text(json, option);
        apd_json_end(json);
        apd_json_begin_object(json, NULL);
    }
    put_type(json, "array");
    if (option->initial == NULL)
        apd_json_integer(json, "minItems", 1);
    apd_json_begin_object(json, "items");
    put_text(json, option);
    apd_json_end(json);
    if (option->single)
        end_twice(json);
}

static void put_switch(apd_json *json, const apd_option *option) {
    (void)option;
    put_type(json, "boolean");
}

static void put_integer(apd_json *json, const apd_option *option) {
    if (option->word != NULL)
        begin_word_or(json, option->word);
    put_number(json, option, "integer");
    if (option->word != NULL)
        end_twice(json);
}

static void put_real(apd_json *json, const apd_option *option) {
    if (isinf(option->maximum))
        begin_word_or(json, "inf");
    put_number(json, option, "number");
    if (isinf(option->maximum))
        end_twice(json);
}

static void put_pair(apd_json *json, const apd_option *option) {
    apd_json_begin_array(json, "anyOf");
    put_whole(json, NULL, option);
    apd_json_begin_object(json, NULL);
    put_list(json, option, 2, 2);
    end_twice(json);
}

static void put_numbers(apd_json *json, const apd_option *option) {
    put_list(json, option, 0, 0);
}

static void put_order(apd_json *json, const apd_option *option) {
    apd_json_begin_array(json, "anyOf");
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "pattern", "^([A-E]|seed [0-9]+)$");
    put_type(json, "string");
    apd_json_end(json);
    apd_json_begin_object(json, NULL);
    put_list(json, option, 1, 0);
    apd_json_flag(json, "uniqueItems", true);
    end_twice(json);
}

static void put_classes(apd_json *json, const apd_option *option) {
    put_type(json, "array");
    apd_json_begin_object(json, "items");
    put_list(json, option, 1, 0);
    apd_json_end(json);
}

static bool is_required(const apd_option *option) {
    return option->initial == NULL && option->absent == NULL;
}

static bool put_required(apd_json *json, const apd_layer_row *row) {
    bool any = false;
    for (int f = 0; f < apd_layer_field_count(row); f++)
        any = any || is_required(&row->fields[f]);
    if (any && json != NULL) {
        apd_json_begin_array(json, "required");
        for (int f = 0; f < apd_layer_field_count(row); f++)
            if (is_required(&row->fields[f]))
                apd_json_text(json, NULL, row->fields[f].key);
        apd_json_end(json);
    }
    return any;
}

static void put_layer(apd_json *json, const apd_layer_row *row) {
    apd_json_begin_object(json, row->name);
    apd_json_text(json, "description", row->help);
    apd_json_begin_array(json, "type");
    apd_json_text(json, NULL, "object");
    if (!put_required(NULL, row))
        apd_json_text(json, NULL, "null");
    apd_json_end(json);
    apd_json_begin_object(json, "properties");
    for (int f = 0; f < apd_layer_field_count(row); f++)
        apd_option_schema(json, row->fields[f].key, &row->fields[f]);
    apd_json_end(json);
    (void)put_required(json, row);
    apd_json_flag(json, "additionalProperties", false);
    apd_json_end(json);
}

/* A layer is {NAME: {KEY: VALUE}}, or NAME alone where no key is required. */
static void put_layers(apd_json *json, const apd_option *option) {
    (void)option;
    put_type(json, "array");
    apd_json_integer(json, "maxItems", APD_MOST_LAYERS);
    apd_json_begin_object(json, "items");
    apd_json_begin_array(json, "anyOf");
    apd_json_begin_object(json, NULL);
    apd_json_begin_array(json, "enum");
    for (int kind = 0; kind < apd_layer_row_count; kind++)
        if (!put_required(NULL, &apd_layer_rows[kind]))
            apd_json_text(json, NULL, apd_layer_rows[kind].name);
    end_twice(json);
    apd_json_begin_object(json, NULL);
    put_type(json, "object");
    apd_json_integer(json, "minProperties", 1);
    apd_json_integer(json, "maxProperties", 1);
    apd_json_flag(json, "additionalProperties", false);
    apd_json_begin_object(json, "properties");
    for (int kind = 0; kind < apd_layer_row_count; kind++)
        put_layer(json, &apd_layer_rows[kind]);
    end_twice(json);
    end_twice(json);
}

static void (*const puts_kind[APD_KINDS])(apd_json *json, const apd_option *option) = {
    [APD_KIND_TEXT] = put_text,    [APD_KIND_NAME] = put_text,       [APD_KIND_SWITCH] = put_switch,
    [APD_KIND_CHOICE] = put_names, [APD_KIND_METHOD] = put_names,    [APD_KIND_WHOLE] = put_integer,
    [APD_KIND_LONG] = put_integer, [APD_KIND_SEED] = put_integer,    [APD_KIND_REAL] = put_real,
    [APD_KIND_SINGLE] = put_real,  [APD_KIND_PAIR] = put_pair,       [APD_KIND_NUMBERS] = put_numbers,
    [APD_KIND_ORDER] = put_order,  [APD_KIND_CLASSES] = put_classes, [APD_KIND_LAYERS] = put_layers,
    [APD_KIND_TEXTS] = put_texts,
};

/* Whether a default is JSON as it stands: a number, a list, true or false. */
static bool is_json(const char *yaml) {
    return strchr("-0123456789[", *yaml) != NULL || strcmp(yaml, "true") == 0 || strcmp(yaml, "false") == 0;
}

void apd_option_schema(apd_json *json, const char *key, const apd_option *option) {
    char need[NEED_SIZE], text[1024];
    apd_value_need(option, need, sizeof need);
    const char *absent = option->absent != NULL ? option->absent : option->initial;
    (void)snprintf(text, sizeof text, "%s\n\nValue: %s; %s%s.", option->help, need,
                   absent != NULL ? "default: " : "", absent != NULL ? absent : "required");
    apd_json_begin_object(json, key);
    apd_json_text(json, "description", text);
    if (option->initial != NULL && is_json(option->initial))
        apd_json_raw(json, "default", option->initial);
    else if (option->initial != NULL)
        apd_json_text(json, "default", option->initial);
    (option->names != NULL ? put_names : puts_kind[option->kind])(json, option);
    apd_json_end(json);
}

/* --- descriptions ------------------------------------------------------------------------------------------ */

/* The keys of a section that have to be given, as the field "required". */
static void put_required_keys(apd_json *json, const char *section) {
    bool any = false;
    for (int i = 0; i < apd_option_count; i++) {
        if (!apd_option_is_in(&apd_options[i], section) || !is_required(&apd_options[i]))
            continue;
        if (!any)
            apd_json_begin_array(json, "required");
        any = true;
        apd_json_text(json, NULL, apd_options[i].key + strlen(section) + 1);
    }
    if (any)
        apd_json_end(json);
}

static bool section_is_required(const char *section) {
    bool any = false;
    for (int i = 0; i < apd_option_count; i++)
        any = any || (apd_option_is_in(&apd_options[i], section) && is_required(&apd_options[i]));
    return any;
}

static void put_section(apd_json *json, const apd_section *section, bool whole) {
    const size_t prefix = strlen(section->name) + 1;
    apd_json_begin_object(json, section->name);
    apd_json_text(json, "description", section->title);
    put_type(json, "object");
    apd_json_flag(json, "additionalProperties", false);
    if (whole)
        put_required_keys(json, section->name);
    apd_json_begin_object(json, "properties");
    for (int i = 0; i < apd_option_count; i++)
        if (apd_option_is_in(&apd_options[i], section->name))
            apd_option_schema(json, apd_options[i].key + prefix, &apd_options[i]);
    end_twice(json);
}

void apd_description_schema_fields(apd_json *json, bool whole) {
    put_type(json, "object");
    apd_json_flag(json, "additionalProperties", false);
    if (whole) {
        apd_json_begin_array(json, "required");
        for (int s = 1; s < apd_section_count; s++)
            if (section_is_required(apd_sections[s].name))
                apd_json_text(json, NULL, apd_sections[s].name);
        apd_json_end(json);
    }
    apd_json_begin_object(json, "properties");
    for (int i = 0; i < apd_option_count; i++)
        if (apd_option_is_in(&apd_options[i], ""))
            apd_option_schema(json, apd_options[i].key, &apd_options[i]);
    for (int s = 1; s < apd_section_count; s++)
        put_section(json, &apd_sections[s], whole);
    apd_json_end(json);
}

void apd_description_schema(FILE *file) {
    apd_json json = {.file = file, .digits = 17};
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "$schema", APD_JSON_SCHEMA);
    apd_json_text(&json, "title", "Run description of apd " APD_VERSION);
    apd_description_schema_fields(&json, true);
    apd_json_end(&json);
}

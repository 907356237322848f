#include "app/json.h"

#include "base/status.h"

#include <inttypes.h>
#include <math.h>

static void write_quoted(FILE *file, const char *text) {
    (void)fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20)
            (void)fprintf(file, "\\u%04x", (unsigned)*at);
        else if (*at == '"' || *at == '\\')
            (void)fprintf(file, "\\%c", *at);
        else
            (void)fputc(*at, file);
    }
    (void)fputc('"', file);
}

static void new_line(const apd_json *json) {
    (void)fputc('\n', json->file);
    for (int level = 0; level < json->depth; level++)
        (void)fputs("  ", json->file);
}

/* What stands before a value. */
static void lead(apd_json *json, const char *key) {
    if (json->depth > 0) {
        bool *filled = &json->filled[json->depth - 1];
        APD_ASSERT((key == NULL) == json->array[json->depth - 1]);
        if (*filled)
            (void)fputc(',', json->file);
        *filled = true;
        new_line(json);
    }
    if (key == NULL)
        return;
    write_quoted(json->file, key);
    (void)fputs(": ", json->file);
}

static void begin(apd_json *json, const char *key, bool array) {
    lead(json, key);
    APD_ASSERT(json->depth < APD_JSON_DEPTH);
    (void)fputc(array ? '[' : '{', json->file);
    json->filled[json->depth] = false;
    json->array[json->depth++] = array;
}

void apd_json_begin_object(apd_json *json, const char *key) {
    begin(json, key, false);
}

void apd_json_begin_array(apd_json *json, const char *key) {
    begin(json, key, true);
}

void apd_json_end(apd_json *json) {
    APD_ASSERT(json->depth > 0);
    json->depth--;
    if (json->filled[json->depth])
        new_line(json);
    (void)fputc(json->array[json->depth] ? ']' : '}', json->file);
    if (json->depth == 0)
        (void)fputc('\n', json->file);
}

void apd_json_text(apd_json *json, const char *key, const char *value) {
    lead(json, key);
    write_quoted(json->file, value);
}

void apd_json_integer(apd_json *json, const char *key, int64_t value) {
    lead(json, key);
    (void)fprintf(json->file, "%" PRId64, value);
}

void apd_json_number(apd_json *json, const char *key, double value) {
    lead(json, key);
    if (isfinite(value))
        (void)fprintf(json->file, "%.9g", value);
    else
        (void)fputs("null", json->file);
}

void apd_json_flag(apd_json *json, const char *key, bool value) {
    lead(json, key);
    (void)fputs(value ? "true" : "false", json->file);
}

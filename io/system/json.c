#include "io/system/json.h"

#include "base/status.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void quote(FILE *file, const char *text) {
    size_t bytes = strlen(text);
    (void)fputc('"', file);
    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = apd_utf8_decode(text + at, bytes - at, &code);
        if (length == 0)
            (void)fputs("\\ufffd", file);
        else if (code < 0x20 || code == 0x7F)
            (void)fprintf(file, "\\u%04x", (unsigned)code);
        else if (code == '"' || code == '\\')
            (void)fprintf(file, "\\%c", (int)code);
        else
            (void)fwrite(text + at, 1, length, file);
        at += length > 0 ? length : 1;
    }
    (void)fputc('"', file);
}

static void new_line(const apd_json *json) {
    if (json->line)
        return;
    (void)fputc('\n', json->file);
    for (int level = 0; level < json->depth; level++)
        (void)fputs("  ", json->file);
}

/* Write what precedes a value: comma, line break, key. */
static void lead(apd_json *json, const char *key) {
    if (json->depth > 0) {
        bool *filled = &json->filled[json->depth - 1];
        APD_ASSERT((key == NULL) == json->array[json->depth - 1]);
        if (*filled)
            (void)fputs(json->line ? ", " : ",", json->file);
        *filled = true;
        new_line(json);
    }
    if (key == NULL)
        return;
    quote(json->file, key);
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
    quote(json->file, value);
}

void apd_json_integer(apd_json *json, const char *key, int64_t value) {
    lead(json, key);
    (void)fprintf(json->file, "%" PRId64, value);
}

void apd_json_unsigned(apd_json *json, const char *key, uint64_t value) {
    lead(json, key);
    (void)fprintf(json->file, "%" PRIu64, value);
}

void apd_json_number(apd_json *json, const char *key, double value) {
    lead(json, key);
    if (isfinite(value))
        (void)fprintf(json->file, "%.*g", json->digits > 0 ? json->digits : 9, value);
    else
        (void)fputs("null", json->file);
}

void apd_json_flag(apd_json *json, const char *key, bool value) {
    lead(json, key);
    (void)fputs(value ? "true" : "false", json->file);
}

void apd_json_raw(apd_json *json, const char *key, const char *value) {
    lead(json, key);
    (void)fputs(value, json->file);
}

bool apd_json_find(const char *text, const char *key, char *value, size_t room) {
    char quoted[64];
    size_t used = 0;
    (void)snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(text, quoted);
    if (at == NULL || room == 0)
        return false;
    at += strlen(quoted);
    at += strspn(at, " ");
    bool is_text = *at == '"';
    for (at += is_text; *at != '\0' && used + 1 < room; at++) {
        if (is_text ? *at == '"' : strchr(",\n]} ", *at) != NULL)
            break;
        if (is_text && *at == '\\' && at[1] != '\0')
            at++;
        value[used++] = *at;
    }
    value[used] = '\0';
    return true;
}

double apd_json_find_number(const char *text, const char *key) {
    char value[40], *end = NULL;
    if (!apd_json_find(text, key, value, sizeof value))
        return NAN;
    double number = strtod(value, &end);
    return end != value && *end == '\0' ? number : (double)NAN;
}

int apd_json_find_whole(const char *text, const char *key) {
    double number = apd_json_find_number(text, key);
    return number >= 0.0 && number <= 2e9 ? (int)number : 0;
}

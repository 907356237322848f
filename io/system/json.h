/* json: JSON text written value by value, with commas and indentation. Local.
 *
 * Objects and arrays nest up to APD_JSON_DEPTH deep. Inside an object every value has a key; inside an array and at the top the
 * key is NULL. Numbers that are not finite become null. */
#ifndef APD_IO_SYSTEM_JSON_H
#define APD_IO_SYSTEM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { APD_JSON_DEPTH = 24 };

/* Start with {.file = ...}. The caller owns the file and checks it for errors. */
typedef struct apd_json {
    FILE *file;
    bool line;  /* all in one line, for a file with an object on each line */
    int digits; /* of numbers; 0: nine */
    int depth;
    bool filled[APD_JSON_DEPTH]; /* whether the level has a value already */
    bool array[APD_JSON_DEPTH];
} apd_json;

void apd_json_begin_object(apd_json *json, const char *key);
void apd_json_begin_array(apd_json *json, const char *key);
void apd_json_end(apd_json *json); /* the innermost object or array */

/* Escapes what JSON needs escaped; bytes that are not UTF-8 become the replacement character. */
void apd_json_text(apd_json *json, const char *key, const char *value);
void apd_json_integer(apd_json *json, const char *key, int64_t value);
void apd_json_unsigned(apd_json *json, const char *key, uint64_t value);
void apd_json_number(apd_json *json, const char *key, double value);
void apd_json_flag(apd_json *json, const char *key, bool value);
void apd_json_raw(apd_json *json, const char *key, const char *value); /* JSON already */

/* The value of the top-level key `key` in the text of a flat object, as apd_json writes one: a text without its quotes
 * and escapes, anything else as it stands, cut to `room`. Returns whether it is there. */
bool apd_json_find(const char *text, const char *key, char *value, size_t room);

/* The number of the key: NaN, or 0 where a whole number is wanted, if it is absent or null; whole numbers from 0 to 2e9. */
double apd_json_find_number(const char *text, const char *key);
int apd_json_find_whole(const char *text, const char *key);

#endif

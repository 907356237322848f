/* json: a JSON text written piece by piece, with its commas and indentation.
 *
 * Objects and arrays nest up to APD_JSON_DEPTH deep; inside an object every value has a key, inside an array
 * (and at the top) the key is NULL. What is no finite number becomes null. */
#ifndef APD_IO_SYSTEM_JSON_H
#define APD_IO_SYSTEM_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { APD_JSON_DEPTH = 16 };

/* Start with {.file = ...}; the file is the caller's, and so is asking it for errors. */
typedef struct apd_json {
    FILE *file;
    bool line;  /* all in one line, as in a file of such lines */
    int digits; /* of numbers; 0: nine */
    int depth;
    bool filled[APD_JSON_DEPTH]; /* whether a level has a value already */
    bool array[APD_JSON_DEPTH];
} apd_json;

void apd_json_begin_object(apd_json *json, const char *key);
void apd_json_begin_array(apd_json *json, const char *key);
void apd_json_end(apd_json *json); /* the innermost object or array */

/* JSON's own escapes are added; what is no UTF-8 becomes the replacement character. */
void apd_json_text(apd_json *json, const char *key, const char *value);
void apd_json_integer(apd_json *json, const char *key, int64_t value);
void apd_json_number(apd_json *json, const char *key, double value);
void apd_json_flag(apd_json *json, const char *key, bool value);

#endif

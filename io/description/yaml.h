/* yaml: YAML text as a tree that knows its lines, within limits. Local.
 *
 * libyaml's events become plain nodes. What no run description needs is refused at its line: aliases (cycles and bombs), tags, a
 * second document, keys given twice, more than APD_YAML_DEPTH levels, APD_YAML_KEYS keys in a map or APD_YAML_TAGS tag
 * directives, control characters, encodings other than UTF-8. */
#ifndef APD_IO_DESCRIPTION_YAML_H
#define APD_IO_DESCRIPTION_YAML_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define APD_YAML_BYTES (1 << 20) /* the longest text */
#define APD_YAML_DEPTH 12
#define APD_YAML_KEYS  256
#define APD_YAML_TAGS  100

/* Where a value was written, for messages about it. */
typedef struct apd_place {
    const char *file;    /* the file's name */
    const char *setting; /* the "key=value" of a --set, or NULL */
    apd_error *error;
} apd_place;

/* Fail with USAGE: "FILE:LINE: ...", "FILE: ..." (line 0), or "--set KEY=VALUE: ...". */
apd_status apd_place_fail(const apd_place *place, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

typedef enum apd_yaml_kind { APD_YAML_TEXT, APD_YAML_LIST, APD_YAML_MAP } apd_yaml_kind;

typedef struct apd_yaml_node {
    apd_yaml_kind kind;
    int line;                    /* from 1 */
    char *text;                  /* TEXT: printable UTF-8, 0-terminated */
    bool plain;                  /* TEXT: written without quotes */
    int count;                   /* LIST: items; MAP: keys */
    struct apd_yaml_node *items; /* LIST: (count); MAP: (2*count): key, value, key, value, ... */
} apd_yaml_node;

/* Read `text` (`bytes` long) into `*root`, to be cleared. Text without content gives an empty plain TEXT. Status: USAGE; `*root` is
 * then untouched. */
apd_status apd_yaml_parse(const apd_place *place, const char *text, int64_t bytes, apd_yaml_node *root);
void apd_yaml_clear(apd_yaml_node *root);

/* Whether the node has no value: "", "~" or "null" without quotes. */
bool apd_yaml_is_empty(const apd_yaml_node *node);

/* The value of a map's key; NULL if it has none, or `map` is NULL or no map. */
apd_yaml_node *apd_yaml_value(const apd_yaml_node *map, const char *key);

#endif

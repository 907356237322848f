/* description_options: the one table of a run description's keys. Reading, --set, checking, run.yaml, the
 * digest and the key reference all follow it. */
#ifndef APD_IO_DESCRIPTION_OPTIONS_H
#define APD_IO_DESCRIPTION_OPTIONS_H

#include "io/description/values.h"

/* In the order in which run.yaml lists them; keys of one section lie together. */
extern const apd_option apd_options[];
extern const int apd_option_count;

/* The place in the table of the option with this key, or this former key; -1 if there is none. */
int apd_option_find(const char *key);

/* Whether some key begins with "name.". */
bool apd_option_is_section(const char *name);

/* The known key or section most like `key`, or NULL when none is near. */
const char *apd_option_nearest(const char *key);

/* Where a value came from. */
typedef enum apd_origin { APD_ORIGIN_DEFAULT, APD_ORIGIN_FILE, APD_ORIGIN_FLAG } apd_origin;

typedef struct apd_value_source {
    apd_origin origin;
    int place;        /* FILE: line; FLAG: index of the setting */
    const char *note; /* how the program changed it, or NULL; a literal */
} apd_value_source;

#endif

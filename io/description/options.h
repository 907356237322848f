/* options: the one table of a run description's keys. Reading, --set, checks, run.yaml, the digest and the key reference
 * all follow it: a new key is a new row, and a member of apd_description. */
#ifndef APD_IO_DESCRIPTION_OPTIONS_H
#define APD_IO_DESCRIPTION_OPTIONS_H

#include "io/description/values.h"

/* The first line of a run.yaml: it has every key of its version. */
#define APD_RESOLVED_HEAD "# The run as resolved: every value and where it came from."

/* In the order of run.yaml; the keys of a section lie together. */
extern const apd_option apd_options[];
extern const int apd_option_count;

typedef struct apd_section {
    const char *name;  /* "data"; "" for keys without a section, which come first */
    const char *title; /* a heading */
} apd_section;

extern const apd_section apd_sections[];
extern const int apd_section_count;

/* The place in the table of the option with this key, or this former key; -1 if there is none. */
int apd_option_find(const char *key);

/* What a user of the key `key` = `value`, which older versions had, is told to do; NULL: it may stand, and says nothing.
 * False: no version had the key. */
bool apd_option_retired(const char *key, const char *value, const char **advice);

/* Whether the option's key is of section `section`. */
bool apd_option_is_in(const apd_option *option, const char *section);

/* Whether `name` is a section's name. */
bool apd_option_is_section(const char *name);

/* The known key or section most like `key`, or NULL if none is near. */
const char *apd_option_nearest(const char *key);

/* Where a value came from. */
typedef enum apd_origin { APD_ORIGIN_DEFAULT, APD_ORIGIN_FILE, APD_ORIGIN_FLAG } apd_origin;

typedef struct apd_value_source {
    apd_origin origin;
    int place;        /* FILE: line; FLAG: index of the setting */
    const char *note; /* how the program changed it, or NULL; a literal */
} apd_value_source;

#endif

/* values: the kinds of values that keys of a run description hold; each is read, checked and written in one place. A key is
 * a row (apd_option) with a kind, a range and a default; the rows are in options.c, those of layers in layers.c. Local. */
#ifndef APD_IO_DESCRIPTION_VALUES_H
#define APD_IO_DESCRIPTION_VALUES_H

#include "io/description/description.h"
#include "io/description/yaml.h"

#include <stddef.h>

typedef enum apd_kind {
    APD_KIND_TEXT,    /* char * */
    APD_KIND_NAME,    /* char *: can name a folder */
    APD_KIND_SWITCH,  /* bool: true, false */
    APD_KIND_CHOICE,  /* an enum whose values are indices into `names` */
    APD_KIND_METHOD,  /* const apd_method *: a row of the table of methods, by name */
    APD_KIND_WHOLE,   /* int */
    APD_KIND_LONG,    /* int64_t, from `minimum` to its largest value */
    APD_KIND_SEED,    /* uint64_t */
    APD_KIND_REAL,    /* double */
    APD_KIND_SINGLE,  /* float */
    APD_KIND_PAIR,    /* two ints in a row: 3 or [5, 3] */
    APD_KIND_NUMBERS, /* int * with a count: a list */
    APD_KIND_TEXTS,   /* char ** with a count: a list */
    APD_KIND_ORDER,   /* stream.order_*: A | "seed 7" | [2, 0, 1] */
    APD_KIND_CLASSES, /* int ** with the lengths (int *) and the count of its rows: a list of lists */
    APD_KIND_LAYERS,  /* network.layers with its count */
    APD_KINDS
} apd_kind;

typedef struct apd_option {
    const char *key; /* "method.lambda1" */
    apd_kind kind;
    size_t offset;            /* of the value in its struct */
    size_t count_offset;      /* NUMBERS, TEXTS, CLASSES: of its count */
    size_t sizes_offset;      /* CLASSES: of the lengths of its rows */
    bool single;              /* TEXTS: one may stand without brackets, and is written so */
    double minimum, maximum;  /* numbers: both included; maximum INFINITY allows inf, DBL_MAX is no bound */
    bool above, below;        /* minimum, maximum are excluded */
    const char *word;         /* WHOLE: a word for 0 */
    const char *const *names; /* the only texts allowed, ending in NULL; or NULL */
    const char *initial;      /* the default as YAML, or NULL */
    const char *absent; /* without a default: what a missing value follows from; NULL: the key is required */
    bool counts;        /* results depend on it: part of the digest */
    const char *help;   /* a sentence */
    /* The names of the key and, in the order of `names`, of its values in older versions, or NULL: read, so that their
     * runs resume, but not written. */
    const char *former_key;
    const char *const *former_names;
    const char *once; /* what a run.yaml of a version without the key meant, as YAML; NULL: the default */
} apd_option;

/* Read `node` into the option's value in `base`, freeing the old one. `key` is the name for complaints. Status: USAGE with
 * what is needed; the value is then untouched. */
apd_status apd_value_read(const apd_place *place, const char *key, const apd_option *option,
                          const apd_yaml_node *node, void *base);

/* The same from YAML text. */
apd_status apd_value_read_text(const apd_place *place, const char *key, const apd_option *option,
                               const char *text, void *base);

/* Write the value as YAML on one line. */
void apd_value_write(FILE *file, const apd_option *option, const void *base);

/* Free what the value owns. */
void apd_value_clear(const apd_option *option, void *base);

/* What the option takes: "a whole number from 1 to 100", "count, median or none". */
void apd_value_need(const apd_option *option, char *text, size_t size);

/* The option's allowed text `i`: NULL behind the last, or if any is allowed. */
const char *apd_value_name(const apd_option *option, int i);

/* Fail with USAGE: `key` holds `node` (NULL: nothing was given), `need` is needed. */
apd_status apd_value_refuse(const apd_place *place, const char *key, const apd_yaml_node *node,
                            const char *need);

/* The kinds that are no single text: lists.c, layers.c. */
typedef apd_status apd_compound_read(const apd_place *place, const char *key, const apd_option *option,
                                     const apd_yaml_node *node, void *base);
typedef void apd_compound_write(FILE *file, const apd_option *option, const void *base);
typedef void apd_compound_clear(const apd_option *option, void *base);

apd_compound_read apd_pair_read, apd_numbers_read, apd_texts_read, apd_order_read, apd_classes_read,
    apd_layers_read;
apd_compound_write apd_pair_write, apd_numbers_write, apd_texts_write, apd_order_write, apd_classes_write,
    apd_layers_write;
apd_compound_clear apd_numbers_clear, apd_texts_clear, apd_order_clear, apd_classes_clear, apd_layers_clear;

/* Write a text in double quotes; NULL as an empty one. */
void apd_quoted_write(FILE *file, const char *text);

/* Parse a whole number in decimal digits and nothing else. */
bool apd_parse_seed(const char *text, uint64_t *value);

#endif

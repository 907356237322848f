/* description: a run as its user wrote it, every value with its source.
 *
 * A run description is a YAML file; --set KEY=VALUE on the command line overrides it. One table of options (options.c: key,
 * kind, range, default, help) drives reading, checks, --set, the resolved run.yaml, the digest and the key reference. A
 * complaint names the file, the line, the key, the value and what is needed; an unknown key is answered with the nearest
 * known one. libcyaml does none of this: it loses where a value came from and cannot overlay --set. */
#ifndef APD_IO_DESCRIPTION_DESCRIPTION_H
#define APD_IO_DESCRIPTION_DESCRIPTION_H

#include "base/status.h"
#include "method/solvers/methods.h"
#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum apd_normalise { APD_NORMALISE_DATASET, APD_NORMALISE_TASK, APD_NORMALISE_UNIT } apd_normalise;

typedef enum apd_layout_kind { APD_LAYOUT_PLANAR, APD_LAYOUT_SCRAMBLED } apd_layout_kind;
typedef enum apd_evaluate { APD_EVALUATE_TEST, APD_EVALUATE_VALIDATION } apd_evaluate;

typedef enum apd_stream_kind {
    APD_STREAM_SPLIT,       /* classes in order, classes_per_task at a time */
    APD_STREAM_LIST,        /* stream.classes gives each task's classes */
    APD_STREAM_SUPERCLASS,  /* one task for each coarse label */
    APD_STREAM_PERMUTATION, /* all classes; each task but the first permutes the pixels in its own way */
    APD_STREAM_ROTATION,    /* all classes; task k is rotated by k * rotation_step degrees */
    APD_STREAM_SUBSETS      /* classes_per_task classes drawn for each task; they return in other company */
} apd_stream_kind;

typedef enum apd_order_kind { APD_ORDER_LETTER, APD_ORDER_LIST, APD_ORDER_SEED } apd_order_kind;
typedef enum apd_number_storage { APD_STORE_FLOAT32, APD_STORE_CODED } apd_number_storage;
typedef enum apd_recentre { APD_RECENTRE_COUNT, APD_RECENTRE_MEDIAN, APD_RECENTRE_NONE } apd_recentre;
typedef enum apd_ewc { APD_EWC_TASKS, APD_EWC_ONLINE } apd_ewc;
typedef enum apd_merge { APD_MERGES_PLAIN, APD_MERGES_SAVING } apd_merge;
typedef enum apd_cluster_start { APD_START_CENTROIDS, APD_START_SPECTRAL } apd_cluster_start;
typedef enum apd_method_gram {
    APD_METHOD_GRAM_AUTO,
    APD_METHOD_GRAM_REPLICATED,
    APD_METHOD_GRAM_DISTRIBUTED
} apd_method_gram;
typedef enum apd_schedule {
    APD_SCHEDULE_CONSTANT,
    APD_SCHEDULE_EXPONENTIAL,
    APD_SCHEDULE_COSINE
} apd_schedule;

#define APD_INIT_RANDOM "random"

/* Ranges, defaults and what each key does: options.c, or `apd train --help-keys`. */
typedef struct apd_description {
    char *name;
    char *output;
    uint64_t seed;
    char *init; /* a run; APD_INIT_RANDOM: none */
    int shards; /* 0: auto, the ranks of the first launch */
    int blas_threads;
    apd_evaluate evaluate;

    struct {
        char **files; /* (file_count), at least one; as resolved: absolute paths */
        int file_count;
        char **added; /* (added_count) likewise: behind `files`, for the tasks of stream.added */
        int added_count;
        apd_layout_kind layout;
        apd_normalise normalise;
        double validation;
        bool flip;
        int shift;
    } data;

    struct {
        apd_stream_kind kind;
        int tasks;            /* 0: all that the data gives */
        int classes_per_task; /* SPLIT, SUBSETS */
        int **classes;        /* LIST: (class_lists) rows, classes[t][0 .. class_counts[t]-1] */
        int *class_counts;
        int class_lists;
        int **added; /* (added_lists) the same: tasks behind those above, of classes of all data files */
        int *added_counts;
        int added_lists;
        char **added_names; /* (added_name_count): added_lists, or 0 */
        int added_name_count;
        int64_t class_seed;   /* SPLIT: -1 keeps the classes in order; SUBSETS: -1 is 0 */
        int turns;            /* 1, 2 or 4 */
        double rotation_step; /* ROTATION: degrees */
        bool keys;            /* tasks keep what their classes look like (io/data/key.h) */
        apd_order_kind order_kind;
        char order_letter;   /* LETTER: A .. E */
        uint64_t order_seed; /* SEED */
        int *order;          /* LIST: (order_count) task ids */
        int order_count;
        int *forget;      /* (forget_count) pairs: a task's id, after how many finished tasks */
        int forget_count; /* even */
    } stream;

    struct {
        char *preset; /* "custom" if network.layers was given */
        int *widths;  /* (width_count) */
        int width_count;
        bool lrn;
        apd_layer_spec *layers; /* (layer_count) as resolved: the preset's, or network.layers */
        int layer_count;
    } network;

    struct {
        const apd_method *row; /* method.name */
        double lambda1;
        double lambda2; /* or INFINITY */
        double mask_init;
        apd_recentre recentre;
        int recentre_every;
        int consolidate_every;
        int clusters_added; /* the n-th consolidation has n times as many clusters */
        double beta;
        apd_merge merge;
        apd_cluster_start cluster_start;
        apd_method_gram gram;
        int polish_epochs;
        int sigma_tasks; /* of apd-fixed: how many tasks train sigma */
        double budget;   /* share of the bytes of a dense float32 network; 0: none */
        apd_number_storage storage;
        int tau_bits, sigma_bits;
        double l2t_strength; /* or INFINITY */
        apd_ewc ewc;
        double packnet_prune, wsn_density;
        double ewc_strength, ewc_decay;
        int ewc_images; /* 0: all */
    } method;

    struct {
        int epochs;
        int batch; /* at least `shards` */
        double lr;
        double warmup; /* share of a task's steps */
        apd_schedule schedule;
        double decay;
        double weight_decay;
        double label_smoothing; /* 0: off */
        char **teachers;        /* (teacher_count) runs */
        int teacher_count;
        double distillation; /* share of each target; in [0, 1] */
        double temperature;  /* of the teachers' softmax; > 0 */
        int keep_best;       /* 0: off */
        double beta1, beta2, epsilon;
    } training;

    struct {
        int interval;         /* steps */
        int spectrum;         /* tasks */
        double stall_seconds; /* 0: never */
        int evaluate_batch;   /* images */
        bool tensorboard;
    } log;

    struct {
        double minutes; /* 0: only when tasks end */
        int tasks;
    } checkpoint;

    struct apd_value_source *sources; /* one an option; private */
} apd_description;

/* Read `path`, apply `count` settings "KEY=VALUE" in order, resolve what follows from other values (a preset's layers, the
 * paths of the data files) and check what spans several keys. Local: rank 0 reads and broadcasts what _write returns.
 * Statuses: IO (the file cannot be read), USAGE (everything else). On success `*out` is to be destroyed; on failure it is
 * untouched. */
apd_status apd_description_read(const char *path, const char *const *settings, int count,
                                apd_description **out, apd_error *error);

/* The same from text in memory, which need not end in 0; `name` stands for the file's name. */
apd_status apd_description_parse(const char *name, const char *text, int64_t bytes,
                                 const char *const *settings, int count, apd_description **out,
                                 apd_error *error);
void apd_description_destroy(apd_description *description); /* Takes NULL. */

/* The resolved description as YAML text, to be freed: every key with its value and its source ("# default", "# file line 12"
 * or "# flag"). It reads back to the same description; doubles keep all their digits. */
char *apd_description_write(const apd_description *description);

/* Write the layers of the network on one line of YAML, a preset's written out. */
void apd_description_write_layers(const apd_description *description, FILE *file);

/* A digest of all values that results depend on, with shards as resolved. Not of data.file and data.added: the data set has a
 * digest of its own. */
uint64_t apd_description_digest(const apd_description *description);

/* A key in which two descriptions differ, and both values as YAML; a long one is cut around the first difference. */
typedef struct apd_description_difference {
    const char *key; /* a literal */
    char first[128], second[128];
} apd_description_difference;

/* Whether a value that results depend on (see _digest) differs, except for the keys in `ignored` (ends in NULL; may be NULL).
 * If so, `*difference` is the first one in the order of run.yaml. Networks are compared by their layers: a preset equals its
 * layers written out. */
bool apd_description_differs(const apd_description *a, const apd_description *b, const char *const *ignored,
                             apd_description_difference *difference);

/* Set shards where it was auto (0), and note the source. */
void apd_description_set_shards(apd_description *description, int shards);

/* --- tasks that are added to a stream (data.added, stream.added) --- */

/* Give `to` the added data files and tasks of `from`, which gets `to`'s, and its epochs. */
void apd_description_take_added(apd_description *to, apd_description *from);

/* Whether the added task at `place` (from 0) has these classes (count). */
bool apd_description_has_added(const apd_description *d, int place, const int *classes, int count);

/* Append `files` (file_count) to data.added and the tasks to stream.added: classes[t][0 .. counts[t]-1]. `names` become those of all
 * added tasks, former and new; NULL: no task has one. All is copied. */
void apd_description_add(apd_description *description, char *const *files, int file_count,
                         int *const *classes, const int *counts, int tasks, char *const *names);

/* A key that was given, in the file or by --set, and is none of `allowed` (ends in NULL); NULL: there is none. */
const char *apd_description_given_beyond(const apd_description *description, const char *const *allowed);

/* Whether the key was given. */
bool apd_description_is_given(const apd_description *description, const char *key);

/* Write the reference of all keys, layers and presets to `file`, for a terminal or as Markdown: docs/run-descriptions.md. */
void apd_description_help(FILE *file);
void apd_description_reference(FILE *file);

/* Write the JSON Schema (draft-07) of run descriptions. */
void apd_description_schema(FILE *file);

#endif

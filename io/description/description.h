/* description: a run as its user wrote it, with every value and where it came from.
 *
 * A run description is a YAML file (libyaml reads it); --set key=value on the command line comes on top. One
 * table of options (dotted key, type, range, default, help) drives reading, checking, --set, the run.yaml
 * that is written as resolved, and the reference that `apd train --help-keys` prints. Every complaint names
 * the file, the line, the key, the value and what would be right; an unknown key is answered with the nearest
 * known one. libcyaml was not taken: it loses where a value came from, and has no overlay for --set. */
#ifndef APD_IO_DESCRIPTION_DESCRIPTION_H
#define APD_IO_DESCRIPTION_DESCRIPTION_H

#include "base/status.h"
#include "network/network.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum apd_normalise { APD_NORMALISE_DATASET, APD_NORMALISE_TASK, APD_NORMALISE_UNIT } apd_normalise;

typedef enum apd_stream_kind {
    APD_STREAM_SPLIT,       /* classes in order, classes_per_task at a time */
    APD_STREAM_LIST,        /* stream.classes gives each task's classes */
    APD_STREAM_SUPERCLASS,  /* one task for each coarse label */
    APD_STREAM_PERMUTATION, /* all classes, each task its own fixed permutation of the pixels (task 0: none)
                             */
    APD_STREAM_ROTATION     /* all classes, task k turned by k * rotation_step degrees */
} apd_stream_kind;

typedef enum apd_order_kind { APD_ORDER_LETTER, APD_ORDER_LIST, APD_ORDER_SEED } apd_order_kind;
typedef enum apd_method { APD_METHOD_APD, APD_METHOD_STL } apd_method;
typedef enum apd_solver_kind { APD_SOLVER_EXACT, APD_SOLVER_JOINT } apd_solver_kind;
typedef enum apd_recentre { APD_RECENTRE_COUNT, APD_RECENTRE_MEDIAN, APD_RECENTRE_NONE } apd_recentre;
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

typedef struct apd_description {
    char *name;       /* the run's name; default: the file's name without .yaml */
    char *output;     /* the run's folder; default runs/NAME */
    uint64_t seed;    /* default 0 */
    int shards;       /* S; 0 = auto: the ranks of the first launch */
    int blas_threads; /* of OpenBLAS in a rank; default 1 */

    struct {
        char *file; /* data.file: an HDF5 data file (required); relative to the description's folder
                       when that exists there, else to the working directory */
        apd_normalise normalise; /* dataset | task | unit (divide by 255 only); default dataset */
        double validation;       /* share of the training images held out, 0 <= v < 1; default 0 */
        bool flip;               /* augmentation: left-right with probability 1/2; default false */
        int shift; /* augmentation: random crop after padding by this many pixels; 0..64, default 0 */
    } data;

    struct {
        apd_stream_kind kind; /* split | list | superclass | permutation | rotation */
        int tasks;            /* 0 = all that the data gives; required for permutation and rotation */
        int classes_per_task; /* split only; required there */
        int **classes;        /* list only: classes[t][0..class_counts[t]-1]; for split an optional
                                 one-row list is not allowed: use seed `class_seed` */
        int *class_counts;
        int class_lists;    /* how many rows `classes` has */
        int64_t class_seed; /* split: -1 = classes in order, else shuffled by this seed; default -1 */
        int turns;          /* 1, 2 or 4: each image also turned by 90 degrees, inside its class; default 1 */
        double rotation_step; /* degrees a task, rotation only; default 5 */
        apd_order_kind order_kind;
        char order_letter;   /* A..E; A is the identity for any number of tasks; B..E need 10 or 20 tasks */
        uint64_t order_seed; /* order: "seed 7" */
        int *order;          /* order: [2, 0, 1] */
        int order_count;
        int *forget;      /* pairs: task id, after how many finished tasks */
        int forget_count; /* numbers in `forget`: even */
    } stream;

    struct {
        char *preset; /* lenet | lenet-large | mlp | custom; default lenet */
        int *widths;  /* mlp: hidden widths, default [256, 256] */
        int width_count;
        bool lrn;               /* lenet presets: with local response normalisation; default false */
        apd_layer_spec *layers; /* resolved: from the preset, or network.layers when custom */
        int layer_count;
    } network;

    struct {
        apd_method name;        /* apd | stl; default apd */
        apd_solver_kind solver; /* exact | joint; default exact */
        double lambda1;         /* >= 0; default 1e-3 */
        double lambda2;         /* > 0 or inf; default inf; joint needs a finite one */
        double mask_init;       /* the masks' start, in (0, 1); default 0.5 */
        apd_recentre recentre;  /* count | median | none; default count */
        int recentre_every;     /* also after every this many tasks; 0: after the first only, the default */
        int consolidate_every;  /* s: tasks from one consolidation to the next; 0: none, the default */
        int clusters_added;     /* k: the n-th consolidation has k*n clusters; default 2 */
        double beta;            /* >= 0; default 1e-2 */
        apd_merge merge;        /* plain | saving; default saving (method/consolidate.h) */
        apd_cluster_start cluster_start; /* centroids | spectral; default centroids */
        apd_method_gram gram; /* auto | replicated | distributed; default auto; does not change results */
        int polish_epochs;    /* the last epochs of a task, 0..epochs-1; default 6 (exact only) */
    } method;

    struct {
        int epochs; /* default 20; 1..100000 */
        int batch;  /* default 100; at least S */
        double lr;  /* default 1e-3 */
        apd_schedule
            schedule; /* constant | exponential | cosine (over the task's steps, to 0); default cosine */
        double decay; /* exponential: factor an epoch; default 0.95 */
        double weight_decay;          /* L2 on theta; default 0 */
        int keep_best;                /* keep the best of the last n epochs by validation accuracy; 0 = off */
        double beta1, beta2, epsilon; /* Adam: 0.9, 0.999, 1e-8 */
    } training;

    struct {
        int interval;         /* steps between metrics lines; default 50 */
        int spectrum;         /* most tasks whose Gram matrix's eigenvalues are logged; default 500 */
        double stall_seconds; /* until a rank that keeps others waiting is named; 0 = never; default 60 */
        int evaluate_batch;   /* images a pass in evaluation; default 250 */
    } log;

    struct {
        double minutes; /* between commits while a task trains; 0: only when tasks end; default 15 */
        int tasks;      /* between commits when tasks end; 1, the default: after every one */
    } checkpoint;

    struct apd_value_source *sources; /* one for each option: where its value came from; private */
} apd_description;

/* Read `path`, then apply `count` settings "key=value" in order, then check what spans several keys and
 * resolve presets into layers. Statuses: IO (cannot read the file), USAGE (everything else). On success
 * `*out` is to be destroyed; on failure it is untouched. Local: rank 0 reads, see _write. */
apd_status apd_description_read(const char *path, const char *const *settings, int count,
                                apd_description **out, apd_error *error);

/* The same from text in memory (`name` stands for the file's name in messages); `bytes` need not end in 0. */
apd_status apd_description_parse(const char *name, const char *text, int64_t bytes,
                                 const char *const *settings, int count, apd_description **out,
                                 apd_error *error);
void apd_description_destroy(apd_description *description); /* Takes NULL. */

/* The description as resolved, as YAML text that reads back to the same description: every key with its value
 * and a comment "# default", "# file line 12" or "# flag". Doubles keep all their digits. Free the text.
 * Rank 0 broadcasts this text so that all ranks parse the same. */
char *apd_description_write(const apd_description *description);

/* A digest of every value that results depend on (not name, output, log.interval and the like; not data.file
 * either: what is in it has a digest of its own). Shards as resolved. */
uint64_t apd_description_digest(const apd_description *description);

/* A key in which two descriptions differ, and both values as YAML (a long one is cut around the place). */
typedef struct apd_description_difference {
    const char *key; /* a literal */
    char first[128], second[128];
} apd_description_difference;

/* Whether some value that results depend on (see _digest) differs, keys in `ignored` (ending in NULL; or
 * NULL) left aside; `*difference` is then the first, in the order of run.yaml. Networks are compared by their
 * layers: a preset equals its layers written out. */
bool apd_description_differs(const apd_description *a, const apd_description *b, const char *const *ignored,
                             apd_description_difference *difference);

/* Set shards when it is auto (0), noting the source. */
void apd_description_set_shards(apd_description *description, int shards);

/* Write the key reference (one line a key: key, type or values, default, help) to `file`. */
void apd_description_help(FILE *file);

#endif

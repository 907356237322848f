/* study: many runs that differ in some keys of their descriptions.
 *
 *   name: orders            default: the file's name          output: studies/orders    default: studies/NAME
 *   base: run.yaml          a run description's file, beside this one, or a description in place
 *   matrix:                 every combination of these values
 *     stream.order: [A, B, C]
 *   zip:                    lists of one length: their first values together, their second ones, ...; one more axis
 *     method.name: [apd, stl]
 *     training.epochs: [40, 20]
 *   exclude:                combinations with all values of an entry are left out
 *     - {stream.order: C, method.name: stl}
 *   include:                as GitHub Actions has it: an entry is added to every combination of which it changes no value
 *     - {method.name: apd, method.lambda1: 4e-3}           of matrix or zip, and is a run of its own if there is none
 *   shards: 4               of all runs; default: the base's, or the ranks of a run when the study first starts
 *   keep: last              of a finished run's commits: all (two), last, or results (none)
 *   launcher: mpirun -n 2   start each run by this command instead of a group of ranks
 *
 * Keys are written with dots, as in --set, and values are those of a run description. Two more keys vary what results do not
 * depend on, to measure times: `ranks`, of the run, one of which then trains at a time; and `repeat`, a number for its folder.
 * In a launcher {ranks} stands for the run's ranks. */
#ifndef APD_STUDY_STUDY_H
#define APD_STUDY_STUDY_H

#include "io/description/parts.h"

enum { APD_STUDY_KEYS = 24, APD_STUDY_RUNS = 100000 };

typedef enum apd_keep { APD_KEEP_ALL, APD_KEEP_LAST, APD_KEEP_RESULTS } apd_keep;

typedef struct apd_study_run {
    const char *values[APD_STUDY_KEYS]; /* as YAML, by the study's keys; NULL: the base's */
    int lines[APD_STUDY_KEYS];          /* where they were written; 0: on the command line */
    bool original;                      /* of matrix and zip, not made by an entry of include */
    char *folder;                       /* its name within the study's */
    char *text;                         /* the resolved description */
    uint64_t digest;                    /* apd_description_digest */
    int ranks, repeat;                  /* 0: not said */
    uint64_t identity;                  /* a digest of these three */
} apd_study_run;

typedef struct apd_study {
    char *path; /* of the study file */
    char *name, *output;
    char *launcher; /* "": groups of ranks */
    apd_keep keep;
    int shards; /* 0: not given */
    const char *keys[APD_STUDY_KEYS];
    bool varied[APD_STUDY_KEYS]; /* by matrix or zip; the others come from include */
    int key_count;
    apd_study_run *runs;
    int run_count;
    /* private: */
    const char *const *settings; /* (setting_count) of --set */
    int setting_count;
    apd_yaml_node root, base_root;
    const apd_yaml_node *base; /* within one of the two */
    char *base_path;
    char **pool; /* (pool_count) the values' texts */
    int pool_count;
} apd_study;

/* Read a study file, or a run description whose keys the `vary` (count) vary: KEY=VALUE,VALUE,...; on a study file these
 * replace or add axes of its matrix. Sets the study but the descriptions, folders and digests of its runs. `settings` change
 * the base, and must outlive the study. Clear it on failure, too. Local. Statuses: USAGE naming file, line and key; IO. */
apd_status apd_study_read(apd_study *study, const char *path, const char *const *vary, int count,
                          const char *const *settings, int setting_count, apd_error *error);

/* Describe every run, with study->shards (> 0), name its folder, and refuse two that are equal. Local. Status: USAGE. */
apd_status apd_study_expand(apd_study *study, apd_error *error);

/* The number that the run gives ranks or repeat; 0: none. Local. */
int apd_study_axis(const apd_study *study, const apd_study_run *run, const char *key);

/* The most ranks that a run names; 0: no run names any. Local. */
int apd_study_most_ranks(const apd_study *study);

/* Whether the key is one of matrix or zip. */
bool apd_study_varies(const apd_study *study, const char *key);

/* The runs by digest, those of one digest by identity; to be freed: (run_count). */
typedef struct apd_study_place {
    uint64_t digest, identity;
    int run;
} apd_study_place;
apd_study_place *apd_study_by_digest(const apd_study *study);

/* Bisect `places` (count) for the first run with the digest. NULL: there is none. */
const apd_study_place *apd_study_find(const apd_study_place *places, int count, uint64_t digest);

/* Describe one run anew with the folder `folder`. Local. Status: USAGE. */
apd_status apd_study_describe(const apd_study *study, apd_study_run *run, const char *folder,
                              apd_error *error);

/* The base's shards, 0 for auto. Local. Status: USAGE. */
apd_status apd_study_base_shards(const apd_study *study, int *shards, apd_error *error);

void apd_study_clear(apd_study *study);

/* "order=B,seed=1", of a run that may not be expanded yet; cut to `room`. */
void apd_study_words(const apd_study *study, const apd_study_run *run, char *text, size_t room);

#endif

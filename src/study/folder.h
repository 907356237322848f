/* folder: what lies in a study's folder, and what it says of the study's runs.
 *
 *   study.json   the study's name, file and shards, and its runs' folders in order
 *   RUN/         a folder as apd train makes one, with train.log; RUN's name says what differs, and a digest
 *   run.lock     held while a job writes the tables
 *   stop         made by a person, or after a failure with --fail-fast: all runs commit and stop; the next start deletes it
 *
 * A run is found by its run.yaml, not by its folder's name: a study whose matrix gets one more key keeps its runs. Runs that
 * name ranks or a repeat may have one description; these are told apart by the digest that ends the folder's name.
 * Local; called by the first rank of each group. */
#ifndef APD_STUDY_FOLDER_H
#define APD_STUDY_FOLDER_H

#include "engine/standing.h"
#include "study/study.h"

typedef enum apd_run_kind {
    APD_RUN_WAITING,
    APD_RUN_RUNNING, /* or its machine died: nobody here can tell */
    APD_RUN_DONE,
    APD_RUN_STOPPED,
    APD_RUN_DIED, /* ended without writing how */
    APD_RUN_FAILED,
    APD_RUN_APART, /* died twice without a commit between */
    APD_RUN_KINDS
} apd_run_kind;

extern const char *const apd_run_kind_names[];

/* Fix the shards (study.json's, the study's, the base's, or `ranks`), describe the runs, and find those that were begun.
 * Refuses other shards than the study started with, more `ranks` than shards, and a study without a run that has a commit or is done; the
 * latter names the key and both values. `writes`: make the folder and study.json. Statuses: USAGE; IO. */
apd_status apd_study_settle(apd_study *study, int ranks, bool writes, apd_error *error);

/* How the run in `folder` stands, by its files. `standing` may be NULL. */
apd_run_kind apd_run_look(const char *folder, apd_standing *standing);

/* How many runs of each kind there are. */
void apd_study_count(const apd_study *study, int counts[APD_RUN_KINDS]);

/* The next run to train, or -1: one that waits, has stopped or died and was not `tried` (runs), which it is then. The search
 * begins at run `first`, so that groups seldom meet. `running`: if there is no such run, one that looks as if it were
 * running, whose machine may have died: its lock tells. */
int apd_study_next(const apd_study *study, int first, bool running, bool *tried);

/* The path of a run's folder; free it. */
char *apd_study_run_folder(const apd_study *study, int run);

/* Failed runs and those set apart may be tried again. Statuses: IO. */
apd_status apd_study_retry(const apd_study *study, apd_error *error);

/* Delete the commits that study->keep does not keep of a finished run, which is locked. Statuses: IO, DATA. */
apd_status apd_study_tidy(const apd_study *study, const char *folder, apd_error *error);

/* Read the runs' folders from study.json in `folder`, as paths; free both. False without such a file. */
bool apd_study_list(const char *folder, char ***runs, int *count);

#endif

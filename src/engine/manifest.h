/* manifest: RUN/manifest.json: what reproduces a run, and what it has come to. Written when training starts, and with the tables
 * (results.h); a key a line, no value is an object or a list. */
#ifndef APD_ENGINE_MANIFEST_H
#define APD_ENGINE_MANIFEST_H

#include "engine/run.h"

typedef struct apd_manifest_figures {
    apd_capacity capacity;
    int64_t file_bytes, peak; /* of the commit; of the largest rank */
} apd_manifest_figures;

/* A digest of the accuracies and of the parameters of the state's newest commit: the same at every P. */
uint64_t apd_manifest_digest(const apd_run_state *state);

/* Write it on rank 0; `hosts` as of apd_team_hosts. `starts`: training starts, so that this process' command and job are the
 * run's, and the starts are one more; else they stay as the file has them. Local. Statuses: IO, REQUEUE. */
apd_status apd_manifest_write(const apd_run *run, const char *hosts, const apd_manifest_figures *figures,
                              bool starts, apd_error *error);

#endif

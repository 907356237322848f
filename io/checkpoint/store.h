/* store: the files of a run's commits: names, publishing, deletion.
 *
 *   RUN/checkpoint.h5            the newest commit
 *   RUN/checkpoint.previous.h5   the one before
 *   RUN/checkpoint.h5.tmp        the next one, until it is renamed
 *   RUN/segments/000012-3.h5     part 3 of commit 12
 *
 * `path` is RUN/checkpoint.h5. Local. Statuses: IO, or REQUEUE where a fault may pass; LOCKED. */
#ifndef APD_IO_CHECKPOINT_STORE_H
#define APD_IO_CHECKPOINT_STORE_H

#include "base/status.h"
#include "io/checkpoint/state.h"

/* "segments/000012-3.h5" (room: 48). */
void apd_store_part_name(int32_t commit, int32_t part, char name[48]);

/* The part's path beside the checkpoint `path`, and `path`'s other names; free them. */
char *apd_store_part(const char *path, int32_t commit, int32_t part);
char *apd_store_beside(const char *path, const char *name); /* "segments" */
char *apd_store_previous(const char *path);
char *apd_store_damaged(const char *path);
char *apd_store_temporary(const char *path);

/* Make the folder for parts, in the run's folder, which must be there. */
apd_status apd_store_begin(const char *path, apd_error *error);

/* Give the file `from` the name `to`, too, which must be free; where there are no hard links, instead. */
apd_status apd_store_name_also(const char *from, const char *to, apd_error *error);

/* Make `temporary`, which is synced, the newest commit: check that this job still holds the lock, link the newest commit so
 * far as the previous one, rename, sync the folder. `*published`: the rename was made, whatever failed after it. */
struct apd_lock;
apd_status apd_store_publish(struct apd_lock *lock, const char *temporary, const char *path, bool *published,
                             apd_error *error);

/* Delete parts that neither of the two states needs (either may be NULL); what cannot be listed is kept, with an error. Without
 * `second`, as after forgetting, the removals are safe from a power loss on return; else the next start would repeat them. */
apd_status apd_store_sweep(const char *path, const apd_run_state *first, const apd_run_state *second,
                           apd_error *error);

/* Delete the parts of commits after `commit`, which a killed writer left and whose numbers will be used again. */
apd_status apd_store_sweep_later(const char *path, int32_t commit, apd_error *error);

/* The pattern (mkstemp) of a file that shows who sees the folder of parts. */
#define APD_STORE_PROBE "segments/probe-XXXXXX"

#endif

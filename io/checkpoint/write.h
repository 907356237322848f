/* checkpoint_write: one process writes a commit, piece by piece, and makes it the newest.
 *
 * Order of calls: open; shared parameters either kept, or sigma of every decomposed block; for every place link_task;
 * before or after these, if the shared parameters are written and the tasks have been consolidated, for every decomposed
 * block clusters and each cluster; then, if a task is half way, begin_training and every array; then commit.
 * Groups go to the commit's segments, and checkpoint.h5 links to them; a `whole` writer puts all into one file
 * instead, tasks among them: forgotten, or begin_task, task_block of every block, end_task.
 *
 * A commit, and what a crash or a power loss leaves:
 *   1. close, sync and compare the segments and PATH.tmp     the former commit, stray files
 *   2. check the lock, link the former to its other name     the same
 *   3. rename PATH.tmp to PATH, sync the folder              the former or the new commit, whole
 * After a failure only destroy may follow, which removes what the commit wrote; but once the rename is done nothing is
 * removed: should syncing the folder fail, the new commit is in place, and both are whole whichever a power loss leaves.
 * Statuses as apd_checkpoint_save. Local. */
#ifndef APD_IO_CHECKPOINT_WRITE_H
#define APD_IO_CHECKPOINT_WRITE_H

#include "io/checkpoint/task.h"

typedef struct apd_checkpoint_writer apd_checkpoint_writer;

/* `parts` (T) says in which of the commit's parts each task will be, -1: where its record says; state->links are made
 * to fit. NULL: a whole file. `layout` and `state` must outlive the writer. `*out` is set on success only. */
apd_status apd_checkpoint_writer_open(const char *path, const int *parts, const apd_layout *layout,
                                      apd_run_state *state, apd_checkpoint_writer **out, apd_error *error);
void apd_checkpoint_writer_destroy(apd_checkpoint_writer *writer); /* Takes NULL. */

/* Link to where the state says sigma and the clusters lie. */
apd_status apd_checkpoint_writer_keep_shared(apd_checkpoint_writer *writer, apd_error *error);

/* Link to a task; `digest`: of what this commit has written. */
apd_status apd_checkpoint_writer_link_task(apd_checkpoint_writer *writer, int place, uint64_t digest,
                                           apd_error *error);

/* sigma (R, C): begin, all its rows in runs that come in order, end; or in one call. Failures between show at the end. */
apd_status apd_checkpoint_writer_begin_sigma(apd_checkpoint_writer *writer, int block, apd_error *error);
void apd_checkpoint_writer_rows(apd_checkpoint_writer *writer, int64_t rows, const float *values);
apd_status apd_checkpoint_writer_end_sigma(apd_checkpoint_writer *writer, apd_error *error);
apd_status apd_checkpoint_writer_sigma(apd_checkpoint_writer *writer, int block, const float *sigma,
                                       apd_error *error);
apd_status apd_checkpoint_writer_forgotten(apd_checkpoint_writer *writer, int place, apd_error *error);
apd_status apd_checkpoint_writer_begin_task(apd_checkpoint_writer *writer, int place,
                                            const apd_checkpoint_facts *facts, apd_error *error);
void apd_checkpoint_writer_task_block(apd_checkpoint_writer *writer, int block, int64_t rows,
                                      const apd_task_block *run);
apd_status apd_checkpoint_writer_end_task(apd_checkpoint_writer *writer, apd_error *error);
/* How many clusters the block has, and in which the task at each place is (T), -1: in none. */
apd_status apd_checkpoint_writer_clusters(apd_checkpoint_writer *writer, int block, int clusters,
                                          const int32_t *assignment, apd_error *error);

/* sigma_g of one cluster; clusters come in order. */
apd_status apd_checkpoint_writer_cluster(apd_checkpoint_writer *writer, int block, int cluster,
                                         const apd_sparse *shared, apd_error *error);

/* Optional: no shared parameters follow. Their segment is synced and compared while the tasks are written. */
apd_status apd_checkpoint_writer_finish_shared(apd_checkpoint_writer *writer, apd_error *error);

/* The task half way: its attributes from the state; then its arrays by name, whole (rows, width). `names` must
 * outlive the writer. */
apd_status apd_checkpoint_writer_begin_training(apd_checkpoint_writer *writer,
                                                const apd_training_names *names, apd_error *error);
apd_status apd_checkpoint_writer_array(apd_checkpoint_writer *writer, const char *name, int64_t rows,
                                       int64_t width, const float *values, apd_error *error);

/* The same with apd_checkpoint_writer_rows between. */
void apd_checkpoint_writer_begin_array(apd_checkpoint_writer *writer, const char *name, int64_t rows,
                                       int64_t width);
apd_status apd_checkpoint_writer_end_array(apd_checkpoint_writer *writer, apd_error *error);

apd_status apd_checkpoint_writer_commit(apd_checkpoint_writer *writer, apd_error *error);

/* Whether the rename was done, also by a commit that failed after it. */
bool apd_checkpoint_writer_published(const apd_checkpoint_writer *writer);

/* After the commit: the digest of the group of the task at `place`, that of the shared parameters, and the bytes
 * of all files that were written. */
uint64_t apd_checkpoint_writer_task_digest(const apd_checkpoint_writer *writer, int place);
uint64_t apd_checkpoint_writer_shared_digest(const apd_checkpoint_writer *writer);
int64_t apd_checkpoint_writer_bytes(const apd_checkpoint_writer *writer);

#endif

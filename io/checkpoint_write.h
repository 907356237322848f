/* checkpoint_write: one process writes a whole checkpoint, piece by piece, and commits it.
 *
 * Order of calls: open, sigma of every decomposed block, then for every place either forgotten, or
 * begin_task, task_block of every block, end_task; then, if the tasks have been consolidated, for every
 * decomposed block clusters and each cluster; then commit. Everything goes to PATH.tmp; commit closes it,
 * brings it to the disk, reads it back and renames it. After a failure only destroy may follow; it removes
 * PATH.tmp. Statuses as apd_checkpoint_save. Local. */
#ifndef APD_IO_CHECKPOINT_WRITE_H
#define APD_IO_CHECKPOINT_WRITE_H

#include "io/checkpoint_task.h"

typedef struct apd_checkpoint_writer apd_checkpoint_writer;

/* `layout` and `state` must outlive the writer. `*out` is set on success only. */
apd_status apd_checkpoint_writer_open(const char *path, const apd_layout *layout, const apd_run_state *state,
                                      apd_checkpoint_writer **out, apd_error *error);
void apd_checkpoint_writer_destroy(apd_checkpoint_writer *writer); /* Takes NULL. */

/* sigma (R, C) */
apd_status apd_checkpoint_writer_sigma(apd_checkpoint_writer *writer, int block, const float *sigma,
                                       apd_error *error);
apd_status apd_checkpoint_writer_forgotten(apd_checkpoint_writer *writer, int place, apd_error *error);
apd_status apd_checkpoint_writer_begin_task(apd_checkpoint_writer *writer, int place,
                                            const apd_checkpoint_facts *facts, apd_error *error);
apd_status apd_checkpoint_writer_task_block(apd_checkpoint_writer *writer, int block,
                                            const apd_task_block *whole, apd_error *error);
apd_status apd_checkpoint_writer_end_task(apd_checkpoint_writer *writer, apd_error *error);
/* How many clusters the block has, and in which the task at each place is (T), -1: in none. */
apd_status apd_checkpoint_writer_clusters(apd_checkpoint_writer *writer, int block, int clusters,
                                          const int32_t *assignment, apd_error *error);

/* sigma_g of one cluster; clusters come in order. */
apd_status apd_checkpoint_writer_cluster(apd_checkpoint_writer *writer, int block, int cluster,
                                         const apd_sparse *shared, apd_error *error);
apd_status apd_checkpoint_writer_commit(apd_checkpoint_writer *writer, apd_error *error);

#endif

/* checkpoint_read: one process reads a checkpoint, piece by piece, and checks all of it.
 *
 * Order of calls: open, sigma of every decomposed block, then for every place begin_task and, when present,
 * task_block of every block and end_task; then, when the file is clustered, for every decomposed block
 * clusters and each cluster; then finish. The group digests are compared as each group ends, the
 * file's when it is finished. Every size is held against the file before room is made.
 * Statuses as apd_checkpoint_load. Local. */
#ifndef APD_IO_CHECKPOINT_READ_H
#define APD_IO_CHECKPOINT_READ_H

#include "io/checkpoint_task.h"

typedef struct apd_checkpoint_reader apd_checkpoint_reader;

/* Reads the run's state (records still empty) and the layout; `path` must outlive the reader. */
apd_status apd_checkpoint_reader_open(const char *path, apd_checkpoint_reader **out, apd_error *error);
void apd_checkpoint_reader_destroy(apd_checkpoint_reader *reader); /* Takes NULL. */

const apd_layout *apd_checkpoint_reader_layout(const apd_checkpoint_reader *reader);
apd_run_state *
apd_checkpoint_reader_state(apd_checkpoint_reader *reader);            /* the reader's, to be taken over */
int apd_checkpoint_reader_groups(const apd_checkpoint_reader *reader); /* found good so far */

/* sigma (R, C); free it. */
apd_status apd_checkpoint_reader_sigma(apd_checkpoint_reader *reader, int block, float **sigma,
                                       apd_error *error);

/* Reads the record too. A forgotten task (present is false) is complete with this. */
apd_status apd_checkpoint_reader_begin_task(apd_checkpoint_reader *reader, int place,
                                            apd_checkpoint_facts *facts, apd_error *error);

/* The whole block (apd_checkpoint_block_destroy it). The head has `head_rows` rows (at least the task's
 * classes), those beyond the classes zero. */
apd_status apd_checkpoint_reader_task_block(apd_checkpoint_reader *reader, int block, int64_t head_rows,
                                            apd_task_block **whole, apd_error *error);
apd_status apd_checkpoint_reader_end_task(apd_checkpoint_reader *reader, apd_error *error);

/* Instead of task_block and end_task: the group's contents stay unread, its stored digest is trusted. */
apd_status apd_checkpoint_reader_skip_task(apd_checkpoint_reader *reader, apd_error *error);
/* Whether the file has locally shared parameters. */
bool apd_checkpoint_reader_clustered(const apd_checkpoint_reader *reader);

/* How many clusters a block has, and in which the task at each place is (T; free it), -1: in none. */
apd_status apd_checkpoint_reader_clusters(apd_checkpoint_reader *reader, int block, int *clusters,
                                          int32_t **assignment, apd_error *error);

/* sigma_g of one cluster (clear it). */
apd_status apd_checkpoint_reader_cluster(apd_checkpoint_reader *reader, int block, int cluster,
                                         apd_sparse *shared, apd_error *error);

/* Instead of clusters and each cluster: counts the entries of all sigma_g of the block; contents stay unread,
 * stored digests are trusted. */
apd_status apd_checkpoint_reader_skip_clusters(apd_checkpoint_reader *reader, int block, int64_t *entries,
                                               apd_error *error);

apd_status apd_checkpoint_reader_finish(apd_checkpoint_reader *reader, apd_error *error);

/* Instead of all the above after open: the records and the groups' stored digests alone, then the file's. */
apd_status apd_checkpoint_reader_records(apd_checkpoint_reader *reader, apd_error *error);

#endif

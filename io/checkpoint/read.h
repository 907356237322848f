/* read: one process reads a commit, group by group, and checks all of it.
 *
 * Order of calls: open; sigma of every decomposed block; for every place begin_task and, if present, task_block of every
 * block and end_task; if clustered, for every decomposed block clusters and each cluster; if a task is in training,
 * begin_training, every array, end_training; finish. Open checks the digest of checkpoint.h5 itself, which covers the
 * digests of all groups; each is compared as its group ends, so that a group of another commit is found, too. Every size
 * is compared with the file before memory is allocated.
 *
 * Local. Statuses: DATA when the commit is damaged or not whole; IO or REQUEUE when the system refused a read: then
 * neither damage nor wholeness is proven. */
#ifndef APD_IO_CHECKPOINT_READ_H
#define APD_IO_CHECKPOINT_READ_H

#include "io/checkpoint/task.h"

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

/* Instead of sigma: check that the data set exists with the right type and extent. Its values are not read, the stored
 * digest is trusted. */
apd_status apd_checkpoint_reader_look_at_sigma(apd_checkpoint_reader *reader, int block, apd_error *error);

/* Open a task and read its record. A forgotten task (facts->present is false) needs no further call. */
apd_status apd_checkpoint_reader_begin_task(apd_checkpoint_reader *reader, int place,
                                            apd_checkpoint_facts *facts, apd_error *error);

/* Read a whole block; apd_checkpoint_block_destroy it. The head gets `head_rows` rows, at least the task's classes; those
 * after the classes are zero. */
apd_status apd_checkpoint_reader_task_block(apd_checkpoint_reader *reader, int block, int64_t head_rows,
                                            apd_task_block **whole, apd_error *error);
apd_status apd_checkpoint_reader_end_task(apd_checkpoint_reader *reader, apd_error *error);

/* Instead of begin_task, and of all sigma and clusters: do not open the groups. The task's link must lead to part `part` of
 * this commit's segment; -1: anywhere. */
apd_status apd_checkpoint_reader_pass_task(apd_checkpoint_reader *reader, int place, int part,
                                           apd_error *error);
void apd_checkpoint_reader_pass_shared(apd_checkpoint_reader *reader);

/* Instead of task_block and end_task: the group's values are not read, its stored digest is trusted. */
apd_status apd_checkpoint_reader_skip_task(apd_checkpoint_reader *reader, apd_error *error);
/* Whether the file has locally shared parameters. */
bool apd_checkpoint_reader_clustered(const apd_checkpoint_reader *reader);

/* The number of clusters of a block, and the cluster of the task at each place (T, to be freed; -1: none). */
apd_status apd_checkpoint_reader_clusters(apd_checkpoint_reader *reader, int block, int *clusters,
                                          int32_t **assignment, apd_error *error);

/* sigma_g of one cluster; apd_sparse_clear it. */
apd_status apd_checkpoint_reader_cluster(apd_checkpoint_reader *reader, int block, int cluster,
                                         apd_sparse *shared, apd_error *error);

/* Instead of clusters and each cluster: count the entries of all sigma_g of the block. Values are not read, stored digests
 * are trusted. */
apd_status apd_checkpoint_reader_skip_clusters(apd_checkpoint_reader *reader, int block, int64_t *entries,
                                               apd_error *error);

/* The task half way: attributes into the reader's state; names of the arrays, the reader's. An array (*rows, *width)
 * in order of the names; APD_CHECKPOINT_ANY takes and sets what the file says; free it. `skip`: contents stay unread, the
 * stored digest is trusted. */
apd_status apd_checkpoint_reader_begin_training(apd_checkpoint_reader *reader,
                                                const apd_training_names **names, apd_error *error);
apd_status apd_checkpoint_reader_array(apd_checkpoint_reader *reader, const char *name, int64_t *rows,
                                       int64_t *width, float **values, apd_error *error);
apd_status apd_checkpoint_reader_end_training(apd_checkpoint_reader *reader, apd_error *error);
apd_status apd_checkpoint_reader_skip_training(apd_checkpoint_reader *reader, apd_error *error);

apd_status apd_checkpoint_reader_finish(apd_checkpoint_reader *reader, apd_error *error);

/* Instead of all the above after open: the records and the groups' stored digests alone. */
apd_status apd_checkpoint_reader_records(apd_checkpoint_reader *reader, apd_error *error);

/* What of a commit just written, whose bytes have been read back, is to be read through (large data sets are looked at
 * only); of a task in training, its stored digest is trusted. */
typedef struct apd_checkpoint_choice {
    bool shared; /* sigma and the clusters */
    const int *
        parts; /* (T): of this commit's segment, that the link to a task must lead to; -1: of an older one. The
                         tasks themselves are not read. */
} apd_checkpoint_choice;

/* Read the commit at `path` through, all of it (`choice` NULL) or what is chosen. `*groups` (those found good, the root
 * included) is set on success only. */
apd_status apd_checkpoint_reader_check(const char *path, const apd_checkpoint_choice *choice, int *groups,
                                       apd_error *error);

/* A part of a commit's segment of tasks, and what it must hold. */
typedef struct apd_checkpoint_part {
    const char *path;
    const apd_layout *layout;
    const apd_run_state *state; /* the commit's */
    const uint64_t *digests;    /* (T) of the tasks' groups */
    const int *places;          /* (count) of the tasks that lie in it */
    int count;
} apd_checkpoint_part;

/* Open it to read its tasks: begin_task, task_block, end_task in order of the places, and destroy. */
apd_status apd_checkpoint_reader_open_part(const apd_checkpoint_part *part, apd_checkpoint_reader **out,
                                           apd_error *error);

/* Read its tasks and check them. */
apd_status apd_checkpoint_reader_check_part(const apd_checkpoint_part *part, apd_error *error);

/* One attempt at apd_checkpoint_pack. */
apd_status apd_checkpoint_pack_once(const char *path, const char *to, int *groups, apd_error *error);

#endif

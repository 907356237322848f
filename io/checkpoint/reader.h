/* reader: what the files of the reader share; nobody else includes it.
 *
 * A reader has one group open at a time. read.c opens and closes groups and the whole; read_task.c reads tasks,
 * read_shared.c sigma and clusters, read_training.c the task in training. Local. Statuses as get. */
#ifndef APD_IO_CHECKPOINT_READER_H
#define APD_IO_CHECKPOINT_READER_H

#include "io/checkpoint/get.h"
#include "io/checkpoint/read.h"
#include "io/checkpoint/segment.h"
#include "io/checkpoint/training.h"

/* A segment that is open. */
typedef struct apd_segment_file {
    apd_segment which; /* commit 0: none */
    char *path;
    hid_t file;
    int groups; /* of tasks in it */
} apd_segment_file;

struct apd_checkpoint_reader {
    hid_t file;
    const char *path;
    apd_checkpoint_in root;
    apd_segment_file segments[APD_SEGMENT_KINDS]; /* the last one of each kind */
    apd_layout layout;
    apd_run_state state;
    uint64_t *digests; /* (T) as checkpoint.h5 says they are */
    uint64_t shared, training;
    bool *sparse; /* (T): the task at the place is neither forgotten nor single */
    int good;
    bool partly;             /* tasks are passed over, or it is a part's: the accuracies are not wanted */
    apd_checkpoint_in group; /* the one being read */
    int place;
    apd_checkpoint_facts facts;
    int64_t entries; /* of this task's tau read so far */
    apd_checkpoint_source sources[APD_CHECKPOINT_SETS];
    apd_training_names names;
};

/* Open the group `name`, which is `link` or lies below it. `*which` gets the segment that holds it; commit 0 means the
 * checkpoint itself. DATA when the segment is absent: the commit is not whole. */
apd_status apd_checkpoint_reader_open_group(apd_checkpoint_reader *reader, const char *name, const char *link,
                                            apd_segment_kind kind, apd_segment *which, apd_error *error);

/* The digest of the open group: computed from all that was read and equal to the stored one; with `trust` the stored
 * one. */
apd_status apd_checkpoint_reader_digest(apd_checkpoint_reader *reader, bool trust, uint64_t *digest,
                                        apd_error *error);

/* Close the open group. Its digest (as above) must be `expected`, the one in checkpoint.h5. */
apd_status apd_checkpoint_reader_end_group(apd_checkpoint_reader *reader, bool trust, uint64_t expected,
                                           apd_error *error);

/* Allocate all accuracies, as NAN; late, since they take T*T*8 bytes. */
void apd_checkpoint_reader_need_accuracies(apd_run_state *state);

/* Read only the record of the task at `place`, or nothing of a block's sigma; stored digests are trusted. */
apd_status apd_checkpoint_reader_record(apd_checkpoint_reader *reader, int place, apd_error *error);
apd_status apd_checkpoint_reader_skip_sigma(apd_checkpoint_reader *reader, int block, apd_error *error);

#endif

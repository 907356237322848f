/* checkpoint_reader: what the parts of checkpoint_read share; nobody else includes it.
 *
 * A reader has one group open at a time. _read opens and closes groups, and the whole; _read_task reads those of tasks,
 * _read_shared sigma and the clusters, _read_training the task half way.
 * Statuses as apd_checkpoint_load. Local. */
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

/* Open group `name`, which is or lies below `link`; `*which` is the segment that it lies in, of commit 0: in the file
 * itself. */
apd_status apd_checkpoint_reader_open_group(apd_checkpoint_reader *reader, const char *name, const char *link,
                                            apd_segment_kind kind, apd_segment *which, apd_error *error);

/* The digest of the open group: as computed from all that was read, which must be what is stored; or (`trust`) as
 * stored. */
apd_status apd_checkpoint_reader_digest(apd_checkpoint_reader *reader, bool trust, uint64_t *digest,
                                        apd_error *error);

/* Close the open group, whose digest (as above) must be `expected`, which is what checkpoint.h5 says. */
apd_status apd_checkpoint_reader_end_group(apd_checkpoint_reader *reader, bool trust, uint64_t expected,
                                           apd_error *error);

/* Room for all accuracies, unknown ones so far: not before somebody wants them, as it grows with the square of T. */
void apd_checkpoint_reader_need_accuracies(apd_run_state *state);

/* The record alone of the task at `place`, or a block's sigma not even looked at: stored digests are trusted. */
apd_status apd_checkpoint_reader_record(apd_checkpoint_reader *reader, int place, apd_error *error);
apd_status apd_checkpoint_reader_skip_sigma(apd_checkpoint_reader *reader, int block, apd_error *error);

#endif

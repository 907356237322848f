/* segment: the files beside checkpoint.h5 that hold its groups, and the links that lead to them.
 *
 *   RUN/segments/000012-tasks.h5      groups /tasks/PLACE and /forgotten/PLACE that commit 12 wrote; a large commit
 *   RUN/segments/000012-tasks-1.h5    has several parts
 *   RUN/segments/000012-shared.h5     sigma and the clusters' parameters as of commit 12
 *   RUN/segments/000012-training.h5   the task in training at commit 12
 *
 * A segment never changes once a checkpoint links to it. A link is trusted only if it leads to a segment's name in the
 * run's own folder and to the object of the link's own path. Nothing in a file leads out of the folder, and no link is
 * followed by HDF5 itself: paths are walked link by link. Local. Statuses: IO and REQUEUE, naming path and step. */
#ifndef APD_IO_CHECKPOINT_SEGMENT_H
#define APD_IO_CHECKPOINT_SEGMENT_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum apd_segment_kind {
    APD_SEGMENT_TASKS,
    APD_SEGMENT_SHARED,
    APD_SEGMENT_TRAINING,
    APD_SEGMENT_KINDS
} apd_segment_kind;

typedef struct apd_segment {
    int commit; /* whose; they count from 1 */
    apd_segment_kind kind;
    int part; /* from 0 */
} apd_segment;

/* Write "segments/000012-tasks.h5", or "segments/000012-tasks-1.h5" for a later part, into `name`, which has at least
 * APD_SEGMENT_NAME_ROOM bytes. */
#define APD_SEGMENT_NAME_ROOM 48
void apd_segment_name(apd_segment segment, char *name, size_t size);

/* The inverse. False for anything but a segment's name; `*segment` is untouched then. */
bool apd_segment_parse(const char *name, apd_segment *segment);

/* The pattern (mkstemp) of a file by which ranks find out who sees the folder. */
#define APD_SEGMENT_PROBE "segments/probe-XXXXXX"

/* The segment's path beside the checkpoint `checkpoint`; free it. */
char *apd_segment_path(const char *checkpoint, const char *name);

/* Make the folder for the segments of `checkpoint` unless it is there. */
apd_status apd_segment_folder(const char *checkpoint, apd_error *error);

/* Link `object` ("/tasks/000017") of the file of `root` to the same object of a segment. The groups on the way must
 * exist. False when HDF5 refuses. */
bool apd_segment_link(hid_t root, const char *object, apd_segment segment);

typedef enum apd_link {
    APD_LINK_MISSING,
    APD_LINK_HERE,    /* an object of this very file */
    APD_LINK_SEGMENT, /* of a segment of the kind asked for; *segment says which */
    APD_LINK_FOREIGN  /* anything else: not to be followed */
} apd_link;

/* What the link `object` of the file of `root` is. A read that the system refuses gives MISSING and is noted
 * (io/hdf5/read_driver.h). */
apd_link apd_segment_resolve(hid_t root, const char *object, apd_segment_kind kind, apd_segment *segment);

/* Whether every link of the path `name` below `place` is there and leads to an object of the same file. No link to
 * another file is followed. False, too, when the system refuses a read, which is noted (io/hdf5/read_driver.h). */
bool apd_segment_holds(hid_t place, const char *name);

/* Whether the link `object` ("/training") of the file of `root` is there, wherever it leads; likewise. */
bool apd_segment_has_link(hid_t root, const char *object);

/* How many links the group `name` of the same file has; 0 where apd_segment_holds says false. */
int64_t apd_segment_count(hid_t place, const char *name);

/* The segments that some checkpoints need. */
typedef struct apd_segment_set {
    int count;
    apd_segment *items; /* owned */
} apd_segment_set;

void apd_segment_set_add(apd_segment_set *set, apd_segment segment);
void apd_segment_set_clear(apd_segment_set *set);

/* Sort, and drop duplicates. */
void apd_segment_set_sort(apd_segment_set *set);

/* Add what the checkpoint `path` refers to; nothing when there is no such file. Statuses: IO and REQUEUE when the system
 * refuses to read it, DATA when it is damaged; `set` may then lack segments. */
apd_status apd_segment_set_of(apd_segment_set *set, const char *path, apd_error *error);

/* Bytes of the checkpoint `path` and of all of the sorted `set` that are there. */
int64_t apd_segment_bytes(const char *path, const apd_segment_set *set);

/* Delete every probe, and every segment beside `checkpoint` that is not in the sorted `set`. Nothing is deleted unless
 * the whole folder can be listed; the first file that cannot be deleted ends it. Statuses: IO, REQUEUE naming the file. */
apd_status apd_segment_sweep(const char *checkpoint, const apd_segment_set *set, apd_error *error);

#endif

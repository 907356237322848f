/* tensorboard: event files for TensorBoard, made of what a run writes to metrics.jsonl.
 *
 *   FOLDER/tensorboard/steps/events.out.tfevents.*   tags of the event "step", by step of the run
 *   FOLDER/tensorboard/tasks/events.out.tfevents.*   tags of the event "task", by number of tasks learned
 * Each start has files of its own, as TensorBoard wants it; those of a resumed run begin with a SessionLog START at the first step
 * that they may repeat, upon which TensorBoard drops what it has from there on. A file is a sequence of records (TFRecord): the
 * length (8 bytes, the least first), its CRC, a message Event of Protocol Buffers, its CRC (CRC-32C, masked). Tags hold no name
 * of a task. Records reach the system one by one, as lines of metrics.jsonl do. Local. */
#ifndef APD_IO_SYSTEM_TENSORBOARD_H
#define APD_IO_SYSTEM_TENSORBOARD_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_tensorboard apd_tensorboard;

/* Where a resumed run stands. */
typedef struct apd_tensorboard_place {
    int done;      /* tasks whose end is complete */
    int trained;   /* tasks whose steps are done: `done`, or one more */
    int64_t steps; /* of the task after those */
} apd_tensorboard_place;

/* Begin the files of a start. `fresh`: of a new run; old files are deleted. Statuses: IO, REQUEUE. */
apd_status apd_tensorboard_open(const char *folder, bool fresh, apd_tensorboard **out, apd_error *error);

/* A former start has logged step `step` of the task at `place`, later ones after earlier ones: the steps of a run go on where
 * those of the task before have ended. */
void apd_tensorboard_note(apd_tensorboard *board, int place, int64_t step);

/* After all notes: the run goes on from `place`. Statuses: IO, REQUEUE. */
apd_status apd_tensorboard_resume(apd_tensorboard *board, const apd_tensorboard_place *place,
                                  apd_error *error);

/* An event of metrics.jsonl: begin, its numbers, end, which writes those that have a tag. Status: IO, REQUEUE. */
void apd_tensorboard_begin(apd_tensorboard *board, const char *event);
void apd_tensorboard_take(apd_tensorboard *board, const char *key, double value);
apd_status apd_tensorboard_end(apd_tensorboard *board, apd_error *error);

/* Takes NULL. Status: IO, REQUEUE. */
apd_status apd_tensorboard_close(apd_tensorboard *board, apd_error *error);

#endif

/* runlog: what a run leaves for machines to read, in its folder.
 *
 *   manifest.json   what reproduces the run: engine/manifest.h
 *   metrics.jsonl   one JSON object a line: {"event": "step" | "epoch" | "task" | "checkpoint" | ..., ...}
 *   accuracy.csv    the matrix R: one row a finished task, one column a task of the stream
 *   tasks.csv       one row a task
 * Only rank 0 has one. Lines of metrics.jsonl reach the system one by one, so that a killed program loses none; a power
 * loss may take those since the log was opened. The other files are replaced (io/system/durable.h), but accuracy.csv
 * grows by rows. */
#ifndef APD_IO_SYSTEM_RUNLOG_H
#define APD_IO_SYSTEM_RUNLOG_H

#include "base/status.h"
#include "io/system/tensorboard.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_runlog apd_runlog;

/* Make the folder (and those above it) where missing, open metrics.jsonl for appending; its name in the folder is safe
 * from a power loss then. Statuses as in io/system/durable.h. */
apd_status apd_runlog_open(const char *folder, apd_runlog **out, apd_error *error);

/* fsync metrics.jsonl and close it: its lines are safe from a power loss then. Takes NULL. */
apd_status apd_runlog_close(apd_runlog *log, apd_error *error);

/* Write what TensorBoard shows to event files in `folder`, too. `resumed`: where the run goes on; NULL: it is a new one. Statuses:
 * IO, REQUEUE. */
apd_status apd_runlog_follow(apd_runlog *log, const char *folder, const apd_tensorboard_place *resumed,
                             apd_error *error);

/* One line of metrics.jsonl: begin, fields, end. Every line also has "time" (ISO 8601, UTC).
 * Doubles are printed with 17 digits; nan and inf as null. A failed write is reported by _end: IO. */
void apd_runlog_begin(apd_runlog *log, const char *event);
void apd_runlog_text(apd_runlog *log, const char *key, const char *value); /* escapes as JSON needs */
void apd_runlog_integer(apd_runlog *log, const char *key, int64_t value);
void apd_runlog_number(apd_runlog *log, const char *key, double value);
apd_status apd_runlog_end(apd_runlog *log, apd_error *error);

/* Read `folder`/metrics.jsonl: `take` gets the event and the text of each line in turn, without a line that a kill cut short or
 * that is none of ours. An absent file has no lines. Statuses: IO, REQUEUE. */
typedef void apd_runlog_take(void *context, const char *event, const char *line);
apd_status apd_runlog_read(const char *folder, apd_runlog_take *take, void *context, apd_error *error);

/* Blank the name of the task in every line of `folder`/metrics.jsonl that has it, in place: a forgotten task has none. Lines keep
 * their length; the file is safe from a power loss afterwards. Statuses: IO, REQUEUE. */
apd_status apd_runlog_forget_name(const char *folder, int task, apd_error *error);

#endif

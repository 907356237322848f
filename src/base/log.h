/* log: plain lines for people on stderr, or in a file, from rank 0 only. Programs read the run log instead (io/system/runlog.h).
 *
 * Any thread may log; a line is written whole. */
#ifndef APD_BASE_LOG_H
#define APD_BASE_LOG_H

#include "base/status.h"

#include <stdbool.h>

/* Turn the log on or off; it starts on. mpi/team turns it off on all ranks but 0. */
void apd_log_enable(bool enabled);

/* Append the log's lines to folder/name instead, without a progress line, until it is closed: one file for the process.
 * Statuses: IO, REQUEUE. */
apd_status apd_log_open(const char *folder, const char *name, apd_error *error);
void apd_log_close(void);

/* Write a line. Clears a progress line first. */
void apd_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write "warning: ...". */
void apd_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write a line from any rank, also where the log is off: for what rank 0 may be unable to report. */
void apd_alarm(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Update the progress line, at most ten times a second. Nothing is written unless stderr is a terminal. */
void apd_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether stderr is a terminal; then also its lines and columns, 24 and 80 where it does not say. */
bool apd_log_terminal(int *lines, int *columns);

/* Keep a screen of text below the log: `text`, whole lines, replaces the one before, and "" removes it. The cursor stays at its first
 * line, where the next line of the log wipes it. `apd_log_over_screen` tells ranks whose lines come to the same terminal to wipe it, too. */
void apd_log_screen(const char *text);
void apd_log_over_screen(bool shown);

/* Seconds of a monotonic clock. */
double apd_seconds(void);

#endif

/* log: what a person reads while the program works: plain lines on stderr, from rank 0 alone.
 * What a machine reads goes to the run's folder (io/runlog). Any thread may speak: a line stays whole. */
#ifndef APD_BASE_LOG_H
#define APD_BASE_LOG_H

#include <stdbool.h>

/* Whether this process speaks; on at start. mpi/team turns it off on all ranks but 0. */
void apd_log_enable(bool enabled);

/* One line on stderr. Clears a live progress line first. */
void apd_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A warning: "warning: ..." */
void apd_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line from whatever rank, whether it speaks or not: for what rank 0 may be unable to say. */
void apd_alarm(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The live line: on a terminal it is drawn over itself, elsewhere nothing is printed. At most ten a second. */
void apd_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds from a clock that only moves forward. */
double apd_seconds(void);

#endif

/* watch_table: who is stalled, judged from what the ranks said of themselves. Knows no clock and no network.
 *
 * Every rank's watchdog thread sends a *beat* every few seconds; a *watcher* keeps the last one of each rank and
 * judges:
 *   silent    nothing was heard of a rank for `limit` seconds: its process is stopped, or its node out of reach
 *   stands    a rank is heard, but its pulse stands still although it waits for nobody, and others wait
 *   all wait  all ranks are heard, and all have been waiting for each other
 *   unheard   a rank was never heard: it was stopped from the start, or the network lets no datagram through
 * While a rank is silent nobody is said to stand or wait: the silent one explains it. A verdict is repeated
 * when the stall has lasted twice as long as the last time, and there is one more when it is over.
 *
 * There are several watchers, because one of them may be the rank that stalls: one speaks while all watchers
 * before it are silent. */
#ifndef APD_MPI_WATCHDOG_TABLE_H
#define APD_MPI_WATCHDOG_TABLE_H

#include "base/heartbeat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APD_PHASE_ROOM    24
#define APD_VERDICTS_MOST 8

typedef struct apd_beat {
    int rank;
    uint64_t number; /* of this rank's beats, from 1 */
    uint64_t count;  /* of its pulse */
    apd_activity activity;
    char state; /* of its main thread, as in /proc: R runs, S sleeps, D in the kernel, ...; '?' unknown */
    char phase[APD_PHASE_ROOM];
} apd_beat;

typedef enum apd_verdict_kind {
    APD_VERDICT_NONE,
    APD_VERDICT_SILENT,
    APD_VERDICT_STANDS,
    APD_VERDICT_ALL_WAIT, /* of no rank: -1 */
    APD_VERDICT_UNHEARD,
    APD_VERDICT_OVER /* a stall of which there was a verdict has ended */
} apd_verdict_kind;

typedef struct apd_verdict {
    apd_verdict_kind kind;
    int rank;
    double seconds; /* how long it lasts, or has lasted */
    int waiting;    /* ranks that wait for others */
    char state;
    char phase[128]; /* the last that was heard; ALL_WAIT: who is where */
} apd_verdict;

typedef struct apd_watch_table apd_watch_table;

/* `watchers` (count, copied): ranks in the order in which they speak; `self` is one of them. `limit` > 0 and all
 * times are seconds of one clock that only moves forward. */
apd_watch_table *apd_watch_table_create(int ranks, int self, const int *watchers, int count, double limit,
                                        double now);
void apd_watch_table_destroy(apd_watch_table *table); /* Takes NULL. */

/* Take a beat; one that is older than the last (a datagram that comes twice or late) changes nothing. */
void apd_watch_table_hear(apd_watch_table *table, const apd_beat *beat, double now);

/* This process was itself stopped for so many seconds: what it did not hear then says nothing. */
void apd_watch_table_forgive(apd_watch_table *table, double seconds, double now);

/* What is to be said now; returns how many of `verdicts` are set, and in `more` how many are left out. */
int apd_watch_table_judge(apd_watch_table *table, double now, apd_verdict verdicts[APD_VERDICTS_MOST],
                          int *more);

/* A verdict as a line; `host` and `pid` are its rank's (of rank -1: not used). */
void apd_verdict_text(const apd_verdict *verdict, const char *host, int pid, char *text, size_t size);

#endif

/* table: which ranks are stalled, judged from what every rank last said of itself. Local; has no clock, thread or
 * socket of its own.
 *
 * Every few seconds each rank sends its state to the watchers, and a watcher's table keeps the last one. With T the
 * time limit, a rank or all of them together are
 *     silent    heard before, but not for T: the process is stopped, or its node is out of reach
 *     stuck     heard, but its heartbeat has not moved for T, although it waits for no other rank, and others wait
 *     unheard   not heard since the start, for T: stopped from the start, or a firewall drops the datagrams
 *     all wait  all ranks are heard, wait for one another, and none has moved for T
 * Silence explains why others are stuck or wait, so these two are not reported while a rank is silent. A stall is
 * reported after T and whenever it has lasted twice as long as at the last report (unheard: once), and once more
 * when it is over.
 *
 * There are several watchers because one of them may be the rank that stalls. A watcher reports new stalls only while
 * all watchers before it are silent. */
#ifndef APD_MPI_WATCHDOG_TABLE_H
#define APD_MPI_WATCHDOG_TABLE_H

#include "base/heartbeat.h"

#include <stdint.h>

enum { APD_WATCHERS = 3, APD_WATCH_LINES = 8 };

/* A rank's state. It is sent as it lies in memory: all ranks run one program on one kind of processor. */
typedef struct apd_rank_state {
    uint64_t token;  /* the run's */
    uint64_t number; /* of this rank's states, from 1 */
    uint64_t count;  /* of its heartbeat */
    int32_t rank;
    uint8_t activity; /* an apd_activity */
    char main_thread; /* its state in /proc: R, S, D, ...; '?' if unknown */
    char phase[26];
} apd_rank_state;

typedef struct apd_rank_name {
    char host[60];
    int32_t pid;
} apd_rank_name;

typedef struct apd_watch_setup {
    int ranks;                         /* P */
    const apd_rank_name *names;        /* (P), must outlive the table */
    uint64_t token;                    /* a random number that all ranks of the run know */
    int watcher_count;                 /* 1 .. APD_WATCHERS */
    int watchers[APD_WATCHERS], place; /* in the order in which they report; this one is watchers[place] */
    double limit;                      /* T > 0 in seconds, as all times */
} apd_watch_setup;

typedef struct apd_watch_table apd_watch_table;

/* `now`: the time at which the watch begins, on a clock that only moves forward and stands still while this process is
 * stopped. What was not heard in such a time accuses nobody. */
apd_watch_table *apd_watch_table_create(const apd_watch_setup *setup, double now);
void apd_watch_table_destroy(apd_watch_table *table); /* Takes NULL. */

/* Take the `bytes` bytes of a datagram. Ignores what is not a state of a rank of this run, and states that are not
 * newer than the rank's last, since datagrams arrive late or twice. */
void apd_watch_table_hear(apd_watch_table *table, const void *datagram, int64_t bytes, double now);

/* Pass each line that is due now to `report`: at most APD_WATCH_LINES, and one that counts the rest. */
typedef void apd_watch_report(void *context, const char *line);
void apd_watch_table_judge(apd_watch_table *table, double now, apd_watch_report *report, void *context);

#endif

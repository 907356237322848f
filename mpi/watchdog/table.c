#include "mpi/watchdog/table.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(apd_rank_state) == 56, "a state has no padding: all its bytes are sent");

typedef enum stall { NO_STALL, SILENT, STUCK, UNHEARD, ALL_WAIT } stall;

typedef struct entry {
    apd_rank_state last;  /* number 0: none yet */
    double heard, moved;  /* when `last` came; when its heartbeat was first seen where it is */
    stall reported;       /* the stall that was last reported and is not over, */
    double since, repeat; /* when it began, and when it is to be reported again */
} entry;

struct apd_watch_table {
    apd_watch_setup setup;
    entry *entries; /* (P+1): the ranks, then all of them together */
};

/* What is known of all ranks at one moment. */
typedef struct facts {
    double now;
    int silent, waiting; /* ranks */
    bool all_wait;
} facts;

apd_watch_table *apd_watch_table_create(const apd_watch_setup *setup, double now) {
    apd_watch_table *table = apd_allocate(1, sizeof *table, "the watchdog's table");
    table->setup = *setup;
    table->entries = apd_allocate((int64_t)setup->ranks + 1, sizeof *table->entries, "the watchdog's table");
    for (int r = 0; r <= setup->ranks; r++)
        table->entries[r].heard = table->entries[r].moved = now;
    return table;
}

void apd_watch_table_destroy(apd_watch_table *table) {
    if (table != NULL)
        free(table->entries);
    free(table);
}

void apd_watch_table_hear(apd_watch_table *table, const void *datagram, int64_t bytes, double now) {
    apd_rank_state state;
    if (bytes != (int64_t)sizeof state)
        return;
    memcpy(&state, datagram, sizeof state);
    if (state.token != table->setup.token || state.rank < 0 || state.rank >= table->setup.ranks)
        return;
    entry *e = &table->entries[state.rank];
    if (state.number <= e->last.number)
        return;
    if (e->last.number == 0 || state.count != e->last.count)
        e->moved = now;
    e->heard = now;
    e->last = state;
    e->last.phase[sizeof e->last.phase - 1] = '\0';
}

/* --- judging ----------------------------------------------------------------------------------------- */

static bool is_silent(const apd_watch_table *table, int rank, double now) {
    const entry *e = &table->entries[rank];
    return e->last.number > 0 && now - e->heard >= table->setup.limit;
}

static bool is_first_watcher(const apd_watch_table *table, double now) {
    for (int i = 0; i < table->setup.place; i++)
        if (!is_silent(table, table->setup.watchers[i], now))
            return false;
    return true;
}

/* Also sets when the last of all ranks moved. */
static facts look(apd_watch_table *table, double now) {
    facts f = {.now = now, .all_wait = true};
    entry *all = &table->entries[table->setup.ranks];
    for (int r = 0; r < table->setup.ranks; r++) {
        const entry *e = &table->entries[r];
        bool silent = is_silent(table, r, now), heard = e->last.number > 0;
        f.silent += silent;
        f.waiting +=
            heard && !silent && e->last.activity != APD_WORKS && now - e->moved >= table->setup.limit / 2.0;
        f.all_wait = f.all_wait && heard && !silent && e->last.activity == APD_WAITS;
        all->moved = fmax(all->moved, e->moved);
    }
    return f;
}

/* `rank` P: of all ranks together. */
static stall find_stall(const apd_watch_table *table, int rank, const facts *f) {
    const entry *e = &table->entries[rank];
    bool quiet = f->now - e->heard >= table->setup.limit, still = f->now - e->moved >= table->setup.limit;
    if (rank == table->setup.ranks)
        return f->all_wait && still ? ALL_WAIT : NO_STALL;
    if (quiet)
        return e->last.number > 0 ? SILENT : UNHEARD;
    return f->silent == 0 && f->waiting > 0 && e->last.activity == APD_WORKS && still && e->last.number > 0
               ? STUCK
               : NO_STALL;
}

/* When a stall of this kind began: it is over when this moves on. */
static double beginning(const entry *e, stall kind) {
    return kind == STUCK || kind == ALL_WAIT ? e->moved : e->heard;
}

/* --- lines ------------------------------------------------------------------------------------------- */

static const char *thread_text(char state) {
    switch (state) {
    case 'R': return "it computes";
    case 'D': return "it hangs in the kernel, as when a disk or a file server does not answer";
    case 'S': return "it sleeps in a system call";
    default: return "what it does is not known";
    }
}

/* "reduce (rank 0 and 2 more), share (rank 3)": each phase, its first rank, and how many more are in it. */
static void list_phases(const apd_watch_table *table, char *text, size_t size) {
    size_t used = 0;
    for (int r = 0; r < table->setup.ranks && used < size; r++) {
        const char *phase = table->entries[r].last.phase;
        int before = 0, more = 0;
        for (int q = 0; q < table->setup.ranks; q++)
            if (strcmp(table->entries[q].last.phase, phase) == 0)
                *(q < r ? &before : &more) += 1;
        if (before == 0)
            used += (size_t)snprintf(text + used, size - used,
                                     more > 1 ? "%s%s (rank %d and %d more)" : "%s%s (rank %d)",
                                     used > 0 ? ", " : "", phase, r, more - 1);
    }
}

static void write_line(const apd_watch_table *table, int rank, stall kind, const facts *f, char *line,
                       size_t size) {
    const entry *e = &table->entries[rank];
    const apd_rank_name *name = &table->setup.names[rank];
    double seconds = f->now - beginning(e, kind);
    char phases[160], waiting[32];
    (void)snprintf(waiting, sizeof waiting, f->waiting == 1 ? "%d rank waits" : "%d ranks wait", f->waiting);
    switch (kind) {
    case SILENT:
        (void)snprintf(line, size,
                       "rank %d on %s (pid %d) has not been heard of for %.0f s, last seen in phase %s: it "
                       "is stopped, or "
                       "its node is out of reach; %s",
                       rank, name->host, name->pid, seconds, e->last.phase, waiting);
        break;
    case STUCK:
        (void)snprintf(
            line, size,
            "rank %d on %s (pid %d) has been at one place in phase %s for %.0f s, and %s for it: %s", rank,
            name->host, name->pid, e->last.phase, seconds, waiting, thread_text(e->last.main_thread));
        break;
    case UNHEARD:
        (void)snprintf(line, size,
                       "rank %d on %s (pid %d) has never been heard of in %.0f s: it is stopped, or no UDP "
                       "datagrams come "
                       "through from there, and then its stalls stay unseen; %s",
                       rank, name->host, name->pid, seconds, waiting);
        break;
    case ALL_WAIT:
        list_phases(table, phases, sizeof phases);
        (void)snprintf(line, size,
                       "all ranks have waited for one another, or for the network, for %.0f s, in phase %s",
                       seconds, phases);
        break;
    case NO_STALL: /* it is over */
        seconds = beginning(e, e->reported) - e->since;
        if (rank == table->setup.ranks)
            (void)snprintf(line, size, "all ranks go on after %.0f s", seconds);
        else
            (void)snprintf(line, size, "rank %d on %s goes on after %.0f s", rank, name->host, seconds);
    }
}

void apd_watch_table_judge(apd_watch_table *table, double now, apd_watch_report *report, void *context) {
    facts f = look(table, now);
    bool reports = is_first_watcher(table, now);
    char line[512];
    int lines = 0;
    for (int r = 0; r <= table->setup.ranks; r++) {
        entry *e = &table->entries[r];
        stall kind = find_stall(table, r, &f);
        bool over = e->reported != NO_STALL && beginning(e, e->reported) > e->since;
        if (over)
            kind = NO_STALL;
        else if (kind == NO_STALL || !reports || (kind == e->reported && now < e->repeat))
            continue;
        if (lines++ < APD_WATCH_LINES) {
            write_line(table, r, kind, &f, line, sizeof line);
            report(context, line);
        }
        e->reported = kind;
        e->since = beginning(e, kind);
        e->repeat = kind == UNHEARD ? INFINITY : now + (now - e->since);
    }
    if (lines > APD_WATCH_LINES) {
        (void)snprintf(line, sizeof line, "the same of %d more ranks", lines - APD_WATCH_LINES);
        report(context, line);
    }
}

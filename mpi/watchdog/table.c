#include "mpi/watchdog/table.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was said of a stall, and when to say it again. Lies zeroed when there is none. */
typedef struct stall {
    apd_verdict_kind said;
    double again; /* seconds of stall at which it is repeated */
    double over;  /* it ended after so many seconds, and that is still to be said; else 0 */
} stall;

typedef struct entry {
    apd_beat last;       /* number 0: never heard */
    double heard, moved; /* when the last beat came; when its pulse was first seen to stand where it stands */
    stall stall;
} entry;

struct apd_watch_table {
    int ranks, self, watcher_count;
    int *watchers;  /* (watcher_count) */
    double limit;   /* seconds */
    entry *entries; /* (ranks) */
    stall all;      /* all wait, */
    double all_since;
};

apd_watch_table *apd_watch_table_create(int ranks, int self, const int *watchers, int count, double limit,
                                        double now) {
    apd_watch_table *table = apd_allocate(1, sizeof *table, "the watchdog's table");
    table->ranks = ranks;
    table->self = self;
    table->limit = limit;
    table->watcher_count = count;
    table->watchers = apd_allocate(count, sizeof *table->watchers, "the watchdog's table");
    memcpy(table->watchers, watchers, (size_t)count * sizeof *watchers);
    table->entries = apd_allocate(ranks, sizeof *table->entries, "the watchdog's table");
    for (int r = 0; r < ranks; r++)
        table->entries[r].heard = table->entries[r].moved = now;
    return table;
}

void apd_watch_table_destroy(apd_watch_table *table) {
    if (table == NULL)
        return;
    free(table->watchers);
    free(table->entries);
    free(table);
}

/* --- what is heard ----------------------------------------------------------------------------------- */

static void end_stall(stall *s, double seconds) {
    if (s->said != APD_VERDICT_NONE)
        *s = (stall){.over = seconds};
}

void apd_watch_table_hear(apd_watch_table *table, const apd_beat *beat, double now) {
    APD_ASSERT(beat->rank >= 0 && beat->rank < table->ranks && beat->number > 0);
    entry *e = &table->entries[beat->rank];
    if (beat->number <= e->last.number)
        return;
    bool moves = e->last.number == 0 || beat->count != e->last.count;
    bool stood = e->stall.said == APD_VERDICT_STANDS;
    if (moves || !stood)
        end_stall(&e->stall, now - (stood ? e->moved : e->heard));
    e->last = *beat;
    e->heard = now;
    if (moves)
        e->moved = now;
}

void apd_watch_table_forgive(apd_watch_table *table, double seconds, double now) {
    for (int r = 0; r < table->ranks; r++) {
        entry *e = &table->entries[r];
        e->heard = fmin(e->heard + seconds, now);
        e->moved = fmin(e->moved + seconds, now);
    }
}

/* --- verdicts ---------------------------------------------------------------------------------------- */

static bool is_silent(const apd_watch_table *table, int rank, double now) {
    const entry *e = &table->entries[rank];
    return e->last.number > 0 && now - e->heard >= table->limit;
}

static bool speaks(const apd_watch_table *table, double now) {
    for (int i = 0; i < table->watcher_count && table->watchers[i] != table->self; i++)
        if (!is_silent(table, table->watchers[i], now))
            return false;
    return true;
}

static bool waits(const apd_watch_table *table, int rank, double now, double seconds) {
    const entry *e = &table->entries[rank];
    return e->last.number > 0 && e->last.activity != APD_WORKS && now - e->moved >= seconds &&
           !is_silent(table, rank, now);
}

/* Due first after the limit, then whenever it has lasted twice as long. */
static bool is_due(stall *s, apd_verdict_kind kind, double seconds, double limit) {
    if (s->said != APD_VERDICT_NONE && seconds < s->again)
        return false;
    s->said = kind;
    s->again = 2.0 * fmax(seconds, limit);
    return true;
}

typedef struct facts {
    double now;
    int silent, unheard, waiting;
    bool all_wait; /* nothing but waiting, for the limit */
    double latest; /* when the last rank moved */
} facts;

static facts look(const apd_watch_table *table, double now) {
    facts f = {.now = now, .all_wait = true};
    for (int r = 0; r < table->ranks; r++) {
        const entry *e = &table->entries[r];
        f.silent += is_silent(table, r, now);
        f.unheard += e->last.number == 0;
        f.waiting += waits(table, r, now, table->limit / 2.0);
        f.all_wait &= e->last.activity == APD_WAITS && now - e->moved >= table->limit;
        f.latest = fmax(f.latest, e->moved);
    }
    f.all_wait &= f.silent == 0 && f.unheard == 0;
    return f;
}

/* The stall of one rank, APD_VERDICT_NONE when it has none that is due. */
static apd_verdict_kind judge_rank(apd_watch_table *table, int rank, const facts *f, double *seconds) {
    entry *e = &table->entries[rank];
    double silence = f->now - e->heard, stand = f->now - e->moved;
    apd_verdict_kind kind = APD_VERDICT_NONE;
    *seconds = silence;
    if (e->last.number == 0 && silence >= table->limit) {
        kind = e->stall.said == APD_VERDICT_NONE ? APD_VERDICT_UNHEARD : APD_VERDICT_NONE;
    } else if (is_silent(table, rank, f->now)) {
        kind = APD_VERDICT_SILENT;
    } else if (f->silent == 0 && f->waiting > 0 && e->last.activity == APD_WORKS && stand >= table->limit) {
        kind = APD_VERDICT_STANDS;
        *seconds = stand;
    }
    if (kind == APD_VERDICT_NONE || !is_due(&e->stall, kind, *seconds, table->limit))
        return APD_VERDICT_NONE;
    return kind;
}

/* "reduce (rank 0 and 2 more), share (rank 3)": a phase's first rank, and how many more are in it. */
static void list_phases(const apd_watch_table *table, char *text, size_t size) {
    size_t used = 0;
    *text = '\0';
    for (int r = 0; r < table->ranks && used < size; r++) {
        const char *phase = table->entries[r].last.phase;
        int before = 0, more = 0;
        for (int q = 0; q < r && before == 0; q++)
            before = strcmp(table->entries[q].last.phase, phase) == 0;
        for (int q = r + 1; q < table->ranks && before == 0; q++)
            more += strcmp(table->entries[q].last.phase, phase) == 0;
        if (before == 0)
            used += (size_t)snprintf(text + used, size - used,
                                     more > 0 ? "%s%s (rank %d and %d more)" : "%s%s (rank %d)",
                                     used > 0 ? ", " : "", phase, r, more);
    }
}

typedef struct list {
    apd_verdict *verdicts;
    int count, more;
} list;

/* Room for one more verdict, or NULL. */
static apd_verdict *add(list *l, apd_verdict_kind kind, int rank, double seconds, int waiting) {
    if (l->count == APD_VERDICTS_MOST) {
        l->more++;
        return NULL;
    }
    apd_verdict *v = &l->verdicts[l->count++];
    *v = (apd_verdict){.kind = kind, .rank = rank, .seconds = seconds, .waiting = waiting, .state = '?'};
    return v;
}

static void add_rank(list *l, const apd_watch_table *table, apd_verdict_kind kind, int rank, double seconds,
                     int waiting) {
    apd_verdict *v = add(l, kind, rank, seconds, waiting);
    if (v == NULL)
        return;
    v->state = table->entries[rank].last.state;
    (void)snprintf(v->phase, sizeof v->phase, "%s", table->entries[rank].last.phase);
}

/* Who said that a stall began says that it is over, even when another speaks by now. */
static void judge_ends(apd_watch_table *table, const facts *f, list *l) {
    for (int r = 0; r < table->ranks; r++) {
        stall *s = &table->entries[r].stall;
        if (s->over > 0.0)
            add_rank(l, table, APD_VERDICT_OVER, r, s->over, f->waiting);
        s->over = 0.0;
    }
    if (table->all.said != APD_VERDICT_NONE && f->latest > table->all_since) {
        (void)add(l, APD_VERDICT_OVER, -1, f->now - table->all_since, f->waiting);
        table->all = (stall){0};
    }
}

static void judge_all(apd_watch_table *table, const facts *f, list *l) {
    double seconds = f->now - f->latest;
    if (!f->all_wait || !is_due(&table->all, APD_VERDICT_ALL_WAIT, seconds, table->limit))
        return;
    table->all_since = f->latest;
    apd_verdict *v = add(l, APD_VERDICT_ALL_WAIT, -1, seconds, f->waiting);
    if (v != NULL)
        list_phases(table, v->phase, sizeof v->phase);
}

int apd_watch_table_judge(apd_watch_table *table, double now, apd_verdict verdicts[APD_VERDICTS_MOST],
                          int *more) {
    list l = {.verdicts = verdicts};
    facts f = look(table, now);
    judge_ends(table, &f, &l);
    if (speaks(table, now)) {
        for (int r = 0; r < table->ranks; r++) {
            double seconds = 0.0;
            apd_verdict_kind kind = judge_rank(table, r, &f, &seconds);
            if (kind != APD_VERDICT_NONE)
                add_rank(&l, table, kind, r, seconds, f.waiting);
        }
        judge_all(table, &f, &l);
    }
    *more = l.more;
    return l.count;
}

/* --- lines ------------------------------------------------------------------------------------------- */

static const char *state_text(char state) {
    switch (state) {
    case 'R': return "it computes";
    case 'D': return "it hangs in the kernel, as when a disk or a file server does not answer";
    case 'S': return "it sleeps in a call to the system";
    case 'T':
    case 't': return "it is stopped";
    default: return "what it does is not known";
    }
}

void apd_verdict_text(const apd_verdict *v, const char *host, int pid, char *text, size_t size) {
    char who[160] = "all ranks", waiting[48] = "no rank waits";
    if (v->rank >= 0)
        (void)snprintf(who, sizeof who, "rank %d on %s", v->rank, host);
    if (v->waiting > 0)
        (void)snprintf(waiting, sizeof waiting, v->waiting == 1 ? "%d rank waits" : "%d ranks wait",
                       v->waiting);
    switch (v->kind) {
    case APD_VERDICT_SILENT:
        (void)snprintf(
            text, size,
            "%s (pid %d) has not been heard of for %.0f s, last seen in phase %s: it is stopped, or its node "
            "is out of reach; %s",
            who, pid, v->seconds, v->phase, waiting);
        break;
    case APD_VERDICT_STANDS:
        (void)snprintf(text, size,
                       "%s (pid %d) has been at one place in phase %s for %.0f s, and %s for it: %s", who,
                       pid, v->phase, v->seconds, waiting, state_text(v->state));
        break;
    case APD_VERDICT_UNHEARD:
        (void)snprintf(
            text, size,
            "%s (pid %d) has never been heard of in %.0f s: it is stopped, or no UDP datagrams come "
            "through from there, and then its stalls stay unseen; %s",
            who, pid, v->seconds, waiting);
        break;
    case APD_VERDICT_ALL_WAIT:
        (void)snprintf(text, size,
                       "%s have waited for one another, or for the network, for %.0f s, in phase %s", who,
                       v->seconds, v->phase);
        break;
    case APD_VERDICT_OVER:
        (void)snprintf(text, size, v->rank >= 0 ? "%s goes on after %.0f s" : "%s go on after %.0f s", who,
                       v->seconds);
        break;
    case APD_VERDICT_NONE: *text = '\0'; break;
    }
}

#include "mpi/watchdog/watch.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "mpi/team/comm.h"
#include "mpi/watchdog/post.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { WATCHERS = 3 };
#define BEATS_A_STALL  12.0 /* so many must be lost in a row before a rank counts as silent */
#define LONGEST_PERIOD 5.0  /* seconds from beat to beat */
#define LEAST_SLEEP_MS 20   /* a watcher of many ranks takes what came together, not one by one */

struct apd_watch {
    const apd_team *team;
    uint64_t token;
    double period;        /* seconds */
    apd_post_card *cards; /* (P) */
    int watchers[WATCHERS], watcher_count;
    apd_watch_table *table; /* a watcher's, else NULL */
    apd_beat beat;          /* the last one sent */
    int main_thread;        /* its number in /proc */
    int post;
    int end[2]; /* a pipe: a byte in it ends the thread */
    bool runs;
    pthread_t thread;
};

/* --- the thread -------------------------------------------------------------------------------------- */

/* The main thread's state as /proc has it, '?' when it does not say. */
static char main_state(int thread) {
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return '?';
    ssize_t length = read(file, text, sizeof text - 1);
    (void)close(file);
    const char *name_end = length > 0 ? strrchr(text, ')') : NULL;
    return name_end != NULL && name_end[1] == ' ' && name_end[2] != '\0' ? name_end[2] : '?';
}

static void send_beat(apd_watch *watch, double now) {
    const apd_team *team = watch->team;
    apd_heartbeat pulse = apd_heartbeat_read();
    apd_beat *beat = &watch->beat;
    beat->number++;
    beat->count = pulse.count;
    beat->activity = pulse.activity;
    beat->state = main_state(watch->main_thread);
    memset(beat->phase, 0, sizeof beat->phase);
    (void)snprintf(beat->phase, sizeof beat->phase, "%s", pulse.phase);
    for (int i = 0; i < watch->watcher_count; i++) {
        int to = watch->watchers[i];
        if (to == team->rank)
            apd_watch_table_hear(watch->table, beat, now);
        else
            apd_post_send(watch->post, &watch->cards[to], team->node_of[to] == team->node_of[team->rank],
                          watch->token, beat);
    }
}

static void speak(apd_watch *watch, double now) {
    apd_verdict verdicts[APD_VERDICTS_MOST];
    int more = 0, count = apd_watch_table_judge(watch->table, now, verdicts, &more);
    for (int i = 0; i < count; i++) {
        char line[512];
        const apd_post_card *card = &watch->cards[verdicts[i].rank < 0 ? 0 : verdicts[i].rank];
        apd_verdict_text(&verdicts[i], card->host, card->pid, line, sizeof line);
        apd_alarm("%s", line);
    }
    if (more > 0)
        apd_alarm("the same of %d more ranks", more);
}

/* Sleep until `until`, a datagram, or the end; true at the end. */
static bool sleep_until(const apd_watch *watch, double until) {
    struct pollfd files[2] = {{.fd = watch->end[0], .events = POLLIN}, {.fd = watch->post, .events = POLLIN}};
    double left = 1e3 * (until - apd_seconds());
    int least = left < LEAST_SLEEP_MS ? (int)fmax(left, 0.0) : LEAST_SLEEP_MS;
    if (poll(files, 1, least) > 0)
        return true;
    left = fmax(1e3 * (until - apd_seconds()), 0.0);
    (void)poll(files, watch->table != NULL ? 2 : 1, (int)ceil(left));
    return (files[0].revents & POLLIN) != 0;
}

/* Beats of the ranks are spread over the period, for the watchers' sake; the first goes out at once. */
static void *keep_watch(void *argument) {
    apd_watch *watch = argument;
    double awake = apd_seconds(), next = awake;
    double first = awake + watch->period * watch->team->rank / watch->team->size;
    do {
        double now = apd_seconds(), gap = now - awake - watch->period;
        apd_beat beat;
        while (watch->table != NULL && apd_post_receive(watch->post, watch->token, watch->team->size, &beat))
            apd_watch_table_hear(watch->table, &beat, now);
        if (watch->table != NULL && gap > watch->period)
            apd_watch_table_forgive(watch->table, gap, now);
        awake = now;
        if (now < next)
            continue;
        send_beat(watch, now);
        if (watch->table != NULL)
            speak(watch, now);
        next = first + watch->period * (floor((now - first) / watch->period) + 1.0);
    } while (!sleep_until(watch, next));
    return NULL;
}

/* --- start and stop ---------------------------------------------------------------------------------- */

/* Rank 0, then the lowest ranks of other nodes, then its neighbours. The same on all ranks. */
static void choose_watchers(apd_watch *watch) {
    const apd_team *team = watch->team;
    int *chosen = watch->watchers, count = 0;
    for (int n = 0; n < team->node_count && count < WATCHERS; n++)
        chosen[count++] = team->node_ranks[team->node_begin[n]];
    for (int r = 1; r < team->size && count < WATCHERS; r++) {
        bool taken = false;
        for (int i = 0; i < count; i++)
            taken = taken || chosen[i] == r;
        if (!taken)
            chosen[count++] = r;
    }
    watch->watcher_count = count;
}

/* The socket and the pipe; closed again when one of them is not to be had. */
static apd_status open_files(apd_watch *watch, apd_post_card *card, apd_error *error) {
    char name[MPI_MAX_PROCESSOR_NAME + 1] = "";
    int length = 0;
    APD_TRY(apd_post_open(&watch->post, card, error));
    APD_MPI(MPI_Get_processor_name(name, &length));
    (void)snprintf(card->host, sizeof card->host, "%.*s", (int)sizeof card->host - 1, name);
    if (pipe2(watch->end, O_CLOEXEC) == 0)
        return APD_OK;
    apd_status status = apd_fail(error, APD_ERROR_IO, "opening a pipe: %s", strerror(errno));
    (void)close(watch->post);
    return status;
}

static void close_files(apd_watch *watch) {
    (void)close(watch->post);
    (void)close(watch->end[0]);
    (void)close(watch->end[1]);
}

/* Whose addresses, and the token that a stranger does not know. Collective. */
static void share_cards(apd_watch *watch, const apd_post_card *own) {
    void *cards = NULL;
    int64_t bytes = 0;
    apd_team_gather_all(watch->team, own, (int64_t)sizeof *own, &cards, &bytes);
    watch->cards = cards;
    if (watch->team->rank == 0 && getrandom(&watch->token, sizeof watch->token, GRND_NONBLOCK) < 0)
        watch->token = (uint64_t)own->pid << 32 ^ (uint64_t)(1e9 * apd_seconds());
    apd_team_broadcast(watch->team, &watch->token, (int64_t)sizeof watch->token);
}

apd_watch *apd_watch_start(const apd_team *team, double seconds) {
    if (seconds <= 0.0 || team->size == 1)
        return NULL;
    apd_watch *watch = apd_allocate(1, sizeof *watch, "the watchdog");
    apd_post_card card;
    apd_error error = {0};
    watch->team = team;
    watch->period = fmin(seconds / BEATS_A_STALL, LONGEST_PERIOD);
    watch->main_thread = (int)gettid();
    watch->beat.rank = team->rank;
    apd_status opened = open_files(watch, &card, &error);
    if (apd_team_agree(team, opened, &error) != APD_OK) {
        apd_warn("no watchdog, a rank that stalls will not be named: %s", error.message);
        if (opened == APD_OK)
            close_files(watch);
        free(watch);
        return NULL;
    }
    share_cards(watch, &card);
    choose_watchers(watch);
    for (int i = 0; i < watch->watcher_count; i++)
        if (watch->watchers[i] == team->rank)
            watch->table = apd_watch_table_create(team->size, team->rank, watch->watchers,
                                                  watch->watcher_count, seconds, apd_seconds());
    int code = apd_thread_start(&watch->thread, "apd-watch", keep_watch, watch);
    watch->runs = code == 0;
    if (!watch->runs)
        apd_alarm("warning: rank %d has no watchdog, its stalls will not be named: %s", team->rank,
                  strerror(code));
    return watch;
}

void apd_watch_stop(apd_watch *watch) {
    if (watch == NULL)
        return;
    apd_team_barrier(watch->team);
    /* a byte fits into an empty pipe */
    while (watch->runs && write(watch->end[1], "", 1) < 0 && errno == EINTR)
        ;
    if (watch->runs)
        (void)pthread_join(watch->thread, NULL);
    close_files(watch);
    apd_watch_table_destroy(watch->table);
    free(watch->cards);
    free(watch);
}

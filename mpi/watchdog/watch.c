#include "mpi/watchdog/watch.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "mpi/team/chunk.h"
#include "mpi/team/comm.h"
#include "mpi/watchdog/table.h"

#include <errno.h>
#include <ifaddrs.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATES_A_STALL 12.0 /* so many must be lost in a row before a rank counts as silent */
#define LONGEST_PERIOD 5.0  /* seconds from state to state */
#define LONGEST_TICK   0.1  /* seconds for which a watcher leaves datagrams in the socket's buffer */

enum { ADDRESSES = 8 };

/* Where a rank receives: its node's IPv4 addresses without loopback, and its port, in network order. */
typedef struct card {
    uint32_t addresses[ADDRESSES];
    int32_t address_count;
    uint16_t port;
} card;

struct apd_watch {
    const apd_team *team;
    double period, tick; /* seconds */
    apd_watch_setup setup;
    apd_rank_name *names;                            /* (P) */
    apd_watch_table *table;                          /* a watcher's, else NULL */
    apd_rank_state state;                            /* the last one sent */
    struct sockaddr_in to[APD_WATCHERS * ADDRESSES]; /* the other watchers, at each of their addresses */
    int to_count;
    int main_thread; /* its number in /proc */
    int post;        /* a UDP socket, -1: none */
    int end;         /* an eventfd that ends the thread, -1: none */
    bool runs;
    pthread_t thread;
};

/* --- the thread -------------------------------------------------------------------------------------- */

/* The main thread's state as in /proc, '?' if it cannot be read. */
static char main_state(int thread) {
    char path[64], state = '?';
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return '?';
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    (void)fclose(file);
    return state;
}

static void send_state(apd_watch *watch, double now) {
    apd_heartbeat heartbeat = apd_heartbeat_read();
    apd_rank_state *state = &watch->state;
    state->number++;
    state->count = heartbeat.count;
    state->activity = (uint8_t)heartbeat.activity;
    state->main_thread = main_state(watch->main_thread);
    memset(state->phase, 0, sizeof state->phase);
    (void)snprintf(state->phase, sizeof state->phase, "%s", heartbeat.phase);
    for (int i = 0; i < watch->to_count; i++)
        (void)sendto(watch->post, state, sizeof *state, MSG_NOSIGNAL, (const struct sockaddr *)&watch->to[i],
                     sizeof watch->to[i]);
    if (watch->table != NULL)
        apd_watch_table_hear(watch->table, state, sizeof *state, now);
}

static void receive_states(apd_watch *watch, double now) {
    char bytes[sizeof(apd_rank_state) + 1]; /* a longer datagram is seen to be longer */
    ssize_t count;
    while ((count = recv(watch->post, bytes, sizeof bytes, 0)) >= 0 || errno == EINTR ||
           errno == ECONNREFUSED)
        apd_watch_table_hear(watch->table, bytes, count, now);
}

static void report(void *context, const char *line) {
    (void)context;
    apd_alarm("%s", line);
}

/* `now` leaves out the time for which this process was stopped. States of the ranks are spread over the period, for the
 * watchers' sake; the first goes out at once. */
static void *keep_watch(void *argument) {
    apd_watch *watch = argument;
    double clock = apd_seconds(), now = clock, next = now;
    struct pollfd end = {.fd = watch->end, .events = POLLIN};
    do {
        double before = clock;
        clock = apd_seconds();
        now += fmin(clock - before, 2.0 * watch->period);
        if (watch->table != NULL)
            receive_states(watch, now);
        if (now < next)
            continue;
        send_state(watch, now);
        if (watch->table != NULL)
            apd_watch_table_judge(watch->table, now, report, NULL);
        next = watch->state.number == 1 ? now + watch->period * (watch->team->rank + 1) / watch->team->size
                                        : fmax(next + watch->period, now);
    } while (poll(&end, 1, (int)ceil(1e3 * fmin(watch->tick, fmax(next - now, 0.0)))) <= 0);
    return NULL;
}

/* --- start and stop ---------------------------------------------------------------------------------- */

static void find_addresses(card *own) {
    struct ifaddrs *all = NULL;
    (void)getifaddrs(&all); /* none: loopback alone is left */
    for (const struct ifaddrs *i = all; i != NULL && own->address_count < ADDRESSES; i = i->ifa_next) {
        struct sockaddr_in address;
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_UP) == 0 ||
            (i->ifa_flags & IFF_LOOPBACK) != 0)
            continue;
        memcpy(&address, i->ifa_addr, sizeof address);
        own->addresses[own->address_count++] = address.sin_addr.s_addr;
    }
    if (all != NULL)
        freeifaddrs(all);
}

/* Returns an error number, or 0. */
static int open_files(apd_watch *watch, card *own) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t length = sizeof any;
    int room = 1 << 20; /* bytes; as many of them as the system gives */
    watch->end = eventfd(0, EFD_CLOEXEC);
    watch->post = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watch->end < 0 || watch->post < 0 ||
        bind(watch->post, (const struct sockaddr *)&any, sizeof any) != 0 ||
        getsockname(watch->post, (struct sockaddr *)&any, &length) != 0)
        return errno;
    (void)setsockopt(watch->post, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    own->port = any.sin_port;
    find_addresses(own);
    return 0;
}

/* What every rank must know of the others: names, the token, the watchers and their addresses. Collective. */
static void introduce(apd_watch *watch, const card *own) {
    const apd_team *team = watch->team;
    apd_watch_setup *setup = &watch->setup;
    apd_rank_name name = {.pid = (int32_t)getpid()};
    char host[MPI_MAX_PROCESSOR_NAME + 1] = "";
    void *names, *cards;
    int64_t bytes;
    int length = 0;
    APD_MPI(MPI_Get_processor_name(host, &length));
    (void)snprintf(name.host, sizeof name.host, "%.*s", (int)sizeof name.host - 1, host);
    apd_team_gather_all(team, &name, sizeof name, &names, &bytes);
    apd_team_gather_all(team, own, sizeof *own, &cards, &bytes);
    watch->names = names;
    if (team->rank == 0 && getrandom(&setup->token, sizeof setup->token, 0) < 0)
        setup->token = (uint64_t)getpid() << 32 ^ (uint64_t)(1e9 * apd_seconds());
    apd_team_broadcast(team, &setup->token, sizeof setup->token);
    const int chosen[APD_WATCHERS] = {0, team->size - 1, team->size / 2}; /* on different nodes if possible */
    setup->watcher_count = team->size < APD_WATCHERS ? team->size : APD_WATCHERS;
    setup->place = -1;
    for (int i = 0; i < setup->watcher_count; i++) {
        int watcher = setup->watchers[i] = chosen[i];
        card at = ((const card *)cards)[watcher];
        if (watcher == team->rank) {
            setup->place = i;
            continue;
        }
        if (at.address_count == 0 || team->node_of[watcher] == team->node_of[team->rank]) {
            at.addresses[0] = htonl(INADDR_LOOPBACK);
            at.address_count = 1;
        }
        for (int k = 0; k < at.address_count; k++)
            watch->to[watch->to_count++] = (struct sockaddr_in){
                .sin_family = AF_INET, .sin_port = at.port, .sin_addr.s_addr = at.addresses[k]};
    }
    free(cards);
}

apd_watch *apd_watch_start(const apd_team *team, double seconds) {
    if (seconds <= 0.0 || team->size == 1)
        return NULL;
    apd_watch *watch = apd_allocate(1, sizeof *watch, "the watchdog");
    card own = {0};
    watch->team = team;
    watch->main_thread = (int)gettid();
    watch->setup.ranks = team->size;
    watch->setup.limit = seconds;
    int code = open_files(watch, &own);
    introduce(watch, &own);
    watch->setup.names = watch->names;
    watch->state = (apd_rank_state){.token = watch->setup.token, .rank = team->rank};
    watch->tick = watch->period = fmin(seconds / STATES_A_STALL, LONGEST_PERIOD);
    if (watch->setup.place >= 0) {
        watch->table = apd_watch_table_create(&watch->setup, apd_seconds());
        watch->tick = fmin(watch->period, LONGEST_TICK);
    }
    if (code == 0)
        code = apd_thread_start(&watch->thread, "apd-watch", keep_watch, watch);
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
    if (watch->runs) {
        (void)eventfd_write(watch->end, 1);
        (void)pthread_join(watch->thread, NULL);
    }
    if (watch->end >= 0)
        (void)close(watch->end);
    if (watch->post >= 0)
        (void)close(watch->post);
    apd_watch_table_destroy(watch->table);
    free(watch->names);
    free(watch);
}

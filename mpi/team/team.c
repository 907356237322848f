#include "mpi/team/team.h"

#include "base/log.h"
#include "base/memory.h"
#include "mpi/team/chunk.h"
#include "mpi/team/comm.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GATHER_TAG = 1, SCATTER_TAG = 2, ALL_TO_ALL_TAG = 3 };

static void abort_job(int exit_code) {
    int finalized = 0;
    if (MPI_Finalized(&finalized) == MPI_SUCCESS && !finalized)
        (void)MPI_Abort(MPI_COMM_WORLD, exit_code);
    _exit(exit_code);
}

/* --- start and end ----------------------------------------------------------------------------------- */

/* APD_RANKS_A_NODE, or 0 if it is not set. */
static int ranks_a_node(void) {
    const char *text = getenv("APD_RANKS_A_NODE");
    if (text == NULL || *text == '\0')
        return 0;
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || value == 0 || value < -INT_MAX || value > INT_MAX)
        apd_fatal(APD_ERROR_USAGE,
                  "APD_RANKS_A_NODE is \"%s\"; k > 0 is needed for nodes of k ranks, or -k for k nodes",
                  text);
    return (int)value;
}

static MPI_Comm split_node(MPI_Comm everyone, int rank) {
    MPI_Comm sharing, node;
    int place = 0, group = ranks_a_node();
    APD_MPI(MPI_Comm_split_type(everyone, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &sharing));
    if (group == 0)
        return sharing;
    APD_MPI(MPI_Comm_rank(sharing, &place));
    APD_MPI(MPI_Comm_split(sharing, group > 0 ? place / group : place % -group, rank, &node));
    APD_MPI(MPI_Comm_free(&sharing));
    return node;
}

/* Every rank computes the same tables. */
static void map_nodes(apd_team *team) {
    int place = 0;
    APD_MPI(MPI_Comm_rank(team->node, &place));
    int first = team->rank - place; /* of this node's ranks */
    team->node_of = apd_allocate(team->size, sizeof *team->node_of, "the map of nodes");
    team->node_begin = apd_allocate((int64_t)team->size + 1, sizeof *team->node_begin, "the map of nodes");
    APD_MPI(MPI_Allgather(&first, 1, MPI_INT, team->node_of, 1, MPI_INT, team->everyone));
    for (int r = 0; r < team->size; r++) {
        if (team->node_of[r] == r)
            team->node_begin[team->node_count++] = r;
        team->node_of[r] = team->node_count - 1;
    }
    team->node_begin[team->node_count] = team->size;
}

/* A team of the ranks of `unordered`, numbered node by node: nodes by their lowest rank there. */
static apd_team *team_of(MPI_Comm unordered) {
    apd_team *team = apd_allocate(1, sizeof *team, "a team");
    int lowest = 0;
    APD_MPI(MPI_Comm_rank(unordered, &lowest));
    team->node = split_node(unordered, lowest);
    APD_MPI(MPI_Bcast(&lowest, 1, MPI_INT, 0, team->node));
    APD_MPI(MPI_Comm_split(unordered, 0, lowest, &team->everyone));
    APD_MPI(MPI_Comm_rank(team->everyone, &team->rank));
    APD_MPI(MPI_Comm_size(team->everyone, &team->size));
    map_nodes(team);
    return team;
}

/* Returns whether MPI had to be started. */
static bool start_mpi(int *argc, char ***argv) {
    int started = 0, level = MPI_THREAD_SINGLE;
    APD_MPI(MPI_Initialized(&started));
    if (started)
        APD_MPI(MPI_Query_thread(&level));
    else
        APD_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level));
    if (level < MPI_THREAD_FUNNELED)
        apd_fatal(
            APD_ERROR_USAGE,
            "%s: it allows no threads (MPI_THREAD_SINGLE); use an MPI library built with thread support",
            apd_team_library());
    return !started;
}

apd_team *apd_team_create(int *argc, char ***argv) {
    int rank = 0;
    bool ends_mpi = start_mpi(argc, argv);
    /* communicators made from these inherit the handler; windows report to their communicator's while made */
    APD_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    APD_MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    APD_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    apd_fatal_install(rank, abort_job);
    apd_log_enable(rank == 0);
    apd_team *team = team_of(MPI_COMM_WORLD);
    team->ends_mpi = ends_mpi;
    apd_fatal_install(team->rank, abort_job);
    return team;
}

apd_team *apd_team_split(const apd_team *team, int group) {
    MPI_Comm some;
    APD_MPI(MPI_Comm_split(team->everyone, group >= 0 ? group : MPI_UNDEFINED, team->rank, &some));
    if (some == MPI_COMM_NULL)
        return NULL;
    apd_team *made = team_of(some);
    APD_MPI(MPI_Comm_free(&some));
    return made;
}

void apd_team_destroy(apd_team *team) {
    if (team == NULL)
        return;
    APD_MPI(MPI_Comm_free(&team->node));
    APD_MPI(MPI_Comm_free(&team->everyone));
    if (team->ends_mpi)
        APD_MPI(MPI_Finalize());
    free(team->node_of);
    free(team->node_begin);
    free(team);
}

int apd_team_rank(const apd_team *team) {
    return team->rank;
}

int apd_team_size(const apd_team *team) {
    return team->size;
}

int apd_team_nodes(const apd_team *team) {
    return team->node_count;
}

/* --- agreement --------------------------------------------------------------------------------------- */

apd_status apd_team_agree(const apd_team *team, apd_status local, apd_error *error) {
    int lowest = local == APD_OK ? team->size : team->rank;
    APD_MPI(MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, team->everyone));
    if (lowest == team->size)
        return APD_OK;
    if (lowest == team->rank) {
        (void)apd_fail(error, local, "rank %d failed without saying why", team->rank);
        error->status = local;
    }
    apd_chunk_broadcast(error, sizeof *error, lowest, team->everyone);
    return error->status;
}

void apd_team_barrier(const apd_team *team) {
    APD_MPI(MPI_Barrier(team->everyone));
}

void apd_team_rest(const apd_team *team) {
    const struct timespec nap = {.tv_nsec = 200000};
    MPI_Request request;
    int done = 0;
    APD_MPI(MPI_Ibarrier(team->everyone, &request));
    APD_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    while (!done) {
        (void)nanosleep(&nap, NULL);
        APD_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    }
}

void apd_team_broadcast(const apd_team *team, void *bytes, int64_t count) {
    apd_chunk_broadcast(bytes, count, 0, team->everyone);
}

char *apd_team_share_text(const apd_team *team, char *text) {
    int64_t bytes = apd_team_rank(team) == 0 && text != NULL ? (int64_t)strlen(text) + 1 : 0;
    apd_team_broadcast(team, &bytes, (int64_t)sizeof bytes);
    if (bytes == 0)
        return NULL;
    if (apd_team_rank(team) != 0)
        text = apd_allocate(bytes, 1, "a text of rank 0");
    apd_team_broadcast(team, text, bytes);
    return text;
}

bool apd_team_any(const apd_team *team, bool local) {
    int any = local ? 1 : 0;
    APD_MPI(MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, team->everyone));
    return any != 0;
}

bool apd_team_same(const apd_team *team, uint64_t value) {
    uint64_t extremes[2] = {value, ~value}; /* the maximum of ~value is ~minimum */
    APD_MPI(MPI_Allreduce(MPI_IN_PLACE, extremes, 2, MPI_UINT64_T, MPI_MAX, team->everyone));
    return extremes[0] == ~extremes[1];
}

void apd_team_sum(const apd_team *team, int64_t *values, int count) {
    APD_MPI(MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_SUM, team->everyone));
}

void apd_team_maximum(const apd_team *team, int64_t *values, int count) {
    APD_MPI(MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_MAX, team->everyone));
}

double apd_team_slowest(const apd_team *team, double seconds) {
    int64_t nanoseconds = (int64_t)(1e9 * seconds);
    apd_team_maximum(team, &nanoseconds, 1);
    return 1e-9 * (double)nanoseconds;
}

double apd_team_mean_seconds(const apd_team *team, double seconds) {
    int64_t nanoseconds = (int64_t)(1e9 * seconds);
    apd_team_sum(team, &nanoseconds, 1);
    return 1e-9 * (double)nanoseconds / apd_team_size(team);
}

/* --- gather and scatter ------------------------------------------------------------------------------ */

/* The sizes of all ranks' parts on rank 0, to be freed; NULL elsewhere. */
static int64_t *gather_sizes(const apd_team *team, int64_t bytes) {
    int64_t *sizes = team->rank == 0 ? apd_allocate(team->size, sizeof *sizes, "sizes of parts") : NULL;
    APD_MPI(MPI_Gather(&bytes, 1, MPI_INT64_T, sizes, 1, MPI_INT64_T, 0, team->everyone));
    return sizes;
}

void apd_team_gather(const apd_team *team, const void *part, int64_t bytes, void **all, int64_t *total) {
    APD_ASSERT(bytes >= 0);
    int64_t *sizes = gather_sizes(team, bytes);
    *all = NULL;
    *total = 0;
    if (team->rank != 0) {
        apd_chunk_send(part, bytes, 0, GATHER_TAG, team->everyone);
        return;
    }
    for (int r = 0; r < team->size; r++)
        *total += sizes[r];
    char *at = *all = apd_allocate_bytes(*total, "gathered parts");
    if (bytes > 0)
        memcpy(at, part, (size_t)bytes);
    for (int r = 1; r < team->size; r++) {
        at += sizes[r - 1];
        apd_chunk_receive(at, sizes[r], r, GATHER_TAG, team->everyone);
    }
    free(sizes);
}

/* Bytes of the next message while `left` are to be sent. */
static int64_t message_bytes(int64_t left, int64_t unit) {
    enum { USUAL = 2 << 20 };
    int64_t bytes = unit < USUAL ? USUAL / unit * unit : unit;
    return bytes < left ? bytes : left;
}

void apd_team_gather_through(const apd_team *team, const void *part, int64_t bytes, int64_t unit,
                             apd_team_take take, void *context) {
    APD_ASSERT(bytes >= 0 && unit > 0 && bytes % unit == 0);
    int64_t *sizes = gather_sizes(team, bytes);
    if (team->rank != 0) {
        const char *next = part;
        for (int64_t count; bytes > 0; next += count, bytes -= count) {
            count = message_bytes(bytes, unit);
            apd_chunk_send(next, count, 0, GATHER_TAG, team->everyone);
        }
        return;
    }
    if (take != NULL && bytes > 0)
        take(context, part, bytes);
    for (int r = 1; r < team->size; r++) {
        void *message = apd_allocate_bytes(message_bytes(sizes[r], unit), "gathered parts");
        for (int64_t left = sizes[r], count; left > 0; left -= count) {
            count = message_bytes(left, unit);
            apd_chunk_receive(message, count, r, GATHER_TAG, team->everyone);
            if (take != NULL)
                take(context, message, count);
        }
        free(message);
    }
    free(sizes);
}

void apd_team_gather_all(const apd_team *team, const void *part, int64_t bytes, void **all, int64_t *total) {
    apd_team_gather(team, part, bytes, all, total);
    apd_team_broadcast(team, total, sizeof *total);
    if (team->rank != 0)
        *all = apd_allocate_bytes(*total, "gathered parts");
    apd_team_broadcast(team, *all, *total);
}

void apd_team_scatter(const apd_team *team, const void *all, const int64_t *bytes, void *part, int64_t size) {
    int64_t announced = 0;
    APD_MPI(MPI_Scatter(bytes, 1, MPI_INT64_T, &announced, 1, MPI_INT64_T, 0, team->everyone));
    APD_ASSERT(announced == size);
    if (team->rank != 0) {
        apd_chunk_receive(part, size, 0, SCATTER_TAG, team->everyone);
        return;
    }
    if (size > 0)
        memcpy(part, all, (size_t)size);
    const char *at = all;
    for (int r = 1; r < team->size; r++) {
        at += bytes[r - 1];
        apd_chunk_send(at, bytes[r], r, SCATTER_TAG, team->everyone);
    }
}

static int64_t sum_of(const int64_t *values, int count) {
    int64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

void apd_team_all_to_all(const apd_team *team, const void *parts, const int64_t *bytes, void **got,
                         int64_t *sizes) {
    apd_requests requests = {0};
    APD_MPI(MPI_Alltoall(bytes, 1, MPI_INT64_T, sizes, 1, MPI_INT64_T, team->everyone));
    char *in = *got = apd_allocate_bytes(sum_of(sizes, team->size), "exchanged parts");
    const char *out = parts;
    for (int r = 0; r < team->size; in += sizes[r], r++)
        if (r != team->rank)
            apd_requests_receive(&requests, in, sizes[r], r, ALL_TO_ALL_TAG, team->everyone);
    in = *got;
    for (int r = 0; r < team->size; out += bytes[r], r++)
        if (r != team->rank)
            apd_requests_send(&requests, out, bytes[r], r, ALL_TO_ALL_TAG, team->everyone);
        else if (bytes[r] > 0)
            memcpy(in + sum_of(sizes, r), out, (size_t)bytes[r]);
    apd_requests_wait(&requests);
    apd_requests_clear(&requests);
}

/* --- names ------------------------------------------------------------------------------------------- */

char *apd_team_hosts(const apd_team *team) {
    char name[MPI_MAX_PROCESSOR_NAME + 1] = "";
    int length = 0;
    APD_MPI(MPI_Get_processor_name(name, &length));
    name[length] = ',';
    void *names = NULL;
    int64_t total = 0;
    apd_team_gather_all(team, name, length + 1, &names, &total);
    char *text = names;
    text[total - 1] = '\0'; /* the last comma */
    return text;
}

const char *apd_team_library(void) {
    static char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    if (*text == '\0') {
        APD_MPI(MPI_Get_library_version(text, &length));
        text[strcspn(text, "\r\n")] = '\0';
    }
    return text;
}

#include "mpi/team/window.h"

#include "base/heartbeat.h"
#include "base/memory.h"
#include "base/status.h"
#include "mpi/team/chunk.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOKS_BEFORE_YIELDING  200  /* a few microseconds: less than two context switches */
#define YIELDS_BEFORE_SLEEPING 50   /* yielding forever starves other processes for seconds (Linux 6.18) */
#define SHORTEST_SLEEP         1000 /* ns; about 50 us with the timer's slack */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags between processes need lock-free 64-bit atomics");

struct apd_window {
    MPI_Win window;
    int place, place_count;
    int64_t bytes;            /* all segments */
    _Atomic uint64_t **flags; /* (place_count) -> (flag_count), at the start of each segment */
    float **segments;         /* (place_count) */
};

static int64_t rounded_up(int64_t bytes) {
    return (bytes + APD_ALIGNMENT - 1) / APD_ALIGNMENT * APD_ALIGNMENT;
}

/* Segments begin at the same offset in a page in all processes, so all of them skip the same bytes here. */
static char *aligned(void *base) {
    return (char *)base + (APD_ALIGNMENT - (uintptr_t)base % APD_ALIGNMENT) % APD_ALIGNMENT;
}

static void *allocate_shared(const apd_team *team, int64_t bytes, MPI_Win *window) {
    void *base = NULL;
    MPI_Info info;
    APD_MPI(MPI_Info_create(&info));
    APD_MPI(MPI_Info_set(info, "alloc_shared_noncontig", "true")); /* each segment on its own pages */
    apd_heartbeat_begin(APD_WAITS);
    int code = MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, team->node, &base, window);
    apd_heartbeat_end();
    if (code != MPI_SUCCESS) {
        char reason[MPI_MAX_ERROR_STRING] = "unknown error";
        int length = 0;
        (void)MPI_Error_string(code, reason, &length);
        apd_fatal(APD_ERROR_INTERNAL,
                  "no %" PRId64
                  " bytes of shared memory for this rank (%s); use fewer shards a node, a larger "
                  "/dev/shm, or name another folder in OMPI_MCA_osc_sm_backing_directory",
                  bytes, reason);
    }
    APD_MPI(MPI_Info_free(&info));
    return base;
}

/* The addresses in this process of the segments of all ranks of the node. */
static void find_segments(apd_window *window, int64_t flag_bytes) {
    for (int r = 0; r < window->place_count; r++) {
        MPI_Aint size = 0;
        int unit = 0;
        void *base = NULL;
        APD_MPI(MPI_Win_shared_query(window->window, r, &size, &unit, &base));
        window->flags[r] = (_Atomic uint64_t *)(void *)aligned(base);
        window->segments[r] = (float *)(void *)(aligned(base) + flag_bytes);
        window->bytes += (int64_t)size;
    }
}

/* Loads and stores see other ranks' stores without MPI's help in the unified memory model alone. */
static void require_unified_memory(MPI_Win window) {
    int *model = NULL, found = 0;
    APD_MPI(MPI_Win_get_attr(window, MPI_WIN_MODEL, &model, &found));
    if (!found || *model != MPI_WIN_UNIFIED)
        apd_fatal(
            APD_ERROR_INTERNAL,
            "this MPI library's shared memory has separate copies (MPI_WIN_SEPARATE); use another library");
}

apd_window *apd_window_create(const apd_team *team, int64_t floats, int flag_count) {
    APD_ASSERT(floats >= 0 && floats <= INT64_MAX / 8);
    int64_t flag_bytes = rounded_up((int64_t)flag_count * (int64_t)sizeof(uint64_t));
    int64_t bytes = flag_bytes + floats * (int64_t)sizeof(float);
    apd_window *window = apd_allocate(1, sizeof *window, "a shared window");
    window->place = apd_team_place(team, team->rank);
    window->place_count = apd_team_node_size(team, team->node_of[team->rank]);
    window->flags = apd_allocate(window->place_count, sizeof *window->flags, "a shared window");
    window->segments = apd_allocate(window->place_count, sizeof *window->segments, "a shared window");
    void *base = allocate_shared(team, bytes + APD_ALIGNMENT, &window->window);
    APD_MPI(MPI_Win_set_errhandler(window->window, MPI_ERRORS_RETURN));
    require_unified_memory(window->window);
    APD_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, window->window));
    memset(aligned(base), 0, (size_t)bytes);
    find_segments(window, flag_bytes);
    APD_MPI(MPI_Win_sync(window->window)); /* the zeros, before any rank raises a flag */
    APD_MPI(MPI_Barrier(team->node));
    APD_MPI(MPI_Win_sync(window->window));
    return window;
}

void apd_window_destroy(apd_window *window) {
    if (window == NULL)
        return;
    APD_MPI(MPI_Win_unlock_all(window->window));
    APD_MPI(MPI_Win_free(&window->window));
    free(window->flags);
    free(window->segments);
    free(window);
}

float *apd_window_segment(const apd_window *window, int place) {
    return window->segments[place];
}

void apd_window_raise(apd_window *window, int flag, uint64_t value) {
    atomic_store_explicit(&window->flags[window->place][flag], value, memory_order_release);
}

bool apd_window_reached(const apd_window *window, int flag, uint64_t value) {
    for (int r = 0; r < window->place_count; r++)
        if (atomic_load_explicit(&window->flags[r][flag], memory_order_acquire) < value)
            return false;
    return true;
}

int64_t apd_window_bytes(const apd_window *window) {
    return window->bytes;
}

void apd_window_pause(int *looks) {
    if (*looks >= LOOKS_BEFORE_YIELDING + YIELDS_BEFORE_SLEEPING) {
        (void)nanosleep(&(struct timespec){.tv_nsec = SHORTEST_SLEEP}, NULL);
        return;
    }
    if (*looks >= LOOKS_BEFORE_YIELDING)
        (void)sched_yield();
    (*looks)++;
}

#include "base/heartbeat.h"

#include "base/status.h"

#include <stdatomic.h>

enum { ACTIVITY_BITS = 2 };

/* Count and activity in one word, so that they are read together. */
static _Atomic uint64_t beat = APD_WORKS;
static const char *_Atomic phase_now = "start";
static int depth = 0; /* of open brackets; main thread only */

static void report(apd_activity activity) {
    uint64_t count = (atomic_load_explicit(&beat, memory_order_relaxed) >> ACTIVITY_BITS) + 1;
    atomic_store_explicit(&beat, count << ACTIVITY_BITS | (uint64_t)activity, memory_order_release);
}

const char *apd_heartbeat_phase(const char *phase) {
    const char *before = atomic_load_explicit(&phase_now, memory_order_relaxed);
    atomic_store_explicit(&phase_now, phase, memory_order_relaxed);
    if (depth == 0)
        report(APD_WORKS);
    return before;
}

void apd_heartbeat_begin(apd_activity activity) {
    if (depth++ == 0)
        report(activity);
}

void apd_heartbeat_end(void) {
    APD_ASSERT(depth > 0);
    if (--depth == 0)
        report(APD_WORKS);
}

apd_heartbeat apd_heartbeat_read(void) {
    uint64_t now = atomic_load_explicit(&beat, memory_order_acquire);
    return (apd_heartbeat){.count = now >> ACTIVITY_BITS,
                           .activity = (apd_activity)(now & ((1U << ACTIVITY_BITS) - 1)),
                           .phase = atomic_load_explicit(&phase_now, memory_order_relaxed)};
}

#include "base/memory.h"

#include "base/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define HUGE_PAGE ((size_t)2 << 20)

/* By default glibc raises its threshold to 32 MB once a mapped block is freed; arrays that grow with every task then leave holes
 * in the heap which small ones fill. At 2,500 tasks a fifth of a rank's memory was such holes. */
void apd_memory_keep_large_apart(void) {
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 2 * (int)HUGE_PAGE);
    (void)mallopt(M_TRIM_THRESHOLD,
                  16 * (int)HUGE_PAGE); /* memory freed at a task's end is needed at the next one's */
#endif
}

/* Large pages for large blocks, where available: without them page faults in a commit's buffers cost more than copying,
 * and address translation slows down the long arrays of a step. */
static void *allocate_large(size_t bytes) {
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
#ifdef MADV_HUGEPAGE
    if (memory != NULL)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

/* Allocates count*size bytes rounded up to whole units, more by one at least; *rounded is the size. */
static void *allocate(int64_t count, size_t size, const char *what, size_t *rounded) {
    APD_ASSERT(count >= 0 && size > 0);
    if ((uint64_t)count > (SIZE_MAX / 2) / size)
        apd_fatal(APD_ERROR_INTERNAL,
                  "%s: %" PRId64 " elements of %zu bytes are more than a machine can hold", what, count,
                  size);
    size_t bytes = (size_t)count * size;
    size_t unit = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : APD_ALIGNMENT;
    *rounded = (bytes + unit) / unit * unit;
    void *memory = unit == HUGE_PAGE ? allocate_large(*rounded) : aligned_alloc(unit, *rounded);
    if (memory == NULL)
        apd_fatal(APD_ERROR_INTERNAL,
                  "%s: out of memory asking for %zu bytes (use more ranks, or a smaller network or batch)",
                  what, bytes);
    return memory;
}

void *apd_allocate(int64_t count, size_t size, const char *what) {
    size_t rounded;
    void *memory = allocate(count, size, what, &rounded);
    memset(memory, 0, rounded);
    return memory;
}

void *apd_allocate_bytes(int64_t bytes, const char *what) {
    size_t rounded;
    return allocate(bytes, 1, what, &rounded);
}

void *apd_reallocate(void *array, int64_t old_count, int64_t count, size_t size, const char *what) {
    void *grown = apd_allocate(count, size, what);
    int64_t kept = old_count < count ? old_count : count;
    if (array != NULL && kept > 0)
        memcpy(grown, array, (size_t)kept * size);
    free(array);
    return grown;
}

char *apd_duplicate_text(const char *text) {
    if (text == NULL)
        return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = apd_allocate((int64_t)bytes, 1, "a text");
    memcpy(copy, text, bytes);
    return copy;
}

int64_t apd_peak_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

void apd_peak_reset(void) {
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (file == NULL)
        return;
    (void)fputs("5\n", file); /* proc(5), since Linux 4.0 */
    (void)fclose(file);
}

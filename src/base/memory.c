#include "base/memory.h"

#include "base/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define HUGE_PAGE ((size_t)2 << 20)

#ifdef __GLIBC__
/* Large memory comes from the system and goes back to it. glibc else keeps up to 32 MB of it in its heap, once it has
 * seen some go, where an array that grows with every task leaves a hole each time, into which the next task's small
 * ones move: at 2,500 tasks a fifth of a rank's memory was such holes. */
__attribute__((constructor)) static void keep_large_memory_apart(void) {
    (void)mallopt(M_MMAP_THRESHOLD, 2 * (int)HUGE_PAGE);
    (void)mallopt(M_TRIM_THRESHOLD, 16 * (int)HUGE_PAGE); /* what a task's end frees, the next one's needs */
}
#endif

/* Large memory in large pages, where the system has them: a commit's buffers else cost more in page faults than in
 * copying, and a step's long arrays more in address translation. */
static void *allocate_large(size_t bytes) {
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
#ifdef MADV_HUGEPAGE
    if (memory != NULL)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

/* Rounded up to whole units of APD_ALIGNMENT, at least one; *rounded is the size. */
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

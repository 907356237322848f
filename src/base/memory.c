#include "base/memory.h"

#include "base/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rounded up to whole units of APD_ALIGNMENT, at least one; *rounded is the size. */
static void *allocate(int64_t count, size_t size, const char *what, size_t *rounded) {
    APD_ASSERT(count >= 0 && size > 0);
    if ((uint64_t)count > (SIZE_MAX / 2) / size)
        apd_fatal(APD_ERROR_INTERNAL,
                  "%s: %" PRId64 " elements of %zu bytes are more than a machine can hold", what, count,
                  size);
    size_t bytes = (size_t)count * size;
    *rounded = (bytes + APD_ALIGNMENT) / APD_ALIGNMENT * APD_ALIGNMENT;
    void *memory = aligned_alloc(APD_ALIGNMENT, *rounded);
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

/* memory: allocation that cannot fail quietly.
 *
 * Out of memory ends the job with one line that says how many bytes were asked for and what for, so no
 * caller checks for NULL. Sizes that come from a file are checked against that file before they get here. */
#ifndef APD_BASE_MEMORY_H
#define APD_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define APD_ALIGNMENT 64 /* bytes: a cache line, and the widest vector register */

/* `count` zeroed elements of `size` bytes, aligned to APD_ALIGNMENT. count 0 gives a valid pointer.
 * `what` names the thing in the error. Free with free(). */
void *apd_allocate(int64_t count, size_t size, const char *what);

/* Room for `bytes` that the caller fills; else the same. */
void *apd_allocate_bytes(int64_t bytes, const char *what);

/* Grow or shrink `*array` (from apd_allocate, or NULL) from `old_count` to `count` elements; new ones are
 * zero. */
void *apd_reallocate(void *array, int64_t old_count, int64_t count, size_t size, const char *what);

/* So many floats that what lies behind them in one allocation is aligned, too. */
static inline int64_t apd_aligned_floats(int64_t floats) {
    const int64_t unit = APD_ALIGNMENT / (int64_t)sizeof(float);
    return (floats + unit - 1) / unit * unit;
}

/* A copy of `text` to be freed with free(); NULL gives NULL. */
char *apd_duplicate_text(const char *text);

#endif

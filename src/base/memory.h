/* memory: allocation that never returns NULL.
 *
 * Out of memory ends the job with one line that says how many bytes were requested and what for. Sizes read from a file must
 * be checked against the file before they get here. */
#ifndef APD_BASE_MEMORY_H
#define APD_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define APD_ALIGNMENT 64 /* bytes: a cache line, and the widest vector register */

/* Allocate `count` elements of `size` bytes, zeroed and aligned to APD_ALIGNMENT; count 0 gives a valid pointer. `what`
 * names the purpose in the error. Free with free(). */
void *apd_allocate(int64_t count, size_t size, const char *what);

/* The same for `bytes` bytes with undefined contents. */
void *apd_allocate_bytes(int64_t bytes, const char *what);

/* Move `old_count` elements of `array` (from apd_allocate, or NULL) to a new allocation of `count`; new elements are 0.
 * Frees `array`. */
void *apd_reallocate(void *array, int64_t old_count, int64_t count, size_t size, const char *what);

/* Map large blocks directly, from now on, so that they return to the system. For the program; a library leaves its process's heap
 * alone. */
void apd_memory_keep_large_apart(void);

/* `floats`, rounded up so that what follows in the same allocation is aligned, too. */
static inline int64_t apd_aligned_floats(int64_t floats) {
    const int64_t unit = APD_ALIGNMENT / (int64_t)sizeof(float);
    return (floats + unit - 1) / unit * unit;
}

/* The largest resident set of this process so far, or since apd_peak_reset, in bytes; 0 if the system does not tell. */
int64_t apd_peak_bytes(void);

/* Measure the largest resident set from now on. Where the system does not know how, nothing changes. */
void apd_peak_reset(void);

/* A copy of `text`; NULL gives NULL. Free with free(). */
char *apd_duplicate_text(const char *text);

#endif

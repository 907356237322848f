/* landing: where a thread goes on when the program would have to end.
 *
 * The program ends itself: out of memory, a broken invariant (status.h), a crash inside HDF5 (io/hdf5/guard.h). libapd is a guest in
 * another's process, so it sets a landing first:
 *
 *     apd_landing landing = {0};
 *     if (sigsetjmp(landing.place, 1) == 0) {
 *         apd_landing_set(&landing);
 *         work();
 *     }
 *     apd_landing_set(NULL);
 *
 * landing.status and .message are what happened, if anything. Memory and handles of the work are lost. A landing belongs to its thread. */
#ifndef APD_BASE_LANDING_H
#define APD_BASE_LANDING_H

#include <setjmp.h>

typedef struct apd_landing {
    sigjmp_buf place;
    int status; /* an apd_status; 0: nothing happened */
    char message[1024];
} apd_landing;

void apd_landing_set(apd_landing *landing); /* NULL: none any more */

/* Go to the thread's landing with a status and `text` and the text `more` behind it; returns where there is none.
 * Async-signal-safe. */
void apd_landing_go(int status, const char *text, const char *more);

#endif

/* thread: helper threads with all signals blocked, so that the main thread handles them all. */
#ifndef APD_BASE_THREAD_H
#define APD_BASE_THREAD_H

#include <pthread.h>

/* pthread_create with all signals blocked in the new thread. `name` (15 characters at most) shows in `top -H`. Returns 0
 * or an error number. */
int apd_thread_start(pthread_t *thread, const char *name, void *(*work)(void *), void *context);

#endif

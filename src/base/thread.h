/* thread: threads beside a process's own, which has all signals to itself. */
#ifndef APD_BASE_THREAD_H
#define APD_BASE_THREAD_H

#include <pthread.h>

/* pthread_create with all signals blocked in the new thread, which `top -H` shows as `name` (15 characters). Returns
 * 0 or an error number. */
int apd_thread_start(pthread_t *thread, const char *name, void *(*work)(void *), void *context);

#endif

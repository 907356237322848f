#include "base/thread.h"

#include <signal.h>

int apd_thread_start(pthread_t *thread, const char *name, void *(*work)(void *), void *context) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread inherits the mask */
    int code = pthread_create(thread, NULL, work, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        (void)pthread_setname_np(*thread, name);
    return code;
}

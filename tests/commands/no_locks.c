/* no_locks: a file system without locks, for LD_PRELOAD: fcntl's locks fail with the error that NO_LOCKS_FCNTL names,
 * link with that of NO_LOCKS_LINK; a variable that is not set leaves its call alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refusal(const char *variable) {
    static const struct {
        const char *name;
        int number;
    } known[] = {{"ENOLCK", ENOLCK}, {"EOPNOTSUPP", EOPNOTSUPP}, {"EPERM", EPERM}, {"EIO", EIO}};
    const char *value = getenv(variable);
    for (size_t i = 0; value != NULL && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(value, known[i].name) == 0)
            return known[i].number;
    return 0;
}

static int answer(const char *symbol, int file, int command, void *argument) {
    int (*real)(int, int, ...);
    int number = command == F_OFD_SETLK || command == F_SETLK ? refusal("NO_LOCKS_FCNTL") : 0;
    if (number != 0) {
        errno = number;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, symbol);
    return real(file, command, argument);
}

int fcntl(int file, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return answer("fcntl", file, command, argument);
}

int fcntl64(int file, int command, ...);
int fcntl64(int file, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return answer("fcntl64", file, command, argument);
}

int link(const char *from, const char *to) {
    int (*real)(const char *, const char *);
    int number = refusal("NO_LOCKS_LINK");
    if (number != 0) {
        errno = number;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "link");
    return real(from, to);
}

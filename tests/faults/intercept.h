/* intercept: shared by the two libraries that are preloaded in front of the C library's file calls.
 *
 * A call is of interest when its file lies in the watched folder, or is that folder. Paths are compared as text, so the
 * program under test must be given absolute ones without symbolic links. */
#ifndef APD_TESTS_FAULTS_INTERCEPT_H
#define APD_TESTS_FAULTS_INTERCEPT_H

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The C library's own function of that name. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The mode that open() has only where it may create a file. */
#define TAKE_MODE(mode, flags)                      \
    mode_t mode = 0;                                \
    if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
        va_list list_;                              \
        va_start(list_, flags);                     \
        mode = va_arg(list_, mode_t);               \
        va_end(list_);                              \
    }

typedef struct place {
    char path[PATH_MAX];
} place;

static inline bool is_below(const char *folder, const char *path) {
    size_t length = folder != NULL ? strlen(folder) : 0;
    return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The path of an open file; "" for sockets and the like. A deleted file's ends in " (deleted)". */
static inline const char *path_of(int file, place *found) {
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, found->path, sizeof found->path - 1);
    found->path[length > 0 && found->path[0] == '/' ? length : 0] = '\0';
    return found->path;
}

/* `name` as the *at() calls take it: relative to the open folder. */
static inline const char *path_at(int folder, const char *name, place *found) {
    if (name[0] == '/') {
        (void)snprintf(found->path, sizeof found->path, "%s", name);
    } else if (folder == AT_FDCWD) {
        if (getcwd(found->path, sizeof found->path) == NULL)
            found->path[0] = '\0';
    } else {
        (void)path_of(folder, found);
    }
    size_t length = strlen(found->path);
    if (name[0] != '/' && name[0] != '\0')
        (void)snprintf(found->path + length, sizeof found->path - length, "/%s", name);
    return found->path;
}

/* Whether this process is the rank that the environment variable `name` asks for; all are when it is not set. */
static inline bool is_rank_of(const char *name) {
    const char *wanted = getenv(name), *mine = getenv("OMPI_COMM_WORLD_RANK");
    return wanted == NULL || strcmp(wanted, mine != NULL ? mine : "0") == 0;
}

#endif

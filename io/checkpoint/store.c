#include "io/checkpoint/store.h"

#include "base/memory.h"
#include "base/thread.h"
#include "io/system/durable.h"
#include "io/system/fault.h"
#include "io/system/file.h"
#include "io/system/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char folder_name[] = "segments";

void apd_store_part_name(int32_t commit, int32_t part, char name[48]) {
    (void)snprintf(name, 48, "%s/%06" PRId32 "-%" PRId32 ".h5", folder_name, commit, part);
}

/* The inverse, of a name in the folder of parts. */
static bool parse_part(const char *name, int32_t *commit, int32_t *part) {
    char again[48];
    if (sscanf(name, "%" SCNd32 "-%" SCNd32 ".h5", commit, part) != 2 || *commit < 1 || *part < 0)
        return false;
    apd_store_part_name(*commit, *part, again);
    return strcmp(again + sizeof folder_name, name) == 0;
}

char *apd_store_beside(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    int lead = slash != NULL ? (int)(slash - path) + 1 : 0;
    size_t room = (size_t)lead + strlen(name) + 1;
    char *made = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(made, room, "%.*s%s", lead, path, name);
    return made;
}

char *apd_store_part(const char *path, int32_t commit, int32_t part) {
    char name[48];
    apd_store_part_name(commit, part, name);
    return apd_store_beside(path, name);
}

/* "RUN/checkpoint.h5" with "previous" is "RUN/checkpoint.previous.h5". */
static char *sibling(const char *path, const char *what) {
    size_t length = strlen(path), room = length + strlen(what) + 2;
    int stem = length > 3 && strcmp(path + length - 3, ".h5") == 0 ? (int)length - 3 : (int)length;
    char *made = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(made, room, "%.*s.%s%s", stem, path, what, path + stem);
    return made;
}

char *apd_store_previous(const char *path) {
    return sibling(path, "previous");
}

char *apd_store_damaged(const char *path) {
    return sibling(path, "damaged");
}

char *apd_store_temporary(const char *path) {
    size_t room = strlen(path) + sizeof ".tmp";
    char *made = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(made, room, "%s.tmp", path);
    return made;
}

/* --- deleting parts --------------------------------------------------------------------------------------- */

/* Files without a name any more, whose room the system gives back when they are closed. */
typedef struct nameless {
    int count;
    int files[256];
} nameless;

static void *close_all(void *context) {
    nameless *held = context;
    for (int i = 0; i < held->count; i++)
        (void)close(held->files[i]);
    free(held);
    return NULL;
}

/* The name goes at once; giving back the room of a large file takes a tenth of what writing it took, and is left to
 * close_all. */
static bool delete_later(int folder, const char *name, nameless *held) {
    int room = (int)(sizeof held->files / sizeof held->files[0]);
    int file = held->count < room ? openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    bool gone = unlinkat(folder, name, 0) == 0 || errno == ENOENT;
    if (file >= 0)
        held->files[held->count++] = file;
    return gone;
}

/* Of the names in the folder of parts. */
typedef bool is_stale(const char *name, const void *context);

/* `durably`: a power loss does not bring them back. */
static apd_status delete_stale(const char *path, is_stale *stale, const void *context, bool durably,
                               apd_error *error) {
    char *folder = apd_store_beside(path, folder_name);
    nameless *held = apd_allocate(1, sizeof *held, "former parts");
    apd_file_names names = {0};
    int opened = -1;
    apd_status status;
    APD_GO(apd_folder_list(folder, &names, error));
    for (int i = 0; i < names.count; i++) {
        if (!stale(names.items[i], context))
            continue;
        if (opened < 0)
            opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0 || !delete_later(opened, names.items[i], held))
            APD_GO(apd_fail_errno(error, errno, "%s/%s: cannot delete this former part", folder,
                                  names.items[i]));
    }
    if (durably && opened >= 0) /* there were some */
        status = apd_sync_folder(folder, error);
out:
    if (opened >= 0)
        (void)close(opened);
    apd_file_names_clear(&names);
    pthread_t thread;
    if (held->count > 0 && apd_thread_start(&thread, "apd-delete", close_all, held) == 0)
        (void)pthread_detach(thread);
    else
        (void)close_all(held);
    free(folder);
    return status;
}

static bool is_probe(const char *name) {
    const char *pattern = strrchr(APD_STORE_PROBE, '/') + 1;
    return strlen(name) == strlen(pattern) && strncmp(name, pattern, strlen(pattern) - 6) == 0;
}

static bool is_unneeded(const char *name, const void *context) {
    const apd_run_state *const *states = context;
    int32_t commit, part;
    if (is_probe(name))
        return true;
    if (!parse_part(name, &commit, &part))
        return false;
    for (int i = 0; i < 2; i++)
        if (states[i] != NULL && apd_find_part(states[i], commit, part) != NULL)
            return false;
    return true;
}

apd_status apd_store_sweep(const char *path, const apd_run_state *first, const apd_run_state *second,
                           apd_error *error) {
    const apd_run_state *states[2] = {first, second};
    return delete_stale(path, is_unneeded, states, second == NULL, error);
}

static bool is_later(const char *name, const void *context) {
    int32_t commit, part;
    return parse_part(name, &commit, &part) && commit > *(const int32_t *)context;
}

apd_status apd_store_sweep_later(const char *path, int32_t commit, apd_error *error) {
    return delete_stale(path, is_later, &commit, false, error);
}

apd_status apd_store_begin(const char *path, apd_error *error) {
    char *folder = apd_store_beside(path, folder_name);
    apd_status status = APD_OK;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        status = apd_fail_errno(error, errno, "%s: cannot make the folder", folder);
    free(folder);
    return status;
}

/* --- publishing ------------------------------------------------------------------------------------------- */

static apd_status move(const char *from, const char *to, apd_error *error) {
    if (rename(from, to) == 0)
        return APD_OK;
    return apd_fail_errno(error, errno, "%s: cannot rename to %s", from, to);
}

/* Whether `number` (errno) says that this file system has no hard links. */
static bool has_no_links(int number) {
    return number == EPERM || number == EOPNOTSUPP || number == ENOSYS || number == EMLINK;
}

apd_status apd_store_name_also(const char *from, const char *to, apd_error *error) {
    bool taken;
    if (link(from, to) == 0)
        return APD_OK;
    if (!has_no_links(errno))
        return apd_fail_errno(error, errno, "%s: cannot link to %s", from, to);
    APD_TRY(apd_file_exists(to, &taken, error));
    if (taken)
        return apd_fail_errno(error, EEXIST, "%s: cannot rename to %s", from, to);
    return move(from, to, error);
}

/* The newest commit becomes the one before, too. */
static apd_status keep_former(const char *path, apd_error *error) {
    struct stat facts;
    if (stat(path, &facts) != 0)
        return apd_errno_is_absence(errno)
                   ? APD_OK
                   : apd_fail_errno(error, errno, "%s: cannot look for the former commit", path);
    if (!S_ISREG(facts.st_mode))
        return apd_fail(error, APD_ERROR_IO, "%s: cannot be kept as the former commit: not a regular file",
                        path);
    char *former = apd_store_previous(path), *temporary = apd_store_temporary(former);
    apd_status status = apd_file_delete(temporary, error);
    if (status == APD_OK)
        status =
            apd_store_name_also(path, temporary, error); /* without links the former is alone for a moment */
    if (status == APD_OK)
        status = move(temporary, former, error);
    free(temporary);
    free(former);
    return status;
}

apd_status apd_store_publish(apd_lock *lock, const char *temporary, const char *path, bool *published,
                             apd_error *error) {
    *published = false;
    APD_TRY(apd_lock_check(lock, error));
    APD_TRY(keep_former(path, error));
    apd_fault_point("checkpoint.former");
    APD_TRY(move(temporary, path, error));
    *published = true;
    APD_TRY(apd_sync_folder_of(path, error));
    apd_fault_point("checkpoint.renamed");
    return apd_lock_note(lock, path, error);
}

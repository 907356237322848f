/* Which commit a start goes on from, and what it removes before. */
#include "io/checkpoint/commits.h"

#include "base/memory.h"
#include "io/checkpoint/store.h"
#include "io/system/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

apd_status apd_checkpoint_path(const char *run, char **path, apd_error *error) {
    struct stat info;
    bool exists = stat(run, &info) == 0;
    if (!exists && !apd_errno_is_absence(errno))
        return apd_fail_errno(error, errno, "%s: cannot look for the run", run);
    const char *ending = exists && S_ISDIR(info.st_mode) ? "/checkpoint.h5" : "";
    size_t room = strlen(run) + strlen(ending) + 1;
    *path = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(*path, room, "%s%s", run, ending);
    return APD_OK;
}

bool apd_checkpoint_is_run(const char *path) {
    static const char *const names[] = {"checkpoint.h5", "checkpoint.previous.h5", "run.lock"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++) {
        char *other = apd_store_beside(path, names[i]);
        found = access(other, F_OK) == 0 || !apd_errno_is_absence(errno);
        free(other);
    }
    return found;
}

typedef struct candidate {
    const char *path;
    bool exists, good;
    apd_error damage; /* of one that exists and is not good */
} candidate;

/* Is it there, and whole? Fails when the system refuses to say. */
static apd_status examine(const char *path, candidate *found, apd_error *error) {
    int groups;
    *found = (candidate){.path = path};
    APD_TRY(apd_file_exists(path, &found->exists, error));
    if (!found->exists)
        return APD_OK;
    apd_status status = apd_checkpoint_verify(path, &groups, &found->damage);
    if (status != APD_OK && status != APD_ERROR_DATA)
        return apd_fail(error, status, "%s", found->damage.message);
    found->good = status == APD_OK;
    return APD_OK;
}

static apd_status choose(const char *path, const char *former, char **use, char *note, size_t size,
                         apd_error *error) {
    candidate newest, second;
    APD_TRY(examine(path, &newest, error));
    if (newest.good) {
        *use = apd_duplicate_text(path);
        return APD_OK;
    }
    APD_TRY(examine(former, &second, error));
    if (second.good) {
        *use = apd_duplicate_text(former);
        if (newest.exists)
            (void)snprintf(note, size, "the newest commit is damaged (%s); the one before is used, %s",
                           newest.damage.message, former);
        else
            (void)snprintf(note, size, "%s is missing; the commit before is used, %s", path, former);
        return APD_OK;
    }
    const candidate *worst = newest.exists ? &newest : &second;
    return worst->exists ? apd_fail(error, APD_ERROR_DATA, "%s", worst->damage.message) : APD_OK;
}

apd_status apd_checkpoint_choose(const char *path, char **use, char *note, size_t size, apd_error *error) {
    char *former = apd_store_previous(path);
    *use = NULL;
    note[0] = '\0';
    apd_status status = choose(path, former, use, note, size, error);
    free(former);
    return status;
}

static apd_status delete_temporary(const char *path, apd_error *error) {
    char *temporary = apd_store_temporary(path);
    apd_status status = apd_file_delete(temporary, error);
    free(temporary);
    return status;
}

/* Make the former commit the newest; one that is there has been found damaged, and is put aside. */
static apd_status reinstate(const char *path, const char *former, apd_error *error) {
    char *damaged = apd_store_damaged(path);
    bool exists = false;
    apd_status status = apd_file_exists(path, &exists, error);
    if (status == APD_OK && exists && rename(path, damaged) != 0)
        status = apd_fail_errno(error, errno, "%s: cannot rename to %s", path, damaged);
    if (status == APD_OK)
        status = apd_store_name_also(former, path, error);
    free(damaged);
    return status;
}

/* Remove what neither commit needs. While the former is damaged nobody knows what it needs: all parts up to the newest
 * commit's stay until the next commit replaces it. A commit that must not leave older ones may have been killed before
 * their removal. */
static apd_status tidy(const char *path, const char *former, apd_error *error) {
    apd_run_state newest = {0}, before = {0};
    apd_error damage = {0};
    bool exists = false;
    apd_status status, found = APD_OK;
    APD_GO(apd_checkpoint_read_state(path, &newest, error));
    if (newest.alone)
        APD_GO(apd_file_delete(former, error));
    APD_GO(apd_file_exists(former, &exists, error));
    if (exists)
        found = apd_checkpoint_read_state(former, &before, &damage);
    if (found != APD_OK && found != APD_ERROR_DATA)
        APD_GO(apd_fail(error, found, "%s", damage.message));
    status = found == APD_OK ? apd_store_sweep(path, &newest, exists ? &before : NULL, error)
                             : apd_store_sweep_later(path, newest.commit, error);
out:
    apd_run_state_clear(&newest);
    apd_run_state_clear(&before);
    return status;
}

apd_status apd_checkpoint_settle(const char *path, const char *use, apd_error *error) {
    char *former = apd_store_previous(path);
    apd_status status = strcmp(use, path) != 0 ? reinstate(path, former, error) : APD_OK;
    if (status == APD_OK)
        status = delete_temporary(path, error);
    if (status == APD_OK)
        status = delete_temporary(former, error);
    if (status == APD_OK)
        status = tidy(path, former, error);
    free(former);
    return status;
}

apd_status apd_checkpoint_remove(const char *path, apd_error *error) {
    char *others[] = {apd_store_previous(path), apd_store_damaged(path)};
    char *folder = apd_store_beside(path, "segments");
    apd_status status = delete_temporary(path, error);
    for (int i = 0; i < 2; i++) { /* the newest last: what is left is a run without history */
        if (status == APD_OK)
            status = delete_temporary(others[i], error);
        if (status == APD_OK)
            status = apd_file_delete(others[i], error);
        free(others[i]);
    }
    if (status == APD_OK)
        status = apd_file_delete(path, error);
    if (status == APD_OK)
        status = apd_store_sweep(path, NULL, NULL, error);
    (void)rmdir(folder); /* if nothing else lies there */
    free(folder);
    return status;
}

apd_status apd_checkpoint_remove_previous(const char *path, apd_error *error) {
    char *previous = apd_store_previous(path);
    apd_status status = apd_file_delete(previous, error);
    free(previous);
    return status == APD_OK ? apd_checkpoint_settle(path, path, error) : status;
}

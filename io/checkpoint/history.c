#include "io/checkpoint/history.h"

#include "base/memory.h"
#include "io/checkpoint/read.h"
#include "io/checkpoint/segment.h"
#include "io/system/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "RUN/checkpoint.h5" with "previous" is "RUN/checkpoint.previous.h5"; free it. */
static char *sibling(const char *path, const char *what) {
    size_t length = strlen(path), room = length + strlen(what) + 2;
    int stem = length > 3 && strcmp(path + length - 3, ".h5") == 0 ? (int)length - 3 : (int)length;
    char *made = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(made, room, "%.*s.%s%s", stem, path, what, path + stem);
    return made;
}

static char *temporary_of(const char *path) {
    size_t room = strlen(path) + sizeof ".tmp";
    char *made = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(made, room, "%s.tmp", path);
    return made;
}

static apd_status delete_temporary(const char *path, apd_error *error) {
    char *temporary = temporary_of(path);
    apd_status status = apd_file_delete(temporary, error);
    free(temporary);
    return status;
}

static apd_status move(const char *from, const char *to, apd_error *error) {
    if (rename(from, to) == 0)
        return APD_OK;
    return apd_fail_errno(error, errno, "%s: cannot rename to %s", from, to);
}

/* Whether `number` (errno) says that this file system has no hard links. */
static bool has_no_links(int number) {
    return number == EPERM || number == EOPNOTSUPP || number == ENOSYS || number == EMLINK;
}

/* Give the file `from` the name `to`, too, which must be free; where there are no hard links, instead. */
static apd_status name_also(const char *from, const char *to, apd_error *error) {
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

apd_status apd_checkpoint_keep_former(const char *path, apd_error *error) {
    struct stat facts;
    if (stat(path, &facts) != 0)
        return apd_errno_is_absence(errno)
                   ? APD_OK
                   : apd_fail_errno(error, errno, "%s: cannot look for the former commit", path);
    if (!S_ISREG(facts.st_mode))
        return apd_fail(error, APD_ERROR_IO, "%s: cannot be kept as the former commit: not a regular file",
                        path);
    char *former = sibling(path, "previous"), *temporary = temporary_of(former);
    apd_status status = apd_file_delete(temporary, error);
    if (status == APD_OK)
        status = name_also(path, temporary, error); /* without links the former is alone for a moment */
    if (status == APD_OK)
        status = move(temporary, former, error);
    free(temporary);
    free(former);
    return status;
}

/* Delete the segments that neither commit needs. While the former is damaged nobody knows what it needs: all stay until
 * the next commit replaces it. */
static apd_status sweep(const char *path, const char *former, apd_error *error) {
    apd_segment_set set = {0};
    apd_error damage = {0};
    apd_status status = apd_segment_set_of(&set, path, error);
    apd_status found = status == APD_OK ? apd_segment_set_of(&set, former, &damage) : APD_OK;
    if (found != APD_OK && found != APD_ERROR_DATA)
        status = apd_fail(error, found, "%s", damage.message);
    apd_segment_set_sort(&set);
    if (status == APD_OK && found == APD_OK)
        status = apd_segment_sweep(path, &set, error);
    apd_segment_set_clear(&set);
    return status;
}

void apd_checkpoint_needs(apd_segment_set *set, const apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++)
        if (state->records[t].segment > 0)
            apd_segment_set_add(
                set, (apd_segment){state->records[t].segment, APD_SEGMENT_TASKS, state->records[t].part});
    if (state->shared_segment > 0)
        apd_segment_set_add(set, (apd_segment){state->shared_segment, APD_SEGMENT_SHARED, 0});
    if (state->half_way)
        apd_segment_set_add(set, (apd_segment){state->commit, APD_SEGMENT_TRAINING, 0});
}

apd_status apd_checkpoint_tidy(const char *path, const apd_run_state *state, apd_segment_set *needed,
                               apd_error *error) {
    char *former = sibling(path, "previous");
    apd_status status = state->alone != 0 ? apd_file_delete(former, error) : APD_OK;
    free(former);
    apd_segment_set_sort(needed);
    return status == APD_OK ? apd_segment_sweep(path, needed, error) : status;
}

/* --- which commit to use --------------------------------------------------------------------------------- */

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
    char *former = sibling(path, "previous");
    *use = NULL;
    note[0] = '\0';
    apd_status status = choose(path, former, use, note, size, error);
    free(former);
    return status;
}

/* A commit that must not leave older ones was killed between becoming the newest and their removal. */
static apd_status finish_removal(const char *path, const char *former, apd_error *error) {
    apd_run_state state = {0};
    APD_TRY(apd_checkpoint_read_state(path, &state, error));
    bool alone = state.alone != 0;
    apd_run_state_clear(&state);
    return alone ? apd_file_delete(former, error) : APD_OK;
}

/* Make the former commit the newest; one that is there has been found damaged, and is put aside. */
static apd_status reinstate(const char *path, const char *former, apd_error *error) {
    char *damaged = sibling(path, "damaged");
    bool exists = false;
    apd_status status = apd_file_exists(path, &exists, error);
    if (status == APD_OK && exists)
        status = move(path, damaged, error);
    if (status == APD_OK)
        status = name_also(former, path, error);
    free(damaged);
    return status;
}

apd_status apd_checkpoint_settle(const char *path, const char *use, apd_error *error) {
    char *former = sibling(path, "previous");
    apd_status status = APD_OK;
    if (strcmp(use, path) != 0)
        status = reinstate(path, former, error);
    if (status == APD_OK)
        status = finish_removal(path, former, error);
    if (status == APD_OK)
        status = delete_temporary(path, error);
    if (status == APD_OK)
        status = delete_temporary(former, error);
    if (status == APD_OK)
        status = sweep(path, former, error);
    free(former);
    return status;
}

apd_status apd_checkpoint_remove(const char *path, apd_error *error) {
    static const char *const others[] = {"previous", "damaged"};
    const apd_segment_set nothing = {0};
    char *folder = apd_segment_path(path, "segments");
    apd_status status = delete_temporary(path, error);
    for (int i = 0; i < 2 && status == APD_OK;
         i++) { /* the newest last: what is left is a run without history */
        char *other = sibling(path, others[i]);
        status = delete_temporary(other, error);
        if (status == APD_OK)
            status = apd_file_delete(other, error);
        free(other);
    }
    if (status == APD_OK)
        status = apd_file_delete(path, error);
    if (status == APD_OK)
        status = apd_segment_sweep(path, &nothing, error);
    (void)rmdir(folder); /* if nothing else lies there */
    free(folder);
    return status;
}

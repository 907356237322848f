#include "io/checkpoint/history.h"

#include "base/memory.h"
#include "io/checkpoint/read.h"
#include "io/checkpoint/segment.h"
#include "io/hdf5/h5.h"

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

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static apd_status move(const char *from, const char *to, apd_error *error) {
    if (rename(from, to) == 0)
        return APD_OK;
    return apd_fail(error, APD_ERROR_IO, "%s: cannot rename to %s: %s", from, to, strerror(errno));
}

static apd_status discard(const char *path, apd_error *error) {
    if (unlink(path) == 0 || errno == ENOENT)
        return APD_OK;
    return apd_fail(error, APD_ERROR_IO, "%s: cannot delete: %s", path, strerror(errno));
}

apd_status apd_checkpoint_keep_former(const char *path, apd_error *error) {
    struct stat facts;
    if (stat(path, &facts) != 0)
        return APD_OK;
    if (!S_ISREG(facts.st_mode))
        return apd_fail(error, APD_ERROR_IO, "%s: cannot be kept as the former commit: not a regular file",
                        path);
    char *former = sibling(path, "previous"), *temporary = temporary_of(former);
    (void)unlink(temporary);
    apd_status status = link(path, temporary) == 0
                            ? move(temporary, former, error)
                            : move(path, former, error); /* no links here: for a moment the former is alone */
    free(temporary);
    free(former);
    return status;
}

/* Segments of both commits stay. */
static apd_status sweep(const char *path, const char *former, apd_error *error) {
    apd_segment_set set = {0};
    apd_segment_set_of(&set, path);
    apd_segment_set_of(&set, former);
    apd_segment_set_sort(&set);
    apd_status status = apd_segment_sweep(path, &set, error);
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
    apd_status status = state->alone != 0 ? discard(former, error) : APD_OK;
    free(former);
    apd_segment_set_sort(needed);
    return status == APD_OK ? apd_segment_sweep(path, needed, error) : status;
}

/* --- which commit to use --------------------------------------------------------------------------------- */

apd_status apd_checkpoint_choose(const char *path, char **use, char *note, size_t size, apd_error *error) {
    char *former = sibling(path, "previous");
    apd_error newest = {0}, second = {0};
    int groups;
    apd_status status = APD_OK;
    *use = NULL;
    note[0] = '\0';
    if (exists(path) && apd_checkpoint_verify(path, &groups, &newest) == APD_OK) {
        *use = apd_duplicate_text(path);
    } else if (exists(former) && apd_checkpoint_verify(former, &groups, &second) == APD_OK) {
        *use = apd_duplicate_text(former);
        if (exists(path))
            (void)snprintf(note, size, "the newest commit is damaged (%s); the one before is used, %s",
                           newest.message, former);
        else
            (void)snprintf(note, size, "%s is missing; the commit before is used, %s", path, former);
    } else if (exists(path)) {
        status = apd_fail(error, newest.status, "%s", newest.message);
    } else if (exists(former)) {
        status = apd_fail(error, second.status, "%s", second.message);
    }
    free(former);
    return status;
}

/* The commit before was killed between becoming the newest and the removal of those that it must not leave. */
static apd_status finish_removal(const char *path, const char *former, apd_error *error) {
    apd_checkpoint_reader *reader = NULL;
    APD_TRY(apd_checkpoint_reader_open(path, &reader, error));
    bool alone = apd_checkpoint_reader_state(reader)->alone != 0;
    apd_checkpoint_reader_destroy(reader);
    return alone ? discard(former, error) : APD_OK;
}

static apd_status reinstate(const char *path, const char *former, apd_error *error) {
    char *damaged = sibling(path, "damaged");
    apd_status status = exists(path) ? move(path, damaged, error) : APD_OK;
    free(damaged);
    if (status == APD_OK && link(former, path) != 0)
        status = move(former, path, error);
    return status;
}

apd_status apd_checkpoint_settle(const char *path, const char *use, apd_error *error) {
    char *former = sibling(path, "previous"), *temporary = temporary_of(path);
    apd_status status = APD_OK;
    if (strcmp(use, path) != 0)
        status = reinstate(path, former, error);
    if (status == APD_OK)
        status = finish_removal(path, former, error);
    if (status == APD_OK)
        status = discard(temporary, error);
    if (status == APD_OK)
        status = sweep(path, former, error);
    free(temporary);
    free(former);
    return status;
}

apd_status apd_checkpoint_remove(const char *path, apd_error *error) {
    static const char *const others[] = {"previous", "damaged"};
    const apd_segment_set nothing = {0};
    char *temporary = temporary_of(path), *folder = apd_segment_path(path, "segments");
    apd_status status = discard(path, error);
    for (int i = 0; i < 2 && status == APD_OK; i++) {
        char *other = sibling(path, others[i]);
        status = discard(other, error);
        free(other);
    }
    if (status == APD_OK)
        status = discard(temporary, error);
    if (status == APD_OK)
        status = apd_segment_sweep(path, &nothing, error);
    (void)rmdir(folder); /* if nothing else lies there */
    free(folder);
    free(temporary);
    return status;
}

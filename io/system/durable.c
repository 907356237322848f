#include "io/system/durable.h"

#include "base/memory.h"
#include "io/system/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apd_status refused(apd_error *error, const char *step, const char *path) {
    return apd_fail_errno(error, errno, "%s: cannot %s", path, step);
}

static char *join_path(const char *folder, const char *name, const char *ending) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", folder, name, ending) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory making a path in %s", folder);
    return path;
}

/* --- to the disk ------------------------------------------------------------------------------------------- */

/* EINVAL: a pipe or a device, or a folder of a file system that cannot sync folders. */
static bool synced(int file) {
    int answer;
    do
        answer = fsync(file);
    while (answer != 0 && errno == EINTR);
    return answer == 0 || errno == EINVAL;
}

apd_status apd_sync_file(int file, const char *path, apd_error *error) {
    return synced(file) ? APD_OK : refused(error, "sync", path);
}

apd_status apd_sync_folder(const char *folder, apd_error *error) {
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return refused(error, "open the folder", folder);
    apd_status status = synced(file) ? APD_OK : refused(error, "sync the folder", folder);
    (void)close(file);
    return status;
}

/* "a/b/" of "a/b/c", "." of "c"; free it. */
static char *folder_of(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') /* "a/b/" is an entry of "a" */
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    char *folder = length > 0 ? strndup(path, length) : strdup(".");
    if (folder == NULL)
        apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", path);
    return folder;
}

apd_status apd_sync_folder_of(const char *path, apd_error *error) {
    char *folder = folder_of(path);
    apd_status status = apd_sync_folder(folder, error);
    free(folder);
    return status;
}

apd_status apd_rename_durably(const char *from, const char *to, apd_error *error) {
    if (rename(from, to) != 0)
        return apd_fail_errno(error, errno, "%s: cannot rename to %s", from, to);
    return apd_sync_folder_of(to, error);
}

/* --- folders ----------------------------------------------------------------------------------------------- */

/* One folder; an existing one is as good, so two programs may make it at the same time. */
static apd_status make_one_folder(const char *path, apd_error *error) {
    struct stat found;
    if (mkdir(path, 0777) == 0)
        return apd_sync_folder_of(path, error);
    if (errno != EEXIST)
        return refused(error, "make the folder", path);
    if (stat(path, &found) != 0)
        return refused(error, "make the folder", path);
    if (!S_ISDIR(found.st_mode))
        return apd_fail(error, APD_ERROR_IO, "%s: cannot make the folder: a file of that name is there",
                        path);
    return APD_OK;
}

apd_status apd_make_folder(const char *path, apd_error *error) {
    struct stat found;
    apd_status status = APD_OK;
    if (*path == '\0')
        return apd_fail(error, APD_ERROR_IO, "cannot make a folder without a name");
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return APD_OK;
    char *part = apd_duplicate_text(path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        APD_GO(make_one_folder(part, error));
        *slash = '/';
    }
    APD_GO(make_one_folder(part, error));
out:
    free(part);
    return status;
}

/* --- whole files ------------------------------------------------------------------------------------------- */

bool apd_write_all(int file, const char *text, int64_t bytes) {
    while (bytes > 0) {
        size_t allowed = apd_fault_write((size_t)bytes);
        ssize_t wrote = allowed == 0 ? -1 : write(file, text, allowed);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        text += wrote;
        bytes -= wrote;
    }
    return true;
}

/* Write `path`, a file that is opened with `flags`, and sync it. */
static apd_status write_synced(const char *path, int flags, const char *text, int64_t bytes,
                               apd_error *error) {
    int file = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);
    if (file < 0)
        return refused(error, flags == O_APPEND ? "open" : "make", path);
    apd_status status =
        apd_write_all(file, text, bytes) ? apd_sync_file(file, path, error) : refused(error, "write", path);
    if (close(file) != 0 && status == APD_OK)
        status = refused(error, "close", path);
    return status;
}

apd_status apd_write_file(const char *folder, const char *name, const char *text, int64_t bytes,
                          apd_error *error) {
    char *path = join_path(folder, name, "");
    char *temporary = join_path(folder, name, ".tmp");
    apd_status status = write_synced(temporary, O_CREAT | O_TRUNC, text, bytes, error);
    if (status == APD_OK)
        status = apd_rename_durably(temporary, path, error);
    if (status != APD_OK)
        (void)unlink(temporary);
    free(temporary);
    free(path);
    return status;
}

apd_status apd_append_file(const char *folder, const char *name, const char *text, int64_t bytes,
                           apd_error *error) {
    char *path = join_path(folder, name, "");
    apd_status status = write_synced(path, O_APPEND, text, bytes, error);
    free(path);
    return status;
}
